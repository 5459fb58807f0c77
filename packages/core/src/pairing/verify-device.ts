/** The host judges who the device is before a person is asked (docs/protocol.md, "Messages", step 3). */
import { cleanDeviceName } from '../attestation/attestation.ts';
import { isStrongKey, verifyEd25519 } from '../crypto/ed25519.ts';
import { encodeDidKey } from '../encoding/did-key.ts';
import { AuthsError } from '../errors.ts';
import type { DidKey } from '../identifiers.ts';
import type { VerifyEngine } from '../ports.ts';
import { unexpected } from './channel.ts';
import type { HostKeyed } from './host.ts';
import { parseP2, type P2 } from './introductions.ts';
import { deviceId } from './sas.ts';
import { bindingMessage, deviceProofMessage } from './transcript.ts';

/** The device that answered, its signatures verified. */
export interface VerifiedDevice {
  readonly signingKey: Uint8Array;
  readonly did: DidKey;
  readonly static: Uint8Array;
  /** Cleaned: safe to show, at most 64 characters. */
  readonly name: string;
  readonly deviceId: Uint8Array;
  readonly noise: Uint8Array;
}

/**
 * Opens P2 and checks, each by its own error: sealed as it left (`channel-tampered`), key fit to enrol (`weak-key`),
 * did:key of that key (`did-mismatch`), signature = Ed25519 over code||host_x25519||device_x25519 and
 * proof over the channel (`invalid-signature`), and `expectDevice` (`device-not-expected`).
 */
export function openIntroduction(
  keyed: HostKeyed,
  engine: VerifyEngine,
  expectDevice: DidKey | null,
): VerifiedDevice {
  const data = keyed.envelopes.open({ seq: 0, sealed: keyed.sealed });
  if (data === null) throw unexpected();
  const p2 = parseP2(data);
  if (!isStrongKey(p2.deviceSigningKey)) {
    throw new AuthsError(
      'pairing/weak-key',
      'the device announces an Ed25519 key that anyone could sign for',
    );
  }
  const did = encodeDidKey(p2.deviceSigningKey);
  if (did !== p2.deviceDid) {
    throw new AuthsError(
      'pairing/did-mismatch',
      'the announced device DID is not the did:key of the device key',
    );
  }
  requireSignatures(keyed, p2, did, engine);
  if (expectDevice !== null && expectDevice !== did) {
    throw new AuthsError(
      'pairing/device-not-expected',
      `${did} answered, which is not the device expected here`,
      {
        details: { device_did: did, expected: expectDevice },
      },
    );
  }
  return {
    signingKey: p2.deviceSigningKey,
    did,
    static: p2.deviceStatic,
    name: cleanDeviceName(p2.deviceName),
    deviceId: deviceId({ signingKey: p2.deviceSigningKey, static: p2.deviceStatic, did }),
    noise: p2.noise,
  };
}

function requireSignatures(keyed: HostKeyed, p2: P2, did: DidKey, engine: VerifyEngine): void {
  const { session, slot, keys } = keyed;
  const binding = bindingMessage(slot.secretText, session.x25519Public, keyed.deviceX25519);
  const proof = deviceProofMessage(keys.chanId, p2.deviceStatic, did);
  if (
    !verifyEd25519(engine, p2.deviceSigningKey, binding, p2.signature) ||
    !verifyEd25519(engine, p2.deviceSigningKey, proof, p2.proof)
  ) {
    throw new AuthsError('pairing/invalid-signature', 'the device did not sign this code and these keys');
  }
}
