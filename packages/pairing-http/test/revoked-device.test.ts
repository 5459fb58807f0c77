/** A device that was revoked where its home cannot see it, and joins again. */
import { revokeDevice } from '@auths/core/flows/revoke-device';
import { prefixOf } from '@auths/core/identifiers';
import { engine } from '@auths/testing/two-device-world';
import { describe, expect, it } from 'vitest';
import { createWorld, failure, grants, startHost, startJoin, type World } from './world.ts';

async function pairAgain(world: World): Promise<readonly [string, string]> {
  const host = startHost(world);
  const join = startJoin(world, (await host.offer).code ?? '');
  return Promise.all([failure(host.done), failure(join.done)]);
}

async function joined(): Promise<{ readonly world: World; readonly did: string }> {
  const world = await createWorld();
  const host = startHost(world);
  const join = startJoin(world, (await host.offer).code ?? '');
  await host.done;
  return { world, did: (await join.done).deviceDid };
}

describe('joining again', () => {
  it.each(['lost', 'retired'] as const)(
    'after a revocation (%s) that the joiner has not heard of: refused, then with a new key',
    async (reason) => {
      const { world, did } = await joined();
      const { host, clock } = world;
      await revokeDevice({ ...host, engine, clock }, host.controllerDid, {
        device: did,
        reason,
      });
      const before = await grants(world);
      expect(await pairAgain(world)).toEqual(['pairing/forbidden', 'pairing/forbidden']);
      expect(await grants(world)).toEqual(before);
      const again = startHost(world);
      const join = startJoin(world, (await again.offer).code ?? '');
      await again.done;
      expect((await join.done).deviceDid).not.toBe(did);
      expect((await join.done).status).toBe('paired');
      const theirs = await world.home.log.read(prefixOf(host.controllerDid));
      expect(theirs?.tip).toBe((await host.log.read(prefixOf(host.controllerDid)))?.tip);
    },
  );

  it('as an active device changes nothing', async () => {
    const { world } = await joined();
    const before = await grants(world);
    expect(await pairAgain(world)).toEqual(['pairing/conflict', 'no failure']);
    expect(await grants(world)).toEqual(before);
  });
});
