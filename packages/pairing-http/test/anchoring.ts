import { parseRecord, type AttestationRecord } from '@auths/core/attestation/attestation';
import { sealRecords, type SealedRecords } from '@auths/core/flows/seal-records';
import { engine, type TestAuthority } from '@auths/testing/two-device-world';

/** Seals a link as the host's last step does. */
export function anchorPairing(host: TestAuthority, link: AttestationRecord): Promise<SealedRecords> {
  const { identity, log, records } = host;
  return sealRecords({ identity, log, records, engine }, host.controllerDid, [link]);
}

/** What the host's records hold, and one that nothing seals. */
export async function sealedRecordsOf(
  host: TestAuthority,
  unsealed: AttestationRecord | null,
): Promise<readonly AttestationRecord[]> {
  const stored = await host.records.list(host.controllerDid);
  const records = stored.map(({ bytes }) => parseRecord(bytes));
  return unsealed === null ? records : [...records, unsealed];
}
