import { DEFAULT_LIMITS } from '@auths/core/pairing/limits';
import { createMemoryLimiter } from '@auths/pairing-http/memory-limiter';
import { createMemorySessions } from '@auths/pairing-http/memory-sessions';
import { createPairingServer } from '@auths/pairing-http/node-http';
import { pairingHttpContract } from '@auths/testing/pairing-http-contract';
import { realClock } from '@auths/testing/real-world';
import { listen } from './listen.ts';

pairingHttpContract('node:http', async (change) => {
  const clock = realClock;
  const limits = { ...DEFAULT_LIMITS, ...change };
  const server = createPairingServer(
    {
      store: createMemorySessions({ clock, limits }),
      limiter: createMemoryLimiter({ clock, limits }),
      limits,
      clock,
      mayCreate: 'anyone',
    },
    { allowHost: () => true },
  );
  return listen(server);
});
