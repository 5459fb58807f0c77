/** What git's index holds at `.auths` and below it, and where that stands in the way of files that lie there. */
import { isPrefix } from '@auths/core/identifiers';
import { isFileMode } from './evidence-files.ts';
import { runGit } from './git.ts';
import type { Repository } from './repository.ts';

export interface IndexEntry {
  readonly mode: string;
  readonly oid: string;
  /** A sparse checkout keeps it off the disk, and `git add` leaves it as it is. */
  readonly isSparse: boolean;
}

/** By paths from the root of the work tree. */
export type AuthsIndex = ReadonlyMap<string, IndexEntry>;

/** The index as it is, whatever lies on the disk. */
export async function readAuthsIndex(repository: Repository, workTree: string): Promise<AuthsIndex> {
  const lines = await askGit(repository, workTree, ['ls-files', '-z', '-t', '--stage', '--', '.auths']);
  return new Map(
    lines.flatMap((line): [string, IndexEntry][] => {
      const [tag, mode = '', oid = '', stage] = line.slice(0, line.indexOf('\t')).split(' ');
      // Of a conflict no side is what git keeps.
      return stage === '0'
        ? [[line.slice(line.indexOf('\t') + 1), { mode, oid, isSparse: tag === 'S' }]]
        : [];
    }),
  );
}

/** Other repositories where folders of evidence belong. git adds nothing that lies in one, and needs no `.git` there to know it. */
export function gitlinksIn(index: AuthsIndex): readonly string[] {
  return [...index].flatMap(([path, { mode }]) => (mode === GITLINK && holdsEvidence(path) ? [path] : []));
}

/** What has to leave the index before these files can be in it: a link in their place, a folder, or what is no folder above them. */
export function inTheWay(index: AuthsIndex, paths: readonly string[]): readonly string[] {
  const folders = new Set([...index.keys()].flatMap(foldersAbove));
  const found = paths.flatMap((path) => [
    ...foldersAbove(path).filter((folder) => index.has(folder)),
    ...(folders.has(path) || isLink(index.get(path)) ? [path] : []),
  ]);
  return [...new Set(found)];
}

/** From the root of the work tree down. */
export function foldersAbove(path: string): readonly string[] {
  const parts = path.split('/');
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join('/'));
}

/** The lines of an answer that ends each with a NUL. Nothing that a repository names is run. */
export async function askGit(
  { gitDir }: Repository,
  workTree: string,
  args: readonly string[],
  input = '',
): Promise<readonly string[]> {
  // A monitor of files is a program that the repository names.
  const quiet = ['-c', 'core.fsmonitor=false', '-c', 'core.untrackedCache=false'];
  const { stdout } = await runGit([...quiet, ...args], { cwd: workTree, gitDir, input });
  return stdout.toString('utf8').split('\0').slice(0, -1);
}

const GITLINK = '160000';

function isLink(entry: IndexEntry | undefined): boolean {
  return entry !== undefined && !isFileMode(entry.mode);
}

function holdsEvidence(folder: string): boolean {
  const [, evidence, prefix, ...rest] = folder.split('/');
  if (evidence === undefined) return true;
  return evidence === 'evidence' && rest.length === 0 && (prefix === undefined || isPrefix(prefix));
}
