/** The hashes that git objects and SSH signatures need. A port, because OpenSSL's are many times faster than JavaScript's. */
import { blake3 } from '@noble/hashes/blake3.js';
import { sha1 } from '@noble/hashes/legacy.js';
import { sha256, sha512 } from '@noble/hashes/sha2.js';
import { concat, toHex } from '../encoding/bytes.ts';
import { latin1 } from '../encoding/text.ts';

export interface Digests {
  readonly sha1: (bytes: Uint8Array) => Uint8Array;
  readonly sha256: (bytes: Uint8Array) => Uint8Array;
  readonly sha512: (bytes: Uint8Array) => Uint8Array;
}

/** Works everywhere; for browsers and tests. */
export const pureDigests: Digests = { sha1, sha256, sha512 };

/** Hash functions of git repositories; object ids have 40 or 64 hex digits. */
export type ObjectFormat = 'sha1' | 'sha256';

/** The id that git gives to these bytes: hash of `<type> <length>\0` and the bytes. */
export function objectId(digests: Digests, format: ObjectFormat, type: string, bytes: Uint8Array): string {
  return toHex(digests[format](withHeader(type, bytes)));
}

/** `<type> <length>\0` and the bytes: what git hashes, and what `blake3` of an anchor is taken of. */
export function withHeader(type: string, bytes: Uint8Array): Uint8Array {
  return concat(latin1(`${type} ${bytes.length}\0`), bytes);
}

/** Blake3-256 over the header and the bytes, in hex: the second name of an object in anchors and vouched tips. */
export function objectBlake3(type: string, bytes: Uint8Array): string {
  return toHex(blake3(withHeader(type, bytes)));
}

/** The format that an object id of this length belongs to. */
export function formatOf(oid: string): ObjectFormat {
  return oid.length === 64 ? 'sha256' : 'sha1';
}
