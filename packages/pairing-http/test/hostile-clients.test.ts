import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { createServer } from 'node:http';
import { platform } from 'node:process';
import { DEFAULT_LIMITS } from '@auths/core/pairing/limits';
import { createFetchTransport } from '@auths/pairing-http/fetch-transport';
import { createMemoryLimiter } from '@auths/pairing-http/memory-limiter';
import { createMemorySessions } from '@auths/pairing-http/memory-sessions';
import { createPairingServer } from '@auths/pairing-http/node-http';
import { PROBLEMS, problemOf } from '@auths/pairing-http/problem';
import { AuthsError, type ErrorCode } from '@auths/core/errors';
import { sampleSession } from '@auths/testing/sample-session';
import { realClock } from '@auths/testing/real-world';
import { describe, expect, it } from 'vitest';
import { listen } from './listen.ts';
import { failure } from './world.ts';

async function withServer(test: (origin: string, port: number) => Promise<void>): Promise<void> {
  const clock = realClock;
  const limits = DEFAULT_LIMITS;
  const deps = {
    store: createMemorySessions({ clock, limits }),
    limiter: createMemoryLimiter({ clock, limits }),
    limits,
    clock,
    mayCreate: 'anyone' as const,
  };
  const server = await listen(
    createPairingServer(deps, {
      allowHost: (host) => /^(?:127\.0\.0\.1|localhost)(?::\d+)?$/.test(host),
      headersMs: 400,
      requestMs: 600,
    }),
  );
  try {
    await test(server.origin, Number(new URL(server.origin).port));
  } finally {
    await server.close();
  }
}

/** Sends raw bytes and resolves with what came back until the server closed. */
function raw(port: number, text: string, drip?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(text));
    let answer = '';
    const timer = drip === undefined ? null : setInterval(() => socket.write(drip), 100);
    socket.on('data', (data) => {
      answer += data.toString('latin1');
    });
    socket.on('error', (error) => (answer === '' ? reject(error) : resolve(answer)));
    socket.on('close', () => {
      if (timer !== null) clearInterval(timer);
      resolve(answer);
    });
  });
}

describe('the LAN server and hostile clients', () => {
  it.each(['evil.example', 'evil.example:80', '127.0.0.1.evil.example', ''])('D09 Host "%s": 421', (host) =>
    withServer(async (_origin, port) => {
      const answer = await raw(
        port,
        `GET /health HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\nOrigin: https://evil.example\r\n\r\n`,
      );
      expect(answer).toMatch(/^HTTP\/1\.1 421 /);
      expect(answer.toLowerCase()).not.toContain('access-control');
    }),
  );

  it('no Host at all: 421', () =>
    withServer(async (_origin, port) => {
      expect(await raw(port, 'GET /health HTTP/1.1\r\nConnection: close\r\n\r\n')).toMatch(
        /^HTTP\/1\.1 421 /,
      );
    }));

  it('D05 headers of a megabyte: 431', () =>
    withServer(async (_origin, port) => {
      const head = `GET /health HTTP/1.1\r\nHost: localhost\r\nX-Big: ${'x'.repeat(100_000)}\r\n\r\n`;
      expect(await raw(port, head)).toMatch(/^HTTP\/1\.1 431 /);
    }));

  it('what is no request at all is told so by a problem document, as at a registry', () =>
    withServer(async (_origin, port) => {
      const answer = await raw(port, 'GET / HTTP/9.9\r\n\r\n');
      expect(answer).toMatch(/^HTTP\/1\.1 400 [^]*content-type: application\/problem\+json/);
      expect(JSON.parse(answer.split('\r\n\r\n')[1] ?? '')).toMatchObject({
        error: 'malformed',
        status: 400,
      });
    }));

  it('D05 headers, or a body, one byte at a time: 408', () =>
    withServer(async (_origin, port) => {
      expect(await raw(port, 'GET /health HTTP/1.1\r\nHost: localhost\r\nX: ', 'x')).toMatch(
        /^HTTP\/1\.1 408 /,
      );
      const body = 'POST /v1/pairing/sessions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000\r\n\r\n';
      expect(await raw(port, body, ' ')).toMatch(/^(?:HTTP\/1\.1 408 |$)/);
    }));

  // Only Linux has 127.0.0.2 without being told.
  it.skipIf(platform !== 'linux')(
    'D13 asks to become a socket: refused, and five hundred that only wait keep nobody out',
    () =>
      withServer(async (origin, port) => {
        const id = 'a'.repeat(32);
        const upgrade = `GET /v1/pairing/sessions/${id}/ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`;
        expect(await raw(port, upgrade)).not.toMatch(/^HTTP\/1\.1 101 /);
        const idle = await Promise.all(
          Array.from(
            { length: 500 },
            () =>
              new Promise<Socket>((resolve, reject) => {
                const socket = connect({ port, host: '127.0.0.1', localAddress: '127.0.0.2' }, () =>
                  resolve(socket),
                );
                socket.once('error', reject);
              }),
          ),
        );
        for (const socket of idle) socket.on('error', () => {}).resume();
        try {
          expect(await (await fetch(`${origin}/health`)).text()).toBe('ok');
          // Who says nothing is shown out.
          await Promise.all(idle.map(async (socket) => (socket.closed ? null : once(socket, 'close'))));
        } finally {
          for (const socket of idle) socket.destroy();
        }
      }),
  );

  it('D14 a nameplate that is there and one that is not answer no sooner than the same floor', () =>
    withServer(async (origin) => {
      const session = sampleSession();
      const opened = await fetch(`${origin}/v1/pairing/sessions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(session.body),
      });
      expect(opened.status).toBe(201);
      const took = async (nameplate: string, status: number): Promise<number> => {
        const from = performance.now();
        const answer = await fetch(`${origin}/v1/pairing/sessions/by-code/${nameplate}`);
        await answer.arrayBuffer();
        expect(answer.status).toBe(status);
        return performance.now() - from;
      };
      const other = session.nameplate === 'ZZ' ? 'YY' : 'ZZ';
      for (let i = 0; i < 3; i++) {
        expect(await took(session.nameplate, 200)).toBeGreaterThan(DEFAULT_LIMITS.lookupFloorMs - 2);
        expect(await took(other, 404)).toBeGreaterThan(DEFAULT_LIMITS.lookupFloorMs - 2);
      }
    }));

  it('a body longer than announced, two lengths, no HTTP at all: 400', () =>
    withServer(async (_origin, port) => {
      expect(
        await raw(
          port,
          'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}',
        ),
      ).toMatch(/ 400 /);
      expect(await raw(port, '\u0016\u0003\u0001garbage\r\n\r\n')).toMatch(/ 400 /);
    }));
});

describe('problem documents', () => {
  it('say nothing of errors that are not of the wire', () => {
    for (const code of Object.keys(PROBLEMS) as ErrorCode[]) {
      const answer = problemOf(new AuthsError(code, 'secret detail', { hint: 'secret hint' }));
      expect(answer.status).toBe(PROBLEMS[code].status);
      expect(JSON.stringify(answer)).not.toContain('secret');
    }
    expect(problemOf(new Error('secret')).status).toBe(500);
    expect(JSON.stringify(problemOf(new Error('secret')))).not.toContain('secret');
  });
});

describe('the client and hostile servers', () => {
  it.each([301, 302, 303, 307, 308])('a redirect %i is not followed', async (status) => {
    expect(
      await against((response) => response.writeHead(status, { location: 'http://127.0.0.1:1/' }).end()),
    ).toBe('network/unreachable');
  });

  it('an answer without end is cut', async () => {
    const code = await against((response) => {
      const more = (): void => {
        while (!response.destroyed && response.write('x'.repeat(65_536)));
        if (!response.destroyed) response.once('drain', more);
      };
      more();
    });
    expect(code).toBe('network/unreachable');
  });

  it('an answer that never comes, breaks off, or is no JSON', async () => {
    expect(await against(() => {}, { answerMs: 200 })).toBe('network/unreachable');
    expect(await against((response) => response.destroy())).toBe('network/unreachable');
    expect(await against((response) => response.end('<html>'))).toBe('pairing/protocol-violation');
    expect(await against((response) => response.end('{"a":1,"a":2}'))).toBe('pairing/protocol-violation');
  });

  it('nobody there', async () => {
    const server = await listen(createServer());
    await server.close();
    const transport = createFetchTransport(server.origin);
    expect(await failure(transport.send({ method: 'GET', path: '/' }))).toBe('network/unreachable');
  });

  it('a caller who leaves hears its own reason', async () => {
    const server = await listen(createServer(() => {}));
    const stop = new AbortController();
    const sent = createFetchTransport(server.origin).send({ method: 'GET', path: '/' }, stop.signal);
    setTimeout(() => stop.abort(new Error('left')), 50);
    await expect(sent).rejects.toThrow('left');
    await server.close();
  });
});

async function against(
  answer: (response: import('node:http').ServerResponse) => void,
  options: { readonly answerMs?: number } = {},
): Promise<string> {
  const server = await listen(createServer((_request, response) => answer(response)));
  try {
    const transport = createFetchTransport(server.origin, options);
    return await failure(transport.send({ method: 'GET', path: '/v1/pairing/sessions/by-code/Z4' }));
  } finally {
    await server.close();
  }
}
