/** Taking a device away: a revocation by the identity, sealed in its log (storage-and-verification.md 3). */
import type { ObjectName, RevocationReason, RevocationRecord } from '../attestation/attestation.ts';
import type { DeviceState } from '../attestation/device-state.ts';
import { buildRevocation } from '../attestation/sign.ts';
import type { DidKeri, Said } from '../identifiers.ts';
import type { Clock } from '../ports.ts';
import { findDevice, ownDevices } from './own-devices.ts';
import { sealRecords } from './seal-records.ts';
import type { SealingPorts } from './seal-records.ts';

export interface RevokePorts extends SealingPorts {
  readonly clock: Clock;
}

export interface RevokeOptions {
  /** Name, alias or did:key. */
  readonly device: string;
  readonly reason: RevocationReason;
  /** Tips whose history by this device is still vouched for. */
  readonly good?: readonly ObjectName[];
  readonly note?: string;
}

export interface Revoked {
  readonly device: DeviceState;
  /** null: it was revoked for this reason before, and nothing new was vouched for. */
  readonly record: RevocationRecord | null;
  /** The revoking event. */
  readonly sealedAt: { readonly sequence: number; readonly said: Said } | null;
}

/**
 * Revokes; a reason worse than before (retired, lost, compromised) is sealed on top. Lost and compromised
 * are final for the key. `device/not-found`, `device/ambiguous`, and what `sealRecords` rejects with.
 */
export async function revokeDevice(
  ports: RevokePorts,
  issuer: DidKeri,
  options: RevokeOptions,
): Promise<Revoked> {
  const { devices } = await ownDevices(ports, issuer);
  const device = findDevice(devices, options.device);
  const { revocation } = device;
  const vouches = (options.good ?? []).length > 0;
  if (
    revocation !== null &&
    (SEVERITY[options.reason] < SEVERITY[revocation.reason] ||
      (options.reason === revocation.reason && !vouches))
  ) {
    return { device, record: null, sealedAt: null };
  }
  const draft = buildRevocation({
    device,
    reason: options.reason,
    revokedAt: ports.clock.now(),
    ...(options.good === undefined ? {} : { good: options.good }),
    ...(options.note === undefined ? {} : { note: options.note }),
  });
  const { records, event } = await sealRecords(ports, issuer, [draft]);
  return {
    device,
    record: records[0] as RevocationRecord,
    sealedAt: event === null ? null : { sequence: event.sequence, said: event.said },
  };
}

const SEVERITY: Readonly<Record<RevocationReason, number>> = { retired: 0, lost: 1, compromised: 2 };
