/**
 * What the signatures of a record cover (storage-and-verification.md 3).
 *   signed bytes = LV("auths-attestation/1") || LV(JCS of the record without its two signatures)
 *   digest       = E + Blake3-256(signed bytes), what the KEL seals as {"d": digest}
 */
import { attestationBytes } from '../crypto/domains.ts';
import { decodeDidKey } from '../encoding/did-key.ts';
import { jcs } from '../encoding/jcs.ts';
import { utf8 } from '../encoding/text.ts';
import type { DidKey, Said } from '../identifiers.ts';
import { digest } from '../keri/said.ts';
import type { AttestationRecord, LinkRecord, UnsignedRecord } from './attestation.ts';

/** What both keys sign and the digest is taken of. The signatures of a signed record are left out of it. */
export function signedBytes(record: UnsignedRecord | AttestationRecord): Uint8Array {
  const { identity_signature: _identity, device_signature: _device, ...content } = record as LinkRecord;
  return attestationBytes(utf8(jcs(content)));
}

/** The digest of the signed bytes: the same before and after signing, and after a recovery has signed anew. */
export function digestOf(record: UnsignedRecord | AttestationRecord): Said {
  return digest(signedBytes(record));
}

/** The device's key bytes of a record that has a subject. */
export function subjectKey(record: { readonly subject: DidKey }): Uint8Array {
  return decodeDidKey(record.subject);
}
