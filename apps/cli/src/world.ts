/** Time and randomness of this machine, behind the ports. */
import { randomBytes } from 'node:crypto';
import { hrtime } from 'node:process';
import { setTimeout as sleepFor } from 'node:timers/promises';
import type { Clock, Random } from '@auths/core/ports';

export const systemClock: Clock = {
  now: () => Date.now(),
  // The first use of the global `performance` loads a module that nothing else needs.
  monotonic: () => Number(hrtime.bigint()) / 1e6,
  async sleep(ms, signal) {
    try {
      await sleepFor(ms, undefined, signal === undefined ? {} : { signal: signal as AbortSignal });
    } catch (error) {
      throw signal?.aborted === true ? signal.reason : error;
    }
  },
};

/** The system's cryptographic source; it throws rather than give less. */
export const systemRandom: Random = { bytes: (length) => new Uint8Array(randomBytes(length)) };
