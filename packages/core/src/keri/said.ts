/** Self-addressing identifiers: the Blake3-256 digest of a text in which the identifier itself is written as 44 `#`. */
import { encodeCesr } from '../encoding/cesr.ts';
import type { Said } from '../identifiers.ts';
import { blake3Digest } from './blake3.ts';

const HASH = 0x23;
export const SAID_LENGTH = 44;

/** `E` + Blake3-256 of the bytes, in CESR. */
export function digest(bytes: Uint8Array): Said {
  return encodeCesr('E', blake3Digest(bytes)) as Said;
}

/** The SAID of a text, given the offsets of the 44-character fields that are dummied while hashing. The bytes stay as they are. */
export function saidOf(bytes: Uint8Array, fields: readonly number[]): Said {
  const dummied =
    bytes.length <= SCRATCH.length ? SCRATCH.subarray(0, bytes.length) : new Uint8Array(bytes.length);
  dummied.set(bytes);
  for (const at of fields) dummied.fill(HASH, at, at + SAID_LENGTH);
  return digest(dummied);
}

/** Where small events are dummied, one at a time: a fresh copy of each was a tenth of a replay's own work. */
const SCRATCH = new Uint8Array(4096);
