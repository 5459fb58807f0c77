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
