/** Clients that are none, against both servers as processes of their own: a host on the local network, and a registry. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { platform } from 'node:process';
import { sampleOk, sampleResponse } from '@auths/testing/sample-session';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildPrograms, removePrograms } from './programs.ts';
import { head, raw } from './raw-http.ts';
import { openStage, rightOnePairs, type Session, type Stage } from './stage.ts';

let stage: Stage;
const sessions = new Map<string, Session>();
beforeAll(async () => {
  buildPrograms();
  stage = await openStage({ desk: true });
  sessions.set(LAN_HOST, await stage.open({ lan: true }));
  sessions.set(REGISTRY, await stage.open());
}, 120_000);
afterAll(async () => {
  for (const one of sessions.values()) await one.end();
  await stage.end();
  removePrograms();
});

const LAN_HOST = 'a host on the local network';
const REGISTRY = 'a registry';
const ROOT = '/v1/pairing/sessions';

/** Where it is, and a session that waits there. */
function at(where: string): { readonly origin: string; readonly path: string; readonly on: Session } {
  const on = sessions.get(where);
  if (on === undefined) throw new Error(where);
  const origin = where === REGISTRY ? stage.registry.url : String(on.offer['endpoint']);
  return { origin, path: `${ROOT}/${String(on.offer['session_id'])}`, on };
}

describe.concurrent.each([LAN_HOST, REGISTRY])('%s', { timeout: 60_000 }, (where) => {
  it('D03 takes no word for the host’s without its token, and shows a stranger status and time alone', async () => {
    const { origin, path } = at(where);
    const token = Buffer.alloc(32, 7).toString('base64url');
    const call = (
      method: string,
      action: string,
      body?: unknown,
      authorization?: string,
    ): Promise<Response> =>
      fetch(`${origin}${path}${action}`, {
        method,
        headers: {
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(authorization === undefined ? {} : { authorization }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
    for (const authorization of [
      undefined,
      `Bearer ${token}`,
      `Claim ${token}`,
      'Bearer x',
      `Basic ${token}`,
    ]) {
      for (const [method, action, body] of [
        ['POST', '/confirm', sampleOk()],
        ['POST', '/complete', undefined],
        ['DELETE', '', undefined],
        ['GET', '/messages?after=0', undefined],
        ['GET', '/confirmation', undefined],
      ] as const) {
        const said = await call(method, action, body, authorization);
        expect([method, action, authorization, said.status]).toEqual([method, action, authorization, 401]);
        expect(await said.json()).toMatchObject({ error: 'unauthorized' });
      }
      if (authorization !== undefined)
        expect((await call('GET', '', undefined, authorization)).status).toBe(401);
    }
    const shown = (await (await call('GET', '')).json()) as object;
    expect(Object.keys(shown).toSorted()).toEqual(['session_id', 'status', 'ttl_seconds']);
  });

  it('D05 bounds what it reads: bodies, announced or not, headers, and patience', async () => {
    const { origin, path } = at(where);
    const chunk = `4000\r\n${'a'.repeat(0x4000)}\r\n`;
    const endless = head('POST', `${path}/response`, { 'transfer-encoding': 'chunked' }) + chunk.repeat(8);
    expect(await raw(origin, endless)).toMatch(/^HTTP\/1\.1 413 /);
    expect(await raw(origin, head('POST', `${path}/response`, { 'content-length': '16385' }))).toMatch(
      /^HTTP\/1\.1 413 /,
    );
    expect(await raw(origin, head('GET', '/health', { x: 'a'.repeat(1_000_000) }))).toMatch(
      /^HTTP\/1\.1 431 /,
    );
    const from = performance.now();
    // One byte now and then, of headers and of a body, while others are served.
    const slow = Promise.all([
      raw(origin, 'GET /health HTTP/1.1\r\nhost: localhost\r\nx: ', 'x'),
      raw(origin, head('POST', `${path}/response`, { 'content-length': '5000' }), ' '),
    ]);
    expect(await (await fetch(`${origin}/health`)).text()).toBe('ok');
    for (const said of await slow) expect(said).toMatch(/^(?:HTTP\/1\.1 408 |$)/);
    expect(performance.now() - from).toBeLessThan(30_000);
  });

  it('D09 gives a page of somebody else nothing: no CORS, and at a host no foreign name', async () => {
    const { origin, path } = at(where);
    for (const target of ['/health', path, `${ROOT}/by-code/ZZ`]) {
      for (const host of ['evil.example', '127.0.0.1.evil.example:80', 'localhost']) {
        for (const method of ['GET', 'OPTIONS']) {
          const said = await raw(origin, head(method, target, { host, origin: 'https://evil.example' }));
          expect(said.toLowerCase()).not.toContain('access-control');
          if (where === LAN_HOST && host !== 'localhost') {
            expect(said).toMatch(/^HTTP\/1\.1 421 /);
            expect(said).not.toContain('ephemeral_pubkey');
          }
        }
      }
    }
  });

  it('D10 knows no other paths, and no files', async () => {
    const { origin } = at(where);
    for (const target of [
      `${ROOT}/../../etc/passwd`,
      `${ROOT}/..%2f..%2fetc%2fpasswd`,
      `${ROOT}/%2e%2e/%2e%2e/etc/passwd`,
      `${ROOT}/%00`,
      `${ROOT}/%zz`,
      `${ROOT}/${'a'.repeat(7_000)}`,
      `${ROOT}//`,
      '/etc/passwd',
    ]) {
      const said = await raw(origin, head('GET', target));
      expect([target.slice(0, 60), said.slice(0, 13)]).toEqual([
        target.slice(0, 60),
        expect.stringMatching(/^HTTP\/1\.1 4(?:0[045]|14|31) /),
      ]);
      expect(said).not.toContain('root:');
    }
    expect(await raw(origin, Buffer.from(head('GET', '/\u00ff\u00fe'), 'latin1'))).toMatch(
      /^HTTP\/1\.1 40[04] /,
    );
    expect(await raw(origin, 'EHLO relay\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /);
  });

  it('C09 D02 takes bytes in one spelling and calls in one order', async () => {
    const { origin, path, on } = at(where);
    const post = async (body: unknown): Promise<string> => {
      const headers = { 'content-type': 'application/json' };
      const said = await fetch(`${origin}${path}/response`, {
        method: 'POST',
        headers,
        body: JSON.stringify(body),
      });
      return `${said.status} ${String(((await said.json()) as { error?: string }).error)}`;
    };
    const { body } = sampleResponse();
    const key = body.device_x25519_pubkey;
    const spelt = [
      `${key}=`,
      `${key.slice(0, -1)}+`,
      `${key.slice(0, -1)}/`,
      `${key.slice(0, -1)}B`,
      Buffer.from(key, 'base64url').toString('hex').toUpperCase(),
    ];
    for (const device_x25519_pubkey of spelt)
      expect(await post({ ...body, device_x25519_pubkey })).toBe('400 malformed');
    expect(await post({ ...body, attempt: 1 })).toBe('409 offer-consumed');
    expect(await post({ ...body, kind: 'link' })).toBe('404 not-found');
    expect(on.host.events().map(({ event }) => event)).toEqual(['offer']);
  });

  // Only Linux has 127.0.0.2 without being told.
  it.skipIf(platform !== 'linux')(
    'D13 becomes no socket, and hundreds that only wait keep nobody out',
    async () => {
      const { origin, path } = at(where);
      const upgrade = {
        connection: 'Upgrade',
        upgrade: 'websocket',
        'sec-websocket-version': '13',
        'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
      };
      const asked = await raw(origin, head('GET', `${path}/ws`, upgrade), ' ');
      expect(asked).toMatch(/^(?:HTTP\/1\.1 4\d\d |$)/);
      const { port } = new URL(origin);
      const idle = await Promise.all(
        Array.from({ length: 400 }, async () => {
          const socket: Socket = connect({
            port: Number(port),
            host: '127.0.0.1',
            localAddress: '127.0.0.2',
          });
          socket.on('error', () => {}).resume();
          await Promise.race([once(socket, 'connect'), once(socket, 'close')]);
          return socket;
        }),
      );
      try {
        expect(await (await fetch(`${origin}/health`)).text()).toBe('ok');
      } finally {
        for (const socket of idle) socket.destroy();
      }
    },
  );
});

describe('after all that', () => {
  it.each([LAN_HOST, REGISTRY])(
    'D02 D03 D05 the session at %s stands, and the right person pairs',
    async (where) => {
      const { on } = at(where);
      expect(on.host.events().map(({ event }) => event)).toEqual(['offer']);
      await rightOnePairs(on);
    },
  );
});
