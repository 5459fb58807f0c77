import type { RelayRequest } from '@auths/core/ports';
import { parseEndpoint } from '@auths/core/pairing/endpoint';
import { createJoinerRelay } from '@auths/pairing-http/client';
import { createDirectTransport } from '@auths/pairing-http/direct-transport';
import { createFakeClock, drive } from '@auths/testing/fake-clock';
import { realRandom } from '@auths/testing/real-world';
import { createJoinerHome, createTestSigner } from '@auths/testing/two-device-world';
import { encodeDidKey } from '@auths/core/encoding/did-key';
import { describe, expect, it } from 'vitest';
import { inBetween } from './middle.ts';
import {
  createWorld,
  ENDPOINT,
  failure,
  grants,
  NOTHING,
  startHost,
  startJoin,
  type World,
} from './world.ts';

/** Another code with the same nameplate. */
function wrong(code: string, by = 1): string {
  const alphabet = '23456789ABCDEFGHJKMNPQRSTUVWXYZ';
  const last = code.at(-1) ?? '';
  return code.slice(0, -1) + alphabet.charAt((alphabet.indexOf(last) + by) % alphabet.length);
}

async function idleWorld(): Promise<{ readonly world: World; readonly stop: AbortController }> {
  return { world: await createWorld(), stop: new AbortController() };
}

describe('endings without a grant', () => {
  it('A04 wrong code, then the right one: the second attempt pairs', async () => {
    const { world } = await idleWorld();
    const host = startHost(world);
    const code = (await host.offer).code ?? '';
    expect(await failure(startJoin(world, wrong(code)).done)).toBe('pairing/pake-failed');
    expect(await grants(world)).toEqual(NOTHING);
    const join = startJoin(world, code);
    await Promise.all([join.done, host.done]);
    expect(host.events[1]).toEqual({ attempt: { kind: 'short6', result: 'pake-failed', attemptsLeft: 2 } });
    expect((await grants(world)).seals).toBe(2);
  });

  it('A06 asks a person again, and stops after three runs', async () => {
    const { world, stop } = await idleWorld();
    const host = startHost(world, {}, {}, stop.signal);
    const code = (await host.offer).code ?? '';
    let asked = 0;
    const join = startJoin(
      world,
      wrong(code),
      {},
      {
        retype: async () => {
          asked += 1;
          return {
            kind: 'code',
            code: {
              kind: 'short6',
              text: wrong(code, asked + 1).replace('-', ''),
              nameplate: code.slice(0, 2),
            },
          };
        },
      },
    );
    expect(await failure(join.done)).toBe('pairing/pake-failed');
    expect(asked).toBe(2);
    stop.abort(new Error('end of test'));
    await failure(host.done);
    expect(await grants(world)).toEqual(NOTHING);
  });

  it('A03 three wrong answers end the code; the right one is too late; the QR lives on', async () => {
    const { world } = await idleWorld();
    const host = startHost(world);
    const offer = await host.offer;
    const code = offer.code ?? '';
    for (const by of [1, 2, 3]) {
      expect(await failure(startJoin(world, wrong(code, by)).done)).toBe('pairing/pake-failed');
    }
    expect(await failure(startJoin(world, code).done)).toBe('pairing/attempts-exhausted');
    expect(await grants(world)).toEqual(NOTHING);
    await startJoin(world, offer.uri ?? '').done;
    await host.done;
    expect((await grants(world)).entries).toEqual(['desktop:active']);
  });

  it('a session without other ways in ends, and is renewed at most twice with everything new', async () => {
    const { world } = await idleWorld();
    const reasons: string[] = [];
    const host = startHost(
      world,
      { qr: false },
      {
        renew: async (why) => {
          reasons.push(why);
          return true;
        },
        onOffer: async ({ code }) => {
          // The host waits for its offers to be shown; the guesses come beside it.
          void (async () => {
            for (const by of [1, 2, 3]) await failure(startJoin(world, wrong(code ?? '', by)).done);
          })();
        },
      },
    );
    expect(await failure(host.done)).toBe('pairing/attempts-exhausted');
    expect(reasons).toEqual(['attempts-exhausted', 'attempts-exhausted']);
    expect(host.offers).toHaveLength(3);
    for (const member of ['code', 'nameplate', 'sessionId'] as const) {
      expect(new Set(host.offers.map((offer) => offer[member])).size).toBe(3);
    }
    expect(await grants(world)).toEqual(NOTHING);
  });

  it('A11 expires after 300.0 s by the monotonic clock, whatever the wall clock says', async () => {
    const clock = createFakeClock();
    const world = await createWorld({ clock });
    const host = startHost(world);
    const { code } = await host.offer;
    clock.stepWall(-3_600_000);
    clock.advance(299_900);
    const early = startJoin(world, code ?? '');
    // Found, but the clocks are an hour apart.
    expect(await drive(clock, failure(early.done))).toBe('pairing/clock-skew');
    clock.advance(100);
    expect(await drive(clock, failure(startJoin(world, code ?? '').done))).toBe('pairing/session-expired');
    expect(await drive(clock, failure(host.done))).toBe('pairing/session-expired');
    expect(await grants(world)).toEqual(NOTHING);
  });

  it('A11 expires by the wall clock when the monotonic one slept', async () => {
    const clock = createFakeClock();
    const world = await createWorld({ clock });
    const host = startHost(world);
    const { code } = await host.offer;
    clock.stepWall(300_000);
    expect(await drive(clock, failure(startJoin(world, code ?? '').done))).toBe('pairing/session-expired');
    expect(await drive(clock, failure(host.done))).toBe('pairing/session-expired');
  });

  it('a host that nobody answers gives up when told to', async () => {
    const clock = createFakeClock();
    const world = await createWorld({ clock });
    const host = startHost(world, { timeoutMs: 5_000 });
    const before = clock.monotonic();
    expect(await drive(clock, failure(host.done))).toBe('pairing/timeout');
    expect(clock.monotonic() - before).toBeLessThan(7_000);
  });

  it('Ctrl+C on the host tells the relay, so the code is dead at once', async () => {
    const { world, stop } = await idleWorld();
    const host = startHost(world, {}, {}, stop.signal);
    const { code } = await host.offer;
    stop.abort(new Error('interrupted'));
    await expect(host.done).rejects.toThrow('interrupted');
    expect(await failure(startJoin(world, code ?? '').done)).toBe('pairing/cancelled');
    expect(await grants(world)).toEqual(NOTHING);
  });

  it('Ctrl+C on the host while a person is asked ends the joiner as cancelled', async () => {
    const { world, stop } = await idleWorld();
    const host = startHost(
      world,
      {},
      {
        ask: async () => {
          stop.abort(new Error('interrupted'));
          return new Promise(() => {});
        },
      },
      stop.signal,
    );
    const join = startJoin(world, (await host.offer).code ?? '');
    await expect(host.done).rejects.toThrow('interrupted');
    expect(await failure(join.done)).toBe('pairing/cancelled');
    expect(await grants(world)).toEqual(NOTHING);
  });

  it('Ctrl+C on the joiner while it is asked ends the host as cancelled', async () => {
    const { world, stop } = await idleWorld();
    const host = startHost(world, {}, { ask: async () => new Promise(() => {}) });
    const join = startJoin(
      world,
      (await host.offer).code ?? '',
      { ask: true },
      {
        confirm: async () => {
          stop.abort(new Error('interrupted'));
          return new Promise(() => {});
        },
      },
      stop.signal,
    );
    await expect(join.done).rejects.toThrow('interrupted');
    expect(await failure(host.done)).toBe('pairing/cancelled');
    expect(await grants(world)).toEqual(NOTHING);
  });

  it('F01 a person at the host declines', async () => {
    const { world } = await idleWorld();
    const host = startHost(world, {}, { ask: async () => false });
    const join = startJoin(world, (await host.offer).code ?? '');
    expect(await failure(host.done)).toBe('pairing/declined');
    expect(await failure(join.done)).toBe('pairing/declined');
    expect(await grants(world)).toEqual(NOTHING);
    expect(await failure(startJoin(world, host.offers[0]?.code ?? '').done)).toBe('pairing/cancelled');
  });

  it('F01 the person at the joiner declines, while the host is still being asked', async () => {
    const { world } = await idleWorld();
    const host = startHost(world, {}, { ask: async () => new Promise(() => {}) });
    const join = startJoin(
      world,
      (await host.offer).code ?? '',
      { ask: true },
      { confirm: async () => false },
    );
    expect(await failure(join.done)).toBe('pairing/declined');
    expect(await failure(host.done)).toBe('pairing/declined');
    expect(await grants(world)).toEqual(NOTHING);
  });

  it('the joiner is not asked twice over when the host agrees first', async () => {
    const { world } = await idleWorld();
    const host = startHost(world);
    const join = startJoin(
      world,
      (await host.offer).code ?? '',
      { ask: true },
      {
        confirm: async () => {
          await new Promise((resolve) => {
            setTimeout(resolve, 150);
          });
          return true;
        },
      },
    );
    await Promise.all([host.done, join.done]);
  });

  it.each([
    ['the host', 'pairing/confirmation-required', true],
    ['the joiner', 'pairing/confirmation-required', false],
  ])('nobody answers at %s for 120 s', async (_who, code, atHost) => {
    const clock = createFakeClock();
    const world = await createWorld({ clock });
    const host = startHost(world, {}, atHost ? { ask: async () => new Promise(() => {}) } : {});
    const typed = (await host.offer).code ?? '';
    const join = startJoin(world, typed, { ask: !atHost }, { confirm: async () => new Promise(() => {}) });
    const both = Promise.all([failure(host.done), failure(join.done)]);
    expect(await drive(clock, both)).toEqual([code, code]);
    expect(await grants(world)).toEqual(NOTHING);
  });

  it.each([
    ['lan', 'link', 'type'],
    ['registry', 'short6', 'type'],
    ['lan', 'short6', 'yes'],
    ['registry', 'code12', 'yes'],
  ] as const)('with nobody to ask, %s %s is refused before a code is shown', async (mode, kind, _rule) => {
    const world = await createWorld();
    const ways = kind === 'link' ? { code: null, link: true } : { code: kind, link: false };
    const host = startHost(world, { mode, ...ways, qr: false, canAsk: false });
    expect(await failure(host.done)).toBe('pairing/confirmation-required');
    expect(host.offers).toEqual([]);
  });

  it.each(['link', 'short6'] as const)('F02 --yes does not answer for %s where it must not', async (kind) => {
    const world = await createWorld();
    const ways = kind === 'link' ? { code: null, link: true } : { code: kind, link: false };
    const host = startHost(
      world,
      { mode: 'registry', ...ways, qr: false, yes: true },
      { ask: async () => null },
    );
    const offer = await host.offer;
    const join = startJoin(world, offer.code ?? offer.link ?? '');
    expect(await failure(host.done)).toBe('pairing/confirmation-required');
    expect(await failure(join.done)).toBe('pairing/confirmation-required');
    expect(await grants(world)).toEqual(NOTHING);
  });

  it('a QR is asked about with --confirm', async () => {
    const world = await createWorld();
    const host = startHost(world, { confirm: true }, { ask: async () => false });
    const join = startJoin(world, (await host.offer).uri ?? '');
    expect(await failure(host.done)).toBe('pairing/declined');
    expect(await failure(join.done)).toBe('pairing/declined');
  });

  it('B05 the wrong SAS typed is sas-mismatch', async () => {
    const world = await createWorld();
    const host = startHost(world, { mode: 'registry' }, { ask: async () => 'ZMYR-C1HG' });
    const join = startJoin(world, (await host.offer).code ?? '');
    expect(await failure(host.done)).toBe('pairing/sas-mismatch');
    expect(await failure(join.done)).toBe('pairing/sas-mismatch');
    expect(await grants(world)).toEqual(NOTHING);
  });

  it('F03 another device than --expect-device is turned away before it learns anything', async () => {
    const world = await createWorld();
    const expected = encodeDidKey(createTestSigner(realRandom.bytes(32)).publicKey);
    const host = startHost(world, { expectDevice: expected });
    const join = startJoin(world, (await host.offer).code ?? '');
    expect(await failure(host.done)).toBe('pairing/device-not-expected');
    expect(await failure(join.done)).toBe('pairing/cancelled');
    expect(join.sas).toEqual([]);
    expect(await grants(world)).toEqual(NOTHING);
  });

  it('the device of --expect-device needs nobody', async () => {
    const world = await createWorld();
    const signer = await world.home.deviceKey({ renew: false });
    const host = startHost(world, {
      mode: 'registry',
      expectDevice: encodeDidKey(signer.publicKey),
      canAsk: false,
    });
    await startJoin(world, (await host.offer).code ?? '').done;
    await host.done;
    expect((await grants(world)).entries).toEqual(['desktop:active']);
  });

  it('another host than --expect-host', async () => {
    const world = await createWorld();
    const other = await createWorld();
    const host = startHost(world, {}, { ask: async () => new Promise(() => {}) });
    const join = startJoin(world, (await host.offer).code ?? '', { expectHost: other.host.controllerDid });
    expect(await failure(join.done)).toBe('pairing/host-not-expected');
    expect(await failure(host.done)).toBe('pairing/host-not-expected');
    expect(await grants(world)).toEqual(NOTHING);
  });

  it('E05 two joiners race with the right code: one pairs, the other is told', async () => {
    const clock = createFakeClock();
    const world = await createWorld({ clock });
    const host = startHost(world);
    const code = (await host.offer).code ?? '';
    const homes = [createJoinerHome(realRandom), createJoinerHome(realRandom)];
    const joins = homes.map((home) => startJoin(world, code, { home }));
    const ends = await drive(clock, Promise.all(joins.map(({ done }) => failure(done))));
    await drive(clock, host.done);
    expect(ends.filter((end) => end === 'no failure')).toHaveLength(1);
    expect(ends.find((end) => end !== 'no failure')).toMatch(/^pairing\/(already-used|offer-consumed)$/);
    expect((await grants(world)).entries).toEqual(['desktop:active']);
    expect((await grants(world)).seals).toBe(2);
    expect(homes.filter(({ hosts }) => hosts.size > 0)).toHaveLength(1);
  });

  it('A10 the code is worth nothing after a pairing', async () => {
    const world = await createWorld();
    const host = startHost(world);
    const code = (await host.offer).code ?? '';
    await startJoin(world, code).done;
    await host.done;
    const late = startJoin(world, code, { home: createJoinerHome(realRandom) });
    expect(await failure(late.done)).toMatch(/^pairing\/(not-found|session-expired)$/);
    expect((await grants(world)).entries).toEqual(['desktop:active']);
  });

  it('A18 a relay that says offer-consumed for ever gets three responses', async () => {
    const clock = createFakeClock();
    const world = await createWorld({ clock });
    const stop = new AbortController();
    const host = startHost(world, {}, {}, stop.signal);
    const code = (await host.offer).code ?? '';
    const middle = inBetween(world.joinerTransport, {
      request: (request) =>
        request.path.endsWith('/response')
          ? { answer: { status: 409, body: { error: 'offer-consumed' } } }
          : request,
    });
    world.joinerTransport = middle;
    expect(await drive(clock, failure(startJoin(world, code).done))).toBe('pairing/offer-consumed');
    const responses = middle.seen.filter(({ path }) => path.endsWith('/response'));
    expect(responses).toHaveLength(3);
    // Each is a guess of its own: new x, new keys.
    expect(new Set(responses.map(({ body }) => JSON.stringify(body))).size).toBe(3);
    stop.abort(new Error('end'));
    await failure(host.done);
  });

  it('E02 a false host that answers first costs one run; the true one still pairs', async () => {
    const world = await createWorld();
    const evil = await createWorld();
    const host = startHost(world);
    const code = (await host.offer).code ?? '';
    // A host that answers for the nameplate and rejects whatever it is told.
    const evilHost = startHost(evil, { qr: false });
    const evilCode = (await evilHost.offer).code ?? '';
    const evilTransport = inBetween(evil.joinerTransport, {
      request: (request) =>
        request.path.includes('/by-code/')
          ? { ...request, path: `/v1/pairing/sessions/by-code/${evilCode.slice(0, 2)}` }
          : request,
      response: (request, response) => {
        if (!request.path.includes('/by-code/')) return response;
        const body = response.body as { token: object };
        return { ...response, body: { ...body, token: { ...body.token, nameplate: code.slice(0, 2) } } };
      },
    });
    const failed: string[] = [];
    const join = startJoin(
      world,
      code,
      {
        relays: [
          createJoinerRelay(evilTransport, 'http://127.0.0.1:1'),
          createJoinerRelay(world.joinerTransport, ENDPOINT),
        ],
      },
      { onCandidateFailed: (endpoint) => void failed.push(endpoint) },
    );
    expect((await join.done).controllerDid).toBe(world.host.controllerDid);
    expect(failed).toEqual(['http://127.0.0.1:1']);
    expect(await grants(evil)).toEqual({ ...NOTHING });
  });

  it('nobody there', async () => {
    const world = await createWorld();
    expect(await failure(startJoin(world, 'Z43-8JR').done)).toBe('pairing/not-found');
    expect(await failure(startJoin(world, 'Z43-8JR', { relays: [] }).done)).toBe('pairing/no-peer');
    const clock = createFakeClock();
    const silent = await createWorld({ clock });
    silent.joinerTransport = { send: () => new Promise(() => {}) };
    expect(await drive(clock, failure(startJoin(silent, 'Z43-8JR', { timeoutMs: 15_000 }).done))).toBe(
      'pairing/no-peer',
    );
  });

  it('D11 a relay that forgets the session (restarted) ends both with not-found', async () => {
    const clock = createFakeClock();
    const world = await createWorld({ clock });
    const host = startHost(world);
    const code = (await host.offer).code ?? '';
    const fresh = await createWorld({ clock });
    world.hostTransport = createDirectTransport(fresh.relay);
    world.joinerTransport = createDirectTransport(fresh.relay, { local: false, remoteAddress: '192.0.2.7' });
    expect(await drive(clock, failure(startJoin(world, code).done))).toBe('pairing/not-found');
    expect(await drive(clock, failure(host.done))).toBe('pairing/not-found');
    expect(await grants(world)).toEqual(NOTHING);
  });

  it('D08 a taken nameplate costs a new draw, and when short codes run out a longer one is offered', async () => {
    const world = await createWorld();
    let conflicts = 0;
    const notices: string[] = [];
    const real = world.hostTransport;
    world.hostTransport = inBetween(real, {
      request: (request: RelayRequest) => {
        if (request.path !== '/v1/pairing/sessions') return request;
        const { slots } = request.body as { slots: { kind: string }[] };
        if (conflicts++ < 2) return { answer: { status: 409, body: { error: 'conflict' } } };
        return slots.some(({ kind }) => kind === 'short6')
          ? { answer: { status: 503, body: { error: 'nameplate-exhausted' } } }
          : request;
      },
    });
    const host = startHost(world, {}, { onNotice: (notice) => void notices.push(notice) });
    const offer = await host.offer;
    expect(offer.kind).toBe('code12');
    expect(notices).toEqual(['code12']);
    await startJoin(world, offer.code ?? '').done;
    await host.done;
  });

  it('C07 a broken random source pairs nobody', async () => {
    const world = await createWorld();
    const same = realRandom.bytes(64);
    for (const bytes of [
      (length: number) => new Uint8Array(length),
      (length: number) => same.subarray(0, length),
      () => {
        throw new Error('no entropy');
      },
    ]) {
      const broken = { ...world, random: { bytes } };
      expect(await failure(startHost(broken).done)).toBe('internal/bug');
    }
    expect(await grants(world)).toEqual(NOTHING);
  });

  it('an endpoint is an origin', () => {
    expect(parseEndpoint(ENDPOINT).origin).toBe(ENDPOINT);
  });
});
