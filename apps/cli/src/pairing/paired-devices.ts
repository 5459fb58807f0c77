/** The host's memory of its pairings: allow-list.json and one journal entry per pairing that is not finished. */
import { parseRecordValue } from '@auths/core/attestation/attestation';
import { exactObject, type JsonValue } from '@auths/core/encoding/json';
import { AuthsError } from '@auths/core/errors';
import type { PairedDevices, PairingJournal } from '@auths/core/flows/pairing-ports';
import { parseSessionId } from '@auths/core/identifiers';
import { changeAllowList } from '@auths/key-store/allow-list';
import { openJournal } from '@auths/key-store/journal';

const NAMED = 'pair-';

/** `PairedDevices` in the home at `dir`. A list or entry that cannot be read is `storage/corrupt`; nothing is written over it. */
export function pairedDevices(dir: string): PairedDevices {
  const journal = openJournal(dir);

  return {
    async begin(device, entry) {
      // The journal first: an entry of the list that nothing would finish or forget must not exist.
      await journal.write(nameOf(entry), entry as unknown as JsonValue);
      await changeAllowList(dir, (devices) => [
        ...devices.filter(({ device_id }) => device_id !== device.device_id),
        device,
      ]);
    },

    async acknowledge(session) {
      const name = nameOf({ session_id: session });
      const entry = parseEntry(await journal.read(name), name);
      if (!entry.acknowledged)
        await journal.write(name, { ...entry, acknowledged: true } as unknown as JsonValue);
    },

    async activate(entry) {
      await changeAllowList(dir, (devices) =>
        devices.map((device) =>
          device.device_id === entry.device_id && device.status === 'provisional'
            ? { ...device, status: 'active' as const }
            : device,
        ),
      );
      await journal.remove(nameOf(entry));
    },

    async forget(entry) {
      await changeAllowList(dir, (devices) =>
        devices.filter(
          // A device that came again has a newer entry under the same id, with another record.
          (device) =>
            device.device_id !== entry.device_id ||
            device.rid !== entry.link.rid ||
            device.status !== 'provisional',
        ),
      );
      await journal.remove(nameOf(entry));
    },

    async unfinished() {
      const names = (await journal.list()).filter((name) => name.startsWith(NAMED));
      return Promise.all(names.map(async (name) => parseEntry(await journal.read(name), name)));
    },
  };
}

function nameOf({ session_id }: Pick<PairingJournal, 'session_id'>): string {
  return `${NAMED}${session_id}`;
}

function parseEntry(value: JsonValue | null, name: string): PairingJournal {
  try {
    const entry = exactObject(value, ['v', 'session_id', 'device_id', 'created_at', 'acknowledged', 'link']);
    const { v, session_id, device_id, created_at, acknowledged } = entry;
    const link = parseRecordValue(entry['link']);
    if (
      v === 1 &&
      typeof session_id === 'string' &&
      typeof device_id === 'string' &&
      typeof created_at === 'string' &&
      typeof acknowledged === 'boolean' &&
      link.type === 'link'
    ) {
      return { v, session_id: parseSessionId(session_id), device_id, created_at, acknowledged, link };
    }
  } catch (cause) {
    throw corruptEntry(name, cause);
  }
  throw corruptEntry(name);
}

function corruptEntry(name: string, cause?: unknown): AuthsError<'storage/corrupt'> {
  return new AuthsError('storage/corrupt', `the journal entry ${name} cannot be read`, {
    hint: 'auths doctor',
    details: { path: `journal/${name}.json` },
    cause,
  });
}
