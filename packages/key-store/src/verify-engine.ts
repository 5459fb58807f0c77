/** The VerifyEngine port by node:crypto: OpenSSL checks the cofactorless equation and is some forty times faster than JavaScript. */
import { createPublicKey, verify, type KeyObject } from 'node:crypto';
import type { VerifyEngine } from '@auths/core/ports';

/** SubjectPublicKeyInfo of an Ed25519 key up to its 32 bytes (RFC 8410). */
const SPKI = Buffer.from('302a300506032b6570032100', 'hex');
/** Keys kept: verifying a history meets the same few again and again. */
const CACHED_KEYS = 256;

const keys = new Map<string, KeyObject>();

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

function keyObject(publicKey: Uint8Array): KeyObject {
  const id = Buffer.from(publicKey.buffer, publicKey.byteOffset, 32).toString('latin1');
  let key = keys.get(id);
  if (key === undefined) {
    key = createPublicKey({ key: Buffer.concat([SPKI, publicKey]), format: 'der', type: 'spki' });
    if (keys.size >= CACHED_KEYS) keys.clear();
    keys.set(id, key);
  }
  return key;
}
