/** Trees of a repository that is not ours, and files in them, by the one reader that roots, policy and evidence are read with. */
import { AuthsError } from '@auths/core/errors';
import type { FoundObject } from './object-reader.ts';
import { parseTree, type TreeEntry } from './objects.ts';
import type { Repository } from './repository.ts';

/**
 * The entries of a directory in a tree-ish, null when there is no such directory. `path` uses `/`, "" is the root.
 * A tree that is named and not here is `git/object-missing`: taking it for empty would hide what it holds.
 */
export async function listTree(
  repository: Repository,
  treeish: string,
  path = '',
): Promise<readonly TreeEntry[] | null> {
  const root = await rootName(repository, treeish);
  const names = path.split('/').filter((part) => part !== '');
  let entries = await rootOf(repository, treeish, root, names[0]);
  for (const [index, name] of names.entries()) {
    const entry = entries?.find((candidate) => candidate.name === name);
    if (entry === undefined || entry.mode !== '40000') return null;
    entries = await treeOf(repository, entry.oid, names[index + 1]);
    if (entries === null) throw objectMissing(entry.oid, `the tree ${entry.oid}`);
  }
  return entries;
}

/** A tree by its name, as it is stored; `git/object-missing` as for `listTree`. */
export async function storedTree(repository: Repository, name: string): Promise<FoundObject> {
  const tree = await readTree(repository, name);
  if (tree === null) throw objectMissing(name, `the tree ${name}`);
  return tree;
}

/** The error for an object that is named and not here. */
export function objectMissing(oid: string, what: string): AuthsError<'git/object-missing'> {
  return new AuthsError('git/object-missing', `${what} is not here`, {
    hint: 'a partial clone can be completed: git fetch --refetch --no-filter',
    details: { oid },
  });
}

/** The same for a tree that is here, whole, and no tree that git writes: no fetch brings another one. */
export function treeUnreadable(
  oid: string,
  why = 'is not one that git writes',
): AuthsError<'git/object-missing'> {
  return new AuthsError('git/object-missing', `the tree ${oid} ${why}`, {
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

/** What names the root tree of a tree-ish. Of a commit by its id, the tree that the bytes of that id name, not the one that git believes. */
export async function rootName(repository: Repository, treeish: string): Promise<string> {
  if (isId(treeish)) {
    const answer = await repository.objects.ask(treeish);
    if (answer.status === 'missing') throw objectMissing(treeish, `the object ${treeish}`);
    if (answer.status === 'damaged') throw objectMissing(treeish, `the object ${treeish}, whole,`);
    const tree = answer.status === 'found' && answer.type === 'commit' ? treeIn(answer.bytes) : undefined;
    if (tree !== undefined) return tree;
  }
  return `${treeish}^{tree}`;
}

function isId(name: string): boolean {
  return /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(name);
}

async function rootOf(
  repository: Repository,
  treeish: string,
  root: string,
  only?: string,
): Promise<readonly TreeEntry[] | null> {
  const entries = await treeOf(repository, root, only);
  if (entries !== null) return entries;
  if (isId(root)) throw objectMissing(root, `the tree ${root}`);
  const found = await repository.objects.info(treeish);
  if (found === null) return null;
  const end = found.type === 'tag' ? await repository.objects.info(`${treeish}^{}`) : found;
  if (end?.type === 'blob') return null;
  // Whole, and of no tree: no fetch brings one.
  if (end?.type === 'commit' && !(await namesTree(repository, end.oid)))
    throw treeUnreadable(end.oid, 'is of a commit that names none');
  throw objectMissing(found.oid, `the tree of ${found.oid}`);
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

/** All entries, or only the one that is looked for. */
async function treeOf(
  repository: Repository,
  name: string,
  only?: string,
): Promise<readonly TreeEntry[] | null> {
  const tree = await readTree(repository, name);
  if (tree === null) return null;
  const entries = parseTree(tree.bytes, tree.oid.length / 2, only);
  if (entries === null) throw treeUnreadable(tree.oid);
  return entries;
}

/** Bytes of one tree, of a million names and more. */
const MAX_TREE = 64 << 20;

async function readTree(repository: Repository, name: string): Promise<FoundObject | null> {
  const answer = await repository.objects.ask(name, { maxSize: MAX_TREE });
  if (answer.status === 'too-large') throw treeUnreadable(answer.oid, `has ${answer.size} bytes`);
  const tree = answer.status === 'found' ? answer : await repository.objects.read(name);
  return tree?.type === 'tree' ? tree : null;
}
