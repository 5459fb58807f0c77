/** Codes and nameplates: guessed, mistyped, too long, and used where they do not belong. */
import { setTimeout as sleep } from 'node:timers/promises';
import { fromBase45, toBase45 } from '@auths/core/encoding/base45';
import { sampleSession } from '@auths/testing/sample-session';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listening } from './changes.ts';
import { buildPrograms, removePrograms } from './programs.ts';
import {
  compare,
  endOf,
  endsOf,
  joinArgv,
  nothingGranted,
  openStage,
  rightOnePairs,
  WIDE,
  type Stage,
} from './stage.ts';

let stage: Stage;
beforeAll(async () => {
  buildPrograms();
  stage = await openStage({ desk: true, registry: ['--log-level', 'trace'] });
}, 120_000);
afterAll(async () => {
  await stage.end();
  removePrograms();
});

const byCode = async (
  origin: string,
  nameplate: string,
): Promise<{ status: number; wait: string | null; text: string; ms: number }> => {
  const from = performance.now();
  const said = await fetch(`${origin}/v1/pairing/sessions/by-code/${nameplate}`);
  const text = await said.text();
  return { status: said.status, wait: said.headers.get('retry-after'), text, ms: performance.now() - from };
};
const create = (origin: string, nameplate: string): Promise<Response> =>
  fetch(`${origin}/v1/pairing/sessions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(sampleSession({ nameplate }).body),
  });
const error = async (said: Response): Promise<string> =>
  `${said.status} ${((await said.json()) as { readonly error: string }).error}`;
const plain = (code: unknown): string => String(code).replaceAll('-', '');

describe.concurrent('codes that are guessed', { timeout: 120_000 }, () => {
  it.each(['a registry', 'a host on the local network'])(
    'A01 at %s a hit and a miss take as long, misses cost more each time, and a hit tells nothing',
    async (where) => {
      const lan = where !== 'a registry';
      const registry = lan ? stage.registry : await stage.world.registry();
      const place = lan ? ['--bind', '127.0.0.1', '--no-mdns'] : ['--registry', registry.url];
      const host = stage.desk.start('pair', '--json', ...place);
      try {
        const offer = await host.event('offer');
        const origin = String(offer['endpoint']);
        const nameplate = String(offer['code']).slice(0, 2);
        const hit = await byCode(origin, nameplate);
        expect(hit.status).toBe(200);
        for (const secret of [
          offer['code'],
          plain(offer['code']),
          stage.did(stage.desk),
          'sign_commit',
          'desk',
        ])
          expect(hit.text).not.toContain(String(secret));
        const others = ['22', '33', '44', '55', '66', '77', '88'].filter((one) => one !== nameplate);
        const misses = [];
        for (const other of others.slice(0, 3)) misses.push(await byCode(origin, other));
        expect(misses.map(({ status }) => status)).toEqual([404, 404, 404]);
        for (const { ms } of [hit, ...misses]) expect(ms).toBeGreaterThan(98);
        const waits: (string | null)[] = [];
        for (const other of others.slice(3, 6)) {
          const refused = await byCode(origin, other);
          expect(refused.status).toBe(429);
          waits.push(refused.wait);
          if (waits.length === 3) break;
          await sleep(Number(refused.wait) * 1_000);
          expect((await byCode(origin, other)).status).toBe(404);
        }
        expect(waits).toEqual(['1', '2', '4']);
        // Nor does the right nameplate get him in now.
        expect((await byCode(origin, nameplate)).status).toBe(429);
        expect(host.events().map(({ event }) => event)).toEqual(['offer']);
      } finally {
        host.kill('SIGINT');
        await host.done;
      }
    },
  );

  it('A02 A09 a whole code, or letters that are none, in place of a nameplate: refused, in no log, and the session goes on', async () => {
    for (const lan of [false, true]) {
      const on = await stage.open({ lan });
      try {
        const origin = String(lan ? on.offer['endpoint'] : stage.registry.url);
        const code = String(on.offer['code']);
        for (const whole of [code, plain(code), plain(code).slice(0, 5), code.slice(0, 1)])
          expect(await byCode(origin, whole)).toMatchObject({
            status: 400,
            text: expect.stringContaining('"nameplate-length"') as string,
          });
        for (const wrong of ['z4', '0O', 'UUU', '%F0%9F%94%91'])
          expect((await byCode(origin, wrong)).status).toBe(400);
        const { stdout, stderr } = stage.registry;
        for (const secret of [code, plain(code)]) expect(stdout() + stderr()).not.toContain(secret);
        await rightOnePairs(on);
      } finally {
        await on.end();
      }
    }
  });

  it('A16 a nameplate is nobody else’s while it is in use, nor once its session was cancelled or has paired', async () => {
    for (const end of ['cancelled', 'paired'] as const) {
      const on = await stage.open();
      try {
        const nameplate = String(on.offer['code']).slice(0, 2);
        expect(await error(await create(stage.registry.url, nameplate))).toBe('409 conflict');
        if (end === 'paired') await rightOnePairs(on);
        else on.host.kill('SIGINT');
        await on.host.done;
        expect(await error(await create(stage.registry.url, nameplate))).toBe('409 conflict');
      } finally {
        await on.end();
      }
    }
    const hasty = await stage.world.registry([...WIDE, '--limit', 'nameplateCoolDownSeconds=1']);
    const first = sampleSession({ nameplate: 'Z4' });
    const sessions = `${hasty.url}/v1/pairing/sessions`;
    const body = JSON.stringify(first.body);
    const headers = { 'content-type': 'application/json' };
    expect((await fetch(sessions, { method: 'POST', headers, body })).status).toBe(201);
    expect((await create(hasty.url, 'Z4')).status).toBe(409);
    const authorization = `Bearer ${Buffer.from(first.token).toString('base64url')}`;
    await fetch(`${sessions}/${first.id}`, { method: 'DELETE', headers: { authorization } });
    // It is the time that keeps it, and no mistake of this test.
    let last = 409;
    for (let tries = 0; last === 409 && tries < 50; tries += 1) {
      await sleep(100);
      last = (await create(hasty.url, 'Z4')).status;
    }
    expect(last).toBe(201);
  });
});

describe.concurrent('short codes that run out', { timeout: 60_000 }, () => {
  it('D08 the host takes a longer one by itself, says so, and it pairs', async () => {
    const full = await stage.world.registry([...WIDE, '--limit', 'liveShortNameplates=0']);
    expect((await create(full.url, 'Z4')).status).toBe(201);
    expect(await error(await create(full.url, 'Z5'))).toBe('503 nameplate-exhausted');
    const host = stage.desk.start('pair', '--json', '--registry', full.url);
    const device = stage.machine();
    const offer = await host.event('offer');
    expect(offer['kind']).toBe('code12');
    const onScreen = stage.desk.start('pair', '--registry', full.url);
    await onScreen.shown(/No short code is free at this registry at the moment: a longer one is used/);
    onScreen.kill('SIGINT');
    await onScreen.done;
    const joiner = device.start(...joinArgv(String(offer['code']), device.name), '--registry', full.url);
    compare(host, joiner);
    expect(await endsOf(host, joiner)).toEqual(['0 paired', '0 paired']);
  });
});

const qr = (bytes: Uint8Array): string => `AUTHS:${toBase45(bytes)}`;

describe.concurrent('codes, QR texts and links that are none', { timeout: 120_000 }, () => {
  it('A09 E08 nothing is sent, and the session goes on', async () => {
    const on = await stage.open({ argv: ['--link'] });
    const heard = listening(on);
    const device = stage.machine();
    const [uri, link] = [String(on.offer['uri']), String(on.offer['link'])];
    const payload = fromBase45(uri.slice('AUTHS:'.length));
    const cases: readonly (readonly [string, string])[] = [
      // A09
      ...['Z438J', 'Z438JRT', 'Z438JRT23', 'Z438JRT2345', 'Z438JRT234567', 'Z'.repeat(10_000)].map(
        (code) => [code, '2 pairing/invalid-code'] as const,
      ),
      // E08
      [qr(Uint8Array.of(2, ...payload.subarray(1))), '2 pairing/malformed'],
      [qr(payload.subarray(0, -1)), '2 pairing/malformed'],
      [qr(new Uint8Array([...payload, 0])), '2 pairing/malformed'],
      [`AUTHS:${'A'.repeat(4_096)}`, '2 pairing/malformed'],
      [link.replace(/&sid=[^&]*/, ''), '2 pairing/malformed'],
      [`${link}&sid=${'0'.repeat(32)}`, '2 pairing/malformed'],
      [`${link}&suite=seed`, '2 pairing/malformed'],
      [link.replace(/&s=[^&]*/, `&s=${Buffer.alloc(15, 7).toString('base64url')}`), '2 pairing/malformed'],
      [link.replace('v=1', 'v=2'), '2 pairing/malformed'],
    ];
    try {
      expect(new Set(cases.map(([text]) => text)).size).toBe(cases.length);
      for (const [text, end] of cases) {
        const { joiner } = on.join({ device, given: { text } });
        expect([text.slice(0, 60), await endOf(joiner)]).toEqual([text.slice(0, 60), end]);
        expect((await joiner.done).stdout + (await joiner.done).stderr).not.toContain(text);
      }
      expect(heard).toEqual([]);
      await nothingGranted(stage, stage.desk, [{ device, name: device.name }]);
      await rightOnePairs(on, device);
    } finally {
      await on.end();
    }
  });
});
