import { randomBytes } from 'node:crypto';
import type { PairingTransport, RelayRequest } from '@auths/core/ports';
import { createDeferred, createFakeClock, drive } from '@auths/testing/fake-clock';
import { realRandom } from '@auths/testing/real-world';
import { createJoinerHome } from '@auths/testing/two-device-world';
import { describe, expect, it } from 'vitest';
import { changedToken, flipped, inBetween, type Middle } from './middle.ts';
import {
  createWorld,
  directOf,
  failure,
  forcing,
  grants,
  NOTHING,
  startHost,
  startJoin,
  type World,
} from './world.ts';

const b64 = (length: number): string => randomBytes(length).toString('base64url');

interface Run {
  readonly world: World;
  readonly host: ReturnType<typeof startHost>;
  readonly join: ReturnType<typeof startJoin>;
  /** Codes by which both sides ended; a host that goes on waiting ends by its life. */
  ends(): Promise<{ readonly host: string; readonly joiner: string }>;
}

/** A run with somebody between the joiner and the relay. */
async function runWith(
  middle: Middle | ((transport: PairingTransport, world: World) => PairingTransport),
  pick: 'code' | 'uri' = 'code',
  clock = createFakeClock(),
): Promise<Run> {
  const world = await createWorld({ clock });
  const host = startHost(world);
  const offer = await host.offer;
  world.joinerTransport =
    typeof middle === 'function'
      ? middle(world.joinerTransport, world)
      : inBetween(world.joinerTransport, middle);
  const join = startJoin(world, offer[pick] ?? '');
  return {
    world,
    host,
    join,
    async ends() {
      const joiner = await drive(clock, failure(join.done));
      return { joiner, host: await drive(clock, failure(host.done)) };
    },
  };
}

function changedResponse(member: string, value: (before: unknown) => unknown): Middle {
  return {
    request: (request) => {
      if (!request.path.endsWith('/response')) return request;
      const body = request.body as Record<string, unknown>;
      return { ...request, body: { ...body, [member]: value(body[member]) } };
    },
  };
}

function changedConfirm(change: (body: Record<string, unknown>) => Record<string, unknown>): Middle {
  return {
    response: (request, response) =>
      request.path.endsWith('/confirmation') && response.status === 200
        ? { ...response, body: change(response.body as Record<string, unknown>) }
        : response,
  };
}

describe('a relay or somebody in between', () => {
  it.each([
    ['B01 another host key', { response: changedToken({ ephemeral_pubkey: b64(32) }) }],
    ['B01 another commitment', { response: changedToken({ host_commit: b64(32) }) }],
    ['B02 another device key', changedResponse('device_x25519_pubkey', () => b64(32))],
    ['B02 another device nonce', changedResponse('device_nonce', () => b64(32))],
    ['another MAC', changedResponse('pake_confirm', flipped)],
    [
      'B09 another time',
      { response: changedToken({ expires_at: Math.floor(Date.UTC(2026, 2, 1) / 1000) + 299 }) },
    ],
  ] as const)('%s: pake-failed, an attempt is counted, the session goes on', async (_what, middle) => {
    const run = await runWith(middle);
    expect(await run.ends()).toEqual({ joiner: 'pairing/pake-failed', host: 'pairing/session-expired' });
    expect(run.host.events).toContainEqual({
      attempt: { kind: 'short6', result: 'pake-failed', attemptsLeft: 2 },
    });
    expect(await grants(run.world)).toEqual(NOTHING);
  });

  it.each([
    ['kind', { kind: 'pin8' }],
    ['nameplate', { nameplate: 'ZZ' }],
  ])('B09 another %s in the offer: pake-failed before a guess is spent', async (_what, change) => {
    const run = await runWith({ response: changedToken(change) });
    expect((await run.ends()).joiner).toBe('pairing/pake-failed');
    expect(run.host.events).toHaveLength(1);
    expect(await grants(run.world)).toEqual(NOTHING);
  });

  it('B09 A04 another attempt in the offer, set right again on the way back: pake-failed', async () => {
    const run = await runWith({
      response: changedToken({ attempt: 1 }),
      request: (request) =>
        request.path.endsWith('/response')
          ? { ...request, body: { ...(request.body as object), attempt: 0 } }
          : request,
    });
    expect((await run.ends()).joiner).not.toBe('no failure');
    expect(run.host.events).toContainEqual({
      attempt: { kind: 'short6', result: 'pake-failed', attemptsLeft: 2 },
    });
    expect(await grants(run.world)).toEqual(NOTHING);
  });

  it.each([
    ['B03 forged', () => b64(1_040)],
    ['B03 one bit changed', flipped],
  ])('a sealed introduction that is %s is terminal for the host', async (_what, change) => {
    const run = await runWith(changedResponse('sealed', change));
    expect(await run.ends()).toEqual({ joiner: 'pairing/cancelled', host: 'pairing/channel-tampered' });
    expect(await grants(run.world)).toEqual(NOTHING);
  });

  it('B10 a changed introduction of the host', async () => {
    const run = await runWith(changedConfirm((body) => ({ ...body, sealed: flipped(body['sealed']) })));
    expect(await run.ends()).toEqual({
      joiner: 'pairing/channel-tampered',
      host: 'pairing/channel-tampered',
    });
    expect(run.join.sas).toEqual([]);
    expect(await grants(run.world)).toEqual(NOTHING);
  });

  it("B11 the joiner's own words given back to it", async () => {
    let mine: unknown;
    const run = await runWith({
      request: (request) => {
        if (request.path.endsWith('/response')) mine = (request.body as { sealed: string }).sealed;
        return request;
      },
      ...changedConfirm((body) => ({ ...body, sealed: mine })),
    });
    expect((await run.ends()).joiner).toBe('pairing/channel-tampered');
    expect(await grants(run.world)).toEqual(NOTHING);
  });

  it('B11 seq 0 said again as seq 1, in either direction', async () => {
    let p3: unknown;
    const toJoiner = await runWith({
      response: (request, response) => {
        if (request.path.endsWith('/confirmation'))
          p3 = (response.body as { sealed?: unknown } | null)?.sealed;
        if (request.method !== 'GET' || !request.path.includes('/messages')) return response;
        return { ...response, body: { messages: [{ seq: 1, sealed: p3 }] } };
      },
    });
    expect(await toJoiner.ends()).toEqual({
      joiner: 'pairing/channel-tampered',
      host: 'pairing/channel-tampered',
    });
    expect(await grants(toJoiner.world)).toEqual(NOTHING);

    let p2: unknown;
    const toHost = await runWith({
      request: (request) => {
        if (request.path.endsWith('/response')) p2 = (request.body as { sealed: unknown }).sealed;
        const body = request.body as { seq?: number } | undefined;
        return body?.seq === 1 ? { ...request, body: { seq: 1, sealed: p2 } } : request;
      },
    });
    expect(await toHost.ends()).toEqual({
      joiner: 'pairing/channel-tampered',
      host: 'pairing/channel-tampered',
    });
    expect(await grants(toHost.world)).toEqual(NOTHING);
  });

  it('B11 sealed introductions of two sessions swapped', async () => {
    let other: unknown;
    const first = await runWith({
      request: (request) => {
        if (request.path.endsWith('/response')) other = (request.body as { sealed: unknown }).sealed;
        return request;
      },
    });
    expect((await first.ends()).joiner).toBe('no failure');
    const second = await runWith(changedResponse('sealed', () => other));
    expect((await second.ends()).host).toBe('pairing/channel-tampered');
    expect(await grants(second.world)).toEqual(NOTHING);
  });

  it.each([1, 2, 3])('a changed message %i of the host ends both, terminal', async (at) => {
    let seen = 0;
    const run = await runWith({
      response: (request, response) => {
        if (request.method !== 'GET' || !request.path.includes('/messages')) return response;
        const body = response.body as { messages?: { seq: number; sealed: string }[] };
        if (!Array.isArray(body.messages)) return response;
        const messages = body.messages.map((message) => {
          seen = Math.max(seen, message.seq);
          return message.seq === at ? { seq: at, sealed: flipped(message.sealed) } : message;
        });
        return { ...response, body: { messages } };
      },
    });
    const { joiner } = await run.ends();
    expect(joiner).toBe('pairing/channel-tampered');
    // 1 is attest, 2 paired: nothing stands yet. 3 is anchored: the host has finished.
    if (at < 3) expect(await grants(run.world)).toEqual(NOTHING);
    else expect((await grants(run.world)).entries).toEqual(['desktop:active']);
  });

  it.each([1, 2, 3, 4])('a changed message %i of the joiner ends both before anything stands', async (at) => {
    const run = await runWith({
      request: (request) => {
        const body = request.body as { seq?: number; sealed?: string } | undefined;
        return body?.seq === at ? { ...request, body: { seq: at, sealed: flipped(body.sealed) } } : request;
      },
    });
    const { host, joiner } = await run.ends();
    expect(host).toBe('pairing/channel-tampered');
    expect(joiner).toBe('pairing/channel-tampered');
    expect(await grants(run.world)).toMatchObject({ seals: 1, entries: [], journals: 0 });
  });

  it('repeats of what was accepted change nothing', async () => {
    const run = await runWith((transport) => ({
      async send(request: RelayRequest, signal) {
        if (request.method === 'POST') await transport.send(request, signal);
        const answer = await transport.send(request, signal);
        const body = answer.body as { messages?: unknown[] } | null;
        if (!Array.isArray(body?.messages)) return answer;
        return { ...answer, body: { messages: body.messages.flatMap((one) => [one, one]) } };
      },
    }));
    expect((await run.ends()).joiner).toBe('no failure');
    expect(await grants(run.world)).toMatchObject({ seals: 2, entries: ['desktop:active'] });
  });

  it('messages out of order are a violation', async () => {
    let held: unknown = null;
    const run = await runWith({
      response: (request, response) => {
        const body = response.body as { messages?: unknown[] } | null;
        if (request.method !== 'GET' || !Array.isArray(body?.messages) || body.messages.length === 0)
          return response;
        if (held === null) {
          held = body.messages;
          return { ...response, body: { messages: [{ seq: 2, sealed: b64(1_040) }] } };
        }
        return response;
      },
    });
    expect((await run.ends()).joiner).toBe('pairing/protocol-violation');
    expect(await grants(run.world)).toEqual(NOTHING);
  });

  it('B14 a forged abort ends the joiner, with nothing kept and no claim about who said it', async () => {
    const run = await runWith(changedConfirm((body) => ({ attempt: body['attempt'], result: 'abort' })));
    await expect(drive(run.world.clock as ReturnType<typeof createFakeClock>, run.join.done)).rejects.toThrow(
      'ended by the other side or the relay',
    );
    await run.ends();
    expect(await grants(run.world)).toEqual(NOTHING);
  });

  it('a forged ok, and a forged reject', async () => {
    const ok = await runWith(changedConfirm((body) => ({ ...body, pake_confirm: b64(32) })));
    expect((await ok.ends()).joiner).toBe('pairing/pake-failed');
    expect(await grants(ok.world)).toEqual(NOTHING);
    const reject = await runWith(changedConfirm((body) => ({ attempt: body['attempt'], result: 'reject' })));
    expect((await reject.ends()).joiner).toBe('pairing/pake-failed');
    expect(await grants(reject.world)).toEqual(NOTHING);
  });

  it('the word on another attempt than the one that was answered', async () => {
    const run = await runWith(changedConfirm((body) => ({ ...body, attempt: 2 })));
    expect((await run.ends()).joiner).toBe('pairing/protocol-violation');
    expect(await grants(run.world)).toEqual(NOTHING);
  });

  it.each([
    ['k', { ephemeral_pubkey: b64(32) }],
    ['hc', { host_commit: b64(32) }],
  ])('B08 a QR whose %s is not that of the offer: nothing is sent', async (_what, change) => {
    let watched: ReturnType<typeof inBetween> | null = null;
    const run = await runWith((transport) => {
      watched = inBetween(transport, { response: changedToken(change) });
      return watched;
    }, 'uri');
    expect((await run.ends()).joiner).toBe('pairing/host-key-mismatch');
    expect(
      (watched as unknown as ReturnType<typeof inBetween>).seen.filter(({ method }) => method === 'POST'),
    ).toEqual([]);
    expect(await grants(run.world)).toEqual(NOTHING);
  });

  it.each([
    ['no pB', { pake_msg: undefined }],
    ['v 0', { v: 0 }],
    ['v "1"', { v: '1' }],
    ['a suite', { suite: 'seed' }],
    ['an unknown member', { short_code: 'Z438JR' }],
  ])('B21 a downgrade, %s: unsupported-version', async (_what, change) => {
    const run = await runWith({
      response: (request, response) => {
        const next = changedToken(change)(request, response);
        return { ...next, body: JSON.parse(JSON.stringify(next.body)) as unknown };
      },
    });
    expect((await run.ends()).joiner).toBe('pairing/unsupported-version');
    expect(run.host.events).toHaveLength(1);
    expect(await grants(run.world)).toEqual(NOTHING);
  });

  it.each([
    ['padding', (text: string) => `${text}=`],
    ['tail bits', (text: string) => `${text.slice(0, -1)}${text.endsWith('B') ? 'C' : 'B'}`],
    ['hex', () => 'ab'.repeat(32)],
  ])('C09 an offer in another spelling, %s: malformed, before any cryptography', async (_what, change) => {
    const run = await runWith({
      response: (request, response) => {
        const token = (response.body as { token?: { ephemeral_pubkey: string } } | null)?.token;
        return token === undefined
          ? response
          : changedToken({ ephemeral_pubkey: change(token.ephemeral_pubkey) })(request, response);
      },
    });
    expect((await run.ends()).joiner).toBe('pairing/malformed');
    expect(run.host.events).toHaveLength(1);
  });

  it('a pB that is no point, a host key of small order', async () => {
    const point = await runWith({ response: changedToken({ pake_msg: b64(65) }) });
    expect((await point.ends()).joiner).toBe('pairing/bad-point');
    expect(point.host.events).toHaveLength(1);
    const zero = Buffer.alloc(32).toString('base64url');
    const weak = await runWith({ response: changedToken({ ephemeral_pubkey: zero }) });
    expect((await weak.ends()).joiner).toBe('pairing/weak-key');
    expect(weak.host.events).toHaveLength(1);
  });

  it('an offer from clocks that differ by an hour, or with a life that is none', async () => {
    const now = Math.floor(Date.UTC(2026, 2, 1) / 1000);
    for (const expires of [now - 3_600, now + 3_600]) {
      const run = await runWith({ response: changedToken({ expires_at: expires }) });
      expect((await run.ends()).joiner).toBe('pairing/clock-skew');
    }
    for (const ttl of [0, 301]) {
      const run = await runWith({
        response: (request, response) =>
          request.path.includes('/by-code/')
            ? { ...response, body: { ...(response.body as object), ttl_seconds: ttl } }
            : response,
      });
      expect((await run.ends()).joiner).toBe('pairing/ttl-out-of-range');
    }
  });

  it.each([
    ['compressed', 33],
    ['64 bytes', 64],
    ['66 bytes', 66],
    ['one byte', 1],
  ])('C01 pA of another length, %s: bad-point, counted, and the session goes on', async (_what, length) => {
    await badPoint(() => b64(length));
  });

  it.each([
    ['zero', 'AA'.repeat(65)],
    ['prefix 02', '02'],
    ['prefix 05', '05'],
    ['not on the curve', '04'],
  ])('C01 pA %s: bad-point', async (_what, prefix) => {
    const bytes =
      prefix.length > 2 ? Buffer.alloc(65) : Buffer.concat([Buffer.from(prefix, 'hex'), randomBytes(64)]);
    await badPoint(() => bytes.toString('base64url'));
  });

  async function badPoint(share: () => string): Promise<void> {
    const run = await runWith(changedResponse('pake_msg', share));
    const clock = run.world.clock as ReturnType<typeof createFakeClock>;
    expect(await drive(clock, failure(run.join.done))).toBe('pairing/pake-failed');
    expect(run.host.events[1]).toEqual({ attempt: { kind: 'short6', result: 'bad-point', attemptsLeft: 2 } });
    expect(await grants(run.world)).toEqual(NOTHING);
    run.world.joinerTransport = directOf(run.world);
    const again = startJoin(run.world, run.host.offers[0]?.code ?? '');
    expect((await drive(clock, again.done)).status).toBe('paired');
    await drive(clock, run.host.done);
  }

  it('B05 somebody who KNOWS the code and sits in between is seen in the SAS', async () => {
    for (let i = 0; i < 5; i++) {
      const world = await createWorld();
      const evil = await createWorld();
      const shown: { host?: string; joiner?: string } = {};
      const seen = createDeferred<string>();
      const host = startHost(
        world,
        { mode: 'registry', qr: false },
        {
          ask: async ({ sas }) => {
            shown.host = sas;
            shown.joiner = await seen.promise;
            return shown.joiner;
          },
        },
      );
      const code = (await host.offer).code ?? '';
      const evilHost = startHost(
        { ...evil, random: forcing(code) },
        { mode: 'registry', qr: false, code: 'short6' },
        { ask: async () => new Promise(() => {}) },
      );
      expect((await evilHost.offer).code).toBe(code);
      startJoin(evil, code, {}, { onSas: ({ sas }) => seen.resolve(sas) });
      const evilJoin = startJoin(world, code, { home: createJoinerHome(realRandom) });
      expect(await failure(host.done)).toBe('pairing/sas-mismatch');
      expect(await failure(evilJoin.done)).toBe('pairing/sas-mismatch');
      expect(shown.joiner).not.toBe(shown.host);
      expect(await grants(world)).toEqual(NOTHING);
    }
  });

  it('B04 somebody in between who guesses the code ends with a wrong guess at both ends', async () => {
    const world = await createWorld();
    const evil = await createWorld();
    const host = startHost(world, { mode: 'registry', qr: false });
    const code = (await host.offer).code ?? '';
    // He knows the public part, which finds the session, and guesses the rest.
    const guess = code.slice(0, -1) + (code.endsWith('2') ? '3' : '2');
    const evilHost = startHost(
      { ...evil, random: forcing(guess) },
      { mode: 'registry', qr: false, code: 'short6' },
    );
    expect((await evilHost.offer).code).toBe(guess);
    const victim = startJoin(evil, code);
    const asJoiner = startJoin(world, guess, { home: createJoinerHome(realRandom) });
    await expect(victim.done).rejects.toMatchObject({
      code: 'pairing/pake-failed',
      message: 'wrong code, or someone in between',
      hint: 'Check the code on the other device. If it was right, someone may be answering in its place.',
    });
    expect(await failure(asJoiner.done)).toBe('pairing/pake-failed');
    expect([...victim.sas, ...asJoiner.sas]).toEqual([]);
    expect(await grants(world)).toEqual(NOTHING);
    // It cost him one of three, and the true device still pairs.
    const honest = startJoin(world, code);
    expect((await honest.done).status).toBe('paired');
    expect((await host.done).deviceDid).toBeDefined();
  });

  it('B06 the first good answer closes every way in before anything is revealed', async () => {
    const world = await createWorld();
    const asked = createDeferred<null>();
    const host = startHost(
      world,
      {},
      {
        ask: async () => {
          asked.resolve(null);
          return new Promise(() => {});
        },
      },
    );
    const offer = await host.offer;
    startJoin(world, offer.code ?? '');
    await asked.promise;
    const second = startJoin(world, offer.uri ?? '', { home: createJoinerHome(realRandom) });
    expect(await failure(second.done)).toBe('pairing/already-used');
    expect(second.sas).toEqual([]);
    expect(await grants(world)).toEqual(NOTHING);
  });
});
