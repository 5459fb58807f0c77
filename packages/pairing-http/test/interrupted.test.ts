import { finishPairings } from '@auths/core/flows/finish-pairings';
import { prefixOf } from '@auths/core/identifiers';
import type { RelayRequest } from '@auths/core/ports';
import { createFakeClock, drive, type FakeClock } from '@auths/testing/fake-clock';
import { engine } from '@auths/testing/two-device-world';
import { describe, expect, it } from 'vitest';
import { inBetween, type Middle } from './middle.ts';
import { createWorld, failure, grants, NOTHING, scrypt, startHost, startJoin, type World } from './world.ts';

/** Messages from `seq` of the joiner, or of the host, never arrive. */
function swallowed(from: 'joiner' | 'host', seq: number): Middle {
  if (from === 'joiner') {
    return {
      request: (request: RelayRequest) => {
        const body = request.body as { seq?: number } | undefined;
        return body?.seq !== undefined && body.seq >= seq
          ? { answer: { status: 200, body: { seq: body.seq } } }
          : request;
      },
    };
  }
  return {
    response: (request, response) => {
      const body = response.body as { messages?: { seq: number }[] } | null;
      if (request.method !== 'GET' || !Array.isArray(body?.messages)) return response;
      return { ...response, body: { messages: body.messages.filter((message) => message.seq < seq) } };
    },
  };
}

async function start(middle: Middle): Promise<{
  readonly clock: FakeClock;
  readonly world: World;
  readonly host: ReturnType<typeof startHost>;
  readonly join: ReturnType<typeof startJoin>;
}> {
  const clock = createFakeClock();
  const world = await createWorld({ clock });
  const host = startHost(world);
  const typed = (await host.offer).code ?? '';
  const honest = world.joinerTransport;
  world.joinerTransport = inBetween(honest, middle);
  const join = startJoin(world, typed);
  return { clock, world, host, join };
}

function ports(world: World): Parameters<typeof finishPairings>[0] {
  return { clock: world.clock, random: world.random, engine, scrypt, host: world.host };
}

describe('a pairing that is interrupted', () => {
  it.each([
    ['ready', 'joiner', 2, 'pairing/timeout', 'pairing/timeout'],
    ['attest', 'host', 1, 'pairing/timeout', 'pairing/timeout'],
    ['attest-signed', 'joiner', 3, 'pairing/timeout', 'pairing/timeout'],
    ['paired', 'host', 2, 'pairing/timeout', 'pairing/timeout'],
  ] as const)(
    'B15 "%s" withheld: both give up, nothing stands',
    async (_what, from, seq, atHost, atJoiner) => {
      const { clock, world, host, join } = await start(swallowed(from, seq));
      const ends = await drive(clock, Promise.all([failure(host.done), failure(join.done)]));
      // Whoever gives up first tells the other, if that still gets through.
      expect([atHost, 'pairing/timeout', 'pairing/cancelled']).toContain(ends[0]);
      expect([atJoiner, 'pairing/timeout', 'pairing/cancelled']).toContain(ends[1]);
      expect(await grants(world)).toEqual(NOTHING);
    },
  );

  it('B15 "ack" withheld: the joiner is pending, the host has nothing that works', async () => {
    const { clock, world, host, join } = await start(swallowed('joiner', 4));
    const ends = await drive(clock, Promise.all([failure(host.done), failure(join.done)]));
    expect(ends).toEqual(['pairing/timeout', 'pairing/pending']);
    expect(await grants(world)).toMatchObject({ seals: 1, entries: [], journals: 0 });
  });

  it('B15 "anchored" withheld: listed and sealed at the host, pending at the joiner; joining again finishes', async () => {
    const { clock, world, host, join } = await start(swallowed('host', 3));
    const ends = await drive(clock, Promise.all([failure(host.done), failure(join.done)]));
    expect(ends).toEqual(['no failure', 'pairing/pending']);
    await expect(join.done).rejects.toMatchObject({
      hint: expect.stringContaining('auths pair --join') as string,
    });
    expect(await grants(world)).toMatchObject({ seals: 2, entries: ['desktop:active'] });
    const again = startHost(world);
    const typed = (await again.offer).code ?? '';
    world.joinerTransport = world.hostTransport;
    const second = startJoin(world, typed);
    expect((await drive(clock, second.done)).status).toBe('paired');
    await drive(clock, again.done);
    const theirs = await world.home.log.read(prefixOf(world.host.controllerDid));
    expect(theirs?.tip).toBe((await world.host.log.read(prefixOf(world.host.controllerDid)))?.tip);
  });

  it('F06 the host dies after "ack" and before the seal: its next start seals, once', async () => {
    const clock = createFakeClock();
    const world = await createWorld({ clock });
    const host = startHost(world);
    const typed = (await host.offer).code ?? '';
    world.host.log.beforeAppend = async () => {
      throw new Error('killed');
    };
    const join = startJoin(world, typed);
    const ends = await drive(clock, Promise.all([failure(host.done), failure(join.done)]));
    expect(ends[0]).toBe('Error: killed');
    expect(await grants(world)).toMatchObject({ seals: 1, entries: ['desktop:provisional'], journals: 1 });
    delete world.host.log.beforeAppend;
    expect(await finishPairings(ports(world))).toEqual({ activated: ['desktop'], forgotten: [] });
    expect(await grants(world)).toMatchObject({ seals: 2, entries: ['desktop:active'], journals: 0 });
    expect(await finishPairings(ports(world))).toEqual({ activated: [], forgotten: [] });
    expect((await grants(world)).seals).toBe(2);
  });

  it('F06 the host dies between the seal and its own list: the seal is not made twice', async () => {
    const clock = createFakeClock();
    const world = await createWorld({ clock });
    const host = startHost(world);
    const activate = world.host.devices.activate.bind(world.host.devices);
    world.host.devices.activate = async () => {
      throw new Error('killed');
    };
    const join = startJoin(world, (await host.offer).code ?? '');
    await drive(clock, Promise.all([failure(host.done), failure(join.done)]));
    expect(await grants(world)).toMatchObject({ seals: 2, entries: ['desktop:provisional'], journals: 1 });
    world.host.devices.activate = activate;
    await finishPairings(ports(world));
    expect(await grants(world)).toMatchObject({ seals: 2, entries: ['desktop:active'], journals: 0 });
  });

  it('F06 the host dies before "ack": provisional for 600 s, then gone, never active', async () => {
    const clock = createFakeClock();
    const world = await createWorld({ clock });
    const host = startHost(world);
    const forget = world.host.devices.forget.bind(world.host.devices);
    world.host.devices.forget = async () => {
      throw new Error('killed');
    };
    world.joinerTransport = inBetween(world.joinerTransport, swallowed('joiner', 4));
    const join = startJoin(world, (await host.offer).code ?? '');
    await drive(clock, Promise.all([failure(host.done), failure(join.done)]));
    world.host.devices.forget = forget;
    expect(await grants(world)).toMatchObject({ seals: 1, entries: ['desktop:provisional'], journals: 1 });
    await finishPairings(ports(world));
    expect((await grants(world)).entries).toEqual(['desktop:provisional']);
    clock.advance(600_000);
    expect(await finishPairings(ports(world))).toEqual({ activated: [], forgotten: ['desktop'] });
    expect(await grants(world)).toMatchObject({ seals: 1, entries: [], journals: 0 });
  });

  it('a joiner that cannot store says no ack, and the host grants nothing', async () => {
    const clock = createFakeClock();
    const world = await createWorld({ clock });
    const host = startHost(world);
    world.home.keepHost = async () => {
      throw new Error('disk full');
    };
    const join = startJoin(world, (await host.offer).code ?? '');
    const ends = await drive(clock, Promise.all([failure(host.done), failure(join.done)]));
    expect(ends).toEqual(['pairing/cancelled', 'Error: disk full']);
    expect(await grants(world)).toEqual(NOTHING);
    expect(await world.home.identity()).toBeNull();
  });

  it('a host that cannot store says nothing of "paired"', async () => {
    const clock = createFakeClock();
    const world = await createWorld({ clock });
    world.host.devices.begin = async () => {
      throw new Error('disk full');
    };
    const host = startHost(world);
    const join = startJoin(world, (await host.offer).code ?? '');
    const ends = await drive(clock, Promise.all([failure(host.done), failure(join.done)]));
    expect(ends).toEqual(['Error: disk full', 'pairing/cancelled']);
    expect(await grants(world)).toEqual(NOTHING);
    expect(world.home.writes).toEqual([]);
  });

  it('a network that fails for a while is waited for', async () => {
    const clock = createFakeClock();
    const world = await createWorld({ clock });
    const host = startHost(world);
    const typed = (await host.offer).code ?? '';
    let calls = 0;
    const honest = world.joinerTransport;
    world.joinerTransport = {
      async send(request, signal) {
        calls += 1;
        if (calls > 1 && calls % 3 === 0) {
          // The call arrived, the answer did not: the repeat has to be harmless.
          if (calls % 2 === 0) await honest.send(request, signal);
          const { AuthsError } = await import('@auths/core/errors');
          throw new AuthsError('network/unreachable', 'gone', { details: { url: 'http://127.0.0.1' } });
        }
        return honest.send(request, signal);
      },
    };
    const join = startJoin(world, typed);
    expect((await drive(clock, join.done)).status).toBe('paired');
    await drive(clock, host.done);
    expect((await grants(world)).seals).toBe(2);
  });

  it('a home whose identity key is not the current one shows no code', async () => {
    const world = await createWorld();
    const other = await createWorld();
    const host = startHost({ ...world, host: { ...world.host, identity: other.host.identity } });
    expect(await failure(host.done)).toBe('identity/not-authority');
    expect(host.offers).toEqual([]);
  });
});
