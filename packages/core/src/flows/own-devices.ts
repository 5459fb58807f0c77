/** The devices of an identity as its own home knows them, and finding one by what a person types. */
import { readableRecord } from '../attestation/attestation.ts';
import type { DeviceFold, DeviceState } from '../attestation/device-state.ts';
import { foldDevices } from '../attestation/fold.ts';
import { AuthsError } from '../errors.ts';
import type { DidKeri, DidKey } from '../identifiers.ts';
import type { KelVerdict } from '../keri/key-state.ts';
import type { AttestationStore, EventLog, VerifyEngine } from '../ports.ts';
import { readOwnLog } from './seal-records.ts';

export interface DevicePorts {
  readonly log: EventLog;
  readonly records: AttestationStore;
  readonly engine: VerifyEngine;
}

/** The fold over the home's log and records. Records that do not parse are passed over: their seals then show as missing. */
export async function ownDevices(ports: DevicePorts, issuer: DidKeri): Promise<DeviceFold> {
  return devicesOn(ports, issuer, (await readOwnLog(ports, issuer)).verdict);
}

/** The same over the log that was read before. */
export async function devicesOn(
  ports: Pick<DevicePorts, 'records' | 'engine'>,
  issuer: DidKeri,
  verdict: KelVerdict,
): Promise<DeviceFold> {
  const stored = await ports.records.list(issuer);
  const records = stored.flatMap(({ bytes }) => readableRecord(bytes) ?? []);
  return foldDevices({ issuer, events: verdict.events, records, engine: ports.engine });
}

/** What to type for a device that counts for nothing. Wherever it is and whatever it knows, it comes back when it was taken away. */
export function linkAnew(device: DidKey): string {
  return `auths devices revoke ${device} --reason retired, then auths pair: it comes back with a new key`;
}

/**
 * The one device that a name, an alias (`<name>-key`) or a did:key means. A name shared by several means
 * the one that is not revoked, when there is just one. `device/not-found`, or `device/ambiguous`.
 */
export function findDevice(devices: readonly DeviceState[], wanted: string): DeviceState {
  const exact = devices.find(({ subject }) => subject === wanted);
  if (exact !== undefined) return exact;
  let named = devices.filter(({ name }) => name === wanted);
  if (named.length === 0) named = devices.filter(({ name }) => `${name}-key` === wanted);
  if (named.length > 1) {
    const live = named.filter(({ revocation }) => revocation === null);
    if (live.length > 0) named = live;
  }
  const [device, ...others] = named;
  if (device === undefined) {
    throw new AuthsError('device/not-found', `no device is called "${wanted}"`, {
      hint: 'auths devices',
      details: { device: wanted },
    });
  }
  if (others.length > 0) {
    throw new AuthsError('device/ambiguous', `${named.length} devices are called "${wanted}"`, {
      hint: `name it by its DID: ${named.map(({ subject }) => subject).join(' or ')}`,
      details: { device: wanted },
    });
  }
  return device;
}
