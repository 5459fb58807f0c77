/** Taking a device away: a revocation by the identity, sealed in its log (storage-and-verification.md 3). */
import type {
  ObjectName,
  RevocationReason,
  RevocationRecord,
  UnsignedRevocation,
} from '../attestation/attestation.ts';
import type { DeviceState } from '../attestation/device-state.ts';
import { buildRevocation } from '../attestation/sign.ts';
import type { DidKeri, Said } from '../identifiers.ts';
import type { Clock } from '../ports.ts';
import { devicesOn, findDevice } from './own-devices.ts';
import { sealDecided } from './seal-records.ts';
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
  const revokedAt = ports.clock.now();
  // A name is looked up once: whatever it may come to mean meanwhile, that device was meant.
  let wanted = options.device;
  const { found, records, event } = await sealDecided(ports, issuer, async (verdict) => {
    const device = findDevice((await devicesOn(ports, issuer, verdict)).devices, wanted);
    wanted = device.subject;
    const draft = buildRevocation({
      device,
      reason: options.reason,
      revokedAt,
      ...(options.good === undefined ? {} : { good: options.good }),
      ...(options.note === undefined ? {} : { note: options.note }),
    });
    return { drafts: saysMore(device, draft) ? [draft] : [], found: device };
  });
  const [record = null] = records as readonly RevocationRecord[];
  return {
    device: found,
    record,
    sealedAt: event === null ? null : { sequence: event.sequence, said: event.said },
  };
}

/** Than the revocation that stands. */
function saysMore({ revocation }: DeviceState, { reason, good }: UnsignedRevocation): boolean {
  if (revocation === null) return true;
  const more = SEVERITY[reason] - SEVERITY[revocation.reason];
  return more > 0 || (more === 0 && good !== undefined);
}

const SEVERITY: Readonly<Record<RevocationReason, number>> = { retired: 0, lost: 1, compromised: 2 };
