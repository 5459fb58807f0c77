/** The Signer port by node:crypto, from a 32-byte Ed25519 seed. */
import { createPrivateKey, createPublicKey, sign } from 'node:crypto';
import { AuthsError } from '@auths/core/errors';
import type { Signer } from '@auths/core/ports';

/** PKCS #8 of an Ed25519 private key up to its 32 bytes (RFC 8410). */
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex');
/** Length of the SubjectPublicKeyInfo before its 32 bytes. */
const SPKI_LENGTH = 12;

/** A signer that keeps the key inside OpenSSL; the caller's seed is neither kept nor changed and may be wiped. */
export function createSigner(seed: Uint8Array): Signer {
  if (seed.length !== 32) throw new AuthsError('internal/bug', 'an Ed25519 seed has 32 bytes');
  const der = Buffer.concat([PKCS8, seed]);
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  der.fill(0);
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' });
  return {
    publicKey: new Uint8Array(spki.subarray(SPKI_LENGTH)),
    sign: (message) => Promise.resolve(new Uint8Array(sign(null, message, key))),
  };
}
