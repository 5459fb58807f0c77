/**
 * What a home knows of its identity: role, log position, devices. The fold of log and records is kept in
 * `<home>/cache/devices.json`, named by the refs it was made from, so that `status`, `whoami` and the signing
 * program replay nothing. The cache is local, never replicated, and a fold away from being made again.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { homeExists, openHome, type Home } from '@auths/git-store/home-repository';
import { readIdentityDocument } from '@auths/git-store/identity-document';
import { prefixOf, type DidKey, type DidKeri, type Prefix } from '@auths/core/identifiers';

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
  readonly devices: readonly DeviceView[];
}

export interface IdentityView extends LogView {
  readonly role: 'controller' | 'device';
  readonly controllerDid: DidKeri;
  readonly prefix: Prefix;
  readonly createdAt: string;
}

/** Null when `dir` has no identity; creates nothing but the cache. `kel/invalid` for a log that does not replay. */
export async function readIdentityView(dir: string): Promise<IdentityView | null> {
  if (!homeExists(dir)) return null;
  const home = openHome(dir);
  try {
    const identity = await readIdentityDocument(home);
    if (identity === null) return null;
    const prefix = prefixOf(identity.controller_did);
    return {
      role: identity.role,
      controllerDid: identity.controller_did,
      prefix,
      createdAt: identity.created_at,
      ...(await readLogView(home, identity.controller_did)),
    };
  } finally {
    await home.close();
  }
}

/** The fold of one identity's log and records, from the cache where it fits. */
export async function readLogView(home: Home, did: DidKeri): Promise<LogView> {
  const made = madeFrom(home, prefixOf(did));
  const cached = readCache(home.dir, made);
  if (cached !== null) return cached;
  const { foldHome } = await import('./fold-home.ts');
  const view = await foldHome(home, did);
  writeCache(home.dir, made, view);
  return view;
}

/** A digest of every ref that the fold reads, and of the program's idea of the cache. */
function madeFrom(home: Home, prefix: Prefix): string {
  const hash = createHash('sha256').update('devices/1\n');
  for (const under of [`refs/did/keri/${prefix}`, 'refs/auths/devices']) {
    for (const [ref, oid] of [...home.listRefs(under)].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
      hash.update(`${oid} ${ref}\n`);
    }
  }
  return hash.digest('hex');
}

interface CacheFile {
  readonly made_from: string;
  readonly view: LogView;
}

function readCache(dir: string, made: string): LogView | null {
  try {
    const file = JSON.parse(readFileSync(join(dir, 'cache', 'devices.json'), 'utf8')) as CacheFile;
    return file.made_from === made ? file.view : null;
  } catch {
    return null;
  }
}

/** A cache that cannot be written is no trouble: a read-only home still answers. */
function writeCache(dir: string, made: string, view: LogView): void {
  const folder = join(dir, 'cache');
  const temporary = join(folder, `devices.${made.slice(0, 16)}.tmp`);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeFileSync(temporary, JSON.stringify({ made_from: made, view } satisfies CacheFile), { mode: 0o600 });
    renameSync(temporary, join(folder, 'devices.json'));
  } catch {
    return;
  }
}
