/** What fills the evidence of a repository: half of what is read is left to whoever has `manage_policy`. */
import { linkSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PaperIdentity } from '../../../testing/src/paper-identity.ts';
import { fileKey, hasSshKeygen, TestRepository, type FileKey } from './support.ts';

const MANAGER = ['manage_policy', 'sign_commit', 'sign_tag'];

/** Roots and evidence by a manager; then a phone that may sign, and no more. */
function start() {
  const identity = new PaperIdentity(1);
  const laptop = fileKey();
  const phone = fileKey();
  identity.link(laptop, { capabilities: MANAGER });
  identity.link(phone);
  const stolen = fileKey();
  const link = identity.link(stolen);
  const repo = new TestRepository();
  repo.evidence([identity]);
  const base = repo.commit(laptop);
  return { identity, laptop, phone, stolen, link, repo, base };
}

/** A commit on `parent` with so many copies of one file beside the evidence that is there. */
function fill(
  repo: TestRepository,
  key: FileKey,
  parents: readonly string[],
  files: {
    readonly count: number;
    readonly bytes: number;
    readonly mode?: string;
    readonly name?: (index: number) => string;
  },
): string {
  const [parent = ''] = parents;
  const name = files.name ?? ((i: number) => `f${1e6 + i}`);
  const oid = repo.store('blob', new Uint8Array(files.bytes));
  const lines = Array.from(
    { length: files.count },
    (_, i) => `${files.mode ?? '100644'} blob ${oid}\t${name(i)}\n`,
  );
  const folder = repo.gitResult(['mktree'], lines.join('')).stdout;
  repo.git('reset', '-q', '--soft', parent);
  repo.git('read-tree', parent);
  repo.git('read-tree', `--prefix=.auths/evidence/zz-${parents.length}-${files.count}`, folder);
  return repo.commitStaged(key, 'fill');
}

/** Links are counted like files, and take no reading. */
const HALF_FILES = { count: 9_900, bytes: 0, mode: '120000' };
const MORE_FILES = { count: 10_001, bytes: 0, mode: '120000' };
const HALF_BYTES = { count: 127, bytes: 256 << 10 };
const MORE_BYTES = { count: 129, bytes: 256 << 10 };
const LONG_NAMES = { count: 1_200, bytes: 0, name: (i: number) => `${'n'.repeat(4000)}${1e6 + i}` };

describe.skipIf(!hasSshKeygen)('half of what is read of evidence', () => {
  it.each([
    ['files', HALF_FILES, MORE_FILES],
    ['bytes', HALF_BYTES, MORE_BYTES],
  ])('%s: anybody may fill it, and the owner has the other half', async (_, half, more) => {
    const { identity, laptop, phone, link, repo, base } = start();
    const filled = fill(repo, phone, [base], half);
    const beyond = fill(repo, phone, [filled], Object.assign({}, half, { count: 101 }));
    expect(await repo.verdicts(`${base}..${beyond}`)).toEqual(['valid', 'capability-denied']);
    fill(repo, laptop, [base], more);
    identity.revoke(link, 'compromised');
    repo.evidence([identity]);
    repo.git('add', '--ignore-removal', '.auths');
    const update = repo.commitStaged(laptop, 'the revocation');
    const added = fill(repo, phone, [update], { count: 1, bytes: 0 });
    repo.git('reset', '-q', '--soft', update);
    repo.git('read-tree', update);
    const takesOver = repo.commitStaged(phone, 'no evidence');
    expect(await repo.verdicts(`${base}..${added}`)).toEqual(['valid', 'valid', 'capability-denied']);
    expect(await repo.verdicts(`${update}..${takesOver}`)).toEqual(['valid']);
  });

  it('neither long names, nor two halves that are merged, nor a root commit go beyond it', async () => {
    const { phone, repo, base } = start();
    const long = fill(repo, phone, [base], LONG_NAMES);
    expect(await repo.verdicts(`${base}..${long}`)).toEqual(['capability-denied']);
    const one = fill(repo, phone, [base], HALF_FILES);
    const other = fill(repo, phone, [base], Object.assign({}, HALF_FILES, { count: 9_899 }));
    repo.git('read-tree', '-i', '-m', '--aggressive', base, one, other);
    repo.git('update-ref', 'MERGE_HEAD', one);
    const merge = repo.commitStaged(phone, 'two halves');
    expect(repo.git('rev-list', '--parents', '-1', merge)).toBe(`${merge} ${other} ${one}`);
    expect(await repo.verdicts(merge, { rootsFrom: base })).toEqual(['capability-denied']);
    repo.git('checkout', '-q', '--orphan', 'root');
    const root = repo.commitStaged(phone, 'a history of its own');
    expect(await repo.verdicts(root, { rootsFrom: base })).toEqual(['capability-denied']);
  });
});

describe.skipIf(!hasSshKeygen)('a work tree with more than is read', () => {
  it('is left out with a note, and what is committed counts', async () => {
    const { identity, laptop, link, repo, stolen } = start();
    const by = repo.commit(stolen);
    identity.revoke(link, 'compromised');
    repo.evidence([identity]);
    repo.commit(laptop);
    const folder = join(repo.dir, '.auths', 'evidence', 'zz');
    mkdirSync(folder);
    repo.write('large', new Uint8Array(256 << 10));
    for (let i = 0; i < 257; i++) linkSync(join(repo.dir, 'large'), join(folder, `f${i}`));
    for (const request of [{}, { rootsFrom: `${by}~1` }]) {
      const { exit, notes } = await repo.verify('HEAD', request);
      expect(exit).toBe(0);
      expect(notes.join('\n')).toContain('work tree is too large: more than 67108864 bytes; it is left out');
      expect(await repo.verdicts(by, request)).toEqual(['revoked']);
    }
  });
});
