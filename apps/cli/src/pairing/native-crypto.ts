/** What pairing has of OpenSSL: the same bytes as core's own in a fraction of the time. */
import { createPrivateKey, createPublicKey, scrypt } from 'node:crypto';
import type { PairingWorld } from '@auths/core/flows/pairing-ports';

/** PKCS #8 of an X25519 private key up to its 32 bytes (RFC 8410). */
const PKCS8 = Buffer.from('302e020100300506032b656e04220420', 'hex');
/** Length of the SubjectPublicKeyInfo before its 32 bytes. */
const SPKI_LENGTH = 12;

export const nativeCrypto: Required<Pick<PairingWorld, 'scrypt' | 'x25519PublicKey'>> = {
  /** On a thread of its own. */
  scrypt: (password, salt, { N, r, p, dkLen }) =>
    new Promise((resolve, reject) => {
      scrypt(password, salt, dkLen, { N, r, p, maxmem: 256 * N * r }, (error, key) => {
        if (error === null) resolve(new Uint8Array(key));
        else reject(error);
      });
    }),
  x25519PublicKey(privateKey) {
    const der = Buffer.concat([PKCS8, privateKey]);
    const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
    der.fill(0);
    return new Uint8Array(createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(SPKI_LENGTH));
  },
};
