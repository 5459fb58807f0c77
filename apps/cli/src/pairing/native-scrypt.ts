/** scrypt by OpenSSL: the same bytes as core's own in a fraction of the time. */
import { scryptSync } from 'node:crypto';
import type { Scrypt } from '@auths/core/pairing/transcript';

export const nativeScrypt: Scrypt = (password, salt, { N, r, p, dkLen }) =>
  new Uint8Array(scryptSync(password, salt, dkLen, { N, r, p, maxmem: 256 * N * r }));
