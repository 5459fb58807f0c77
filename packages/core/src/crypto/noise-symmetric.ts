/** The symmetric half of Noise: chaining key, handshake hash and cipher (Noise revision 34, 5.1 and 5.2), as values that never change. */
import { chacha20poly1305 } from '@noble/ciphers/chacha.js';
import { blake2s } from '@noble/hashes/blake2.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { concat } from '../encoding/bytes.ts';
import { utf8 } from '../encoding/text.ts';
import { AuthsError } from '../errors.ts';

export type NoiseHash = 'SHA256' | 'BLAKE2s';

export interface Sealed {
  readonly symmetric: Symmetric;
  readonly bytes: Uint8Array;
}

export interface Symmetric {
  readonly h: Uint8Array;
  mixHash(data: Uint8Array): Symmetric;
  mixKey(ikm: Uint8Array): Symmetric;
  mixKeyAndHash(ikm: Uint8Array): Symmetric;
  /** With no key yet the bytes pass as they are. */
  encryptAndHash(plaintext: Uint8Array): Sealed;
  /** Null when the bytes do not open. */
  decryptAndHash(sealed: Uint8Array): Sealed | null;
  /** How long `length` bytes are once sealed: 16 more when there is a key. */
  sealedLength(length: number): number;
  split(): { readonly k1: Uint8Array; readonly k2: Uint8Array };
}

/** A one-way cipher with a counting nonce: what `split` keys are for. */
export interface NoiseCipher {
  encrypt(plaintext: Uint8Array, ad?: Uint8Array): Uint8Array;
  /** `pairing/channel-tampered` when it does not open; the counter then stays. */
  decrypt(sealed: Uint8Array, ad?: Uint8Array): Uint8Array;
}

const EMPTY = new Uint8Array(0);

/** InitializeSymmetric(protocol name). */
export function startSymmetric(protocolName: string, hashName: NoiseHash): Symmetric {
  const name = utf8(protocolName);
  const hash = hashName === 'SHA256' ? sha256 : blake2s;
  const padded = new Uint8Array(32);
  if (name.length <= 32) padded.set(name);
  const h = name.length <= 32 ? padded : hash(name);
  return symmetric(hashName, h, h, null, 0);
}

/** A transport cipher on one key of `split`. */
export function createNoiseCipher(key: Uint8Array): NoiseCipher {
  let n = 0;
  return {
    encrypt(plaintext, ad = EMPTY) {
      const sealed = seal(key, n, ad, plaintext);
      n += 1;
      return sealed;
    },
    decrypt(sealed, ad = EMPTY) {
      const opened = open(key, n, ad, sealed);
      if (opened === null) {
        throw new AuthsError('pairing/channel-tampered', 'a channel message was changed or repeated');
      }
      n += 1;
      return opened;
    },
  };
}

function symmetric(
  hashName: NoiseHash,
  ck: Uint8Array,
  h: Uint8Array,
  key: Uint8Array | null,
  n: number,
): Symmetric {
  const hash = hashName === 'SHA256' ? sha256 : blake2s;
  /** HKDF(ck, ikm) with 2 or 3 outputs (Noise 4.3). */
  const expand = (ikm: Uint8Array): readonly [Uint8Array, Uint8Array, Uint8Array] => {
    const temp = hmac(hash, ck, ikm);
    const one = hmac(hash, temp, Uint8Array.of(1));
    const two = hmac(hash, temp, concat(one, Uint8Array.of(2)));
    return [one, two, hmac(hash, temp, concat(two, Uint8Array.of(3)))];
  };
  const withHash = (data: Uint8Array) => hash(concat(h, data));
  return {
    h,
    mixHash: (data) => symmetric(hashName, ck, withHash(data), key, n),
    mixKey(ikm) {
      const [nextCk, nextKey] = expand(ikm);
      return symmetric(hashName, nextCk, h, nextKey, 0);
    },
    mixKeyAndHash(ikm) {
      const [nextCk, toHash, nextKey] = expand(ikm);
      return symmetric(hashName, nextCk, withHash(toHash), nextKey, 0);
    },
    encryptAndHash(plaintext) {
      const bytes = key === null ? plaintext : seal(key, n, h, plaintext);
      return { bytes, symmetric: symmetric(hashName, ck, withHash(bytes), key, key === null ? n : n + 1) };
    },
    decryptAndHash(sealed) {
      const bytes = key === null ? sealed : open(key, n, h, sealed);
      if (bytes === null) return null;
      return { bytes, symmetric: symmetric(hashName, ck, withHash(sealed), key, key === null ? n : n + 1) };
    },
    sealedLength: (length) => (key === null ? length : length + 16),
    split() {
      const [k1, k2] = expand(EMPTY);
      return { k1, k2 };
    },
  };
}

function seal(key: Uint8Array, n: number, ad: Uint8Array, plaintext: Uint8Array): Uint8Array {
  return chacha20poly1305(key, nonce(n), ad).encrypt(plaintext);
}

function open(key: Uint8Array, n: number, ad: Uint8Array, sealed: Uint8Array): Uint8Array | null {
  try {
    return chacha20poly1305(key, nonce(n), ad).decrypt(sealed);
  } catch {
    return null;
  }
}

/** 32 zero bits and the counter as 64 bits little-endian. */
function nonce(n: number): Uint8Array {
  if (!Number.isSafeInteger(n)) throw new AuthsError('internal/bug', 'a Noise key is used up');
  const out = new Uint8Array(12);
  new DataView(out.buffer).setBigUint64(4, BigInt(n), true);
  return out;
}
