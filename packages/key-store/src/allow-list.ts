/**
 * allow-list.json (storage-and-verification.md 2): the paired devices of a host, with the pre-shared key of
 * each channel. It decides who may connect, so it fails closed: a file that is empty, cut off or not ours is
 * `storage/corrupt`, and no command writes a fresh empty list over it: that is for `auths doctor --fix`, where no backup helps.
 */
import { join } from 'node:path';
import { fromBase64url } from '@auths/core/encoding/base64url';
import { fromHex } from '@auths/core/encoding/bytes';
import { exactObject, parseJson } from '@auths/core/encoding/json';
import { utf8 } from '@auths/core/encoding/text';
import { AuthsError, hasCode } from '@auths/core/errors';
import type { PairedDevice } from '@auths/core/flows/pairing-ports';
import { isDidKey } from '@auths/core/identifiers';
import {
  corruptFile,
  putAside,
  readFileBounded,
  requireReplaceable,
  writeFileAtomic,
} from './atomic-file.ts';
import { requireNoStaleLock, withFileLock } from './file-lock.ts';

const FILE = 'allow-list.json';
const BACKUP = 'allow-list.json.bak';
const MAX_FILE = 8 << 20;
const MEMBERS = ['device_id', 'device_did', 'name', 'static', 'psk', 'status', 'created_at', 'rid'];

/** The devices of the home in `dir`; none when nothing was ever paired. A lost list whose backup is there is `storage/corrupt`. */
export async function readAllowList(dir: string): Promise<readonly PairedDevice[]> {
  const path = join(dir, FILE);
  const bytes = await readFileBounded(path, MAX_FILE);
  if (bytes !== null) return parseAllowList(bytes, path);
  if ((await readFileBounded(join(dir, BACKUP), MAX_FILE)) !== null) {
    throw corruptFile(path, 'it is gone, though devices were paired');
  }
  return [];
}

/** The same for who is to mend it: `storage/corrupt` also where the backup is no file that a change could replace. */
export async function checkAllowList(dir: string): Promise<readonly PairedDevice[]> {
  const [devices] = await Promise.all([readAllowList(dir), readFileBounded(join(dir, BACKUP), MAX_FILE)]);
  return devices;
}

/** Throws when the list cannot be read, or could not be changed now: what `changeAllowList` would reject with. Changes nothing. */
export async function requireAllowList(dir: string): Promise<void> {
  const path = join(dir, FILE);
  await Promise.all([checkAllowList(dir), requireNoStaleLock(path)]);
  await requireReplaceable(path);
}

/** From the devices as they are now to the devices as they shall be; the same array changes nothing. */
export type ListEdit = (
  devices: readonly PairedDevice[],
) => readonly PairedDevice[] | Promise<readonly PairedDevice[]>;

/**
 * Changes the list. One writer at a time, also between processes, from before `edit` is called until the list is
 * durable; the list before the change is kept as the backup, without keys that the change wipes. Resolves to the new list.
 */
export async function changeAllowList(dir: string, edit: ListEdit): Promise<readonly PairedDevice[]> {
  const path = join(dir, FILE);
  return withAllowListHeld(dir, async () => {
    const before = await readAllowList(dir);
    const after = await edit(before);
    if (after === before) return before;
    const bytes = encode(after);
    // What cannot be read back must not be written.
    parseAllowList(bytes, path);
    // The list first: with a backup and no list, a crash in between would look like a loss.
    const first = (await readFileBounded(path, MAX_FILE)) === null;
    if (!first) await writeFileAtomic(join(dir, BACKUP), encode(withoutWiped(before, after)));
    await writeFileAtomic(path, bytes);
    return after;
  });
}

/** Runs `action` while nobody changes the list, nor puts an unfinished pairing aside. */
export async function withAllowListHeld<T>(dir: string, action: () => Promise<T>): Promise<T> {
  return withFileLock(join(dir, FILE), action);
}

/** What `restoreAllowList` came upon, or did. */
export type Restored = 'whole' | 'backup-aside' | 'restored' | 'begun-anew';

/**
 * Puts the backup in the place of a list that cannot be read, for `auths doctor --fix`; where there is no usable one the next
 * change begins a new list, which lets nobody in. What cannot be read is put aside. Looks under the lock: a list that another
 * process has put back, and that has grown since, stays.
 */
export async function restoreAllowList(dir: string): Promise<Restored> {
  const [path, backup] = [join(dir, FILE), join(dir, BACKUP)];
  return withAllowListHeld(dir, async () => {
    const isLost = await isCorrupt(readAllowList(dir));
    // Beside a whole list it only has to be a file, which the next change replaces.
    const kept = isLost ? parsedBackup(backup) : readFileBounded(backup, MAX_FILE);
    const isUseless = await isCorrupt(kept);
    if (isUseless) await putAside(backup);
    if (!isLost) return isUseless ? 'backup-aside' : 'whole';
    const bytes = isUseless ? null : await kept;
    await putAside(path);
    if (bytes === null) return 'begun-anew';
    await writeFileAtomic(path, bytes);
    return 'restored';
  });
}

async function parsedBackup(backup: string): Promise<Uint8Array | null> {
  const bytes = await readFileBounded(backup, MAX_FILE);
  if (bytes !== null) parseAllowList(bytes, backup);
  return bytes;
}

/** Only that: a list of a newer version, or one that the system does not give out, is none to put aside. */
async function isCorrupt(read: Promise<unknown>): Promise<boolean> {
  try {
    await read;
    return false;
  } catch (error) {
    if (!hasCode(error, 'storage/corrupt')) throw error;
    return true;
  }
}

/** `before`, with each entry whose key is not in `after` any more as it is there: a revoked device must not come back by a backup. */
function withoutWiped(
  before: readonly PairedDevice[],
  after: readonly PairedDevice[],
): readonly PairedDevice[] {
  const now = new Map(after.map((entry) => [entry.rid, entry]));
  return before.flatMap((entry) => {
    const next = now.get(entry.rid);
    return next === undefined ? [] : [next.psk === entry.psk ? entry : next];
  });
}

function encode(devices: readonly PairedDevice[]): Uint8Array {
  return utf8(`${JSON.stringify({ v: 1, devices }, null, 1)}\n`);
}

function parseAllowList(bytes: Uint8Array, path: string): readonly PairedDevice[] {
  try {
    const value = parseJson(bytes, { maxLength: MAX_FILE });
    const { v, devices } = exactObject(value, ['v', 'devices']);
    if (typeof v === 'number' && v !== 1) {
      throw new AuthsError('storage/version', `${path} has version ${v}, which this auths cannot read`, {
        hint: 'use a newer auths',
        details: { path, version: v },
      });
    }
    if (v !== 1 || !Array.isArray(devices)) throw bad('$', 'not an allow list');
    const parsed = devices.map((device: unknown, index) => parseDevice(device, `$.devices[${index}]`));
    // One device may stand here twice while it pairs again; one pairing may not.
    if (new Set(parsed.map(({ rid }) => rid)).size !== parsed.length) throw bad('$', 'a device is doubled');
    return Object.freeze(parsed);
  } catch (cause) {
    if (!hasCode(cause, 'input/malformed')) throw cause;
    throw corruptFile(path, `it is not an allow list (${cause.message})`, cause);
  }
}

function parseDevice(value: unknown, path: string): PairedDevice {
  const device = exactObject(value, MEMBERS, [], path);
  const text = (name: string): string => {
    const member = device[name];
    if (typeof member !== 'string') throw bad(`${path}.${name}`, 'not text');
    return member;
  };
  const did = text('device_did');
  const status = text('status');
  if (!isDidKey(did)) throw bad(`${path}.device_did`, 'not a did:key');
  if (status !== 'provisional' && status !== 'active' && status !== 'revoked')
    throw bad(`${path}.status`, 'unknown');
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(text('created_at')))
    throw bad(`${path}.created_at`, 'not a time');
  fromHex(text('device_id'), 32);
  fromBase64url(text('static'), 32);
  fromHex(text('rid'), 16);
  // The key of a revoked device is wiped.
  if (text('psk') !== '' || status !== 'revoked') fromBase64url(text('psk'), 32);
  return Object.freeze({
    device_id: text('device_id'),
    device_did: did,
    name: text('name'),
    static: text('static'),
    psk: text('psk'),
    status,
    created_at: text('created_at'),
    rid: text('rid'),
  });
}

function bad(path: string, why: string): AuthsError<'input/malformed'> {
  return new AuthsError('input/malformed', `${path}: ${why}`, { details: { path } });
}
