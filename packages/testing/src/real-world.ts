/** Clock and randomness of the machine, for tests on real sockets. */
import { randomFillSync, scryptSync } from 'node:crypto';
import type { Scrypt } from '@auths/core/pairing/transcript';
import type { Clock, Random } from '@auths/core/ports';

export const realRandom: Random = {
  bytes: (length) => randomFillSync(new Uint8Array(length)),
};

export const realScrypt: Scrypt = (password, salt, { N, r, p, dkLen }) =>
  new Uint8Array(scryptSync(password, salt, dkLen, { N, r, p, maxmem: 64 * 1024 * 1024 }));

export const realClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(signal.reason);
        return;
      }
      const onAbort = (): void => {
        clearTimeout(timer);
        reject(signal?.reason);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      }, ms);
      signal?.addEventListener('abort', onAbort, { once: true });
    }),
};
