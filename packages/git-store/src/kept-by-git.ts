/**
 * What git keeps of a work tree's `.auths/`: others see that, never what lies on this disk. A line in some `.gitignore`
 * leaves a new file out of `git add` without a word, and one in some `.gitattributes` has other bytes committed.
 */
import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { isAuthsError } from '@auths/core/errors';
import { isEvidenceFile } from './evidence-files.ts';
import { runGit } from './git.ts';
import { isObjectId } from './objects.ts';
import { headCommit } from './one-meaning.ts';
import type { Repository } from './repository.ts';
import { listTree } from './repository-trees.ts';
import { filesOnDisk } from './tree-evidence.ts';
import { readAuthsFile, withoutReturns } from './work-tree-evidence.ts';

/** Paths from the root of the work tree. */
export interface KeptByGit {
  /** Not in the index, and `git add` leaves them out. */
  readonly ignored: readonly string[];
  /** Not in the index, or as they were before. */
  readonly notAdded: readonly string[];
  /** Kept in other bytes, or as no regular file: so already, or as soon as they are added. */
  readonly otherwise: readonly string[];
  /** Of all these, the ones that the index holds. It may take them for those on the disk: then only `--renormalize` looks again. */
  readonly outdated: readonly string[];
  /** Of roots, policy and attributes what the index holds and the disk does not. */
  readonly gone: readonly string[];
  /** What makes another repository of a folder that holds some of these: git leaves all in it out, or adds nothing at all. */
  readonly nested: readonly string[];
}

/** Compares what lies below `.auths` and others need with the index, as ids. Nothing that a repository names is run. */
export async function keptByGit(repository: Repository, workTree: string): Promise<KeptByGit> {
  const [index, files] = await Promise.all([readIndex(repository, workTree), filesForOthers(workTree)]);
  const unkept = [...files].filter(([path, bytes]) => !isKept(path, bytes, index.get(path)));
  const gone = NAMED.map((name) => `.auths/${name}`).filter((path) => index.has(path) && !files.has(path));
  if (unkept.length === 0)
    return { ignored: [], notAdded: [], otherwise: [], outdated: [], gone, nested: [] };
  const paths = unkept.map(([path]) => path);
  const [left, converted] = await Promise.all([
    ignoredFiles(repository, workTree),
    convertedFiles(repository, workTree, paths),
  ]);
  const otherwise = unkept.flatMap(([path, bytes]) => {
    const entry = index.get(path);
    // The bytes are right, so what is not is the mode.
    return converted.has(path) || (entry !== undefined && isObjectId(entry.oid, 'blob', bytes)) ? [path] : [];
  });
  const ignored = paths.filter((path) => left.has(path));
  const told = new Set([...ignored, ...otherwise]);
  return {
    ignored,
    notAdded: paths.filter((path) => !told.has(path)),
    otherwise,
    outdated: paths.filter((path) => index.has(path)),
    gone,
    nested: nestedIn(workTree, paths),
  };
}

interface Entry {
  readonly mode: string;
  readonly oid: string;
}

function isKept(path: string, bytes: Uint8Array, entry: Entry | undefined): boolean {
  if (entry === undefined || entry.mode !== '100644') return false;
  if (isObjectId(entry.oid, 'blob', bytes)) return true;
  // A checkout may have turned the line ends of what has lines; of evidence none.
  return !path.startsWith('.auths/evidence/') && isObjectId(entry.oid, 'blob', withoutReturns(bytes));
}

function nestedIn(workTree: string, paths: readonly string[]): readonly string[] {
  const folders = paths.flatMap((path) => {
    const parts = path.split('/');
    return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join('/'));
  });
  return [...new Set(folders)]
    .map((folder) => `${folder}/.git`)
    .filter((path) => lstatSync(join(workTree, path), { throwIfNoEntry: false }) !== undefined);
}

const NAMED = ['.gitattributes', 'policy.json', 'roots'];

/** Roots, policy, attributes and evidence that lie here as regular files, with their bytes. */
async function filesForOthers(workTree: string): Promise<ReadonlyMap<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  for (const name of NAMED) {
    const bytes = readable(workTree, name);
    if (bytes !== null) files.set(`.auths/${name}`, bytes);
  }
  for (const file of filesOnDisk(join(workTree, '.auths', 'evidence'))) {
    const bytes = isEvidenceFile(file) ? await file.read() : null;
    if (bytes !== null) files.set(`.auths/evidence/${file.directory}/${file.name}`, bytes);
  }
  return files;
}

/** Null for what is told elsewhere: that it is not there, or no regular file. */
function readable(workTree: string, name: string): Uint8Array | null {
  try {
    return readAuthsFile(workTree, name);
  } catch (error) {
    if (isAuthsError(error)) return null;
    throw error;
  }
}

/** Where no commit has `.auths` yet, anybody's may bring it. */
export async function isInHead(repository: Repository): Promise<boolean> {
  const head = await headCommit(repository);
  return head !== null && (await listTree(repository, head, '.auths')) !== null;
}

async function readIndex(repository: Repository, workTree: string): Promise<ReadonlyMap<string, Entry>> {
  const lines = await ask(repository, workTree, ['ls-files', '-z', '--stage', '--', '.auths']);
  return new Map(
    lines.flatMap((line): [string, Entry][] => {
      const [mode = '', oid = '', stage] = line.slice(0, line.indexOf('\t')).split(' ');
      // Of a conflict no side is what git keeps.
      return stage === '0' ? [[line.slice(line.indexOf('\t') + 1), { mode, oid }]] : [];
    }),
  );
}

async function ignoredFiles(repository: Repository, workTree: string): Promise<ReadonlySet<string>> {
  const args = ['ls-files', '-z', '--others', '--ignored', '--exclude-standard', '--', '.auths'];
  return new Set(await ask(repository, workTree, args));
}

/** Of line ends nothing is asked: evidence has none, and in what has lines they mean nothing. */
const ATTRIBUTES = ['filter', 'ident', 'working-tree-encoding'];

/** git is asked what it would do, and not to do it: a filter is a program. */
async function convertedFiles(
  repository: Repository,
  workTree: string,
  paths: readonly string[],
): Promise<ReadonlySet<string>> {
  const input = paths.map((path) => `${path}\0`).join('');
  const words = await ask(repository, workTree, ['check-attr', '-z', '--stdin', ...ATTRIBUTES], input);
  const found = new Set<string>();
  for (let at = 0; at + 2 < words.length; at += 3) {
    if (words[at + 2] !== 'unspecified' && words[at + 2] !== 'unset') found.add(words[at] as string);
  }
  return found;
}

async function ask(
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
