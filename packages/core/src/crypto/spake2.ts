/**
 * SPAKE2-P256-SHA256-HKDF-HMAC (RFC 9382). Party A is the joining device: it uses M and confirms first.
 * Party B is the host: it uses N and may publish its share early, because pB does not depend on pA.
 * Points travel as 65 bytes, uncompressed, and in no other form.
 */
import { p256 } from '@noble/curves/nist.js';
import { hkdf } from '@noble/hashes/hkdf.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { concat } from '../encoding/bytes.ts';
import { utf8 } from '../encoding/text.ts';
import { AuthsError } from '../errors.ts';
import type { Random } from '../ports.ts';
import { drawUntil } from './random.ts';

const { Point } = p256;
type P256Point = InstanceType<typeof Point>;

/** n, the prime order of P-256; the cofactor is 1. */
export const P256_ORDER: bigint = Point.Fn.ORDER;

/** RFC 9382 section 6: hashed from "1.2.840.10045.3.1.7 point generation seed (M)" and "(N)", so nobody knows their logarithms. */
export const SPAKE2_M = '02886e2f97ace46e55ba9dd7242579f2993b64e16ef3dcab95afd497333d8fa12f';
export const SPAKE2_N = '03d8bbd6c639c62937b04d997f38c3770719c629d7014d49a24b4f98baa1292b49';

export type Spake2Role = 'joiner' | 'host';

export interface Spake2Input {
  readonly role: Spake2Role;
  /** Password scalar, 1 to n − 1. */
  readonly w: bigint;
  /** Own x or y, used in one run only. */
  readonly scalar: bigint;
  readonly ownShare: Uint8Array;
  readonly peerShare: Uint8Array;
  readonly idA: Uint8Array;
  readonly idB: Uint8Array;
  /** Bound into the confirmation keys. */
  readonly aad: Uint8Array;
}

export interface Spake2Keys {
  /** 16 bytes, the shared key. */
  readonly Ke: Uint8Array;
  /** 16 bytes, from which only the confirmation keys come. */
  readonly Ka: Uint8Array;
  readonly KcA: Uint8Array;
  readonly KcB: Uint8Array;
  /** cA, 32 bytes: what the joiner sends. Compare with `equalConstantTime`. */
  readonly confirmA: Uint8Array;
  /** cB, 32 bytes: what the host sends. */
  readonly confirmB: Uint8Array;
}

/** x or y: uniform in 1 … n − 1, by rejection, never by reduction. */
export function randomScalar(random: Random): bigint {
  return drawUntil(random, (bytes) => {
    const value = fromBigEndian(bytes);
    return value >= 1n && value < P256_ORDER ? value : null;
  });
}

/** pA = w·M + x·P for the joiner, pB = w·N + y·P for the host: 65 bytes. */
export function spake2Share(role: Spake2Role, w: bigint, scalar: bigint): Uint8Array {
  return blind(role).multiply(w).add(Point.BASE.multiply(scalar)).toBytes(false);
}

/**
 * K, TT and the key schedule in one. `pairing/bad-point` when the peer's share is not a point in the one
 * form; `pairing/pake-failed` when K is the point at infinity.
 */
export function spake2Finish(input: Spake2Input): Spake2Keys {
  return spake2Schedule(spake2Transcript(input, spake2Secret(input)), input.aad);
}

/** K = x·(pB − w·N) for the joiner, y·(pA − w·M) for the host: 65 bytes. */
export function spake2Secret({ role, w, scalar, peerShare }: Spake2Input): Uint8Array {
  const masked = decodeShare(peerShare).subtract(blind(role === 'joiner' ? 'host' : 'joiner').multiply(w));
  // The order is prime and the scalar is not zero, so K is infinite exactly when this is.
  if (masked.is0())
    throw new AuthsError('pairing/pake-failed', 'the key exchange gave the point at infinity');
  return masked.multiply(scalar).toBytes(false);
}

/** TT = len(A)||A||len(B)||B||len(pA)||pA||len(pB)||pB||len(K)||K||len(w)||w, lengths as 8 bytes little-endian (RFC 9382 3.3). */
export function spake2Transcript(input: Spake2Input, K: Uint8Array): Uint8Array {
  const { role, ownShare, peerShare, idA, idB, w } = input;
  const [pA, pB] = role === 'joiner' ? [ownShare, peerShare] : [peerShare, ownShare];
  return concat(...[idA, idB, pA, pB, K, toBigEndian32(w)].flatMap((part) => [length64(part), part]));
}

/** Ke||Ka = SHA-256(TT); KcA||KcB = HKDF(Ka, no salt, "ConfirmationKeys"||AAD, 32); cA = HMAC(KcA, TT), cB = HMAC(KcB, TT) (RFC 9382 4). */
export function spake2Schedule(TT: Uint8Array, aad: Uint8Array): Spake2Keys {
  const hash = sha256(TT);
  const Ka = hash.slice(16);
  const confirmation = hkdf(sha256, Ka, undefined, concat(utf8('ConfirmationKeys'), aad), 32);
  const KcA = confirmation.slice(0, 16);
  const KcB = confirmation.slice(16);
  return {
    Ke: hash.slice(0, 16),
    Ka,
    KcA,
    KcB,
    confirmA: hmac(sha256, KcA, TT),
    confirmB: hmac(sha256, KcB, TT),
  };
}

let blinds: Readonly<Record<Spake2Role, P256Point>> | null = null;

function blind(role: Spake2Role): P256Point {
  return (blinds ??= { joiner: Point.fromHex(SPAKE2_M), host: Point.fromHex(SPAKE2_N) })[role];
}

/** A relay may call it to refuse a response before it is stored. */
export function isShare(bytes: Uint8Array): boolean {
  try {
    decodeShare(bytes);
    return true;
  } catch {
    return false;
  }
}

function decodeShare(bytes: Uint8Array): P256Point {
  if (bytes.length === 65 && bytes[0] === 0x04) {
    try {
      const point = Point.fromBytes(bytes);
      point.assertValidity();
      return point;
    } catch {
      // answered below
    }
  }
  throw new AuthsError('pairing/bad-point', 'the key exchange message is not a point of P-256 in 65 bytes');
}

function length64(bytes: Uint8Array): Uint8Array {
  const out = new Uint8Array(8);
  new DataView(out.buffer).setUint32(0, bytes.length, true);
  return out;
}

function fromBigEndian(bytes: Uint8Array): bigint {
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return value;
}

function toBigEndian32(value: bigint): Uint8Array {
  const out = new Uint8Array(32);
  for (let i = 31; i >= 0; i--, value >>= 8n) out[i] = Number(value & 0xffn);
  return out;
}
