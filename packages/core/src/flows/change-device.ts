/** Renaming a device and moving its expiry: an extension by the identity, sealed in its log (storage-and-verification.md 3). */
import type { ExtensionRecord } from '../attestation/attestation.ts';
import { cleanDeviceName } from '../attestation/attestation.ts';
import type { DeviceState } from '../attestation/device-state.ts';
import { buildExtension } from '../attestation/sign.ts';
import { AuthsError } from '../errors.ts';
import type { DidKeri } from '../identifiers.ts';
import type { Clock } from '../ports.ts';
import { findDevice, ownDevices } from './own-devices.ts';
import { sealRecords, type SealingPorts } from './seal-records.ts';

export interface ChangePorts extends SealingPorts {
  readonly clock: Clock;
}

export interface DeviceChange {
  /** Name, alias or did:key. */
  readonly device: string;
  readonly name?: string;
  /** Epoch ms, in the future. */
  readonly expiresAt?: number;
}

export interface ChangedDevice {
  readonly before: DeviceState;
  readonly record: ExtensionRecord;
  readonly sequence: number;
}

/**
 * Seals the change; what it does not name stays. `device/not-found`, `device/ambiguous`, `device/revoked`;
 * `usage/invalid` for a name that another device has and for an expiry that is not in the future.
 */
export async function changeDevice(
  ports: ChangePorts,
  issuer: DidKeri,
  change: DeviceChange,
): Promise<ChangedDevice> {
  const { devices } = await ownDevices(ports, issuer);
  const before = findDevice(devices, change.device);
  if (before.revocation !== null) {
    throw new AuthsError(
      'device/revoked',
      `${before.name} was revoked; a revoked device is not changed any more`,
      {
        hint: 'auths pair adds a device',
        details: { device: before.subject },
      },
    );
  }
  const now = ports.clock.now();
  if (change.expiresAt !== undefined && change.expiresAt <= now) {
    throw new AuthsError('usage/invalid', 'the new expiry is not in the future', {
      hint: 'to take a device away: auths devices revoke',
    });
  }
  const name = change.name === undefined ? undefined : freeName(devices, before, change.name);
  const draft = buildExtension({
    device: before,
    issuedAt: now,
    ...(name === undefined ? {} : { name }),
    ...(change.expiresAt === undefined ? {} : { expiresAt: change.expiresAt }),
  });
  const { records, event } = await sealRecords(ports, issuer, [draft]);
  return {
    before,
    record: records[0] as ExtensionRecord,
    sequence: event?.sequence ?? before.linkedAt.sequence,
  };
}

function freeName(devices: readonly DeviceState[], device: DeviceState, wanted: string): string {
  const name = cleanDeviceName(wanted);
  const taken = devices.some(
    (other) => other.subject !== device.subject && other.revocation === null && other.name === name,
  );
  if (!taken) return name;
  throw new AuthsError('usage/invalid', `another device is called "${name}" already`, {
    hint: 'auths devices',
  });
}
