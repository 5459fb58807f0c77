/** The pairing routes on a real socket: what strangers post, and what a hostile relay answers. */
import { createServer } from 'node:http';
import { connect } from 'node:net';
import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createHostRelay, createJoinerRelay } from '../../packages/pairing-http/src/client.ts';
import { createFetchTransport } from '../../packages/pairing-http/src/fetch-transport.ts';
import { DEFAULT_LIMITS } from '../../packages/pairing-http/src/limits.ts';
import { createMemoryLimiter } from '../../packages/pairing-http/src/memory-limiter.ts';
import { createMemorySessions } from '../../packages/pairing-http/src/memory-sessions.ts';
import { createPairingServer } from '../../packages/pairing-http/src/node-http.ts';
import {
  parseBody,
  parseConfirm,
  parseCreate,
  parseMessage,
  parseResponse,
} from '../../packages/pairing-http/src/schema.ts';
import { realClock } from '../../packages/testing/src/real-world.ts';
import {
  base64url,
  sampleMessage,
  sampleOk,
  sampleResponse,
  sampleSession,
} from '../../packages/testing/src/sample-session.ts';
import { listen } from '../../packages/pairing-http/test/listen.ts';
import { accepted, countCases, counted, fuzz, outcomeOfAsync } from './laws.ts';
import { mutatedBytes, mutatedJson, mutatedText } from './mutate.ts';

countCases('relay');

const session = sampleSession();
const response = sampleResponse();
const bodies = [session.body, response.body, sampleOk(), { attempt: 1, result: 'reject' }, sampleMessage(3)];

fuzz('bodies: exact members or malformed', mutatedJson(bodies), 3_000, (input) => {
  const body = accepted(() => parseBody(input));
  if (body === null) return;
  for (const parse of [parseCreate, parseResponse, parseConfirm, parseMessage]) {
    const parsed = accepted<unknown>(() => parse(body));
    if (parsed !== null) expect(parsed).toEqual(body);
  }
});

const many = 1_000_000;
const limits = {
  ...DEFAULT_LIMITS,
  lookupFloorMs: 0,
  longPollMs: 20,
  createPerMinute: many,
  lookupsPerMinute: many,
  responsesPerMinute: many,
  liveSessionsPerAddress: many,
  missesBeforeDelay: many,
};
const errors: unknown[] = [];
const onError = (error: unknown): void => void errors.push(error);
let relay: Awaited<ReturnType<typeof listen>>;
beforeAll(async () => {
  process.on('uncaughtException', onError);
  const store = createMemorySessions({ clock: realClock, limits });
  const limiter = createMemoryLimiter({ clock: realClock, limits });
  relay = await listen(
    createPairingServer(
      { store, limits, clock: realClock, limiter, mayCreate: 'anyone' },
      { allowHost: () => true },
    ),
  );
});
afterAll(async () => {
  await relay.close();
  process.off('uncaughtException', onError);
  expect(errors).toEqual([]);
});

const ROOT = '/v1/pairing/sessions';
const targets = [
  '',
  `/${session.id}`,
  `/${session.id}/response`,
  `/${session.id}/confirm`,
  `/${session.id}/confirmation`,
  `/${session.id}/messages?after=0`,
  `/by-code/${session.nameplate}`,
  '/by-code/Z438JR',
].map((path) => `${ROOT}${path}`);
const methods = fc.constantFrom('GET', 'POST', 'DELETE', 'PUT', 'OPTIONS', 'PATCH', 'HEAD');
const credentials = fc.oneof(
  fc.constantFrom(
    undefined,
    `Bearer ${base64url(session.token)}`,
    `Bearer ${base64url(response.token)}`,
    `Claim ${base64url(session.claim)}`,
  ),
  mutatedText([`Bearer ${base64url(session.token)}`, `Claim ${base64url(session.claim)}`], 2).map((text) =>
    text.replace(/[^\x21-\x7e ]/g, '').trim(),
  ),
);

fuzz(
  'requests: every answer is one of the table, none is a 500, none shows a secret',
  fc.record({
    method: methods,
    path: mutatedText(targets, 2),
    body: mutatedJson(bodies),
    authorization: credentials,
  }),
  700,
  async ({ method, path, body, authorization }) => {
    const target = path.startsWith('/') ? path : `${ROOT}/${path}`;
    const withBody = method !== 'GET' && method !== 'HEAD';
    const answer = await fetch(
      `${relay.origin}${encodeURI(target.replace(/[^\x20-\x7e]/g, 'é')).replaceAll('#', '%23')}`,
      {
        method,
        headers: {
          ...(authorization === undefined ? {} : { authorization }),
          'content-type': 'application/json',
        },
        ...(withBody ? { body: Uint8Array.from(body) } : {}),
      },
    );
    const text = await answer.text();
    expect(answer.status, text).toBeLessThan(500);
    expect(text.length).toBeLessThan(64 * 1_024);
    if (text !== '' && text !== 'ok') JSON.parse(text);
  },
);

fuzz(
  'raw bytes on the socket: answered or closed, and the server lives',
  mutatedBytes(
    [
      Buffer.from(
        `POST ${ROOT} HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}`,
      ),
      Buffer.from(`GET ${ROOT}/${session.id} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer x\r\n\r\n`),
      Buffer.from(
        `POST ${ROOT} HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n`,
      ),
    ].map((bytes) => Uint8Array.from(bytes)),
  ),
  120,
  async (bytes) => {
    const { hostname, port } = new URL(relay.origin);
    await new Promise<void>((resolve) => {
      const socket = connect(Number(port), hostname, () => socket.end(bytes));
      socket.on('data', () => undefined);
      socket.on('error', () => resolve());
      socket.on('close', () => resolve());
      socket.setTimeout(5_000, () => socket.destroy());
    });
    expect((await fetch(`${relay.origin}/health`)).status).toBe(200);
  },
);

it('a body that never ends is cut off, and memory stays', async () => {
  counted(1);
  const { hostname, port } = new URL(relay.origin);
  const before = process.memoryUsage().rss;
  const got = await new Promise<string>((resolve) => {
    let answer = '';
    const socket = connect(Number(port), hostname);
    const chunk = Buffer.alloc(65_536, 0x20);
    const pump = (): void => {
      while (
        !socket.destroyed &&
        socket.write(`${chunk.length.toString(16)}\r\n`) &&
        socket.write(chunk) &&
        socket.write('\r\n')
      );
    };
    socket.write(`POST ${ROOT} HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n`);
    socket.on('drain', pump);
    socket.on('data', (data: Buffer) => (answer += data.toString('latin1')));
    socket.on('error', () => resolve(answer));
    socket.on('close', () => resolve(answer));
    pump();
  });
  expect(got.startsWith('HTTP/1.1 413') || got === '').toBe(true);
  expect(process.memoryUsage().rss - before).toBeLessThan(128 << 20);
});

const view = { session_id: session.id, status: 'pending', ttl_seconds: 300 };
const answers = [
  view,
  { ...view, token: { v: 1, kind: 'short6', attempt: 0 } },
  sampleOk(),
  { messages: [sampleMessage(1), sampleMessage(2)] },
  { type: 'urn:auths:error:not-found', title: 'x', status: 404, error: 'not-found', message: 'x' },
];
fuzz(
  'a hostile relay: host and joiner get an error of the table or a well-formed answer',
  fc.record({
    status: fc.constantFrom(200, 201, 204, 301, 400, 401, 404, 409, 410, 413, 429, 500, 503),
    body: mutatedJson(answers),
    retryAfter: fc.constantFrom('1', '-1', '1e9', 'soon', ''),
  }),
  250,
  async ({ status, body, retryAfter }) => {
    const server = createServer((request, answer) => {
      request.resume();
      answer.writeHead(status, { 'retry-after': retryAfter, location: 'http://127.0.0.1:1/' });
      answer.end(status === 204 ? '' : Buffer.from(body));
    });
    const hostile = await listen(server);
    try {
      const joiner = createJoinerRelay(createFetchTransport(hostile.origin), hostile.origin);
      const host = createHostRelay(createFetchTransport(hostile.origin), hostile.origin);
      await outcomeOfAsync(() => joiner.findByNameplate(session.nameplate));
      await outcomeOfAsync(() => joiner.findByClaim(session.id, session.claim));
      await outcomeOfAsync(() => joiner.confirmation(session.id, session.token));
      await outcomeOfAsync(() => joiner.receive(session.id, session.token, 0));
      await outcomeOfAsync(() => host.create(session.body));
    } finally {
      await hostile.close();
    }
  },
);
