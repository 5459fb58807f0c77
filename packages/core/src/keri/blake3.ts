/**
 * Blake3-256 of short inputs. Events and keys fit one chunk of 1,024 bytes, where the tree of Blake3 is a plain chain
 * of compressions; over such inputs this is about four times as fast as the general implementation, and hashing is
 * what a replay does beside checking signatures. Longer inputs go to @noble/hashes, which the tests compare with.
 */
import { blake3 } from '@noble/hashes/blake3.js';

const IV = Int32Array.of(
  0x6a09e667,
  0xbb67ae85,
  0x3c6ef372,
  0xa54ff53a,
  0x510e527f,
  0x9b05688c,
  0x1f83d9ab,
  0x5be0cd19,
);
const CHUNK = 1024;
const CHUNK_START = 1;
const CHUNK_END = 2;
const ROOT = 8;
/** Message word order of the seven rounds: each is the one before under the permutation of the specification. */
const SCHEDULE: Uint8Array = schedule([2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8]);

/** The 32-byte digest of an input of any length. */
export function blake3Digest(input: Uint8Array): Uint8Array {
  if (input.length > CHUNK) return blake3(input);
  const chain = IV.slice();
  const words = new Int32Array(16);
  const v = new Int32Array(16);
  const last = Math.max(0, Math.ceil(input.length / 64) - 1);
  for (let block = 0; block <= last; block++) {
    const at = block * 64;
    const length = Math.min(64, input.length - at);
    loadWords(words, input, at, length);
    compress(
      chain,
      words,
      v,
      length,
      (block === 0 ? CHUNK_START : 0) | (block === last ? CHUNK_END | ROOT : 0),
    );
  }
  const out = new Uint8Array(32);
  for (let i = 0; i < 8; i++) {
    const word = chain[i] as number;
    out[4 * i] = word;
    out[4 * i + 1] = word >>> 8;
    out[4 * i + 2] = word >>> 16;
    out[4 * i + 3] = word >>> 24;
  }
  return out;
}

/** Sixteen little-endian words, zero after the input's end. */
function loadWords(words: Int32Array, input: Uint8Array, at: number, length: number): void {
  if (length === 64) {
    for (let i = 0, b = at; i < 16; i++, b += 4) {
      words[i] =
        (input[b] as number) |
        ((input[b + 1] as number) << 8) |
        ((input[b + 2] as number) << 16) |
        ((input[b + 3] as number) << 24);
    }
    return;
  }
  words.fill(0);
  for (let i = 0; i < length; i++)
    words[i >> 2] = (words[i >> 2] as number) | ((input[at + i] as number) << ((i & 3) * 8));
}

/** One compression into the chaining value. The counter of the first and only chunk is zero. */
function compress(chain: Int32Array, words: Int32Array, v: Int32Array, length: number, flags: number): void {
  for (let i = 0; i < 8; i++) v[i] = chain[i] as number;
  for (let i = 0; i < 4; i++) v[8 + i] = IV[i] as number;
  v[12] = 0;
  v[13] = 0;
  v[14] = length;
  v[15] = flags;
  for (let s = 0; s < 112; s += 16) {
    mix(v, 0, 4, 8, 12, words, s);
    mix(v, 1, 5, 9, 13, words, s + 2);
    mix(v, 2, 6, 10, 14, words, s + 4);
    mix(v, 3, 7, 11, 15, words, s + 6);
    mix(v, 0, 5, 10, 15, words, s + 8);
    mix(v, 1, 6, 11, 12, words, s + 10);
    mix(v, 2, 7, 8, 13, words, s + 12);
    mix(v, 3, 4, 9, 14, words, s + 14);
  }
  for (let i = 0; i < 8; i++) chain[i] = (v[i] as number) ^ (v[i + 8] as number);
}

/** The quarter round over v[a], v[b], v[c], v[d] with two message words. */
function mix(v: Int32Array, a: number, b: number, c: number, d: number, words: Int32Array, s: number): void {
  let va = v[a] as number;
  let vb = v[b] as number;
  let vc = v[c] as number;
  let vd = v[d] as number;
  va = (va + vb + (words[SCHEDULE[s] as number] as number)) | 0;
  vd ^= va;
  vd = (vd >>> 16) | (vd << 16);
  vc = (vc + vd) | 0;
  vb ^= vc;
  vb = (vb >>> 12) | (vb << 20);
  va = (va + vb + (words[SCHEDULE[s + 1] as number] as number)) | 0;
  vd ^= va;
  vd = (vd >>> 8) | (vd << 24);
  vc = (vc + vd) | 0;
  vb ^= vc;
  vb = (vb >>> 7) | (vb << 25);
  v[a] = va;
  v[b] = vb;
  v[c] = vc;
  v[d] = vd;
}

function schedule(permutation: readonly number[]): Uint8Array {
  const table = new Uint8Array(112);
  for (let i = 0; i < 16; i++) table[i] = i;
  for (let i = 16; i < 112; i++)
    table[i] = table[i - 16 - (i % 16) + (permutation[i % 16] as number)] as number;
  return table;
}
