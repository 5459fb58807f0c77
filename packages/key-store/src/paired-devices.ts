/**
 * The PairedDevices port of the pairing flows: entries in allow-list.json, unfinished pairings in the journal.
 * Of the two the journal is written first and removed last, so a crash never leaves a device without its story.
 */
import { parseRecordValue, type LinkRecord } from '@auths/core/attestation/attestation';
import { exactObject, type JsonValue } from '@auths/core/encoding/json';
import { AuthsError } from '@auths/core/errors';
import type { PairedDevice, PairedDevices, PairingJournal } from '@auths/core/flows/pairing-ports';
import { parseSessionId, type SessionId } from '@auths/core/identifiers';
import { changeAllowList } from './allow-list.ts';
import { openJournal } from './journal.ts';

/** Journal and allow-list of the home in `dir`. */
export function pairedDevices(dir: string): PairedDevices {
  const journal = openJournal(dir);

  async function read(name: string): Promise<PairingJournal | null> {
    const value = await journal.read(name);
    return value === null ? null : parsePairingJournal(value);
  }

  return {
    async begin(device, entry) {
      await journal.write(nameOf(entry.session_id), asJson(entry));
      await changeAllowList(dir, (devices) => [
        ...devices.filter((other) => other.device_id !== device.device_id),
        device,
      ]);
    },

    async acknowledge(session) {
      const entry = await read(nameOf(session));
      if (entry === null) throw new AuthsError('internal/bug', `no pairing ${session} is under way`);
      if (!entry.acknowledged) await journal.write(nameOf(session), asJson({ ...entry, acknowledged: true }));
    },

    async activate(entry) {
      await changeAllowList(dir, (devices) => setStatus(devices, entry.device_id));
      await journal.remove(nameOf(entry.session_id));
    },

    async forget(entry) {
      await changeAllowList(dir, (devices) => {
        const kept = devices.filter(
          // A device that came again has a newer entry under the same id, with another record.
          (device) =>
            device.device_id !== entry.device_id ||
            device.rid !== entry.link.rid ||
            device.status !== 'provisional',
        );
        return kept.length === devices.length ? devices : kept;
      });
      await journal.remove(nameOf(entry.session_id));
    },

    async unfinished() {
      const names = (await journal.list()).filter((name) => name.startsWith(PREFIX));
      const entries = await Promise.all(names.map(read));
      return entries.filter((entry) => entry !== null);
    },
  };
}

const PREFIX = 'pairing-';

function nameOf(session: SessionId): string {
  return `${PREFIX}${session}`;
}

/** Records are plain JSON already; this drops the type, nothing else. */
function asJson(entry: PairingJournal): JsonValue {
  return JSON.parse(JSON.stringify(entry)) as JsonValue;
}

/** A provisional entry becomes active; a revoked one stays revoked, whatever finishes late. */
function setStatus(devices: readonly PairedDevice[], deviceId: string): readonly PairedDevice[] {
  const provisional = devices.some(
    ({ device_id, status }) => device_id === deviceId && status === 'provisional',
  );
  if (!provisional) return devices;
  return devices.map((device) =>
    device.device_id === deviceId ? { ...device, status: 'active' as const } : device,
  );
}

function parsePairingJournal(value: JsonValue): PairingJournal {
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
