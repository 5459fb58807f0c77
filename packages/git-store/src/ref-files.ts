/**
 * Refs of a repository that is ours, read straight from its files; no process is started and nothing of git is loaded.
 * A loose ref that is not a full id is `storage/corrupt`: what git leaves after a crash must never make the
 * older, packed value count again (storage-and-verification.md 1).
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { corrupt, errnoOf } from './files.ts';

/** Where a home says whose it is. */
export const IDENTITY_REF = 'refs/auths/identity';

const OID = /^[0-9a-f]{40}$/;

/** The id that a ref holds, null when there is no such ref. */
export function readRef(gitDir: string, ref: string): string | null {
  return readLooseRef(gitDir, ref) ?? readPackedRefs(gitDir).get(ref) ?? null;
}

/** What packed-refs alone says: older than a loose ref, never to be believed where there is one. For repairs. */
export function readPackedRef(gitDir: string, ref: string): string | null {
  return readPackedRefs(gitDir).get(ref) ?? null;
}

/** Every ref below `under` (`refs/did/keri`, without a slash at its end) with its id, by name. */
export function listRefs(gitDir: string, under: string): ReadonlyMap<string, string> {
  const loose = new Map<string, string>();
  collectLoose(gitDir, under, loose);
  const all = new Map<string, string>();
  // Packed last: a ref that is packed meanwhile is in packed-refs before its file goes away.
  for (const [ref, oid] of readPackedRefs(gitDir)) if (ref.startsWith(`${under}/`)) all.set(ref, oid);
  for (const [ref, oid] of loose) all.set(ref, oid);
  return new Map([...all].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** The names between `under` and the next slash of every ref that goes on below it, by name; a name may lead to no ref any more. */
export function listNames(gitDir: string, under: string): readonly string[] {
  const names = new Set(
    orNone(() => readdirSync(join(gitDir, under))).filter((name) => !name.endsWith('.lock')),
  );
  for (const ref of readPackedRefs(gitDir).keys())
    if (ref.startsWith(`${under}/`)) names.add(ref.slice(under.length + 1).split('/', 1)[0] as string);
  return [...names].toSorted();
}

function readLooseRef(gitDir: string, ref: string): string | null {
  const path = join(gitDir, ref);
  let text: string;
  try {
    text = readFileSync(path, 'latin1');
  } catch (error) {
    const errno = errnoOf(error);
    // EISDIR: `a/b` exists below `a`; ENOTDIR: the reverse. Neither is a ref of that name.
    if (errno === 'ENOENT' || errno === 'EISDIR' || errno === 'ENOTDIR') return null;
    throw error;
  }
  const oid = text.endsWith('\n') ? text.slice(0, -1) : text;
  if (!OID.test(oid))
    throw corrupt(path, text === '' ? 'the ref is empty' : 'the ref does not hold an object id');
  return oid;
}

/** Parsed packed-refs by path, kept while the file has the same identity, size and time. */
const packedCache = new Map<string, { readonly key: string; readonly refs: ReadonlyMap<string, string> }>();

function readPackedRefs(gitDir: string): ReadonlyMap<string, string> {
  const path = join(gitDir, 'packed-refs');
  const status = statSync(path, { bigint: true, throwIfNoEntry: false });
  if (status === undefined) return new Map();
  if (!status.isFile()) throw corrupt(path, 'it is not a file');
  const key = `${status.ino}:${status.size}:${status.mtimeNs}`;
  const cached = packedCache.get(path);
  if (cached?.key === key) return cached.refs;
  const refs = new Map<string, string>();
  for (const line of readFileSync(path, 'latin1').split('\n')) {
    // Comments start with #, peeled tags with ^.
    if (line === '' || line.startsWith('#') || line.startsWith('^')) continue;
    if (!isPackedRef(line)) throw corrupt(path, 'a line is not "id ref"');
    refs.set(line.slice(41), line.slice(0, 40));
  }
  packedCache.set(path, { key, refs });
  return refs;
}

/** Whether a line of packed-refs is `id ref`, as far as auths reads it. */
export function isPackedRef(line: string): boolean {
  return line[40] === ' ' && OID.test(line.slice(0, 40));
}

function collectLoose(gitDir: string, under: string, into: Map<string, string>): void {
  for (const entry of readdirOrEmpty(join(gitDir, under), false)) {
    const ref = `${under}/${entry.name}`;
    if (entry.isDirectory()) collectLoose(gitDir, ref, into);
    else if (!entry.name.endsWith('.lock')) {
      const oid = readLooseRef(gitDir, ref);
      if (oid !== null) into.set(ref, oid);
    }
  }
}

/** The entries of a directory; none where there is no directory. */
export function readdirOrEmpty(path: string, recursive: boolean): import('node:fs').Dirent[] {
  return orNone(() => readdirSync(path, { withFileTypes: true, recursive }));
}

function orNone<T>(read: () => T[]): T[] {
  try {
    return read();
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return [];
    throw error;
  }
}
