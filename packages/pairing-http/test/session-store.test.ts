import { DEFAULT_LIMITS } from '@auths/core/pairing/limits';
import { createMemorySessions } from '@auths/pairing-http/memory-sessions';
import { createFakeClock } from '@auths/testing/fake-clock';
import { sessionStoreContract } from '@auths/testing/session-store-contract';

sessionStoreContract('memory', async (change) => {
  const clock = createFakeClock();
  const limits = { ...DEFAULT_LIMITS, ...change };
  const store = createMemorySessions({ clock, limits });
  return {
    one: store,
    two: store,
    limits,
    async pass(ms) {
      clock.advance(ms);
    },
    async close() {},
  };
});
