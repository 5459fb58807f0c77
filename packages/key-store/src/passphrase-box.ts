/**
 * A key from a passphrase (scrypt, RFC 7914) and boxes sealed with it (XChaCha20-Poly1305): what keys.enc and
 * the recovery kit have in common. Parameters read from a file are bounded before a byte of memory is spent.
 */
import { randomBytes, scrypt } from 'node:crypto';
import { xchacha20poly1305 } from '@noble/ciphers/chacha.js';
import { fromBase64url, toBase64url } from '@auths/core/encoding/base64url';
import { exactObject } from '@auths/core/encoding/json';
import { AuthsError } from '@auths/core/errors';

/** As written in a file's header; `salt` is base64url of 16 bytes. */
export interface Kdf {
  readonly name: 'scrypt';
  /** Cost, a power of two: memory is 128·n·r bytes. */
  readonly n: number;
  readonly r: number;
  readonly p: number;
  readonly salt: string;
}

/** What this version writes: 128 MiB and some 0.3 s. */
export const SCRYPT_N: number = 2 ** 17;
const SCRYPT_R = 8;
const SCRYPT_P = 1;
const SALT_LENGTH = 16;
export const NONCE_LENGTH = 24;

export function newKdf(): Kdf {
  return {
    name: 'scrypt',
    n: SCRYPT_N,
    r: SCRYPT_R,
    p: SCRYPT_P,
    salt: toBase64url(randomBytes(SALT_LENGTH)),
  };
}

/**
 * A header's KDF. Weaker parameters than this version writes would invite guessing, larger ones would let a
 * changed file take all memory; both are `input/malformed`.
 */
export function parseKdf(value: unknown, path = '$.kdf'): Kdf {
  const { name, n, r, p, salt } = exactObject(value, ['name', 'n', 'r', 'p', 'salt'], [], path);
  const known =
    name === 'scrypt' && (n === SCRYPT_N || n === 2 * SCRYPT_N || n === 4 * SCRYPT_N) && r === SCRYPT_R;
  if (!known || (p !== 1 && p !== 2 && p !== 4) || typeof salt !== 'string') {
    throw new AuthsError(
      'input/malformed',
      `${path}: key derivation parameters that this version does not take`,
    );
  }
  fromBase64url(salt, SALT_LENGTH);
  return { name, n, r, p, salt };
}

/** The 32-byte key. The passphrase is taken as UTF-8 in Unicode form NFKC, so that it can be typed on any keyboard. */
export function deriveKey(passphrase: string, { n, r, p, salt }: Kdf): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const options = { N: n, r, p, maxmem: 128 * n * r + (1 << 20) * 32 };
    scrypt(passphrase.normalize('NFKC'), fromBase64url(salt), 32, options, (error, key) => {
      if (error === null) resolve(key);
      else reject(error);
    });
  });
}

/** A box: nonce and ciphertext with its tag, both base64url. */
export interface Box {
  readonly nonce: string;
  readonly ciphertext: string;
}

/** Seals under a fresh random nonce; `aad` must be given again to open. */
export function seal(key: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Box {
  const nonce = randomBytes(NONCE_LENGTH);
  const ciphertext = xchacha20poly1305(key, nonce, aad).encrypt(plaintext);
  return { nonce: toBase64url(nonce), ciphertext: toBase64url(ciphertext) };
}

/** The plaintext, null when key, aad or box is not the one. */
export function open(key: Uint8Array, aad: Uint8Array, box: Box): Uint8Array | null {
  try {
    return xchacha20poly1305(key, fromBase64url(box.nonce, NONCE_LENGTH), aad).decrypt(
      fromBase64url(box.ciphertext),
    );
  } catch {
    return null;
  }
}

/** `key/wrong-passphrase` about a file. */
export function wrongPassphrase(path: string): AuthsError<'key/wrong-passphrase'> {
  return new AuthsError('key/wrong-passphrase', `the passphrase does not open ${path}`, {
    hint: 'check AUTHS_PASSPHRASE or --passphrase-file, or type it again',
  });
}
