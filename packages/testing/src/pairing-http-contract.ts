/** What every server of the pairing surface must do: the LAN host on node:http, the registry on Fastify. Real sockets. */
import { connect } from 'node:net';
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { PairingLimits } from '@auths/core/pairing/limits';
import {
  base64url,
  sampleMessage,
  sampleOk,
  sampleResponse,
  sampleSession,
  sampleShares,
  type SampleSession,
} from './sample-session.ts';

export interface PairingServerUnderTest {
  /** `http://127.0.0.1:port`. */
  readonly origin: string;
  close(): Promise<void>;
}

const ROOT = '/v1/pairing/sessions';
/** So that only the tests about limits meet them. */
const WIDE: Partial<PairingLimits> = {
  createPerMinute: 10_000,
  lookupsPerMinute: 10_000,
  responsesPerMinute: 10_000,
  liveSessionsPerAddress: 10_000,
  missesBeforeDelay: 10_000,
  lookupFloorMs: 0,
};

interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly headers: Headers;
}

/** `start` gets the limits that the test needs changed, and must let anyone create sessions. */
export function pairingHttpContract(
  name: string,
  start: (limits: Partial<PairingLimits>) => Promise<PairingServerUnderTest>,
): void {
  async function withServer(
    test: (call: Caller, server: PairingServerUnderTest) => Promise<void>,
    limits: Partial<PairingLimits> = {},
  ): Promise<void> {
    const server = await start({ ...WIDE, ...limits });
    try {
      await test(caller(server.origin), server);
    } finally {
      await server.close();
    }
  }

  describe(`${name}: pairing surface`, () => {
    it('says ok to anyone at /health and nothing else', () =>
      withServer(async (_call, { origin }) => {
        const response = await fetch(`${origin}/health`);
        expect(response.status).toBe(200);
        expect(response.headers.get('content-type')).toMatch(/^text\/plain/);
        expect(await response.text()).toBe('ok');
      }));

    it('carries a whole session: offer, answer, word, messages, end', () =>
      withServer(async (call) => {
        const sample = sampleSession();
        expect(await call.post(ROOT, sample.body)).toMatchObject({
          status: 201,
          body: { session_id: sample.id, status: 'pending', ttl_seconds: 300 },
        });
        const found = await call.get(`${ROOT}/by-code/${sample.nameplate}`);
        expect(found.status).toBe(200);
        expect(found.body).toEqual({
          session_id: sample.id,
          status: 'pending',
          ttl_seconds: 300,
          token: {
            v: 1,
            kind: 'short6',
            attempt: 0,
            nameplate: sample.nameplate,
            ephemeral_pubkey: sample.body.ephemeral_pubkey,
            host_commit: sample.body.host_commit,
            expires_at: sample.body.expires_at,
            pake_msg: sample.body.slots[0]?.pake[0],
          },
        });
        const { body, token } = sampleResponse();
        const waiting = call.get(`${ROOT}/${sample.id}`, bearer(sample.token));
        expect((await call.post(`${ROOT}/${sample.id}/response`, body)).status).toBe(200);
        expect((await waiting).body).toMatchObject({ status: 'responded', response: body });
        const word = call.get(`${ROOT}/${sample.id}/confirmation`, bearer(token));
        const ok = sampleOk();
        expect((await call.post(`${ROOT}/${sample.id}/confirm`, ok, bearer(sample.token))).status).toBe(200);
        expect(await word).toMatchObject({ status: 200, body: ok });
        const first = sampleMessage(1);
        const heard = call.get(`${ROOT}/${sample.id}/messages?after=0`, bearer(sample.token));
        expect((await call.post(`${ROOT}/${sample.id}/messages`, first, bearer(token))).status).toBe(200);
        expect((await heard).body).toEqual({ messages: [first] });
        const reply = sampleMessage(1);
        await call.post(`${ROOT}/${sample.id}/messages`, reply, bearer(sample.token));
        expect(
          (await call.post(`${ROOT}/${sample.id}/complete`, undefined, bearer(sample.token))).status,
        ).toBe(200);
        expect(
          (await call.post(`${ROOT}/${sample.id}/messages`, sampleMessage(2), bearer(token))).status,
        ).toBe(409);
        expect((await call.get(`${ROOT}/${sample.id}/messages?after=0`, bearer(token))).body).toEqual({
          messages: [reply],
        });
        expect((await call.get(`${ROOT}/${sample.id}`)).body).toEqual({
          session_id: sample.id,
          status: 'completed',
          ttl_seconds: 0,
        });
      }));

    it('opens the qr slot to its claim alone', () =>
      withServer(async (call) => {
        const sample = await opened(call);
        const path = `${ROOT}/${sample.id}`;
        const right = { authorization: `Claim ${base64url(sample.claim)}` };
        const wrong = { authorization: `Claim ${base64url(randomBytes(32))}` };
        const found = await call.get(path, right);
        expect(found.body).toMatchObject({
          token: { kind: 'qr', attempt: 0, pake_msg: sample.body.slots[1]?.pake[0] },
        });
        expect(found.body).not.toHaveProperty('token.nameplate');
        await call.problem(call.get(path, wrong), 401, 'unauthorized');
        const { body } = sampleResponse({ kind: 'qr' });
        await call.problem(call.post(`${path}/response`, body), 401, 'unauthorized');
        await call.problem(call.post(`${path}/response`, body, wrong), 401, 'unauthorized');
        expect((await call.get(path)).body).toMatchObject({ status: 'pending' });
        expect((await call.post(`${path}/response`, body, right)).status).toBe(200);
      }));

    it('D01 takes exactly one of 100 answers that arrive together', () =>
      withServer(async (call) => {
        const sample = await opened(call);
        const answers = await Promise.all(
          Array.from({ length: 100 }, () =>
            call.post(`${ROOT}/${sample.id}/response`, sampleResponse().body),
          ),
        );
        expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
        const others = answers.filter(({ status }) => status !== 200);
        expect(others.every(({ status, body }) => status === 409 && errorOf(body) === 'offer-consumed')).toBe(
          true,
        );
      }));

    it('D02 answers a byte-identical repeat of every accepted POST as before, and nothing else twice', () =>
      withServer(async (call) => {
        const sample = sampleSession();
        const { body, token } = sampleResponse();
        const path = `${ROOT}/${sample.id}`;
        const ok = sampleOk();
        const message = sampleMessage(1);
        const host = bearer(sample.token);
        const steps: readonly (() => Promise<Answer>)[] = [
          () => call.post(ROOT, sample.body),
          () => call.post(`${path}/response`, body),
          () => call.post(`${path}/confirm`, ok, host),
          () => call.post(`${path}/messages`, message, bearer(token)),
        ];
        for (const step of steps) {
          const first = await step();
          const again = await step();
          expect(again.status).toBe(first.status);
          expect(again.status).toBeLessThan(300);
        }
        await call.problem(call.post(ROOT, { ...sample.body, ttl_seconds: 299 }), 409, 'conflict');
        await call.problem(call.post(`${path}/response`, sampleResponse().body), 409, 'already-used');
        await call.problem(call.post(`${path}/confirm`, sampleOk(), host), 409, 'conflict');
        await call.problem(call.post(`${path}/messages`, sampleMessage(1), bearer(token)), 409, 'conflict');
        expect((await call.get(`${path}/messages?after=0`, host)).body).toEqual({ messages: [message] });
      }));

    it('counts three rejects per slot, slots apart, and then ends slot and session', () =>
      withServer(async (call) => {
        const sample = await opened(call);
        const path = `${ROOT}/${sample.id}`;
        const claim = { authorization: `Claim ${base64url(sample.claim)}` };
        const fail = async (kind: 'short6' | 'qr', attempt: number): Promise<void> => {
          const auth = kind === 'qr' ? claim : undefined;
          const { body, token } = sampleResponse({ kind, attempt });
          expect((await call.post(`${path}/response`, body, auth)).status).toBe(200);
          const reject = { attempt, result: 'reject' };
          expect((await call.post(`${path}/confirm`, reject, bearer(sample.token))).status).toBe(200);
          expect((await call.get(`${path}/confirmation`, bearer(token))).body).toEqual(reject);
        };
        await fail('short6', 0);
        await call.problem(
          call.post(`${path}/response`, sampleResponse({ attempt: 0 }).body),
          409,
          'offer-consumed',
        );
        expect((await call.get(`${ROOT}/by-code/${sample.nameplate}`)).body).toMatchObject({
          token: { attempt: 1, pake_msg: sample.body.slots[0]?.pake[1] },
        });
        await fail('short6', 1);
        await fail('short6', 2);
        await call.problem(call.get(`${ROOT}/by-code/${sample.nameplate}`), 410, 'attempts-exhausted');
        await call.problem(
          call.post(`${path}/response`, sampleResponse({ attempt: 2 }).body),
          410,
          'attempts-exhausted',
        );
        for (const attempt of [0, 1, 2]) await fail('qr', attempt);
        expect((await call.get(path)).body).toMatchObject({ status: 'exhausted' });
        await call.problem(call.get(path, claim), 410, 'attempts-exhausted');
      }));

    it('D03 lets nobody speak for the host or for another joiner', () =>
      withServer(async (call) => {
        const sample = await opened(call);
        const path = `${ROOT}/${sample.id}`;
        const { body, token } = sampleResponse();
        await call.post(`${path}/response`, body);
        const stranger = bearer(randomBytes(32));
        for (const auth of [
          undefined,
          stranger,
          bearer(token),
          { authorization: `Basic ${base64url(sample.token)}` },
        ]) {
          await call.problem(call.post(`${path}/confirm`, sampleOk(), auth), 401, 'unauthorized');
          await call.problem(call.delete(path, auth), 401, 'unauthorized');
          await call.problem(call.post(`${path}/complete`, undefined, auth), 401, 'unauthorized');
        }
        await call.problem(call.get(path, stranger), 401, 'unauthorized');
        for (const auth of [undefined, stranger, bearer(sample.token)]) {
          await call.problem(call.get(`${path}/confirmation`, auth), 401, 'unauthorized');
        }
        for (const auth of [undefined, stranger]) {
          await call.problem(call.get(`${path}/messages?after=0`, auth), 401, 'unauthorized');
          await call.problem(call.post(`${path}/messages`, sampleMessage(1), auth), 401, 'unauthorized');
        }
        expect((await call.get(path)).body).toEqual({
          session_id: sample.id,
          status: 'responded',
          ttl_seconds: 300,
        });
      }));

    it('keeps the messages of a rejected joiner from the next one', () =>
      withServer(async (call) => {
        const sample = await opened(call);
        const path = `${ROOT}/${sample.id}`;
        const first = sampleResponse();
        await call.post(`${path}/response`, first.body);
        expect((await call.post(`${path}/messages`, sampleMessage(1), bearer(first.token))).status).toBe(200);
        await call.post(`${path}/confirm`, { attempt: 0, result: 'reject' }, bearer(sample.token));
        await call.problem(
          call.post(`${path}/messages`, sampleMessage(2), bearer(first.token)),
          409,
          'conflict',
        );
        const second = sampleResponse({ attempt: 1 });
        expect((await call.post(`${path}/response`, second.body)).status).toBe(200);
        await call.post(`${path}/confirm`, sampleOk(1), bearer(sample.token));
        await call.problem(
          call.post(`${path}/messages`, sampleMessage(1), bearer(first.token)),
          401,
          'unauthorized',
        );
        const message = sampleMessage(1);
        expect((await call.post(`${path}/messages`, message, bearer(second.token))).status).toBe(200);
        expect((await call.get(`${path}/messages?after=0`, bearer(sample.token))).body).toEqual({
          messages: [message],
        });
      }));

    it('refuses gaps, and knows what was seen', () =>
      withServer(async (call) => {
        const { sample, token } = await confirmed(call);
        const path = `${ROOT}/${sample.id}/messages`;
        await call.problem(call.post(path, sampleMessage(2), bearer(token)), 409, 'conflict');
        const messages = [1, 2, 3].map((seq) => sampleMessage(seq));
        for (const message of messages)
          expect((await call.post(path, message, bearer(token))).status).toBe(200);
        await call.problem(call.post(path, messages[0], bearer(token)), 409, 'conflict');
        const host = bearer(sample.token);
        expect((await call.get(`${path}?after=1`, host)).body).toEqual({ messages: messages.slice(1) });
        await call.problem(call.get(`${path}?after=0`, host), 409, 'conflict');
        await call.problem(call.get(`${path}?after=4`, host), 409, 'conflict');
        for (const after of ['-1', '01', '1.0', 'x', '', '99999999999']) {
          await call.problem(call.get(`${path}?after=${after}`, host), 400, 'malformed');
        }
        await call.problem(call.get(`${path}?after=1&after=1`, host), 400, 'malformed');
        await call.problem(call.get(`${path}?since=1`, host), 400, 'malformed');
      }));

    it('bounds what waits, and frees the place of what was fetched', () =>
      withServer(
        async (call) => {
          const { sample, token } = await confirmed(call);
          const path = `${ROOT}/${sample.id}/messages`;
          for (const seq of [1, 2]) {
            expect((await call.post(path, sampleMessage(seq), bearer(token))).status).toBe(200);
          }
          await call.problem(call.post(path, sampleMessage(3), bearer(token)), 503, 'capacity-exhausted');
          const poll = call.get(`${path}?after=2`, bearer(sample.token));
          await settled(async () => (await call.post(path, sampleMessage(3), bearer(token))).status === 200);
          expect((await poll).status).toBe(200);
        },
        { confirmedMessages: 2 },
      ));

    it('tells both ends of a cancelled session, waiting ones first', () =>
      withServer(async (call) => {
        const { sample, token } = await confirmed(call);
        const path = `${ROOT}/${sample.id}`;
        const waiting = call.get(`${path}/messages?after=0`, bearer(token));
        expect((await call.delete(path, bearer(sample.token))).status).toBe(200);
        await call.problem(waiting, 410, 'cancelled');
        await call.problem(call.post(`${path}/messages`, sampleMessage(1), bearer(token)), 410, 'cancelled');
        await call.problem(call.get(`${ROOT}/by-code/${sample.nameplate}`), 410, 'cancelled');
        await call.problem(call.post(`${path}/response`, sampleResponse().body), 410, 'cancelled');
        expect((await call.delete(path, bearer(sample.token))).status).toBe(200);
      }));

    it('ends a session whose host aborts', () =>
      withServer(async (call) => {
        const sample = await opened(call);
        const path = `${ROOT}/${sample.id}`;
        const { body, token } = sampleResponse();
        await call.post(`${path}/response`, body);
        const abort = { attempt: 0, result: 'abort' };
        expect((await call.post(`${path}/confirm`, abort, bearer(sample.token))).status).toBe(200);
        expect((await call.get(`${path}/confirmation`, bearer(token))).body).toEqual(abort);
        await call.problem(call.post(`${path}/response`, sampleResponse().body), 410, 'cancelled');
      }));

    it('A16 gives a nameplate that is in use to nobody else, nor for a while after', () =>
      withServer(async (call) => {
        const sample = await opened(call);
        const rival = sampleSession({ nameplate: sample.nameplate });
        await call.problem(call.post(ROOT, rival.body), 409, 'conflict');
        await call.delete(`${ROOT}/${sample.id}`, bearer(sample.token));
        await call.problem(call.post(ROOT, rival.body), 409, 'conflict');
        await call.problem(call.get(`${ROOT}/${rival.id}`), 404, 'not-found');
      }));

    it('A02 finds by nameplate only, never by a whole code', () =>
      withServer(async (call) => {
        await opened(call);
        for (const code of ['Z43-8JR', 'Z438JR', 'A', 'ABCDE']) {
          const answer = await call.get(`${ROOT}/by-code/${code}`);
          await call.problem(Promise.resolve(answer), 400, 'nameplate-length');
          if (code.length > 1) expect(JSON.stringify(answer.body)).not.toContain(code);
        }
        for (const code of ['z4', 'I2', 'U22', '%41B', 'A B', 'Ä2']) {
          expect((await call.get(`${ROOT}/by-code/${code}`)).status).toBe(400);
        }
        await call.problem(call.get(`${ROOT}/by-code/ZZZZ`), 404, 'not-found');
      }));

    it('finds every nameplate that a code can have', () =>
      withServer(async (call) => {
        for (const nameplate of ['U2', 'ZZ', '22', 'UU', 'HK']) {
          const sample = sampleSession({ nameplate });
          expect((await call.post(ROOT, sample.body)).status).toBe(201);
          expect((await call.get(`${ROOT}/by-code/${nameplate}`)).body).toMatchObject({
            session_id: sample.id,
          });
        }
        for (const [kind, nameplate] of [
          ['pin8', '01Z'],
          ['code12', 'ZV0M'],
        ] as const) {
          const slots = [{ kind, nameplate, pake: sampleShares() }];
          const sample = sampleSession({ slots });
          expect((await call.post(ROOT, sample.body)).status).toBe(201);
          expect((await call.get(`${ROOT}/by-code/${nameplate}`)).body).toMatchObject({
            session_id: sample.id,
          });
        }
      }));

    it('A01 slows an address that guesses nameplates', () =>
      withServer(
        async (call) => {
          const started = performance.now();
          for (let i = 0; i < 3; i++)
            await call.problem(call.get(`${ROOT}/by-code/ZZZ${i + 2}`), 404, 'not-found');
          expect(performance.now() - started).toBeGreaterThanOrEqual(90);
          const refused = await call.get(`${ROOT}/by-code/ZZZ9`);
          expect(refused.status).toBe(429);
          expect(Number(refused.headers.get('retry-after'))).toBe(1);
        },
        { missesBeforeDelay: 3, lookupFloorMs: 30 },
      ));

    it('D07 limits creation and answers of one address', () =>
      withServer(
        async (call) => {
          const samples = [await opened(call), await opened(call)];
          const refused = await call.post(ROOT, sampleSession().body);
          await call.problem(Promise.resolve(refused), 429, 'rate-limited');
          expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
          const path = `${ROOT}/${samples[0]?.id}/response`;
          for (let i = 0; i < 3; i++) await call.post(path, sampleResponse().body);
          await call.problem(call.post(path, sampleResponse().body), 429, 'rate-limited');
        },
        { createPerMinute: 2, responsesPerMinute: 3 },
      ));

    it.each([0, -1, 29, 301, 86_400, 30.5, '300', null])('A12 refuses a life of %s seconds', (ttl) =>
      withServer(async (call) => {
        await call.problem(
          call.post(ROOT, { ...sampleSession().body, ttl_seconds: ttl }),
          400,
          'ttl-out-of-range',
        );
      }),
    );

    it.each([30, 300])('takes a life of %s seconds', (ttl) =>
      withServer(async (call) => {
        expect((await call.post(ROOT, sampleSession({ ttl_seconds: ttl }).body)).status).toBe(201);
      }),
    );

    it('refuses other versions, unknown, missing and doubled members, and says where', () =>
      withServer(async (call) => {
        const { body } = sampleSession();
        await call.problem(call.post(ROOT, { ...body, v: 0 }), 400, 'unsupported-version');
        await call.problem(call.post(ROOT, { ...body, v: 2 }), 400, 'unsupported-version');
        const { host_commit: _left, ...short } = body;
        const answer = await call.post(ROOT, { ...short, suite: 'seed', expires_at: '5' });
        expect(answer.body).toMatchObject({
          error: 'malformed',
          faults: expect.arrayContaining([
            expect.stringContaining('$.suite'),
            expect.stringContaining('$.host_commit'),
            expect.stringContaining('$.expires_at'),
          ]) as unknown,
        });
        const doubled = JSON.stringify(body).replace('{', '{"v":1,');
        await call.problem(call.raw(ROOT, doubled), 400, 'malformed');
        for (const text of [
          '',
          '{',
          '[]',
          'null',
          '"x"',
          `{"v":1}{}`,
          `{"a":${'['.repeat(50)}${']'.repeat(50)}}`,
        ]) {
          await call.problem(call.raw(ROOT, text), 400, 'malformed');
        }
      }));

    const valid = base64url(new Uint8Array(32).fill(0xfb));
    it.each([
      ['padding', `${valid}=`],
      ['+ of the other alphabet', valid.replaceAll('-', '+')],
      ['tail bits', `${valid.slice(0, -1)}t`],
      ['too short', valid.slice(0, 40)],
      ['too long', `${valid}AAAA`],
      ['hex', '00'.repeat(32)],
    ])('refuses keys in another form: %s', (_what, text) =>
      withServer(async (call) => {
        const sample = await opened(call);
        const path = `${ROOT}/${sample.id}/response`;
        for (const member of ['device_x25519_pubkey', 'device_nonce', 'pake_confirm', 'joiner_token_hash']) {
          const body = { ...sampleResponse().body, [member]: text };
          await call.problem(call.post(path, body), 400, 'malformed');
        }
        await call.problem(
          call.post(ROOT, { ...sampleSession().body, ephemeral_pubkey: text }),
          400,
          'malformed',
        );
        await call.problem(
          call.post(ROOT, {
            ...sampleSession().body,
            session_id: sampleSession().id.toUpperCase().replace(/\d/g, 'A'),
          }),
          400,
          'malformed',
        );
        expect((await call.get(`${ROOT}/${sample.id}`)).body).toMatchObject({ status: 'pending' });
      }),
    );

    it('C01 hands a share that is no point on to the host, who has to count it', () =>
      withServer(async (call) => {
        const sample = await opened(call);
        const { body } = sampleResponse({ pake_msg: base64url(new Uint8Array(33).fill(2)) });
        expect((await call.post(`${ROOT}/${sample.id}/response`, body)).status).toBe(200);
      }));

    it('refuses slots that are not of the protocol', () =>
      withServer(async (call) => {
        const { body } = sampleSession();
        const [code, qr] = body.slots;
        const wrong: readonly unknown[] = [
          [],
          [code, code],
          [code, { ...code, kind: 'pin8', nameplate: 'ABC' }],
          [{ ...code, nameplate: 'A' }],
          [{ ...code, nameplate: 'ABC' }],
          [{ ...code, nameplate: 'I0' }],
          [{ ...code, kind: 'short7' }],
          [{ ...code, claim_hash: qr?.claim_hash }],
          [{ ...qr, nameplate: 'AB' }],
          [{ ...code, pake: code?.pake.slice(0, 2) }],
          [{ ...code, pake: [code?.pake[0], code?.pake[1], 'AAAA'] }],
          [code, qr, null],
        ];
        for (const slots of wrong) await call.problem(call.post(ROOT, { ...body, slots }), 400, 'malformed');
      }));

    it('D05 bounds bodies, announced or not, and sealed texts', () =>
      withServer(async (call, { origin }) => {
        const sample = await opened(call);
        await call.problem(call.raw(ROOT, `{"a":"${'x'.repeat(16_385)}"}`), 413, 'payload-too-large');
        const chunked = await fetch(`${origin}${ROOT}`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: new ReadableStream({
            start(controller) {
              for (let i = 0; i < 20; i++) controller.enqueue(new Uint8Array(1_024).fill(0x20));
              controller.close();
            },
          }),
          duplex: 'half',
        }).catch(() => null);
        if (chunked !== null) expect(chunked.status).toBe(413);
        const { body } = sampleResponse({ sealed: 'A'.repeat(16_001) });
        const answer = await call.post(`${ROOT}/${sample.id}/response`, body);
        expect([400, 413]).toContain(answer.status);
        const fits = sampleResponse({ sealed: 'A'.repeat(16_000), pake_msg: 'AAAA' }).body;
        expect(JSON.stringify(fits).length).toBeLessThanOrEqual(16_384);
        expect((await call.post(`${ROOT}/${sample.id}/response`, fits)).status).toBe(200);
      }));

    it('D10 knows its paths and methods only', () =>
      withServer(async (call) => {
        const sample = await opened(call);
        const id = sample.id;
        for (const path of [
          '/v1/pairing',
          `${ROOT}/../../etc/passwd`,
          `${ROOT}/..%2f..%2fetc`,
          `${ROOT}/${id}/`,
          `${ROOT}/${id}/x`,
          `${ROOT}/${id}/messages/1`,
          `${ROOT}/${id.toUpperCase().replace(/\d/g, 'A')}`,
          `${ROOT}/by-code`,
          `${ROOT}/${'a'.repeat(8_000)}`,
          `${ROOT}/%ff%fe`,
          '/v1/pairing/sessionsx',
        ]) {
          expect([400, 404, 414, 431], path).toContain((await call.get(path)).status);
        }
        const wrong = await call.put(`${ROOT}/${id}`);
        expect([404, 405]).toContain(wrong.status);
        expect([404, 405]).toContain((await call.delete(ROOT)).status);
        expect([404, 405]).toContain((await call.get(`${ROOT}/${id}/response`)).status);
      }));

    it('D09 answers errors as problem documents, without CORS', () =>
      withServer(async (_call, { origin }) => {
        const response = await fetch(`${origin}${ROOT}/by-code/ZZ`, {
          headers: { origin: 'https://evil.example' },
        });
        expect(response.headers.get('content-type')).toMatch(/^application\/problem\+json/);
        expect(response.headers.get('access-control-allow-origin')).toBeNull();
        expect(await response.json()).toEqual({
          type: 'urn:auths:error:not-found',
          title: 'Nothing by that name',
          status: 404,
          error: 'not-found',
          message: 'Nothing by that name.',
        });
      }));

    it('D05 serves others while one client sends nothing', () =>
      withServer(async (call, { origin }) => {
        const { hostname, port } = new URL(origin);
        const slow = connect(Number(port), hostname);
        await new Promise<void>((resolve) => {
          slow.once('connect', () => resolve());
        });
        slow.write(`POST ${ROOT} HTTP/1.1\r\nHost: ${hostname}:${port}\r\nContent-Length: 100\r\n\r\n{`);
        slow.on('error', () => {});
        expect((await call.post(ROOT, sampleSession().body)).status).toBe(201);
        slow.destroy();
      }));
  });
}

type Auth = { readonly authorization: string } | undefined;

interface Caller {
  get(path: string, auth?: Auth): Promise<Answer>;
  post(path: string, body: unknown, auth?: Auth): Promise<Answer>;
  put(path: string): Promise<Answer>;
  delete(path: string, auth?: Auth): Promise<Answer>;
  raw(path: string, text: string): Promise<Answer>;
  /** Expects a problem document of that status and name. */
  problem(answer: Promise<Answer>, status: number, error: string): Promise<void>;
}

function caller(origin: string): Caller {
  const send = async (method: string, path: string, auth: Auth, text?: string): Promise<Answer> => {
    const response = await fetch(`${origin}${path}`, {
      method,
      headers: { ...auth, ...(text === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(text === undefined ? {} : { body: text }),
    });
    const body = await response.text();
    return { status: response.status, headers: response.headers, body: body === '' ? null : readJson(body) };
  };
  return {
    get: (path, auth) => send('GET', path, auth),
    post: (path, body, auth) =>
      send('POST', path, auth, body === undefined ? undefined : JSON.stringify(body)),
    put: (path) => send('PUT', path, undefined, '{}'),
    delete: (path, auth) => send('DELETE', path, auth),
    raw: (path, text) => send('POST', path, undefined, text),
    async problem(answer, status, error) {
      const { status: found, body } = await answer;
      expect({ status: found, error: errorOf(body) }).toEqual({ status, error });
      expect(body).toMatchObject({
        type: `urn:auths:error:${error}`,
        status,
        title: expect.any(String) as unknown,
      });
    },
  };
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function errorOf(body: unknown): unknown {
  return typeof body === 'object' && body !== null && 'error' in body ? body.error : null;
}

function bearer(token: Uint8Array): { readonly authorization: string } {
  return { authorization: `Bearer ${base64url(token)}` };
}

async function opened(call: Caller): Promise<SampleSession> {
  for (;;) {
    const sample = sampleSession();
    const answer = await call.post(ROOT, sample.body);
    // Random nameplates of two letters meet now and then.
    if (answer.status === 409) continue;
    expect(answer.status).toBe(201);
    return sample;
  }
}

async function confirmed(
  call: Caller,
): Promise<{ readonly sample: SampleSession; readonly token: Uint8Array }> {
  const sample = await opened(call);
  const { body, token } = sampleResponse();
  expect((await call.post(`${ROOT}/${sample.id}/response`, body)).status).toBe(200);
  expect((await call.post(`${ROOT}/${sample.id}/confirm`, sampleOk(), bearer(sample.token))).status).toBe(
    200,
  );
  return { sample, token };
}

/** Waits until something becomes true, for a second at most. */
async function settled(check: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 50; i++) {
    if (await check()) return;
    await new Promise((resolve) => {
      setTimeout(resolve, 20);
    });
  }
  throw new Error('it never came true');
}
