/** Facts of a repository that is not ours: where it is, what a target names, a range of commits, a path in a tree. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { AuthsError, hasCode } from '@auths/core/errors';
import { runGit, runGitSync, type GitResult } from './git.ts';
import { openObjectReader, type FoundObject, type ObjectReader } from './object-reader.ts';
import { parseTree, type ObjectType, type TreeEntry } from './objects.ts';
import { openPlainObjects } from './plain-objects.ts';
import { findPlainRepository } from './plain-repository.ts';

export interface Repository extends AsyncDisposable {
  /** Absolute; of this work tree, in a linked one below the common directory. */
  readonly gitDir: string;
  /** Absolute; what all work trees of the clone share. */
  readonly commonDir: string;
  /** Absolute; null in a bare repository. */
  readonly workTree: string | null;
  readonly shallow: boolean;
  readonly objectFormat: 'sha1' | 'sha256';
  /** One child for every object of this repository. */
  readonly objects: ObjectReader;
  close(): Promise<void>;
}

/**
 * The repository that `dir` lies in. `git/not-a-repository` when there is none; `git/failed`, in git's words, for
 * one that git refuses (another owner: `safe.directory`).
 */
export async function findRepository(dir: string): Promise<Repository> {
  const plain = plainFacts(dir);
  const facts = plain ?? (await askFacts(dir));
  const { gitDir } = facts;
  const objects = openObjectReader(gitDir, plain === null ? {} : { plain: openPlainObjects(gitDir) });
  return { ...facts, objects, close: () => objects.close(), [Symbol.asyncDispose]: () => objects.close() };
}

type Facts = Pick<Repository, 'gitDir' | 'commonDir' | 'workTree' | 'shallow' | 'objectFormat'>;

/** The plain case costs no process. */
function plainFacts(dir: string): Facts | null {
  const plain = findPlainRepository(dir);
  if (plain === null) return null;
  const { gitDir, workTree, shallow } = plain;
  return { gitDir, commonDir: gitDir, workTree, shallow, objectFormat: 'sha1' };
}

async function askFacts(dir: string): Promise<Facts> {
  const [gitDir, commonDir, shallow, format, bare, workTree] = await discover(dir);
  if (gitDir === undefined || commonDir === undefined) throw notARepository(dir);
  return {
    gitDir,
    commonDir,
    workTree: bare === 'true' ? null : (workTree ?? null),
    shallow: shallow === 'true',
    objectFormat: format === 'sha256' ? 'sha256' : 'sha1',
  };
}

const FACTS = [
  '--absolute-git-dir',
  '--git-common-dir',
  '--is-shallow-repository',
  '--show-object-format',
  '--is-bare-repository',
];

async function discover(dir: string): Promise<readonly string[]> {
  let result: GitResult;
  try {
    // --show-toplevel fails in a bare repository, after the other answers are printed.
    result = await runGit(['rev-parse', '--path-format=absolute', ...FACTS, '--show-toplevel'], {
      cwd: dir,
      accept: [128],
    });
  } catch (error) {
    if (hasCode(error, 'git/failed')) throw notARepository(dir, error);
    throw error;
  }
  const lines = result.stdout.toString('utf8').split('\n').slice(0, -1);
  if (result.status === 0 || lines.length >= FACTS.length) return lines;
  if (/not a git repository|cannot change to/i.test(result.stderr)) throw notARepository(dir);
  const owner = /safe\.directory/.test(result.stderr);
  throw new AuthsError('git/failed', result.stderr.trim().split('\n')[0] ?? 'git rev-parse failed', {
    ...(owner ? { hint: `if you trust it: git config --global --add safe.directory '${dir}'` } : {}),
    details: { args: ['rev-parse'], status: result.status },
  });
}

function notARepository(dir: string, cause?: unknown): AuthsError<'git/not-a-repository'> {
  return new AuthsError('git/not-a-repository', `${dir} is not inside a git repository`, {
    details: { path: dir },
    cause,
  });
}

/** What a target means to git, without peeling (a tag stays a tag). Null when it means nothing or too much. */
export async function resolveTarget(
  repository: Repository,
  target: string,
): Promise<{ readonly oid: string; readonly type: ObjectType; readonly size: number } | null> {
  return repository.objects.info(target);
}

/**
 * The commits of `A..B` (or of any revisions git takes), oldest first in topological order. Null when git
 * cannot resolve it; more than `max` (default a million) is `git/failed`.
 */
export async function listCommits(
  repository: Repository,
  range: string,
  options: { readonly max?: number } = {},
): Promise<readonly string[] | null> {
  const result = await runGit(['rev-list', '--reverse', '--topo-order', '--end-of-options', range, '--'], {
    gitDir: repository.gitDir,
    accept: [128],
    maxOutput: 65 * (options.max ?? 1_000_000),
  });
  if (result.status !== 0) return null;
  return result.stdout.toString('latin1').split('\n').slice(0, -1);
}

/** True when `ancestor` is `descendant` or one of its ancestors. */
export async function isAncestor(
  repository: Repository,
  ancestor: string,
  descendant: string,
): Promise<boolean> {
  const args = ['merge-base', '--is-ancestor', '--end-of-options', ancestor, descendant];
  return (await runGit(args, { gitDir: repository.gitDir, accept: [1, 128] })).status === 0;
}

/** Ids of refs below any of these names (`refs/did/keri`), by name. Most clones have none, and that is seen without a process. */
export async function listRepositoryRefs(
  repository: Repository,
  ...under: readonly string[]
): Promise<ReadonlyMap<string, string>> {
  if (!mayHoldRefs(repository.commonDir, under)) return new Map();
  const args = ['for-each-ref', '--format=%(objectname) %(refname)', '--', ...under];
  const { stdout } = await runGit(args, { gitDir: repository.gitDir });
  const lines = stdout.toString('utf8').split('\n').slice(0, -1);
  return new Map(lines.map((line) => [line.slice(line.indexOf(' ') + 1), line.slice(0, line.indexOf(' '))]));
}

/** False only where git surely finds nothing. Loose refs first: one that is packed meanwhile is in packed-refs before its file goes. */
function mayHoldRefs(commonDir: string, under: readonly string[]): boolean {
  if (existsSync(join(commonDir, 'reftable'))) return true;
  if (under.some((name) => existsSync(join(commonDir, name)))) return true;
  const packed = join(commonDir, 'packed-refs');
  if (!existsSync(packed)) return false;
  const text = readFileSync(packed, 'latin1');
  return under.some((name) => text.includes(` ${name}`));
}

/**
 * The entries of a directory in a tree-ish, null when there is no such directory. `path` uses `/`, "" is the root.
 * A tree that is named and not here is `git/object-missing`: taking it for empty would hide what it holds.
 */
export async function listTree(
  repository: Repository,
  treeish: string,
  path = '',
): Promise<readonly TreeEntry[] | null> {
  let entries = await rootOf(repository, treeish);
  for (const name of path.split('/').filter((part) => part !== '')) {
    const entry = entries?.find((candidate) => candidate.name === name);
    if (entry === undefined || entry.mode !== '40000') return null;
    entries = await treeOf(repository, entry.oid);
    if (entries === null) throw objectMissing(entry.oid, `the tree ${entry.oid}`);
  }
  return entries;
}

/** The error for an object that is named and not here. */
export function objectMissing(oid: string, what: string): AuthsError<'git/object-missing'> {
  return new AuthsError('git/object-missing', `${what} is not here`, {
    hint: 'a partial clone can be completed: git fetch --refetch --no-filter',
    details: { oid },
  });
}

/** The same for a tree that is here, whole, and no tree that git writes: no fetch brings another one. */
function objectUnreadable(oid: string, why: string): AuthsError<'git/object-missing'> {
  return new AuthsError('git/object-missing', why, {
    hint: 'git fsck says what is wrong with it',
    details: { oid, unreadable: true },
  });
}

/** The file at `path` in a tree-ish with its mode (100644, 100755, 120000); null when there is none, `git/object-missing` as for `listTree`. */
export async function readPath(
  repository: Repository,
  treeish: string,
  path: string,
  options: { readonly maxSize?: number } = {},
): Promise<{ readonly mode: string; readonly oid: string; readonly bytes: Uint8Array } | null> {
  const slash = path.lastIndexOf('/');
  const entries = await listTree(repository, treeish, slash < 0 ? '' : path.slice(0, slash));
  const entry = entries?.find(({ name }) => name === path.slice(slash + 1));
  if (entry === undefined || entry.mode === '40000' || entry.mode === '160000') return null;
  const blob = await repository.objects.read(entry.oid, options);
  if (blob === null) throw objectMissing(entry.oid, `${path} of ${treeish}`);
  return { mode: entry.mode, oid: entry.oid, bytes: blob.bytes };
}

/** The commit ids that this process's git prints for names such as HEAD, blocking; null when there is none. For start-up paths. */
export function resolveNow(dir: string, name: string): string | null {
  const args = ['rev-parse', '--verify', '--quiet', '--end-of-options', name];
  const { status, stdout } = runGitSync(args, { cwd: dir, accept: [1, 128] });
  return status === 0 ? stdout.toString('latin1').trim() : null;
}

/** The root tree of a tree-ish. Of a commit by its id, the one that the bytes of that id name, not the one that git believes. */
async function rootOf(repository: Repository, treeish: string): Promise<readonly TreeEntry[] | null> {
  if (/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(treeish)) {
    const answer = await repository.objects.ask(treeish);
    if (answer.status === 'missing') throw objectMissing(treeish, `the object ${treeish}`);
    if (answer.status === 'damaged') throw objectMissing(treeish, `the object ${treeish}, whole,`);
    const tree = answer.status === 'found' && answer.type === 'commit' ? treeIn(answer.bytes) : undefined;
    if (tree !== undefined) {
      const entries = await treeOf(repository, tree);
      if (entries === null) throw objectMissing(tree, `the tree ${tree}`);
      return entries;
    }
  }
  const entries = await treeOf(repository, `${treeish}^{tree}`);
  const found = entries === null ? await repository.objects.info(treeish) : null;
  if (found !== null && found.type !== 'blob') throw objectMissing(found.oid, `the tree of ${found.oid}`);
  return entries;
}

/** False for a commit that is here and names no tree, so that nothing can lie in it. */
export async function namesTree(repository: Repository, commit: string): Promise<boolean> {
  const answer = await repository.objects.ask(commit);
  return answer.status !== 'found' || treeIn(answer.bytes) !== undefined;
}

/** The id in the first line of a commit. */
function treeIn(commit: Uint8Array): string | undefined {
  const start = Buffer.from(commit.buffer, commit.byteOffset, Math.min(commit.length, 72)).toString('latin1');
  return /^tree ([0-9a-f]{40}|[0-9a-f]{64})\n/.exec(start)?.[1];
}

async function treeOf(repository: Repository, name: string): Promise<readonly TreeEntry[] | null> {
  const tree: FoundObject | null = await repository.objects.read(name, { maxSize: 64 << 20 });
  if (tree === null || tree.type !== 'tree') return null;
  const entries = parseTree(tree.bytes, tree.oid.length / 2);
  if (entries === null) throw objectUnreadable(tree.oid, `the tree ${tree.oid} is not one that git writes`);
  return entries;
}
