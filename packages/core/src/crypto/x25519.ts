/** X25519 (RFC 7748) that refuses what libsodium's crypto_kx refuses: a shared secret of all zeros. */
import { x25519 as curve } from '@noble/curves/ed25519.js';
import { AuthsError } from '../errors.ts';

/** u = 9, little-endian. */
const BASE_POINT = Uint8Array.of(9, ...new Uint8Array(31));

/**
 * The 32-byte public key of a 32-byte private key (clamped here, as RFC 7748 says). By the ladder: the tables that noble's
 * `getPublicKey` makes first pay off after a dozen keys, and a program makes one or two.
 */
export function x25519PublicKey(privateKey: Uint8Array): Uint8Array {
  requireLength(privateKey);
  return curve.scalarMult(privateKey, BASE_POINT);
}

/**
 * The shared secret, 32 bytes. A public key of small order, in any spelling, gives all zeros to everyone
 * and is refused with `pairing/weak-key`; another length than 32 is `input/malformed`.
 */
export function x25519(privateKey: Uint8Array, publicKey: Uint8Array): Uint8Array {
  requireLength(privateKey);
  if (publicKey.length !== 32) throw new AuthsError('input/malformed', 'an X25519 key has 32 bytes');
  try {
    return curve.getSharedSecret(privateKey, publicKey);
  } catch (cause) {
    // With both lengths right the one thing left that noble refuses is the zero result.
    throw new AuthsError('pairing/weak-key', "the other side's X25519 key is of small order", { cause });
  }
}

function requireLength(privateKey: Uint8Array): void {
  if (privateKey.length !== 32) throw new AuthsError('internal/bug', 'an X25519 private key has 32 bytes');
}
