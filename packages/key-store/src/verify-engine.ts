/** The VerifyEngine port by node:crypto: OpenSSL checks the cofactorless equation and is some forty times faster than JavaScript. */
import { createPublicKey, verify, type KeyObject } from 'node:crypto';
import { equalBytes } from '@auths/core/encoding/bytes';
import type { VerifyEngine } from '@auths/core/ports';

/** Keys kept: verifying a history meets the same few again and again. */
const CACHED_KEYS = 256;

const keys = new Map<string, KeyObject>();
let last: { readonly bytes: Uint8Array; readonly key: KeyObject } | null = null;

/** Never throws: what OpenSSL cannot take as a key or signature does not verify. */
export const nodeVerifyEngine: VerifyEngine = {
  verify(publicKey, message, signature) {
    if (publicKey.length !== 32 || signature.length !== 64) return false;
    try {
      return verify(null, message, keyObject(publicKey), signature);
    } catch {
      return false;
    }
  },
};

/**
 * The same answers, worked out on Node's thread pool: for ranges. The pool is started by the first of them, which takes
 * longer than a few signatures. (A thread of our own, which is handed many at once, takes longer to start than a thousand
 * signatures, and is no faster over five thousand.) What is asked in one turn of the loop is handed over together: each
 * hand-over to a pool that sleeps wakes a thread, which costs this one as much as a third of a signature.
 */
export const pooledVerifyEngine: VerifyEngine = {
  ...nodeVerifyEngine,
  verifyLater(publicKey, message, signature) {
    if (publicKey.length !== 32 || signature.length !== 64) return Promise.resolve(false);
    return new Promise((resolve) => {
      if (waiting.length === 0) setImmediate(handOver);
      waiting.push({ publicKey, message, signature, resolve });
    });
  },
};

interface Waiting {
  readonly publicKey: Uint8Array;
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
  readonly resolve: (holds: boolean) => void;
}

let waiting: Waiting[] = [];

function handOver(): void {
  const all = waiting;
  waiting = [];
  for (const { publicKey, message, signature, resolve } of all) {
    try {
      verify(null, message, keyObject(publicKey), signature, (fault, holds) => {
        resolve(fault === null && holds);
      });
    } catch {
      resolve(false);
    }
  }
}

function keyObject(publicKey: Uint8Array): KeyObject {
  // Most logs and histories have long runs under one key.
  if (last !== null && equalBytes(last.bytes, publicKey)) return last.key;
  const x = Buffer.from(publicKey.buffer, publicKey.byteOffset, 32).toString('base64url');
  let key = keys.get(x);
  if (key === undefined) {
    // As a JWK the 32 bytes reach OpenSSL as they are; its decoder of DER takes several times as long.
    key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
    if (keys.size >= CACHED_KEYS) keys.clear();
    keys.set(x, key);
  }
  last = { bytes: new Uint8Array(publicKey), key };
  return key;
}
