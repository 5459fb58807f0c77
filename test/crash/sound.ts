/** What must hold in a home at any moment, whatever died in it: read in process, with nothing mended on the way. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { deviceStatus, type DeviceState } from '../../packages/core/src/attestation/device-state.ts';
import { parseRecord } from '../../packages/core/src/attestation/attestation.ts';
import { foldDevices } from '../../packages/core/src/attestation/fold.ts';
import { didKeriOf } from '../../packages/core/src/identifiers.ts';
import { replay } from '../../packages/core/src/keri/key-state.ts';
import type { PairedDevice } from '../../packages/core/src/flows/pairing-ports.ts';
import { gitAttestationStore } from '../../packages/git-store/src/attestation-store.ts';
import { gitEventLog } from '../../packages/git-store/src/event-log.ts';
import { homeExists } from '../../packages/git-store/src/home-parts.ts';
import { openHome } from '../../packages/git-store/src/home-repository.ts';
import { readIdentityDocument } from '../../packages/git-store/src/identity-document.ts';
import { readAllowList } from '../../packages/key-store/src/allow-list.ts';
import { nodeVerifyEngine } from '../../packages/key-store/src/verify-engine.ts';

export interface Seen {
  readonly role: 'controller' | 'device' | null;
  /** Exact bytes of the log; empty when there is none. */
  readonly stream: Uint8Array;
  readonly events: number;
  readonly devices: readonly DeviceState[];
  readonly paired: readonly PairedDevice[];
}

/** Reads a home; throws, saying what, where something is half there. */
export async function readSound(dir: string): Promise<Seen> {
  const paired = existsSync(dir) ? await readAllowList(dir) : [];
  if (!homeExists(dir)) return { role: null, stream: new Uint8Array(0), events: 0, devices: [], paired };
  // Unreachable objects are what a crash leaves; broken or missing ones are not.
  execFileSync('git', [`--git-dir=${dir}`, 'fsck', '--strict', '--full', '--no-dangling'], { stdio: 'pipe' });
  const home = openHome(dir);
  try {
    const identity = await readIdentityDocument(home);
    const log = gitEventLog(home);
    const [prefix, ...others] = await log.list();
    if (others.length > 0) throw new Error('more than one log');
    const stored = prefix === undefined ? null : await log.read(prefix);
    if (prefix === undefined || stored === null) {
      if (identity !== null) throw new Error('an identity without its log');
      return { role: null, stream: new Uint8Array(0), events: 0, devices: [], paired };
    }
    const verdict = replay(stored.stream, { engine: nodeVerifyEngine });
    if (verdict.verdict !== 'accepted')
      throw new Error(`the log is ${verdict.verdict}: ${verdict.reason ?? ''}`);
    const issuer = didKeriOf(prefix);
    const records = (await gitAttestationStore(home).list(issuer)).map(({ bytes }) => parseRecord(bytes));
    const fold = foldDevices({ issuer, events: verdict.events, records, engine: nodeVerifyEngine });
    return {
      role: identity?.role ?? null,
      stream: stored.stream.slice(),
      events: verdict.events.length,
      devices: fold.devices,
      paired,
    };
  } finally {
    await home.close();
  }
}

/** A sealed record that is not there, for a home that made or has accepted the seal. */
export function missingRecords({ devices }: Seen): readonly string[] {
  return devices.flatMap(({ missing }) => missing.map(({ digest }) => digest));
}

/** Devices that work: sealed, not revoked, not expired. */
export function liveDevices({ devices }: Seen): readonly DeviceState[] {
  return devices.filter((device) => device.fault === null && deviceStatus(device, Date.now()) === 'active');
}

/** Entries that would open a channel although the log does not name the device as live. */
export function openDoors(seen: Seen): readonly PairedDevice[] {
  const live = new Set<string>(liveDevices(seen).map(({ subject }) => subject));
  return seen.paired.filter(({ status, device_did }) => status === 'active' && !live.has(device_did));
}

/** True when every byte of `before` still stands at the start of `after`. */
export function keeps(before: Uint8Array, after: Uint8Array): boolean {
  return Buffer.from(after.subarray(0, before.length)).equals(Buffer.from(before));
}
