/**
 * What is kept of a home's fold in `<home>/cache/`, so that `status` and `whoami` replay nothing, read no object and
 * start no process. Each part is named by the refs that it was made from and counts only while they hold the same
 * ids, and while its checksum says that it is as it was written: a disk that flips a bit must not make a device a
 * revoked one. The cache is local, never replicated, and a fold away from being made again.
 */
import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { prefixOf, type DidKey, type DidKeri, type Prefix, type Said } from '@auths/core/identifiers';
import { readSmallText } from '@auths/git-store/files';
import { IDENTITY_REF, listRefs, readRef } from '@auths/git-store/ref-files';

/** One device as the log says it, times RFC 3339. */
export interface DeviceView {
  readonly did: DidKey;
  readonly name: string;
  readonly capabilities: readonly string[];
  readonly issuedAt: string;
  readonly expiresAt: string | null;
  readonly revokedAt: string | null;
  readonly reason: string | null;
  /** Why the device counts for nothing although it is not revoked; null when it counts. */
  readonly fault: string | null;
}

export interface LogView {
  readonly sequence: number;
  /** Of the newest event. */
  readonly said: string;
  /** Keys in force, as CESR text. */
  readonly keys: readonly string[];
  /** AIDs of the witnesses, and how many must receipt an event. */
  readonly witnesses: readonly string[];
  readonly witnessThreshold: number;
  readonly devices: readonly DeviceView[];
  /** An event that this machine had checked when this was made, and that the log did not hold; null where none. */
  readonly lost: CheckedTip | null;
}

export interface IdentityView extends LogView {
  readonly role: 'controller' | 'device';
  readonly controllerDid: DidKeri;
  readonly prefix: Prefix;
  readonly createdAt: string;
}

/** `refs/auths/identity` as far as a view shows it. */
export type IdentityPart = Pick<IdentityView, 'role' | 'controllerDid' | 'createdAt'>;

/** The whole view; null unless every part of it is cached and fits. */
export function readCachedView(dir: string): IdentityView | null {
  const ref = readRef(dir, IDENTITY_REF);
  const identity = ref === null ? null : (readPart(dir, 'identity', ref) as IdentityPart | null);
  if (identity === null) return null;
  const prefix = prefixOf(identity.controllerDid);
  const log = readCachedLog(dir, prefix);
  return log === null ? null : { ...identity, prefix, ...log };
}

/** True where the identity of this home was read before, whether or not what was kept of it can be read. */
export function hadIdentity(dir: string): boolean {
  return existsSync(join(dir, 'cache', 'identity.json'));
}

/** The fold of the log and records of `prefix`; null where it is not cached or does not fit. */
export function readCachedLog(dir: string, prefix: Prefix): LogView | null {
  return readPart(dir, 'devices', madeFrom(dir, prefix)) as LogView | null;
}

/** Keeps what was read under the refs that stand now. A cache that cannot be written is no trouble: a read-only home still answers. */
export function cacheIdentity(dir: string, ref: string | null, identity: IdentityPart): void {
  if (ref !== null) writePart(dir, 'identity', ref, identity);
}

/** `made` is what `madeFrom` said before the log was read. */
export function cacheLog(dir: string, made: string, view: LogView): void {
  writePart(dir, 'devices', made, view);
}

/** The newest event up to which this machine has checked every signature of the log; null when it is not known. */
export function readCheckedTip(dir: string, prefix: Prefix): CheckedTip | null {
  return readPart(dir, 'tip', prefix) as CheckedTip | null;
}

/** For an accepted log only. The SAID binds every event before it, so a later replay checks signatures from there on. */
export function cacheCheckedTip(dir: string, prefix: Prefix, tip: CheckedTip): void {
  writePart(dir, 'tip', prefix, tip);
}

export interface CheckedTip {
  readonly sequence: number;
  readonly said: Said;
}

/** Every ref that the fold of a log reads, with its id, under the version of this cache. */
export function madeFrom(dir: string, prefix: Prefix): string {
  const lines = ['devices/4'];
  for (const under of [`refs/did/keri/${prefix}`, 'refs/auths/devices'])
    for (const [ref, oid] of listRefs(dir, under)) lines.push(`${oid} ${ref}`);
  return lines.join('\n');
}

/** The refs of the home as they were when it was last read, by name. */
export function lastKnownRefs(dir: string): ReadonlyMap<string, string> {
  const lines = (readFile(dir, 'devices')?.made_from ?? '').split('\n').slice(1);
  const known = lines.map((line): [string, string] => [line.slice(41), line.slice(0, 40)]);
  const identity = readFile(dir, 'identity')?.made_from;
  return new Map(identity === undefined ? known : [...known, [IDENTITY_REF, identity]]);
}

/** Many times what a thousand devices take. */
const MAX_CACHE = 64 << 20;

interface CacheFile {
  readonly made_from: string;
  readonly view: unknown;
}

function readPart(dir: string, name: string, made: string): unknown {
  const file = readFile(dir, name);
  return file?.made_from === made ? file.view : null;
}

function readFile(dir: string, name: string): CacheFile | null {
  const text = readSmallText(join(dir, 'cache', `${name}.json`), MAX_CACHE);
  const content = text?.slice(headOf('').length) ?? '';
  if (text?.startsWith(headOf(content)) !== true) return null;
  try {
    return JSON.parse(text) as CacheFile;
  } catch {
    return null;
  }
}

/** How a file begins whose text goes on with `content`. */
function headOf(content: string): string {
  return `{"v":1,"sum":"${checksum(content)}",`;
}

/**
 * FNV-1a, 32 bits. Every step can be undone, so that one changed character always changes the sum. It is against damage:
 * whoever can write here can write the keys too. A hash of node:crypto would cost `whoami` more than all that it reads.
 */
function checksum(text: string): string {
  let sum = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) sum = Math.imul(sum ^ text.charCodeAt(i), 0x01000193);
  return (sum >>> 0).toString(16).padStart(8, '0');
}

function writePart(dir: string, name: string, made: string, view: unknown): void {
  const folder = join(dir, 'cache');
  const temporary = join(folder, `${name}.${Math.random().toString(16).slice(2)}.tmp`);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const content = JSON.stringify({ made_from: made, view } satisfies CacheFile).slice(1);
    writeFileSync(temporary, headOf(content) + content, { mode: 0o600 });
    renameSync(temporary, join(folder, `${name}.json`));
  } catch {
    return;
  }
}
