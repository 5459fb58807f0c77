import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { openObjectReader } from '../src/object-reader.ts';
import { openPlainObjects } from '../src/plain-objects.ts';
import { scratch } from './scratch.ts';

function clone(): {
  readonly dir: string;
  readonly gitDir: string;
  readonly git: (...args: string[]) => string;
  readonly loose: (oid: string) => string;
} {
  const dir = realpathSync(scratch());
  const gitDir = join(dir, '.git');
  const git = (...args: string[]): string =>
    execFileSync('git', ['-C', dir, '-c', 'user.name=T', '-c', 'user.email=t@example', ...args], {
      encoding: 'utf8',
    }).trim();
  git('init', '-q', '-b', 'main');
  writeFileSync(join(dir, 'file'), 'content\n');
  git('add', '-A');
  git('commit', '-q', '-m', 'one');
  git('commit', '-q', '--allow-empty', '-m', 'two');
  return { dir, gitDir, git, loose: (oid) => join(gitDir, 'objects', oid.slice(0, 2), oid.slice(2)) };
}

const packedLine = (oid: string): string => `${oid} refs/heads/main\n`;

describe('objects of a plain repository', () => {
  it('are answered as git answers them, or left to git', async () => {
    const { gitDir, git } = clone();
    git('tag', '-a', 'v1', '-m', 'a tag');
    git('update-ref', 'refs/heads/HEAD', 'HEAD~1');
    git('replace', git('rev-parse', 'HEAD'), git('rev-parse', 'HEAD~1'));
    const head = git('rev-parse', 'HEAD');
    const tree = git('rev-parse', 'HEAD^{tree}');
    const blob = git('rev-parse', 'HEAD:file');
    const tag = git('rev-parse', 'v1');
    const names = ['HEAD', head, tree, blob, tag, '1'.repeat(40), 'main', 'v1', `${head}:file`];
    const plain = openPlainObjects(gitDir);
    await using git2 = openObjectReader(gitDir);
    let own = 0;
    for (const name of names.flatMap((each) => [each, `${each}^{commit}`, `${each}^{tree}`])) {
      for (const maxSize of [-1, 4, 1 << 20]) {
        const found = plain(name, maxSize);
        if (found === null) continue;
        own += 1;
        const answer = maxSize < 0 ? await git2.info(name) : await git2.ask(name, { maxSize });
        if (maxSize >= 0) expect(found, name).toEqual(answer);
        else expect(found, name).toMatchObject({ ...answer });
      }
    }
    // HEAD and the commit in three ways, the tree in two, blob and tag as they are.
    expect(own).toBe((3 + 3 + 2 + 1 + 1) * 3);
    expect(plain(`${blob}^{tree}`, 100)).toBe(null);
  });

  it('are left to git when packed, damaged, followed by something, mislabelled or under another id', () => {
    const { gitDir, git, loose } = clone();
    const ids = ['HEAD', 'HEAD~1', 'HEAD^{tree}', 'HEAD:file'].map((name) => git('rev-parse', name));
    const [head = '', before = '', tree = '', blob = ''] = ids;
    const plain = openPlainObjects(gitDir);
    expect(ids.map((id) => openPlainObjects(gitDir)(id, 1 << 20)?.status)).toEqual(Array(4).fill('found'));
    for (const id of ids) chmodSync(loose(id), 0o644);
    appendFileSync(loose(head), 'more');
    writeFileSync(loose(before), readFileSync(loose(blob)));
    writeFileSync(loose(tree), readFileSync(loose(tree)).subarray(0, 20));
    writeFileSync(loose(blob), deflateSync(Buffer.from('blob 9\0content\n')));
    expect(ids.map((id) => plain(id, 1 << 20))).toEqual(Array(4).fill(null));
    expect(plain('HEAD', -1)).toBe(null);
    const packed = clone();
    packed.git('gc', '-q');
    expect(openPlainObjects(packed.gitDir)('HEAD', 1 << 20)).toBe(null);
  });

  it('are left to git where its branch is a link, or packed otherwise than git packs', () => {
    const { gitDir, git } = clone();
    const head = git('rev-parse', 'HEAD');
    const branch = join(gitDir, 'refs/heads/main');
    const plain = openPlainObjects(gitDir);
    writeFileSync(join(gitDir, 'refs/heads/other'), `${git('rev-parse', 'HEAD~1')}\n`);
    rmSync(branch);
    symlinkSync('other', branch);
    expect(plain('HEAD', -1)).toBe(null);
    rmSync(branch);
    const packed = join(gitDir, 'packed-refs');
    writeFileSync(packed, `# pack-refs with: peeled fully-peeled sorted \n${packedLine(head)}`);
    expect(plain('HEAD', -1)).toMatchObject({ oid: head });
    for (const text of [
      packedLine(head) + packedLine(git('rev-parse', 'other')),
      packedLine(head).trimEnd(),
    ]) {
      writeFileSync(packed, text);
      expect(plain('HEAD', -1), text).toBe(null);
    }
  });

  it('are handed out as copies, and HEAD is looked up anew', () => {
    const { gitDir, git } = clone();
    const plain = openPlainObjects(gitDir);
    const first = plain('HEAD', 1 << 20);
    if (first?.status !== 'found') throw new Error('not found');
    first.bytes.fill(0);
    expect(plain('HEAD', 1 << 20)).not.toEqual(first);
    git('commit', '-q', '--allow-empty', '-m', 'three');
    expect(plain('HEAD', -1)).toMatchObject({ oid: git('rev-parse', 'HEAD') });
    git('checkout', '-q', '--detach', 'HEAD~1');
    expect(plain('HEAD^{commit}', -1)).toMatchObject({ oid: git('rev-parse', 'HEAD') });
  });
});
