/** Reads a file of test/vectors/pairing; every byte string in them is hex unless a field says otherwise. */
import { readFileSync } from 'node:fs';
import { createPublicKey, verify } from 'node:crypto';
import type { VerifyEngine } from '../../src/ports.ts';

export interface VectorFile<T> {
  readonly count: number;
  readonly vectors: readonly T[];
  readonly [other: string]: unknown;
}

export function load<T>(name: string): VectorFile<T> {
  return JSON.parse(
    readFileSync(new URL(`../vectors/pairing/${name}`, import.meta.url), 'utf8'),
  ) as VectorFile<T>;
}

export function hex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'hex'));
}

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

/** Repeatable bytes (xorshift), for tests only. */
export function seeded(seed: number): (length: number) => Uint8Array {
  let state = seed >>> 0 || 1;
  return (length) =>
    Uint8Array.from({ length }, () => {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      return (state >>> 11) & 0xff;
    });
}

/** The same bytes with one bit changed. */
export function flip(bytes: Uint8Array, bit: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[bit >> 3] = (copy[bit >> 3] as number) ^ (1 << (bit & 7));
  return copy;
}

/** The error code that `run` throws, or the word "nothing". */
export function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
  return 'nothing';
}

const SPKI = Buffer.from('302a300506032b6570032100', 'hex');

/** OpenSSL's equation, by node:crypto. */
export const opensslEngine: VerifyEngine = {
  verify(publicKey, message, signature) {
    try {
      const key = createPublicKey({ key: Buffer.concat([SPKI, publicKey]), format: 'der', type: 'spki' });
      return verify(null, message, key, signature);
    } catch {
      return false;
    }
  },
};
