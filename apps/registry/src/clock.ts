/** The clocks of this process, behind core's port. */
import { setTimeout as wait } from 'node:timers/promises';
import type { Clock } from '@auths/core/ports';

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: async (ms, signal) => {
    await wait(ms, undefined, signal === undefined ? {} : { signal: signal as AbortSignal });
  },
};
