/** Whose signatures a record carries. Whether it counts is decided by the seals in the KEL: `fold.ts`. */
import { verifyEd25519 } from '../crypto/verify-ed25519.ts';
import { fromHex } from '../encoding/bytes.ts';
import type { VerifyEngine } from '../ports.ts';
import type { AttestationRecord } from './attestation.ts';
import { signedBytes, subjectKey } from './signed-bytes.ts';

export interface RecordSignatures {
  /** Made by `identityKey` over the signed bytes. */
  readonly identity: boolean;
  /** Made by the record's own subject; null for the types that carry none. */
  readonly device: boolean | null;
}

/** Checks both signatures of a parsed record against the identity key in force where it is sealed (32 bytes). */
export function verifyRecordSignatures(
  engine: VerifyEngine,
  record: AttestationRecord,
  identityKey: Uint8Array,
): RecordSignatures {
  const message = signedBytes(record);
  return {
    identity: verifyEd25519(engine, identityKey, message, fromHex(record.identity_signature, 64)),
    device:
      record.type === 'link'
        ? verifyEd25519(engine, subjectKey(record), message, fromHex(record.device_signature, 64))
        : null,
  };
}
