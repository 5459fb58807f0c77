/**
 * Evidence that lies in `.auths/evidence`: of commits' trees, and of the work tree on disk. Most files of the one are
 * those of the other, and a file on disk takes less reading than an object, so its id is asked first.
 */
import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { EvidenceSource } from '@auths/core/commit/evidence';
import { AuthsError, hasCode } from '@auths/core/errors';
import {
  gatherEvidence,
  isFileMode,
  MAX_EVIDENCE_FILE,
  MAX_EVIDENCE_TREE,
  requireFew,
  type EvidenceFile,
} from './evidence-files.ts';
import { readSmall } from './files.ts';
import { isObjectId, parseTree, type TreeEntry } from './objects.ts';
import { type Repository } from './repository.ts';
import { listTree, objectMissing } from './repository-trees.ts';

type SourceName = Pick<EvidenceSource, 'name' | 'proposal' | 'tree'>;

/** The trees of one repository, each read once. */
export interface Trees {
  /** What a commit's tree holds. With `onDisk` the work tree may supply the bytes of an id. */
  evidence(
    source: SourceName,
    commit: string,
    options: { readonly onDisk: boolean },
  ): Promise<EvidenceSource>;
  /** What the work tree holds, committed or not. */
  workTree(proposal: boolean): Promise<EvidenceSource>;
}

export function openTrees(repository: Repository): Trees {
  const { workTree } = repository;
  const disk = remembered(async () =>
    workTree === null ? [] : filesOnDisk(join(workTree, '.auths', 'evidence')),
  );
  const byPath = remembered(async () => {
    const files = await disk().catch(nothingIfTooMuch);
    return new Map(files.map((file) => [`${file.directory}/${file.name}`, file]));
  });
  const known = new Map<string, Promise<readonly EvidenceFile[]>>();

  /** One directory after another, because a few small trees can name each other's entries a billion times. */
  async function filesInTree(source: string, oid: string, onDisk: boolean): Promise<readonly EvidenceFile[]> {
    const files: EvidenceFile[] = [];
    const there: ReadonlyMap<string, EvidenceFile> = onDisk ? await byPath() : new Map();
    const directories = await readTree(repository, oid);
    requireFew(source, directories.length);
    for (const entry of directories) {
      if (entry.mode !== '40000') {
        files.push({ directory: '', name: entry.name, read: () => Promise.resolve(null) });
        continue;
      }
      const entries = await readTree(repository, entry.oid);
      requireFew(source, files.length + entries.length);
      for (const file of entries) {
        const same = there.get(`${entry.name}/${file.name}`);
        const read = remembered(async () => {
          const bytes = same === undefined ? null : await same.read();
          return bytes !== null && isFileMode(file.mode) && isObjectId(file.oid, 'blob', bytes)
            ? bytes
            : readBlob(repository, file);
        });
        files.push({ directory: entry.name, name: file.name, read });
      }
    }
    return files;
  }

  return {
    async evidence(source, commit, { onDisk }) {
      try {
        const directory = (await listTree(repository, commit, '.auths'))?.find(
          ({ name }) => name === 'evidence',
        );
        if (directory === undefined || directory.mode !== '40000') return await gatherEvidence(source, []);
        const key = `${directory.oid} ${onDisk}`;
        const files = known.get(key) ?? filesInTree(source.name, directory.oid, onDisk);
        known.set(key, files);
        return await gatherEvidence(source, await files);
      } catch (error) {
        // What is proposed may lack what it likes; believed evidence with a hole could hide a revocation.
        if (!source.proposal || !hasCode(error, 'git/object-missing')) throw error;
        return leftOut(source, error.message);
      }
    },
    async workTree(proposal) {
      const source = { name: 'work tree', proposal };
      try {
        return await gatherEvidence(source, await disk());
      } catch (error) {
        // What is committed of it is read from git: rubbish on a disk must not end every verification there.
        if (!hasCode(error, 'input/malformed')) throw error;
        return leftOut(
          source,
          `${error.message}; it is left out, and with it any revocation that is not committed`,
        );
      }
    },
  };
}

function leftOut(source: SourceName, note: string): EvidenceSource {
  return { ...source, logs: new Map(), records: [], notes: [note] };
}

function nothingIfTooMuch(error: unknown): readonly EvidenceFile[] {
  if (hasCode(error, 'input/malformed')) return [];
  throw error;
}

/** A tree too large for the files that evidence may have is a fault: taking it for empty would hide what it holds. */
async function readTree(repository: Repository, oid: string): Promise<readonly TreeEntry[]> {
  const answer = await repository.objects.ask(oid, { maxSize: MAX_EVIDENCE_TREE });
  if (answer.status === 'too-large') {
    throw new AuthsError('input/malformed', `the evidence has a directory of ${answer.size} bytes`);
  }
  const entries =
    answer.status === 'found' && answer.type === 'tree' ? parseTree(answer.bytes, oid.length / 2) : null;
  if (entries === null)
    throw objectMissing(oid, answer.status === 'missing' ? `the tree ${oid}` : `the tree ${oid}, whole,`);
  return entries;
}

/** Null for what is not a regular file, or larger than a file of evidence may be. */
export async function readBlob(repository: Repository, { mode, oid }: TreeEntry): Promise<Uint8Array | null> {
  if (!isFileMode(mode)) return null;
  const answer = await repository.objects.ask(oid, { maxSize: MAX_EVIDENCE_FILE });
  if (answer.status === 'missing') throw objectMissing(oid, `the evidence ${oid}`);
  return answer.status === 'found' && answer.type === 'blob' ? answer.bytes : null;
}

/** Links are never followed: what lies in a work tree may come from a stranger. */
export function filesOnDisk(directory: string): readonly EvidenceFile[] {
  if (!isDirectory(join(directory, '..')) || !isDirectory(directory)) return [];
  const prefixes = readdirSync(directory);
  requireFew('work tree', prefixes.length);
  return prefixes.flatMap((prefix): readonly EvidenceFile[] => {
    const below = `${directory}/${prefix}`;
    if (!isDirectory(below)) return [{ directory: '', name: prefix, read: () => Promise.resolve(null) }];
    return readdirSync(below).map((name) => ({
      directory: prefix,
      name,
      read: remembered(() => Promise.resolve(readRegular(`${below}/${name}`))),
    }));
  });
}

function isDirectory(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

/** Null for what is not a regular file, is too large or cannot be read. */
function readRegular(path: string): Uint8Array | null {
  try {
    return lstatSync(path).isFile() ? readSmall(path, MAX_EVIDENCE_FILE) : null;
  } catch {
    return null;
  }
}

function remembered<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | null = null;
  return () => (made ??= make());
}
