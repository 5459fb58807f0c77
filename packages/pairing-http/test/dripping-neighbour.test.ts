/** A neighbour that hands on the offer of the real host and then answers one call with a blank now and then, for ever. */
import { createServer } from 'node:http';
import type { Clock } from '@auths/core/ports';
import { createJoinerRelay } from '@auths/pairing-http/client';
import { createFetchTransport } from '@auths/pairing-http/fetch-transport';
import type { JoinerRelay } from '@auths/core/pairing/relay';
import { realClock } from '@auths/testing/real-world';
import { afterEach, describe, expect, it } from 'vitest';
import { listen } from './listen.ts';
import { createWorld, directOf, ENDPOINT, failure, startHost, startJoin, type World } from './world.ts';

/** Ten times as fast as the real one, so that half a minute of patience is three seconds. */
const clock: Clock = {
  now: () => realClock.now(),
  monotonic: () => realClock.monotonic() * 10,
  sleep: (ms, signal) => realClock.sleep(ms / 10, signal),
};

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()));
});

/** Drips where the method and path fit `at`, swallows a response before that, and hands everything else on. */
async function neighbour(world: World, at: RegExp): Promise<JoinerRelay> {
  const honest = directOf(world);
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.once('end', () => {
      const { method, url = '', headers } = request;
      response.writeHead(200, { 'content-type': 'application/json' });
      if (at.test(`${method} ${url}`)) {
        const drip = setInterval(() => response.write(' '), 50);
        response.once('close', () => clearInterval(drip));
        return;
      }
      if (at.source.includes('confirmation') && method === 'POST') {
        response.end('{}');
        return;
      }
      const text = Buffer.concat(chunks).toString();
      void honest
        .send({
          method: method as 'GET' | 'POST',
          path: url,
          ...(headers.authorization === undefined ? {} : { authorization: headers.authorization }),
          ...(text === '' ? {} : { body: JSON.parse(text) as unknown }),
        })
        .then(({ body }) => response.end(JSON.stringify(body)));
    });
  });
  const place = await listen(server);
  stops.push(() => place.close());
  return createJoinerRelay(createFetchTransport(place.origin), place.origin);
}

// Shorter than the deadline of the transport alone, which a fast clock does not hasten.
describe('a neighbour whose answer never ends', { timeout: 30_000 }, () => {
  it.each([
    ['to the response', /^POST .*\/response$/],
    ['to the question for the confirmation', /^GET .*\/confirmation$/],
  ])('%s: the joiner goes on to the real host', async (_what, at) => {
    const world = await createWorld({ clock });
    const host = startHost(world);
    const { code } = await host.offer;
    const evil = await neighbour(world, at);
    const failed: string[] = [];
    const relays = [evil, createJoinerRelay(directOf(world), ENDPOINT)];
    const join = startJoin(
      world,
      code ?? '',
      { relays, timeoutMs: 5_000 },
      { onCandidateFailed: (endpoint) => failed.push(endpoint) },
    );
    expect((await join.done).status).toBe('paired');
    expect(failed).toEqual([evil.endpoint]);
    await host.done;
  });

  it.each([
    ['to the response', /^POST .*\/response$/],
    ['to the question for the confirmation', /^GET .*\/confirmation$/],
    ['to a message', /^POST .*\/messages$/],
  ])('%s, and nobody else is there: the joiner says that it went silent', async (_what, at) => {
    const world = await createWorld({ clock });
    const host = startHost(world);
    const { code } = await host.offer;
    const join = startJoin(world, code ?? '', { relays: [await neighbour(world, at)], timeoutMs: 5_000 });
    expect(await failure(join.done)).toBe('pairing/timeout');
  });
});
