/** The verdict on one attestation as a file: who made it, whether its issuer's log seals it, and whether it still counts. */
import type { AttestationRecord } from '../attestation/attestation.ts';
import { deviceStatus } from '../attestation/device-state.ts';
import { digestOf } from '../attestation/signed-bytes.ts';
import type { ObjectResult, Verdict } from './verdict.ts';
import type { World } from './world.ts';

/** Judges against the World's evidence, which must hold the record itself too. `trust: false` leaves the roots out. Never throws. */
export function judgeRecord(
  world: World,
  record: AttestationRecord,
  options: { readonly trust: boolean } = { trust: true },
): ObjectResult {
  const identity = world.identity(record.issuer);
  const digest = digestOf(record);
  const device =
    record.type === 'anchor'
      ? null
      : (identity.all.devices.find(({ subject }) => subject === record.subject) ?? null);
  const answer = (verdict: Verdict, step: string, detail: string): ObjectResult => ({
    object: digest,
    type: record.type,
    verdict,
    controllerDid: record.issuer,
    deviceDid: record.type === 'anchor' ? null : record.subject,
    deviceName: device?.name ?? null,
    capabilities: device?.capabilities ?? [],
    asOf: identity.tip,
    freshness: 'unknown',
    checks: [{ step, ok: verdict === 'valid', detail }],
    hint: null,
    suppliable: identity.status === 'missing',
  });
  if (identity.status === 'missing')
    return answer('unverifiable', 'kel', identity.why ?? 'the log is not here');
  if (identity.status !== 'accepted') return answer(identity.status, 'kel', identity.why ?? identity.status);
  const refused = identity.all.refusalOf(record);
  if (refused?.why === 'order' && identity.all.missing.length > 0) {
    // Sealed and signed, but what it builds on is not at hand. Taking away needs nothing to build on.
    if (record.type === 'extension') {
      return answer('unverifiable', 'attestation', `${refused.detail}, as far as the records at hand go`);
    }
  } else if (refused !== null) {
    return answer(
      refused.why === 'unanchored' ? 'attestation-unanchored' : 'attestation-invalid',
      'attestation',
      refused.detail,
    );
  }
  if (options.trust && !world.roots.some(({ did }) => did === record.issuer)) {
    return answer('untrusted-root', 'root', `${record.issuer} is not among the roots`);
  }
  if (device !== null && record.type !== 'revocation') {
    if (device.fault !== null) return answer('attestation-invalid', 'attestation', device.fault);
    const lost = device.missing[0];
    if (lost !== undefined)
      return answer(
        'unverifiable',
        'attestation',
        `record for seal ${lost.digest} (s=${lost.sealedAt.sequence}) missing`,
      );
    const status = deviceStatus(device, world.now);
    if (status === 'revoked')
      return answer('revoked', 'revocation', `revoked as ${device.revocation?.reason ?? ''}`);
    if (status === 'expired') return answer('expired', 'expiry', `expired on ${device.expiresAt ?? ''}`);
  }
  return answer('valid', 'attestation', `sealed in the log of ${record.issuer}`);
}
