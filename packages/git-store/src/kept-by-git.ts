/**
 * What git keeps of a work tree's `.auths/`: others see that, never what lies on this disk. A line in some `.gitignore`
 * leaves a new file out of `git add` without a word, and one in some `.gitattributes` has other bytes committed.
 */
import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { isAuthsError } from '@auths/core/errors';
import {
  askGit,
  foldersAbove,
  gitlinksIn,
  inTheWay,
  readAuthsIndex,
  type AuthsIndex,
  type IndexEntry,
} from './auths-index.ts';
import { isEvidenceFile, isFileMode, type EvidenceFile } from './evidence-files.ts';
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
  /** Kept in other bytes: so already, or as soon as they are added. */
  readonly otherwise: readonly string[];
  /** Kept in these bytes, and as no regular file. */
  readonly inOtherMode: readonly string[];
  /** Of all these, the ones that the index holds. It may take them for those on the disk: then only `--renormalize` looks again. */
  readonly outdated: readonly string[];
  /** What the index holds in the place of some of these, or above them, that is no file of that name. */
  readonly inTheWay: readonly string[];
  /** Of roots, policy, attributes and evidence what the index holds and the disk does not. */
  readonly gone: readonly string[];
  /** What makes another repository of a folder for these, a `.git` or the index: git leaves all in it out, or adds nothing at all. */
  readonly nested: readonly string[];
}

/** Compares what lies below `.auths` and others need with the index, as ids. Nothing that a repository names is run. */
export async function keptByGit(repository: Repository, workTree: string): Promise<KeptByGit> {
  const listed = filesOnDisk(join(workTree, '.auths', 'evidence'));
  const [index, files] = await Promise.all([
    readAuthsIndex(repository, workTree),
    filesForOthers(workTree, listed),
  ]);
  const unkept = [...files].filter(([path, bytes]) => !isKept(path, bytes, index.get(path)));
  const paths = unkept.map(([path]) => path);
  const whole = {
    gone: goneFrom(workTree, index, files, listed),
    nested: [...gitlinksIn(index), ...nestedIn(workTree, paths)],
  };
  if (unkept.length === 0)
    return {
      ignored: [],
      notAdded: [],
      otherwise: [],
      inOtherMode: [],
      outdated: [],
      inTheWay: [],
      ...whole,
    };
  const [left, converted] = await Promise.all([
    ignoredFiles(repository, workTree),
    convertedFiles(repository, workTree, paths),
  ]);
  const ignored = paths.filter((path) => left.has(path));
  const otherwise = paths.filter((path) => converted.has(path));
  const inOtherMode = unkept.flatMap(([path, bytes]) => {
    const entry = index.get(path);
    return !converted.has(path) && entry !== undefined && isObjectId(entry.oid, 'blob', bytes) ? [path] : [];
  });
  const told = new Set([...ignored, ...otherwise, ...inOtherMode]);
  return {
    ignored,
    notAdded: paths.filter((path) => !told.has(path)),
    otherwise,
    inOtherMode,
    outdated: paths.filter((path) => index.has(path)),
    inTheWay: inTheWay(index, paths),
    ...whole,
  };
}

function isKept(path: string, bytes: Uint8Array, entry: IndexEntry | undefined): boolean {
  if (entry === undefined) return false;
  // A file of evidence is read as what it is on a disk, executable or not.
  if (isEvidence(path)) return isFileMode(entry.mode) && isObjectId(entry.oid, 'blob', bytes);
  if (entry.mode !== '100644') return false;
  // A checkout may have turned the line ends of what has lines.
  return isObjectId(entry.oid, 'blob', bytes) || isObjectId(entry.oid, 'blob', withoutReturns(bytes));
}

function nestedIn(workTree: string, paths: readonly string[]): readonly string[] {
  return [...new Set(paths.flatMap(foldersAbove))]
    .map((folder) => `${folder}/.git`)
    .filter((path) => lstatSync(join(workTree, path), { throwIfNoEntry: false }) !== undefined);
}

/** `git add` stages the deletion of these, also where this home knows nothing of their identity and could not write them again. */
function goneFrom(
  workTree: string,
  index: AuthsIndex,
  files: ReadonlyMap<string, Uint8Array>,
  listed: readonly EvidenceFile[],
): readonly string[] {
  const names = new Set(listed.map(pathOf));
  // One that is there and too large to be read is not gone.
  const isThere = (path: string): boolean =>
    files.has(path) ||
    (names.has(path) && lstatSync(join(workTree, path), { throwIfNoEntry: false })?.isFile() === true);
  return [...index].flatMap(([path, entry]) => {
    const isWanted = isEvidence(path) ? isFileMode(entry.mode) : NAMED.includes(path.slice('.auths/'.length));
    return isWanted && !entry.isSparse && !isThere(path) ? [path] : [];
  });
}

const NAMED = ['.gitattributes', 'policy.json', 'roots'];

/** Roots, policy, attributes and evidence that lie here as regular files, with their bytes. */
async function filesForOthers(
  workTree: string,
  listed: readonly EvidenceFile[],
): Promise<ReadonlyMap<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  for (const name of NAMED) {
    const bytes = readable(workTree, name);
    if (bytes !== null) files.set(`.auths/${name}`, bytes);
  }
  for (const file of listed) {
    const bytes = isEvidenceFile(file) ? await file.read() : null;
    if (bytes !== null) files.set(pathOf(file), bytes);
  }
  return files;
}

function pathOf({ directory, name }: EvidenceFile): string {
  return `.auths/evidence/${directory}/${name}`;
}

/** Whether evidence is looked for under that path. */
function isEvidence(path: string): boolean {
  const [, evidence, directory, name, ...rest] = path.split('/');
  if (evidence !== 'evidence' || directory === undefined || name === undefined) return false;
  return rest.length === 0 && isEvidenceFile({ directory, name });
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

async function ignoredFiles(repository: Repository, workTree: string): Promise<ReadonlySet<string>> {
  const args = ['ls-files', '-z', '--others', '--ignored', '--exclude-standard', '--', '.auths'];
  return new Set(await askGit(repository, workTree, args));
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
  const words = await askGit(repository, workTree, ['check-attr', '-z', '--stdin', ...ATTRIBUTES], input);
  const found = new Set<string>();
  for (let at = 0; at + 2 < words.length; at += 3) {
    if (words[at + 2] !== 'unspecified' && words[at + 2] !== 'unset') found.add(words[at] as string);
  }
  return found;
}
