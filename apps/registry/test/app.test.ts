import { request } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { Writable } from 'node:stream';
import { setTimeout as wait } from 'node:timers/promises';
import { pino } from 'pino';
import { afterEach, describe, expect, it } from 'vitest';
import { DEFAULT_LIMITS } from '@auths/core/pairing/limits';
import { createMemoryLimiter } from '@auths/pairing-http/memory-limiter';
import { createMemorySessions } from '@auths/pairing-http/memory-sessions';
import { createApp, type AppOptions } from '../src/app.ts';
import { systemClock } from '../src/clock.ts';

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

interface Running {
  readonly origin: string;
  readonly port: number;
  readonly log: () => string;
  readonly drain: () => void;
}

async function start(
  options: Partial<AppOptions> & { readonly limits?: typeof DEFAULT_LIMITS } = {},
): Promise<Running> {
  const limits = options.limits ?? { ...DEFAULT_LIMITS, createPerMinute: 1_000 };
  const draining = new AbortController();
  let log = '';
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      log += chunk.toString();
      done();
    },
  });
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
    logger: pino({ level: 'trace' }, sink),
    version: '0.0.0',
    ...options,
  });
  await app.listen({ host: '127.0.0.1', port: 0, listenTextResolver: () => '' });
  closers.push(async () => {
    draining.abort();
    app.server.closeAllConnections();
    await app.close();
  });
  const port = (app.server.address() as AddressInfo).port;
  return { origin: `http://127.0.0.1:${port}`, port, log: () => log, drain: () => draining.abort() };
}

const b64 = (length: number, fill: number): string => Buffer.alloc(length, fill).toString('base64url');
const token = Buffer.alloc(32, 7);
const session = (nameplate: string, id: string): object => ({
  v: 1,
  session_id: id,
  ttl_seconds: 300,
  ephemeral_pubkey: b64(32, 1),
  host_commit: b64(32, 2),
  expires_at: 1_800_000_000,
  slots: [{ kind: 'short6', nameplate, pake: [b64(65, 4), b64(65, 4), b64(65, 4)] }],
  // SHA-256 of thirty-two bytes of 7.
  host_token_hash: '',
});
const withHash = async (body: object): Promise<object> => ({
  ...body,
  host_token_hash: Buffer.from(await crypto.subtle.digest('SHA-256', token)).toString('base64url'),
});
const post = (
  origin: string,
  path: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<Response> =>
  fetch(`${origin}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
const problem = async (response: Response): Promise<unknown> => {
  expect(response.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  return ((await response.json()) as { error: unknown }).error;
};
const create = async (origin: string, address: string, id: string): Promise<number> =>
  (
    await post(origin, '/v1/pairing/sessions', await withHash(session(`Z${id}`, id.repeat(32))), {
      'x-forwarded-for': address,
    })
  ).status;
/** What the server says to raw bytes, until it closes. */
const raw = (port: number, bytes: string | Buffer, dripMs?: number): Promise<string> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    let said = '';
    socket.on('data', (chunk) => (said += chunk.toString()));
    socket.on('close', () => resolve(said));
    socket.on('error', () => resolve(said));
    if (dripMs === undefined) {
      socket.write(bytes);
      return;
    }
    let at = 0;
    const timer = setInterval(() => {
      if (socket.destroyed || at >= bytes.length) clearInterval(timer);
      else socket.write(bytes.slice(at, (at += 1)));
    }, dripMs);
  });

describe('a registry', () => {
  it('says that it lives, whether it is fit, and what it is', async () => {
    const { origin } = await start();
    const health = await fetch(`${origin}/health`);
    expect([health.status, health.headers.get('content-type'), await health.text()]).toEqual([
      200,
      'text/plain; charset=utf-8',
      'ok',
    ]);
    expect((await fetch(`${origin}/ready`)).status).toBe(200);
    expect(await (await fetch(`${origin}/`)).text()).toContain('auths-registry');
    const unfit = await start({ ready: async () => false });
    expect((await fetch(`${unfit.origin}/ready`)).status).toBe(503);
    expect((await fetch(`${unfit.origin}/health`)).status).toBe(200);
  });

  it('opens a session and gives its offer by nameplate', async () => {
    const { origin } = await start();
    const created = await post(origin, '/v1/pairing/sessions', await withHash(session('Z4', 'a'.repeat(32))));
    expect(created.status).toBe(201);
    expect(await created.json()).toMatchObject({ session_id: 'a'.repeat(32), status: 'pending' });
    const found = await fetch(`${origin}/v1/pairing/sessions/by-code/Z4`);
    expect(found.status).toBe(200);
    expect(await found.json()).toMatchObject({
      token: { v: 1, kind: 'short6', attempt: 0, nameplate: 'Z4' },
    });
  });

  it('answers everything that is wrong with a problem document', async () => {
    const { origin } = await start();
    const cases: readonly (readonly [Promise<Response>, number, string])[] = [
      [fetch(`${origin}/nothing`), 404, 'not-found'],
      [fetch(`${origin}/v1/pairing/other`), 404, 'not-found'],
      [fetch(`${origin}/v1/pairing/sessions`), 405, 'malformed'],
      [fetch(`${origin}/v1/pairing/sessions/by-code/Z438JR`), 400, 'nameplate-length'],
      [fetch(`${origin}/v1/pairing/sessions/%zz`), 400, 'malformed'],
      [post(origin, '/v1/pairing/sessions', '{"v":1,"v":1}'), 400, 'malformed'],
      [post(origin, '/v1/pairing/sessions', 'not json'), 400, 'malformed'],
      [
        post(origin, '/v1/pairing/sessions', { ...session('Z4', 'a'.repeat(32)), extra: 1 }),
        400,
        'malformed',
      ],
      [
        post(origin, '/v1/pairing/sessions', { ...session('Z4', 'a'.repeat(32)), ttl_seconds: 301 }),
        400,
        'ttl-out-of-range',
      ],
      [
        post(origin, '/v1/pairing/sessions', { ...session('Z4', 'a'.repeat(32)), ttl_seconds: '300' }),
        400,
        'ttl-out-of-range',
      ],
      [post(origin, '/v1/pairing/sessions', `"${'x'.repeat(16_400)}"`), 413, 'payload-too-large'],
      [post(origin, '/v1/pairing/sessions', '{}', { 'content-type': 'text/xml' }), 400, 'ttl-out-of-range'],
    ];
    for (const [pending, status, name] of cases) {
      const response = await pending;
      expect(response.status).toBe(status);
      expect(await problem(response)).toBe(name);
    }
  });

  it('D05 D10 refuses headers that are too large, a body without end, and bytes that are not HTTP', async () => {
    const { origin, port } = await start();
    expect(await raw(port, `GET /health HTTP/1.1\r\nhost: x\r\nx: ${'a'.repeat(1_000_000)}\r\n\r\n`)).toMatch(
      /^HTTP\/1\.1 431 /,
    );
    expect(await raw(port, 'EHLO relay\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /);
    const chunk = `4000\r\n${'a'.repeat(0x4000)}\r\n`;
    const endless = `POST /v1/pairing/sessions HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n${chunk.repeat(8)}`;
    expect(await raw(port, endless)).toMatch(/^HTTP\/1\.1 413 /);
    expect(
      await raw(
        port,
        'GET /v1/pairing/sessions/../../etc/passwd HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n',
      ),
    ).toMatch(/^HTTP\/1\.1 40[04] /);
    expect(
      await raw(
        port,
        Buffer.from('GET /\xff\xfe HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n', 'latin1'),
      ),
    ).toMatch(/^HTTP\/1\.1 40[04] /);
    expect((await fetch(`${origin}/health`)).status).toBe(200);
  });

  it('D05 does not wait for a client that drips', { timeout: 30_000 }, async () => {
    const { origin, port } = await start();
    const startedAt = performance.now();
    const dripping = raw(port, `GET /health HTTP/1.1\r\nhost: x\r\nx-slow: ${'a'.repeat(60)}\r\n\r\n`, 1_000);
    expect((await fetch(`${origin}/health`)).status).toBe(200);
    expect(await dripping).toMatch(/^HTTP\/1\.1 408 |^$/);
    expect(performance.now() - startedAt).toBeLessThan(20_000);
  });

  it('D09 gives no CORS header unless asked, and never for credentials', async () => {
    const closed = await start();
    const plain = await fetch(`${closed.origin}/v1/pairing/sessions/by-code/Z4`, {
      headers: { origin: 'https://evil.example' },
    });
    expect(plain.headers.get('access-control-allow-origin')).toBeNull();
    const open = await start({ cors: true });
    const shared = await fetch(`${open.origin}/v1/pairing/sessions/by-code/Z4`, {
      headers: { origin: 'https://page.example' },
    });
    expect(shared.headers.get('access-control-allow-origin')).toBe('*');
    expect(shared.headers.get('access-control-allow-credentials')).toBeNull();
    const preflight = await fetch(`${open.origin}/v1/pairing/sessions`, {
      method: 'OPTIONS',
      headers: {
        origin: 'https://page.example',
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'content-type',
      },
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-methods')).toContain('POST');
  });

  it('answers to the names that it was given, once it was given some', async () => {
    const { port } = await start({ allowHosts: ['pair.example.org'] });
    const ask = (host: string): Promise<number | undefined> =>
      new Promise((resolve, reject) => {
        request({ port, host: '127.0.0.1', path: '/health', headers: { host } }, (response) => {
          response.resume();
          resolve(response.statusCode);
        })
          .on('error', reject)
          .end();
      });
    expect(await ask('pair.example.org')).toBe(200);
    expect(await ask('PAIR.example.org:3000')).toBe(200);
    expect(await ask('127.0.0.1:3000')).toBe(200);
    expect(await ask('localhost')).toBe(200);
    expect(await ask('evil.example')).toBe(421);
  });

  it('believes a proxy header from trusted proxies only', async () => {
    const limits = { ...DEFAULT_LIMITS, createPerMinute: 1 };
    const direct = await start({ limits });
    expect(await create(direct.origin, '198.51.100.1', '2')).toBe(201);
    expect(await create(direct.origin, '198.51.100.2', '3')).toBe(429);
    const behind = await start({ limits, trustProxy: ['127.0.0.1/32'] });
    expect(await create(behind.origin, '198.51.100.1', '2')).toBe(201);
    expect(await create(behind.origin, '198.51.100.2', '3')).toBe(201);
    expect(await create(behind.origin, '198.51.100.2', '4')).toBe(429);
  });

  it('A02 A14 writes no code, nameplate, token or body into the log', async () => {
    const { origin, log } = await start();
    const secrets = ['Z43-8JR', 'Z438JR', 'Q9', b64(32, 1), token.toString('base64url')];
    await post(origin, '/v1/pairing/sessions', await withHash(session('Q9', 'd'.repeat(32))));
    for (const path of ['by-code/Z43-8JR', 'by-code/Z438JR', 'by-code/Q9', `${'d'.repeat(32)}/Z438JR`]) {
      await fetch(`${origin}/v1/pairing/sessions/${path}`);
    }
    await fetch(`${origin}/Z438JR?code=Z43-8JR`);
    await fetch(`${origin}/v1/pairing/sessions/${'d'.repeat(32)}`, {
      headers: { authorization: `Bearer ${token.toString('base64url')}` },
      method: 'DELETE',
    });
    await post(origin, '/v1/pairing/sessions', `{"code":"Z43-8JR","Z438JR":1}`);
    expect(log().split('\n').length).toBeGreaterThan(6);
    for (const secret of secrets) expect(log()).not.toContain(secret);
  });

  it('answers running long-polls and refuses new sessions when it drains', async () => {
    const { origin, drain } = await start();
    await post(origin, '/v1/pairing/sessions', await withHash(session('Z4', 'e'.repeat(32))));
    const startedAt = performance.now();
    const poll = fetch(`${origin}/v1/pairing/sessions/${'e'.repeat(32)}`, {
      headers: { authorization: `Bearer ${token.toString('base64url')}` },
    });
    await wait(300);
    drain();
    const answered = await poll;
    expect(answered.status).toBe(200);
    expect(performance.now() - startedAt).toBeLessThan(5_000);
    const late = await post(origin, '/v1/pairing/sessions', await withHash(session('Z5', 'f'.repeat(32))));
    expect(late.status).toBe(503);
    expect(late.headers.get('retry-after')).toBe('10');
    expect(await problem(late)).toBe('capacity-exhausted');
  });
});
