/** The registry as a process does what every server of the pairing surface must. */
import { pairingHttpContract } from '@auths/testing/pairing-http-contract';
import { afterAll, beforeAll } from 'vitest';
import { buildPrograms, createWorld, removePrograms } from './programs.ts';

const world = createWorld();
beforeAll(buildPrograms, 120_000);
afterAll(async () => {
  await world.end();
  removePrograms();
});

pairingHttpContract('auths-registry as a process', async (limits) => {
  const running = await world.registry(
    Object.entries(limits).flatMap(([name, value]) => ['--limit', `${name}=${value}`]),
  );
  return {
    origin: running.url,
    close: async () => {
      running.kill('SIGKILL');
      await running.done;
    },
  };
});
