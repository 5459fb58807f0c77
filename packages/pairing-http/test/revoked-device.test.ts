/** A device that was revoked where its home cannot see it, and joins again. */
import { finishPairings } from '@auths/core/flows/finish-pairings';
import { revokeDevice } from '@auths/core/flows/revoke-device';
import { prefixOf } from '@auths/core/identifiers';
import { createFakeClock, drive, type FakeClock } from '@auths/testing/fake-clock';
import { engine } from '@auths/testing/two-device-world';
import { describe, expect, it } from 'vitest';
import { inBetween } from './middle.ts';
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

/** A first pairing stands, and the device has not heard so. */
async function pending(): Promise<{ readonly world: World; readonly clock: FakeClock }> {
  const clock = createFakeClock();
  const world = await createWorld({ clock });
  const host = startHost(world);
  const code = (await host.offer).code ?? '';
  const honest = world.joinerTransport;
  world.joinerTransport = inBetween(honest, {
    response(request, response) {
      const body = response.body as { messages?: { seq: number }[] } | null;
      if (request.method !== 'GET' || !Array.isArray(body?.messages)) return response;
      return { ...response, body: { messages: body.messages.filter(({ seq }) => seq < 3) } };
    },
  });
  const join = startJoin(world, code);
  const ends = await drive(clock, Promise.all([failure(host.done), failure(join.done)]));
  expect(ends).toEqual(['no failure', 'pairing/pending']);
  world.joinerTransport = honest;
  return { world, clock };
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

  it('revoked while the person at the host is asked: not let in by an answer that comes later', async () => {
    const { world, clock } = await pending();
    const { host } = world;
    const again = startHost(
      world,
      {},
      {
        async ask({ deviceDid }) {
          const revocation = { device: deviceDid, reason: 'lost' } as const;
          await revokeDevice({ ...host, engine, clock }, host.controllerDid, revocation);
          return true;
        },
      },
    );
    const join = startJoin(world, (await again.offer).code ?? '');
    expect(await drive(clock, Promise.all([failure(again.done), failure(join.done)]))).toEqual([
      'pairing/forbidden',
      'pairing/forbidden',
    ]);
    expect(await grants(world)).toMatchObject({ seals: 3, entries: ['desktop:active'], journals: 0 });
  });

  it('after a revocation hears why, although the host ended the session before its next message', async () => {
    const { world, clock } = await pending();
    const { host } = world;
    const [device] = host.devices.entries;
    const revocation = { device: device?.device_did ?? '', reason: 'lost' } as const;
    await revokeDevice({ ...host, engine, clock }, host.controllerDid, revocation);
    const again = startHost(world);
    const typed = (await again.offer).code ?? '';
    const honest = world.joinerTransport;
    world.joinerTransport = {
      async send(request, signal) {
        if (request.method === 'POST' && request.path.endsWith('/messages')) await failure(again.done);
        return honest.send(request, signal);
      },
    };
    const join = startJoin(world, typed);
    expect(await drive(clock, Promise.all([failure(again.done), failure(join.done)]))).toEqual([
      'pairing/forbidden',
      'pairing/forbidden',
    ]);
  });

  it('revoked between its acknowledgement and the seal: nothing is sealed, then or at the next start', async () => {
    const { world, clock } = await pending();
    const { host } = world;
    const acknowledge = host.devices.acknowledge.bind(host.devices);
    host.devices.acknowledge = async (session) => {
      await acknowledge(session);
      const [device] = host.devices.entries;
      const revocation = { device: device?.device_did ?? '', reason: 'compromised' } as const;
      await revokeDevice({ ...host, engine, clock }, host.controllerDid, revocation);
    };
    const again = startHost(world);
    const join = startJoin(world, (await again.offer).code ?? '');
    expect(await drive(clock, Promise.all([failure(again.done), failure(join.done)]))).toEqual([
      'pairing/forbidden',
      'pairing/forbidden',
    ]);
    const { random } = world;
    expect(await finishPairings({ clock, random, engine, host })).toEqual({ activated: [], forgotten: [] });
    expect(await grants(world)).toMatchObject({ seals: 3, entries: ['desktop:active'], journals: 0 });
  });

  it('as an active device changes nothing', async () => {
    const { world } = await joined();
    const before = await grants(world);
    expect(await pairAgain(world)).toEqual(['pairing/conflict', 'no failure']);
    expect(await grants(world)).toEqual(before);
  });
});
