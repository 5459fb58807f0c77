/** The registry answers as the LAN host does: one suite for both (architecture.md, "packages/pairing-http"). */
import type { AddressInfo } from 'node:net';
import { DEFAULT_LIMITS } from '@auths/core/pairing/limits';
import { createMemoryLimiter } from '@auths/pairing-http/memory-limiter';
import { createMemorySessions } from '@auths/pairing-http/memory-sessions';
import { pairingHttpContract } from '@auths/testing/pairing-http-contract';
import { createApp } from '../src/app.ts';
import { systemClock } from '../src/clock.ts';

pairingHttpContract('Fastify', async (change) => {
  const limits = { ...DEFAULT_LIMITS, ...change };
  const draining = new AbortController();
  const app = await createApp({
    pairing: {
      store: createMemorySessions({ clock: systemClock, limits }),
      limiter: createMemoryLimiter({ clock: systemClock, limits }),
      limits,
      clock: systemClock,
      mayCreate: 'anyone',
    },
    cors: false,
    trustProxy: [],
    allowHosts: [],
    ready: async () => true,
    draining: draining.signal,
    logger: null,
    version: '0.0.0',
  });
  await app.listen({ host: '127.0.0.1', port: 0, listenTextResolver: () => '' });
  return {
    origin: `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`,
    close: async () => {
      draining.abort();
      app.server.closeAllConnections();
      await app.close();
    },
  };
});
