/**
 * Ed25519 with one equation everywhere. A signature (R, S) by A over M holds exactly when
 *   A and R are canonical encodings (y < p) and not encodings of a point of small order,
 *   S < L, and encode(S·B − k·A) = R with k = SHA-512(R || A || M) mod L   (no cofactor).
 * The byte rules are decided here; the equation by a `VerifyEngine`: OpenSSL in Node, noble's points in
 * a browser. noble's own `verify` multiplies by the cofactor and would accept what OpenSSL refuses, so
 * it is never called.
 */
import { ed25519 } from '@noble/curves/ed25519.js';
import { sha512 } from '@noble/hashes/sha2.js';
import { concat, equalBytes } from '../encoding/bytes.ts';
import { AuthsError } from '../errors.ts';
import type { VerifyEngine } from '../ports.ts';

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
 * Whether `signature` (64 bytes) is one by `publicKey` (32 bytes) over `message` under the one equation
 * above. Any other length is simply false; never throws on what the bytes say.
 */
export function verifyEd25519(
  engine: VerifyEngine,
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  return (
    publicKey.length === 32 &&
    signature.length === 64 &&
    isUsableEncoding(publicKey, 0) &&
    isUsableEncoding(signature, 0) &&
    isReducedScalar(signature, 32) &&
    engine.verify(publicKey, message, signature)
  );
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

/**
 * Whether the 32 bytes at `at` are a canonical y (below p = 2^255 − 19) that no point of order 1, 2, 4
 * or 8 has. The sign bit plays no part: both signs of a small-order y are refused, which also covers
 * the one non-canonical spelling left (x = 0 with the sign bit, y = ±1).
 */
function isUsableEncoding(bytes: Uint8Array, at: number): boolean {
  const last = (bytes[at + 31] as number) & 0x7f;
  if (last === 0x7f && (bytes[at] as number) >= 0xed && isFilledWith(bytes, at, 0xff)) return false;
  for (const y of SMALL_ORDER_Y) {
    // The first byte settles nearly every call.
    if (bytes[at] === y[0] && last === y[31] && hasSameMiddle(bytes, at, y)) return false;
  }
  return true;
}

/** y of the eight points of small order, without sign: 1 (order 1), −1 (2), 0 (4), and the two y of order 8. */
const SMALL_ORDER_Y: readonly Uint8Array[] = [
  Uint8Array.of(1, ...Array<number>(31).fill(0)),
  Uint8Array.of(0xec, ...Array<number>(30).fill(0xff), 0x7f),
  new Uint8Array(32),
  Uint8Array.from([
    0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5,
    0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
  ]),
  Uint8Array.from([
    0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a,
    0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
  ]),
];

/** L = 2^252 + 27742317777372353535851937790883648493, little-endian. */
const ORDER: Uint8Array = Uint8Array.from([
  0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0,
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
]);

/** Whether the 32 little-endian bytes at `at` are below L. */
function isReducedScalar(bytes: Uint8Array, at: number): boolean {
  for (let i = 31; i >= 0; i--) {
    const difference = (bytes[at + i] as number) - (ORDER[i] as number);
    if (difference !== 0) return difference < 0;
  }
  return false;
}

function isFilledWith(bytes: Uint8Array, at: number, value: number): boolean {
  for (let i = 1; i < 31; i++) if (bytes[at + i] !== value) return false;
  return true;
}

function hasSameMiddle(bytes: Uint8Array, at: number, other: Uint8Array): boolean {
  for (let i = 1; i < 31; i++) if (bytes[at + i] !== other[i]) return false;
  return true;
}

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
