/**
 * Git objects as bytes: ids, trees, commits, and the loose form on disk. Objects are written in process
 * (temporary file, fsync, rename), because four git processes per append cost more than the append.
 */
import { createHash, hash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, statSync } from 'node:fs';
import { open, unlink } from 'node:fs/promises';
import { deflateSync, inflateSync } from 'node:zlib';
import { utf8 } from '@auths/core/encoding/text';
import { corrupt, errnoOf, syncDirectory } from './files.ts';
import { eachEntry } from './tree-entries.ts';

export type ObjectType = 'commit' | 'tree' | 'blob' | 'tag';

export interface RawObject {
  readonly type: ObjectType;
  readonly bytes: Uint8Array;
}

export interface NewObject extends RawObject {
  readonly oid: string;
}

/** The id git gives to these bytes: H(type, space, length, NUL, bytes), SHA-1 unless the repository uses SHA-256. */
export function objectId(type: ObjectType, bytes: Uint8Array, format: 'sha1' | 'sha256' = 'sha1'): string {
  const header = `${type} ${bytes.length}\0`;
  if (bytes.length > ONE_SHOT) return createHash(format).update(header).update(bytes).digest('hex');
  const whole = Buffer.allocUnsafe(header.length + bytes.length);
  whole.write(header, 'latin1');
  whole.set(bytes, header.length);
  return idOfWhole(whole, format);
}

/** The id of an object whose type and size stand before its bytes already. */
export function idOfWhole(whole: Uint8Array, format: 'sha1' | 'sha256'): string {
  return hash(format, whole, 'hex');
}

/** Below this, a copy and one call of OpenSSL cost less than a hash object. */
const ONE_SHOT = 16_384;

/** True when `oid` is the id of these bytes, in either object format. */
export function isObjectId(oid: string, type: ObjectType, bytes: Uint8Array): boolean {
  return objectId(type, bytes, oid.length === 64 ? 'sha256' : 'sha1') === oid;
}

export function newObject(type: ObjectType, bytes: Uint8Array): NewObject {
  return { type, bytes, oid: objectId(type, bytes) };
}

export interface TreeEntry {
  /** As git writes it: 100644, 100755, 120000, 40000, 160000. */
  readonly mode: string;
  readonly name: string;
  readonly oid: string;
}

/** A tree of these entries; they are sorted as git sorts them (a directory as if its name ended in a slash). */
export function newTree(entries: readonly TreeEntry[]): NewObject {
  const key = (entry: TreeEntry): string => (entry.mode === '40000' ? `${entry.name}/` : entry.name);
  const sorted = entries.toSorted((a, b) => (key(a) < key(b) ? -1 : 1));
  const parts = sorted.flatMap((e) => [
    Buffer.from(`${e.mode} ${e.name}\0`, 'utf8'),
    Buffer.from(e.oid, 'hex'),
  ]);
  return newObject('tree', Buffer.concat(parts));
}

/**
 * Entries of a tree object in stored order, or only the one called `only`; names are read as UTF-8, what is not UTF-8 as
 * U+FFFD. Null when the bytes are not a tree that git writes, as `eachEntry` has it.
 */
export function parseTree(bytes: Uint8Array, idLength = 20, only?: string): readonly TreeEntry[] | null {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const wanted = only === undefined ? null : Buffer.from(only, 'utf8');
  const entries: TreeEntry[] = [];
  const facts = eachEntry(buffer, idLength, (at, name, id) => {
    if (wanted !== null && (id - 1 - name !== wanted.length || wanted.compare(buffer, name, id - 1) !== 0))
      return;
    entries.push({
      mode: buffer.toString('latin1', at, name - 1),
      name: buffer.toString('utf8', name, id - 1),
      oid: buffer.toString('hex', id, id + idLength),
    });
  });
  return facts === null ? null : entries;
}

/**
 * A commit that is a function of its arguments alone: fixed author and committer, `date` in seconds after the
 * epoch at +0000, unsigned.
 */
export function newCommit(commit: {
  readonly tree: string;
  readonly parent: string | null;
  readonly date: number;
  readonly message: string;
}): NewObject {
  const who = `auths <auths@localhost> ${commit.date} +0000`;
  const parent = commit.parent === null ? '' : `parent ${commit.parent}\n`;
  const text = `tree ${commit.tree}\n${parent}author ${who}\ncommitter ${who}\n\n${commit.message}\n`;
  return newObject('commit', utf8(text));
}

/** What a store of ours needs of its own commits; null when the bytes do not start like a commit. */
export function parseCommit(
  bytes: Uint8Array,
): { readonly tree: string; readonly parents: readonly string[]; readonly message: string } | null {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
  const match = /^tree ([0-9a-f]{40})\n((?:parent [0-9a-f]{40}\n)*)author /.exec(text);
  const end = text.indexOf('\n\n');
  if (match === null || end < 0) return null;
  const parents = (match[2] as string).split('\n').filter((line) => line !== '');
  return {
    tree: match[1] as string,
    parents: parents.map((line) => line.slice(7)),
    message: text.slice(end + 2),
  };
}

/** Reads a loose object and checks its bytes against its id. Null when it is not loose; `storage/corrupt` when damaged. */
export function readLooseObject(gitDir: string, oid: string): RawObject | null {
  const path = loosePath(gitDir, oid);
  // Asked first, because an exception costs more than the question, and packed objects are many.
  if (!existsSync(path)) return null;
  let packed: Buffer;
  try {
    packed = readFileSync(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    throw error;
  }
  let full: Buffer;
  try {
    full = inflateSync(packed, { maxOutputLength: MAX_LOOSE });
  } catch (cause) {
    throw corrupt(path, 'the object cannot be unpacked', cause);
  }
  if (hash('sha1', full, 'hex') !== oid) throw corrupt(path, 'the object is damaged');
  const nul = full.indexOf(0);
  const type = full.toString('latin1', 0, full.indexOf(0x20));
  return { type: type as ObjectType, bytes: plain(full.subarray(nul + 1)) };
}

const MAX_LOOSE = 64 << 20;

/** A Buffer is a Uint8Array whose `slice` does not copy: it must not leave the adapters. */
export function plain(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
}

/**
 * Writes objects so that they survive a crash: all temporary files are synced before the first gets its
 * name, and the directories after the last. Objects already there are left as they are.
 */
export async function writeLooseObjects(gitDir: string, objects: readonly NewObject[]): Promise<void> {
  const files = new Map<string, { readonly temporary: string; readonly bytes: Uint8Array }>();
  const directories = new Set<string>();
  for (const { oid, type, bytes } of objects) {
    const path = loosePath(gitDir, oid);
    // An empty file is what a power cut leaves; it is written again.
    if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) > 0) continue;
    const directory = path.slice(0, path.lastIndexOf('/'));
    if (makeDirectory(directory)) directories.add(`${gitDir}/objects`);
    directories.add(directory);
    // The prefix is git's own, so that `git gc` clears what a crash leaves.
    const temporary = `${directory}/tmp_obj_${randomBytes(9).toString('hex')}`;
    const raw = Buffer.concat([Buffer.from(`${type} ${bytes.length}\0`), bytes]);
    files.set(path, { temporary, bytes: deflateSync(raw, { level: 1 }) });
  }
  // At once, because a journalling file system then syncs them together.
  await Promise.all([...files.values()].map(({ temporary, bytes }) => writeSynced(temporary, bytes)));
  for (const [path, { temporary }] of files) renameSync(temporary, path);
  await Promise.all([...directories].map(syncDirectory));
}

/** True when it was not there. Not with `recursive`, which tells of a read-only disk as of a missing folder. */
function makeDirectory(path: string): boolean {
  try {
    mkdirSync(path);
    return true;
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
    return false;
  }
}

async function writeSynced(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'wx', 0o444);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } catch (error) {
    await unlink(path);
    throw error;
  } finally {
    await file.close();
  }
}

function loosePath(gitDir: string, oid: string): string {
  return `${gitDir}/objects/${oid.slice(0, 2)}/${oid.slice(2)}`;
}
