import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  configAdd,
  configGetAll,
  configInForce,
  configList,
  configSet,
  configUnset,
} from '../src/git-config.ts';
import { openObjectReader, type ObjectAnswer } from '../src/object-reader.ts';
import { objectId } from '../src/objects.ts';
import { findRepository, isAncestor, listCommits, listRepositoryRefs } from '../src/repository.ts';
import { listTree, readPath } from '../src/repository-trees.ts';
import { scratch } from './scratch.ts';

function workTree(...options: string[]): {
  readonly dir: string;
  readonly git: (...args: string[]) => string;
} {
  const dir = realpathSync(scratch());
  const git = (...args: string[]): string =>
    execFileSync('git', ['-C', dir, '-c', 'user.name=T', '-c', 'user.email=t@example', ...args], {
      encoding: 'utf8',
    }).trim();
  git('init', '-q', '-b', 'main', ...options);
  return { dir, git };
}

function withCommits(count: number, ...options: string[]): ReturnType<typeof workTree> {
  const tree = workTree(...options);
  for (let i = 0; i < count; i++) tree.git('commit', '-q', '--allow-empty', '-m', `commit ${i}`);
  return tree;
}

async function all(answers: AsyncIterable<readonly ObjectAnswer[]>): Promise<ObjectAnswer[]> {
  const list: ObjectAnswer[] = [];
  for await (const some of answers) list.push(...some);
  return list;
}

describe('facts of a repository', () => {
  it('finds git directory, common directory and work tree from any folder of it', async () => {
    const { dir, git } = withCommits(1);
    mkdirSync(join(dir, 'a', 'b'), { recursive: true });
    const inner = await findRepository(join(dir, 'a', 'b'));
    expect(inner).toMatchObject({
      gitDir: join(dir, '.git'),
      commonDir: join(dir, '.git'),
      workTree: dir,
      shallow: false,
    });
    const linked = join(realpathSync(scratch()), 'linked');
    git('worktree', 'add', '-q', '--detach', linked);
    const other = await findRepository(linked);
    expect(other).toMatchObject({ commonDir: join(dir, '.git'), workTree: linked });
    expect(other.gitDir).toBe(join(dir, '.git', 'worktrees', 'linked'));
    const bare = join(realpathSync(scratch()), 'bare.git');
    git('clone', '-q', '--bare', dir, bare);
    expect(await findRepository(bare)).toMatchObject({ gitDir: bare, workTree: null });
  });

  it('says so where there is none', async () => {
    await expect(findRepository(scratch())).rejects.toMatchObject({ code: 'git/not-a-repository' });
    await expect(findRepository(join(scratch(), 'missing'))).rejects.toMatchObject({
      code: 'git/not-a-repository',
    });
  });

  it('knows an unborn HEAD, a shallow clone and SHA-256', async () => {
    const unborn = await findRepository(workTree().dir);
    expect(await unborn.objects.info('HEAD')).toBeNull();
    expect(await listCommits(unborn, 'HEAD')).toBeNull();
    const { dir } = withCommits(3);
    const clone = join(scratch(), 'clone');
    execFileSync('git', ['clone', '-q', '--depth=1', `file://${dir}`, clone]);
    expect((await findRepository(clone)).shallow).toBe(true);
    const wide = withCommits(2, '--object-format=sha256');
    const repository = await findRepository(wide.dir);
    expect(repository.objectFormat).toBe('sha256');
    expect((await repository.objects.read('HEAD'))?.oid).toBe(wide.git('rev-parse', 'HEAD'));
    expect(await listTree(repository, 'HEAD')).toEqual([]);
  });

  it('resolves a target without peeling, and nothing that is no object', async () => {
    const { dir, git } = withCommits(2);
    git('tag', '-a', '-m', 'a tag', 'v1');
    const repository = await findRepository(dir);
    expect(await repository.objects.info('HEAD~1')).toMatchObject({
      oid: git('rev-parse', 'HEAD~1'),
      type: 'commit',
    });
    expect(await repository.objects.info('v1')).toMatchObject({ oid: git('rev-parse', 'v1'), type: 'tag' });
    for (const target of ['missing', '', '--all', 'HEAD\nHEAD', '-h', '0'.repeat(40)]) {
      expect(await repository.objects.info(target)).toBeNull();
    }
  });

  it('lists a range oldest first, and takes no option for a range', async () => {
    const { dir, git } = withCommits(6);
    const repository = await findRepository(dir);
    expect(await listCommits(repository, 'HEAD~3..HEAD')).toEqual(
      git('rev-list', '--reverse', 'HEAD~3..HEAD').split('\n'),
    );
    expect(await listCommits(repository, 'HEAD..HEAD')).toEqual([]);
    for (const range of ['nothing..HEAD', '--all', '--output=x'])
      expect(await listCommits(repository, range)).toBeNull();
    await expect(listCommits(repository, 'HEAD', { max: 2 })).rejects.toMatchObject({ code: 'git/failed' });
    expect(await isAncestor(repository, 'HEAD~5', 'HEAD')).toBe(true);
    expect(await isAncestor(repository, 'HEAD', 'HEAD~5')).toBe(false);
    expect([...(await listRepositoryRefs(repository, 'refs/heads'))]).toEqual([
      ['refs/heads/main', git('rev-parse', 'HEAD')],
    ]);
  });

  it('is misled by no graft and no commit-graph', async () => {
    const { dir, git } = withCommits(5);
    const ids = git('rev-list', '--reverse', 'HEAD');
    git('commit-graph', 'write', '--reachable');
    mkdirSync(join(dir, '.git', 'info'), { recursive: true });
    writeFileSync(
      join(dir, '.git', 'info', 'grafts'),
      `${git('rev-parse', 'HEAD')} ${git('rev-parse', 'HEAD~3')}\n`,
    );
    const repository = await findRepository(dir);
    expect((await listCommits(repository, 'HEAD'))?.join('\n')).toBe(ids);
  });

  it('reads files of any tree with their mode', async () => {
    const { dir, git } = workTree();
    mkdirSync(join(dir, '.auths', 'évidence'), { recursive: true });
    writeFileSync(join(dir, '.auths', 'roots'), 'did\n');
    writeFileSync(join(dir, '.auths', 'évidence', 'a b'), Buffer.from([0, 255, 10]));
    writeFileSync(join(dir, 'run'), '');
    chmodSync(join(dir, 'run'), 0o755);
    execFileSync('ln', ['-s', 'roots', join(dir, '.auths', 'link')]);
    git('add', '-A');
    git('commit', '-q', '-m', 'files');
    rmSync(join(dir, 'run'));
    const repository = await findRepository(dir);
    expect(await readPath(repository, 'HEAD', '.auths/roots')).toMatchObject({
      mode: '100644',
      bytes: new Uint8Array(Buffer.from('did\n')),
    });
    expect((await readPath(repository, 'HEAD', '.auths/évidence/a b'))?.bytes).toEqual(
      Uint8Array.of(0, 255, 10),
    );
    expect((await readPath(repository, 'main', 'run'))?.mode).toBe('100755');
    expect((await readPath(repository, 'HEAD', '.auths/link'))?.mode).toBe('120000');
    for (const path of ['.auths', 'missing', '.auths/roots/x', '.auths/../run', '']) {
      expect(await readPath(repository, 'HEAD', path)).toBeNull();
    }
    expect((await listTree(repository, 'HEAD', '.auths'))?.map(({ name }) => name)).toEqual([
      'link',
      'roots',
      'évidence',
    ]);
    expect(await listTree(repository, 'nothing')).toBeNull();
  });
});

describe('object reader', () => {
  it('streams a thousand commits in order from one child', async () => {
    const { dir, git } = workTree();
    const stream = Array.from(
      { length: 1000 },
      (_, i) => `commit refs/heads/main\ncommitter T <t@e> ${i} +0000\ndata 2\nm\n`,
    );
    execFileSync('git', ['-C', dir, 'fast-import', '--quiet'], { input: stream.join('') });
    const repository = await findRepository(dir);
    const ids = (await listCommits(repository, 'main')) ?? [];
    const answers = await all(repository.objects.readMany(ids));
    expect(
      answers.map((answer) => (answer.status === 'found' ? objectId(answer.type, answer.bytes) : null)),
    ).toEqual(ids);
    expect(ids.at(-1)).toBe(git('rev-parse', 'main'));
  });

  it('keeps the order over missing, large and ambiguous ones', async () => {
    const { dir, git } = workTree();
    const big = Buffer.alloc(3 << 20, 'x');
    const hash = (input: Uint8Array | string): string =>
      execFileSync('git', ['-C', dir, 'hash-object', '-w', '--stdin'], { input, encoding: 'utf8' }).trim();
    const ids = [hash('one'), '1'.repeat(40), hash(big), hash(''), hash('two')];
    const reader = openObjectReader(join(dir, '.git'));
    const answers = await all(reader.readMany(ids, { maxSize: 1 << 20 }));
    expect(answers.map(({ status }) => status)).toEqual(['found', 'missing', 'too-large', 'found', 'found']);
    await expect(reader.read(ids[2] as string, { maxSize: 1 << 20 })).rejects.toMatchObject({
      code: 'storage/corrupt',
    });
    expect((await reader.read(ids[2] as string))?.bytes.length).toBe(3 << 20);
    expect(await reader.info(ids[2] as string)).toMatchObject({ size: 3 << 20, type: 'blob' });
    await reader.close();
    expect((await reader.read(ids[0] as string))?.bytes).toEqual(Uint8Array.from(Buffer.from('one')));
    await reader.close();
    expect(git('status', '--porcelain')).toBe('');
  });

  it('notices bytes that are not those of their id', async () => {
    const { dir, git } = withCommits(2);
    const [good, evil] = [git('rev-parse', 'HEAD'), git('rev-parse', 'HEAD~1')];
    const at = (oid: string): string => join(dir, '.git', 'objects', oid.slice(0, 2), oid.slice(2));
    rmSync(at(good));
    execFileSync('cp', [at(evil), at(good)]);
    const reader = openObjectReader(join(dir, '.git'));
    const answer = await reader.ask(good).catch((error: unknown) => error);
    expect(answer).not.toMatchObject({ status: 'found' });
    await reader.close();
  });

  it('does not follow replace refs', async () => {
    const { dir, git } = withCommits(2);
    git('replace', git('rev-parse', 'HEAD'), git('rev-parse', 'HEAD~1'));
    const reader = openObjectReader(join(dir, '.git'));
    const head = await reader.read(
      execFileSync('git', ['-C', dir, 'rev-parse', 'HEAD'], { encoding: 'utf8' }).trim(),
    );
    expect(Buffer.from(head?.bytes ?? []).toString()).toContain('commit 1');
    await reader.close();
  });

  it('rejects every open question when the child is gone, and starts another for the next', async () => {
    const { dir } = withCommits(1);
    const reader = openObjectReader(join(dir, '.git'));
    const broken = openObjectReader(join(dir, 'nowhere'));
    await expect(Promise.all([broken.read('HEAD'), broken.read('HEAD')])).rejects.toMatchObject({
      code: 'git/failed',
    });
    expect(await reader.read('HEAD')).not.toBeNull();
    await reader.close();
  });
});

describe('git configuration', () => {
  it('sets, adds, lists and unsets values exactly as they are', async () => {
    const { dir } = workTree();
    const at = { scope: 'local', dir } as const;
    expect(await configGetAll(at, 'auths.x')).toEqual([]);
    for (const value of ['plain', '-starts with a dash', 'quo\'te "d" $(x) ; #', 'two\nlines', '', 'ünï']) {
      await configSet(at, 'auths.x', value);
      expect(await configGetAll(at, 'auths.x')).toEqual([value]);
    }
    await configAdd(at, 'auths.x', 'second');
    expect(await configGetAll(at, 'auths.x')).toEqual(['ünï', 'second']);
    expect(await configInForce(dir, 'auths.x')).toBe('second');
    expect(await configList(at)).toContainEqual(['auths.x', 'second']);
    await configUnset(at, 'auths.x');
    await configUnset(at, 'auths.x');
    expect(await configGetAll(at, 'auths.x')).toEqual([]);
    expect(await configInForce(dir, 'auths.x')).toBeNull();
  });

  it('writes the global file that the user has chosen', async () => {
    const file = join(scratch(), 'gitconfig');
    process.env['GIT_CONFIG_GLOBAL'] = file;
    try {
      await configSet({ scope: 'global' }, 'gpg.format', 'ssh');
      expect(execFileSync('git', ['config', '--file', file, 'gpg.format'], { encoding: 'utf8' })).toBe(
        'ssh\n',
      );
      expect(await configGetAll({ scope: 'global' }, 'gpg.format')).toEqual(['ssh']);
    } finally {
      delete process.env['GIT_CONFIG_GLOBAL'];
    }
  });
});
