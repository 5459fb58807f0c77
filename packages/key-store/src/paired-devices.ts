/**
 * The PairedDevices port of the pairing flows: entries in allow-list.json, unfinished pairings in the journal.
 * Of the two the journal is written first and removed last, so a crash never leaves a device without its story.
 * Both are looked at under the lock of the list, so that a pairing is acknowledged or given up, never both.
 * A device that pairs again has an entry for each pairing until the new one stands, and keeps the old one when it fails.
 */
import { parseRecordValue, type LinkRecord } from '@auths/core/attestation/attestation';
import { exactObject, type JsonValue } from '@auths/core/encoding/json';
import { AuthsError } from '@auths/core/errors';
import type { PairedDevice, PairedDevices, PairingJournal } from '@auths/core/flows/pairing-ports';
import { parseSessionId, type SessionId } from '@auths/core/identifiers';
import { changeAllowList, readAllowList, requireAllowList, type ListEdit } from './allow-list.ts';
import { openJournal, requireJournal, type Journal } from './journal.ts';

/** Journal and allow-list of the home in `dir`. */
export function pairedDevices(dir: string): PairedDevices {
  return pairedDevicesOver(openJournal(dir), {
    read: () => readAllowList(dir),
    change: (edit) => changeAllowList(dir, edit),
  });
}

/**
 * Throws when a pairing could not be written down in the home in `dir`, or one that was begun cannot be read, which every
 * grant ends at: to be asked before anybody is shown a code or compares anything for it. Changes nothing.
 */
export async function requirePairedDevices(dir: string): Promise<void> {
  // All to their end: a command that fails ends at once, and would leave the other's file behind.
  const all = await Promise.allSettled([
    requireAllowList(dir),
    requireJournal(dir),
    readPairings(openJournal(dir)),
  ]);
  for (const one of all) if (one.status === 'rejected') throw one.reason;
}

/** A list of paired devices, as `readAllowList` and `changeAllowList` keep it. */
interface DeviceList {
  read(): Promise<readonly PairedDevice[]>;
  change(edit: ListEdit): Promise<unknown>;
}

/** The same over any journal and any list. */
export function pairedDevicesOver(journal: Journal, list: DeviceList): PairedDevices {
  const read = (name: string): Promise<PairingJournal | null> => journal.read(name, parsePairingJournal);

  return {
    async begin(device, entry) {
      const name = nameOf(entry.session_id);
      // One request can be accepted by two commands at once: neither sets back what the other has done.
      if ((await read(name))?.acknowledged !== true) await journal.write(name, asJson(entry));
      await list.change(async (devices) => {
        if ((await read(name)) === null) throw givenUp();
        const isSame = ({ rid }: PairedDevice): boolean => rid === device.rid;
        if (devices.some((one) => isSame(one) && one.status !== 'provisional')) return devices;
        return [...devices.filter((one) => !isSame(one)), device];
      });
    },

    async acknowledge(session) {
      const name = nameOf(session);
      const entry = await read(name);
      if (entry === null) throw givenUp();
      if (!entry.acknowledged) await journal.write(name, asJson({ ...entry, acknowledged: true }));
      // Forgotten before this was written down; `forget` sees it from now on.
      await list.change(async (devices) => {
        if (devices.some(({ rid }) => rid === entry.link.rid)) return devices;
        await journal.remove(name);
        throw givenUp();
      });
    },

    async activate({ session_id, device_id, link }, isGranted) {
      let granted = false;
      await list.change(async (devices) => {
        granted = await isGranted();
        return granted ? withActive(devices, device_id, link.rid) : withoutProvisional(devices, link.rid);
      });
      await journal.remove(nameOf(session_id));
      return granted;
    },

    async forget({ session_id, link, acknowledged }) {
      const name = nameOf(session_id);
      await list.change(async (devices) => {
        const isNew = !acknowledged && (await read(name))?.acknowledged === true;
        return isNew ? devices : withoutProvisional(devices, link.rid);
      });
      await list.change(async (devices) => {
        // An entry that is there now was acknowledged, or is only now being begun.
        if (withoutProvisional(devices, link.rid) === devices) await journal.remove(name);
        return devices;
      });
    },

    async unfinished() {
      const entries = await readPairings(journal);
      if (!entries.some(({ acknowledged }) => acknowledged)) return entries;
      const listed = new Set((await list.read()).map(({ rid }) => rid));
      // Given up, or followed by a newer pairing, while it was being acknowledged: a seal would list nobody.
      const isOver = ({ acknowledged, link }: PairingJournal): boolean =>
        acknowledged && !listed.has(link.rid);
      for (const entry of entries.filter(isOver)) await journal.remove(nameOf(entry.session_id));
      return entries.filter((entry) => !isOver(entry));
    },
  };
}

const PREFIX = 'pairing-';

/** Whether a journal entry of that name is one of a pairing. */
export function isPairingEntry(name: string): boolean {
  return name.startsWith(PREFIX);
}

/** Every pairing that is begun and not over; `storage/corrupt` or `storage/version` when one cannot be read. */
export async function readPairings(journal: Journal): Promise<readonly PairingJournal[]> {
  const names = (await journal.list()).filter(isPairingEntry);
  const entries = await Promise.all(names.map((name) => journal.read(name, parsePairingJournal)));
  return entries.filter((entry) => entry !== null);
}

function nameOf(session: SessionId): string {
  return `${PREFIX}${session}`;
}

/** Records are plain JSON already; this drops the type, nothing else. */
function asJson(entry: PairingJournal): JsonValue {
  return JSON.parse(JSON.stringify(entry)) as JsonValue;
}

/**
 * The entry of this pairing becomes active in the place of the older ones of its device, unless a newer one is already. A
 * revoked one stays revoked, whatever finishes late.
 */
export function withActive(
  devices: readonly PairedDevice[],
  deviceId: string,
  linkRid: string,
): readonly PairedDevice[] {
  const at = devices.findIndex(({ rid, status }) => rid === linkRid && status === 'provisional');
  const own = devices[at];
  if (own === undefined) return devices;
  const isOther = (device: PairedDevice): boolean => device.device_id !== deviceId;
  const newer = devices.slice(at + 1);
  const isOver = newer.some((device) => !isOther(device) && device.status === 'active');
  return [
    ...devices.slice(0, at).filter(isOther),
    ...(isOver ? [] : [{ ...own, status: 'active' as const }]),
    ...newer,
  ];
}

/** The list without the entry of that pairing, if it was never made active; the same list where it is not there. */
function withoutProvisional(devices: readonly PairedDevice[], linkRid: string): readonly PairedDevice[] {
  const left = devices.filter(({ rid, status }) => rid !== linkRid || status !== 'provisional');
  return left.length === devices.length ? devices : left;
}

function givenUp(): AuthsError<'pairing/session-expired'> {
  return new AuthsError(
    'pairing/session-expired',
    'another command here took this pairing for an old one and ended it',
    {
      hint: 'Check the clock of this machine, then run auths pair again.',
    },
  );
}

/** The entry of a pairing in the journal. */
export function parsePairingJournal(value: JsonValue): PairingJournal {
  const members = ['v', 'session_id', 'device_id', 'created_at', 'acknowledged', 'link'];
  const { v, session_id, device_id, created_at, acknowledged, link } = exactObject(value, members);
  const texts =
    typeof session_id === 'string' && typeof device_id === 'string' && typeof created_at === 'string';
  if (v !== 1 || !texts || typeof acknowledged !== 'boolean') {
    throw new AuthsError('input/malformed', 'a journal entry is not one of a pairing');
  }
  const record = parseRecordValue(link);
  if (record.type !== 'link') throw new AuthsError('input/malformed', 'a pairing journal holds no link');
  return {
    v,
    session_id: parseSessionId(session_id),
    device_id,
    created_at,
    acknowledged,
    link: record satisfies LinkRecord,
  };
}
