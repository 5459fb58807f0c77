/**
 * What a recovery gives up without a word: devices that the branch which lost had revoked, and that the trunk has not. A
 * thief's branch may revoke as well as the owner's, so neither counts by itself; a person is told, and decides.
 */
import { readableRecord, type RevocationReason } from '../attestation/attestation.ts';
import { foldDevices } from '../attestation/fold.ts';
import { didKeriOf, type DidKey } from '../identifiers.ts';
import type { Log } from '../keri/advance.ts';
import type { StoredRecord, VerifyEngine } from '../ports.ts';

export interface GivenUpRevocation {
  readonly did: DidKey;
  /** As the trunk names it. */
  readonly name: string;
  readonly reason: RevocationReason;
}

/** Devices of the trunk that stand there, and are revoked on `branch`, in the order of their links. Never throws for what a record holds. */
export function givenUpRevocations(
  engine: VerifyEngine,
  trunk: Log,
  branch: Log,
  records: readonly StoredRecord[],
): readonly GivenUpRevocation[] {
  const readable = records.map(({ bytes }) => readableRecord(bytes)).filter((record) => record !== null);
  const issuer = didKeriOf(trunk.prefix);
  const [kept, lost] = [trunk, branch].map(({ events }) =>
    foldDevices({ issuer, events, records: readable, engine }),
  );
  return (kept?.devices ?? []).flatMap(({ subject: did, name, revocation }) => {
    const there = lost?.devices.find(({ subject }) => subject === did)?.revocation ?? null;
    return revocation === null && there !== null ? [{ did, name, reason: there.reason }] : [];
  });
}
