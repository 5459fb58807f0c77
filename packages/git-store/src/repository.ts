/** Facts of a repository that is not ours: where it is, its refs, a range of commits. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { AuthsError, hasCode } from '@auths/core/errors';
import { runGit, type GitResult } from './git.ts';
import { openObjectReader, type ObjectReader } from './object-reader.ts';
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
  /** As nearly every clone is: its files are read here, as far as they are what git writes. */
  readonly isPlain: boolean;
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
  return {
    ...facts,
    isPlain: plain !== null,
    objects,
    close: () => objects.close(),
    [Symbol.asyncDispose]: () => objects.close(),
  };
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
