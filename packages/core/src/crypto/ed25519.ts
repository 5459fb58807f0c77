/**
 * Ed25519 keys and signatures on noble's curve, and the one equation (verify-ed25519.ts) for places without
 * node:crypto. noble's own `verify` multiplies by the cofactor and would accept what OpenSSL refuses, so it is
 * never called. Whoever only verifies imports verify-ed25519.ts: executing the curve's modules takes as long as
 * starting Node does again.
 */
import { ed25519 } from '@noble/curves/ed25519.js';
import { sha512 } from '@noble/hashes/sha2.js';
import { concat, equalBytes } from '../encoding/bytes.ts';
import { AuthsError } from '../errors.ts';
import type { VerifyEngine } from '../ports.ts';
import { isReducedScalar, isUsableEncoding } from './verify-ed25519.ts';

export { verifyEd25519 } from './verify-ed25519.ts';

const { Point } = ed25519;

/** The 32-byte public key of a 32-byte seed (RFC 8032 5.1.5). Any other length is `internal/bug`. */
export function publicKeyOf(seed: Uint8Array): Uint8Array {
  requireSeed(seed);
  return ed25519.getPublicKey(seed);
}

/** The 64-byte deterministic signature of a 32-byte seed over `message` (RFC 8032 5.1.6). */
export function signEd25519(seed: Uint8Array, message: Uint8Array): Uint8Array {
  requireSeed(seed);
  return ed25519.sign(message, seed);
}

/**
 * Whether a key may be enrolled: 32 bytes, canonical, on the curve, not of small order and free of
 * torsion, so that it is the key of some seed and no two spellings of it exist. About 1 ms.
 */
export function isStrongKey(publicKey: Uint8Array): boolean {
  if (publicKey.length !== 32 || !isUsableEncoding(publicKey, 0)) return false;
  const point = decodePoint(publicKey);
  return point !== null && point.isTorsionFree();
}

/** The equation on noble's points, for places without node:crypto. Decides exactly as OpenSSL does; false on any bad input. */
export const pureVerifyEngine: VerifyEngine = {
  verify(publicKey, message, signature) {
    if (publicKey.length !== 32 || signature.length !== 64 || !isReducedScalar(signature, 32)) return false;
    const A = decodePoint(publicKey);
    if (A === null) return false;
    const R = signature.subarray(0, 32);
    const S = littleEndian(signature.subarray(32));
    const k = littleEndian(sha512(concat(R, publicKey, message))) % Point.Fn.ORDER;
    return equalBytes(Point.BASE.multiplyUnsafe(S).subtract(A.multiplyUnsafe(k)).toBytes(), R);
  },
};

function decodePoint(bytes: Uint8Array): InstanceType<typeof Point> | null {
  try {
    return Point.fromBytes(bytes, false);
  } catch {
    return null;
  }
}

function littleEndian(bytes: Uint8Array): bigint {
  let value = 0n;
  for (let i = bytes.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i] as number);
  return value;
}

function requireSeed(seed: Uint8Array): void {
  if (seed.length !== 32) throw new AuthsError('internal/bug', 'an Ed25519 seed has 32 bytes');
}
