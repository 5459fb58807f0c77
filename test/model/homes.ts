/** What lies on the disks of the model: the home of the identity, shared by its hosts, and the homes of those who join. */
import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';
import { AuthsError } from '../../packages/core/src/errors.ts';
import type { JsonValue } from '../../packages/core/src/encoding/json.ts';
import type { HostIdentity, JoinerHome, PairedDevice } from '../../packages/core/src/flows/pairing-ports.ts';
import type { AttestationStore, EventLog, Signer, VerifyEngine } from '../../packages/core/src/ports.ts';
import type { ListEdit } from '../../packages/key-store/src/allow-list.ts';
import type { Journal } from '../../packages/key-store/src/journal.ts';
import { pairedDevicesOver } from '../../packages/key-store/src/paired-devices.ts';
import { createDeferred } from '../../packages/testing/src/fake-clock.ts';
import type { TestAuthority, TestJoinerHome } from '../../packages/testing/src/two-device-world.ts';
import type { Flaw } from './flaws.ts';
import type { Process, Scheduler } from './scheduler.ts';

/** OpenSSL's equation; what was answered once is remembered, for the same logs are replayed over and over. */
export function rememberingEngine(): VerifyEngine {
  const known = new Map<string, boolean>();
  return {
    verify(publicKey, message, signature) {
      const name = [publicKey, message, signature]
        .map((bytes) => Buffer.from(bytes).toString('latin1'))
        .join('|');
      const before = known.get(name);
      if (before !== undefined) return before;
      const x = Buffer.from(publicKey).toString('base64url');
      const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
      const answer = verify(null, message, key, signature);
      known.set(name, answer);
      return answer;
    },
  };
}

/** Ed25519 by OpenSSL, ten times as fast as by noble, the same bytes. */
export function nativeSigner(seed: Uint8Array, publicKey: Uint8Array): Signer {
  const d = Buffer.from(seed).toString('base64url');
  const x = Buffer.from(publicKey).toString('base64url');
  const key = createPrivateKey({ key: { kty: 'OKP', crv: 'Ed25519', d, x }, format: 'jwk' });
  return { publicKey, sign: async (message) => new Uint8Array(sign(null, message, key)) };
}

/** The files of the identity's home beside its repository. */
export interface HostDisk {
  list: readonly PairedDevice[];
  readonly journal: Map<string, JsonValue>;
  /** Settles when the lock of the list is free again; null when it is. */
  held: Promise<void> | null;
}

/** The identity's home in one process. */
export interface HostHome {
  readonly host: HostIdentity;
  readonly changeList: (edit: ListEdit) => Promise<void>;
}

/** The host's ports for one process. Each write is a step of its own: it is made whole, or was never made. */
export function openHostHome(
  scheduler: Scheduler,
  process: Process,
  authority: TestAuthority,
  disk: HostDisk,
  flaw: Pick<Flaw, 'devices' | 'written'>,
  isFull: () => boolean,
): HostHome {
  const write = writer(scheduler, process, isFull);
  const journal: Journal = {
    write: (name, value) => write('the journal', () => void disk.journal.set(name, value)),
    async read(name, parse) {
      const value = disk.journal.get(name);
      return value === undefined ? null : parse(value);
    },
    list: async () => [...disk.journal.keys()].toSorted(),
    remove: (name) => write('the journal away', () => disk.journal.delete(name)),
  };
  const changeList: HostHome['changeList'] = async (edit) => {
    const unlock = await lock(scheduler, process, disk);
    try {
      const after = await edit(disk.list);
      if (after === disk.list) return;
      await write('the list', () => {
        disk.list = flaw.written?.(after) ?? after;
      });
    } finally {
      unlock();
    }
  };
  const devices = pairedDevicesOver(journal, { read: async () => disk.list, change: changeList });
  const host = {
    ...authority,
    log: gatedLog(authority.log, write),
    records: gatedRecords(authority.records, write),
    devices: flaw.devices?.(devices) ?? devices,
  };
  return { host, changeList };
}

/** One writer of the list at a time. Who dies with the lock leaves it to the next, as `auths doctor --fix` would. */
async function lock(scheduler: Scheduler, process: Process, disk: HostDisk): Promise<() => void> {
  for (;;) {
    const { held } = disk;
    if (held === null) break;
    await scheduler.hold(process, held);
  }
  const freed = createDeferred<void>();
  disk.held = freed.promise;
  const unlock = (): void => {
    process.onEnd.delete(unlock);
    disk.held = null;
    freed.resolve();
  };
  process.onEnd.add(unlock);
  return unlock;
}

/** A joiner's ports for one process. */
export function joinerPorts(
  scheduler: Scheduler,
  process: Process,
  home: TestJoinerHome,
  isFull: () => boolean,
): JoinerHome {
  const write = writer(scheduler, process, isFull);
  return {
    identity: () => home.identity(),
    deviceKey: (options) =>
      options.renew ? write('a new key', () => home.deviceKey(options)) : home.deviceKey(options),
    channelSecret: () => home.channelSecret(),
    log: gatedLog(home.log, write),
    records: gatedRecords(home.records, write),
    keepHost: (did, host) => write('its host', () => home.keepHost(did, host)),
    adopt: (did) => write('its identity', () => home.adopt(did)),
  };
}

type Write = <T>(label: string, act: () => T) => Promise<Awaited<T>>;

function writer(scheduler: Scheduler, process: Process, isFull: () => boolean): Write {
  return (label, act) => {
    const write = (): ReturnType<typeof act> => {
      if (!isFull()) return act();
      scheduler.trace.push(`${process.name} cannot write ${label}`);
      throw new AuthsError('storage/failed', 'the disk is full', { details: { path: label } });
    };
    return scheduler.gate(process, `writes ${label}`, write, { outlives: true });
  };
}

function gatedLog(log: EventLog, write: Write): EventLog {
  return {
    read: (prefix) => log.read(prefix),
    list: () => log.list(),
    append: (prefix, expected, events) => write('the log', () => log.append(prefix, expected, events)),
    supersede: (prefix, expected, from, events) =>
      write('the log', () => log.supersede(prefix, expected, from, events)),
  };
}

function gatedRecords(records: AttestationStore, write: Write): AttestationStore {
  return {
    list: (issuer) => records.list(issuer),
    put: (issuer, added) => write('records', () => records.put(issuer, added)),
  };
}
