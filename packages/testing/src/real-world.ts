/** Clock and randomness of the machine, for tests on real sockets. */
import { randomFillSync } from 'node:crypto';
import type { Clock, Random } from '@auths/core/ports';

export const realRandom: Random = {
  bytes: (length) => randomFillSync(new Uint8Array(length)),
};

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
