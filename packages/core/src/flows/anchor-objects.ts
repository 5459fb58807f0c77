/** Anchoring: the identity seals that these objects exist now, so that later revocations leave them alone (storage-and-verification.md 6). */
import type { AnchorRecord, ObjectName } from '../attestation/attestation.ts';
import { buildAnchor } from '../attestation/sign.ts';
import type { DidKeri, Said } from '../identifiers.ts';
import type { Clock, Random } from '../ports.ts';
import { sealRecords } from './seal-records.ts';
import type { SealingPorts } from './seal-records.ts';

export interface AnchorPorts extends SealingPorts {
  readonly clock: Clock;
  readonly random: Random;
}

/** One anchor record over all objects, sealed in one event. Rejects as `sealRecords` does. */
export async function anchorObjects(
  ports: AnchorPorts,
  issuer: DidKeri,
  objects: readonly ObjectName[],
  note?: string,
): Promise<{ readonly record: AnchorRecord; readonly sequence: number; readonly said: Said }> {
  const draft = buildAnchor({
    rid: ports.random.bytes(16),
    issuer,
    objects,
    anchoredAt: ports.clock.now(),
    ...(note === undefined ? {} : { note }),
  });
  const { records, event, log } = await sealRecords(ports, issuer, [draft]);
  return { record: records[0] as AnchorRecord, sequence: event?.sequence ?? 0, said: event?.said ?? log.tip };
}
