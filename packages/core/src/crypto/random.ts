/**
 * A random source that has failed gives away every secret made from it, so pairing takes randomness only
 * through this guard: an error, a short answer, a constant one or one seen before ends the pairing.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { toHex } from '../encoding/bytes.ts';
import { AuthsError } from '../errors.ts';
import type { Random } from '../ports.ts';

/** Every draw takes at least this much from the source: a chance repeat is then out of the question. */
const LEAST = 16;

/**
 * `random`, checked on every draw; throws `internal/bug` when the source throws, returns another length,
 * the same byte throughout (all zero included), or 16 bytes that it has returned before. One guard lasts
 * for one pairing, so that no nonce, key or scalar is ever used in two attempts.
 */
export function guardedRandom(random: Random): Random {
  const seen = new Set<string>();
  return {
    bytes(length) {
      const drawn = draw(random, Math.max(length, LEAST));
      if (drawn.every((byte) => byte === drawn[0])) throw broken('it returned one byte over and over');
      // Only a digest is remembered: the guard must not become a second copy of the secrets.
      const mark = toHex(sha256(drawn.subarray(0, LEAST)));
      if (seen.has(mark)) throw broken('it returned the same bytes twice');
      seen.add(mark);
      return drawn.subarray(0, length);
    },
  };
}

/** `take(bytes)` of fresh 32-byte draws until it answers; gives up after 128, which no working source needs. */
export function drawUntil<T>(random: Random, take: (bytes: Uint8Array) => T | null): T {
  for (let round = 0; round < 128; round++) {
    const value = take(random.bytes(32));
    if (value !== null) return value;
  }
  throw broken('128 draws in a row were unusable');
}

function draw(random: Random, length: number): Uint8Array {
  let bytes: Uint8Array;
  try {
    bytes = random.bytes(length);
  } catch (cause) {
    throw broken('it failed', cause);
  }
  if (bytes.length !== length) throw broken('it returned another number of bytes than asked for');
  // A copy: a source that hands out one buffer again and again would change secrets already drawn.
  return Uint8Array.from(bytes);
}

function broken(why: string, cause?: unknown): AuthsError<'internal/bug'> {
  return new AuthsError('internal/bug', `the random source of this machine is broken: ${why}`, {
    hint: 'nothing was paired; do not make keys on this machine until it is repaired',
    cause,
  });
}
