/** Renaming a device and moving its expiry: an extension by the identity, sealed in its log (storage-and-verification.md 3). */
import type { ExtensionRecord, UnsignedExtension } from '../attestation/attestation.ts';
import { cleanDeviceName } from '../attestation/attestation.ts';
import type { DeviceState } from '../attestation/device-state.ts';
import { buildExtension } from '../attestation/sign.ts';
import { AuthsError } from '../errors.ts';
import type { DidKeri } from '../identifiers.ts';
import type { Clock } from '../ports.ts';
import { devicesOn, findDevice, linkAnew } from './own-devices.ts';
import { sealDecided, type SealingPorts } from './seal-records.ts';

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
 * Seals the change; what it does not name stays. `device/not-found`, `device/ambiguous`, `device/revoked`,
 * `attestation/invalid` for a device that counts for nothing; `usage/invalid` for a name that another device has and for
 * an expiry that is not in the future.
 */
export async function changeDevice(
  ports: ChangePorts,
  issuer: DidKeri,
  change: DeviceChange,
): Promise<ChangedDevice> {
  const now = ports.clock.now();
  // A name is looked up once: whatever it may come to mean meanwhile, that device was meant.
  let wanted = change.device;
  const {
    found: before,
    records,
    event,
  } = await sealDecided(ports, issuer, async (verdict) => {
    const { devices } = await devicesOn(ports, issuer, verdict);
    const device = findDevice(devices, wanted);
    wanted = device.subject;
    return { drafts: [draftOf(devices, device, change, now)], found: device };
  });
  return {
    before,
    record: records[0] as ExtensionRecord,
    sequence: event?.sequence ?? before.linkedAt.sequence,
  };
}

function draftOf(
  devices: readonly DeviceState[],
  device: DeviceState,
  { name, expiresAt }: DeviceChange,
  now: number,
): UnsignedExtension {
  requireChangeable(device);
  if (expiresAt !== undefined && expiresAt <= now) {
    throw new AuthsError('usage/invalid', 'the new expiry is not in the future', {
      hint: 'to take a device away: auths devices revoke',
    });
  }
  return buildExtension({
    device,
    issuedAt: now,
    ...(name === undefined ? {} : { name: freeName(devices, device, name) }),
    ...(expiresAt === undefined ? {} : { expiresAt }),
  });
}

function requireChangeable({ name, subject, revocation, fault }: DeviceState): void {
  if (revocation !== null) {
    throw new AuthsError('device/revoked', `${name} was revoked; a revoked device is not changed any more`, {
      hint: 'auths pair adds a device',
      details: { device: subject },
    });
  }
  if (fault === null) return;
  throw new AuthsError('attestation/invalid', `${name} counts for nothing, and no change helps: ${fault}`, {
    hint: linkAnew(subject),
    details: { device: subject },
  });
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
