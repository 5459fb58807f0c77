/**
 * Ed25519 with one equation everywhere. A signature (R, S) by A over M holds exactly when
 *   A and R are canonical encodings (y < p) and not encodings of a point of small order,
 *   S < L, and encode(S·B − k·A) = R with k = SHA-512(R || A || M) mod L   (no cofactor).
 * The byte rules are decided here; the equation by a `VerifyEngine`: OpenSSL in Node, noble's points in a browser.
 */
import type { VerifyEngine } from '../ports.ts';

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
  return isWellFormed(publicKey, signature) && engine.verify(publicKey, message, signature);
}

/** The same judgement, beside this thread where the engine can do that, so that many are under way at once. */
export function verifyEd25519Later(
  engine: VerifyEngine,
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> | boolean {
  if (!isWellFormed(publicKey, signature)) return false;
  return engine.verifyLater?.(publicKey, message, signature) ?? engine.verify(publicKey, message, signature);
}

/** The rules about bytes: lengths, A and R canonical and of large order, S below L. */
function isWellFormed(publicKey: Uint8Array, signature: Uint8Array): boolean {
  return (
    publicKey.length === 32 &&
    signature.length === 64 &&
    isUsableEncoding(publicKey, 0) &&
    isUsableEncoding(signature, 0) &&
    isReducedScalar(signature, 32)
  );
}

/**
 * Whether the 32 bytes at `at` are a canonical y (below p = 2^255 − 19) that no point of order 1, 2, 4
 * or 8 has. The sign bit plays no part: both signs of a small-order y are refused, which also covers
 * the one non-canonical spelling left (x = 0 with the sign bit, y = ±1).
 */
export function isUsableEncoding(bytes: Uint8Array, at: number): boolean {
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
export function isReducedScalar(bytes: Uint8Array, at: number): boolean {
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
