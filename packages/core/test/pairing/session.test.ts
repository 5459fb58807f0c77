import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sha256 } from '@noble/hashes/sha2.js';
import { toBase64url } from '../../src/encoding/base64url.ts';
import { isAuthsError } from '../../src/errors.ts';
import type { SessionId } from '../../src/identifiers.ts';
import { COMPLETION_MS, DEFAULT_LIMITS } from '../../src/pairing/limits.ts';
import type { ConfirmBody, CreateBody, Instant, ResponseBody } from '../../src/pairing/relay.ts';
import {
  createSession,
  forgetAt,
  hostViewOf,
  type RelaySession,
  settle,
  viewOf,
} from '../../src/pairing/session.ts';
import { confirm, fetchMessages, finish, heldBytes, post, respond } from '../../src/pairing/session-steps.ts';

const filled = (length: number, byte: number): string => toBase64url(new Uint8Array(length).fill(byte));
const claim = new Uint8Array(32).fill(7);
const body: CreateBody = {
  v: 1,
  session_id: '00112233445566778899aabbccddeeff' as SessionId,
  ttl_seconds: 300,
  ephemeral_pubkey: filled(32, 1),
  host_commit: filled(32, 2),
  expires_at: 1_790_000_300,
  slots: [
    { kind: 'short6', nameplate: 'Z4', pake: [filled(65, 1), filled(65, 2), filled(65, 3)] },
    {
      kind: 'qr',
      claim_hash: toBase64url(sha256(claim)),
      pake: [filled(65, 4), filled(65, 5), filled(65, 6)],
    },
  ],
  host_token_hash: filled(32, 3),
};
const start: Instant = { monotonic: 5_000, wall: 1_790_000_000_000 };
const after = (ms: number, wallMs = ms): Instant => ({
  monotonic: start.monotonic + ms,
  wall: start.wall + wallMs,
});

function answer(kind: 'short6' | 'qr', attempt: number, salt: number): ResponseBody {
  return {
    v: 1,
    kind,
    attempt,
    device_x25519_pubkey: filled(32, salt),
    device_nonce: filled(32, salt),
    pake_msg: filled(65, salt),
    pake_confirm: filled(32, salt),
    sealed: filled(1_040, salt),
    joiner_token_hash: filled(32, salt),
  };
}

const ok: ConfirmBody = { attempt: 0, result: 'ok', pake_confirm: filled(32, 9), sealed: filled(1_040, 9) };

describe('the life of a relay session', () => {
  it.each([
    ['monotonic', after(299_999, -3_600_000), after(300_000, -3_600_000)],
    ['wall', after(0, 299_999), after(0, 300_000)],
  ])('an offer ends at 300.0 s by the %s clock', (_clock, before, then) => {
    const session = createSession(body, 'a', start);
    expect(settle(session, before).status).toBe('pending');
    expect(settle(session, then).status).toBe('expired');
    expect(viewOf(settle(session, then), then).ttl_seconds).toBe(0);
  });

  it('a run that began in time has 240 s more', () => {
    const answered = respond(createSession(body, 'a', start), answer('short6', 0, 1), null);
    expect(settle(answered, after(300_000 + COMPLETION_MS - 1)).status).toBe('responded');
    expect(settle(answered, after(300_000 + COMPLETION_MS)).status).toBe('expired');
  });

  it('a reject after its life ends the session', () => {
    const answered = respond(createSession(body, 'a', start), answer('short6', 0, 1), null);
    const late = after(300_001);
    expect(settle(confirm(answered, { attempt: 0, result: 'reject' }, late), late).status).toBe('expired');
  });

  it('keeps the nameplate for the cool-down after its end, however it ended', () => {
    const session = createSession(body, 'a', start);
    expect(forgetAt(settle(session, after(300_000)), 600)).toBe(start.monotonic + 900_000);
    expect(forgetAt(finish(session, 'cancelled', after(1_000)), 600)).toBe(start.monotonic + 601_000);
  });

  it('hands the waiting response to the host only while it waits', () => {
    const session = createSession(body, 'a', start);
    expect(hostViewOf(session, start).response).toBeUndefined();
    const answered = respond(session, answer('short6', 0, 1), null);
    expect(hostViewOf(answered, start).response).toEqual(answer('short6', 0, 1));
    expect(hostViewOf(confirm(answered, ok, start), start).response).toBeUndefined();
  });
});

type Act =
  | {
      readonly do: 'respond';
      readonly kind: 'short6' | 'qr';
      readonly attempt: number;
      readonly salt: number;
    }
  | { readonly do: 'confirm'; readonly attempt: number; readonly result: 'ok' | 'reject' | 'abort' }
  | { readonly do: 'post' | 'fetch'; readonly way: 'j2h' | 'h2j'; readonly seq: number }
  | { readonly do: 'finish'; readonly how: 'completed' | 'cancelled' }
  | { readonly do: 'wait'; readonly ms: number };

const kind = fc.constantFrom<'short6' | 'qr'>('short6', 'qr');
const way = fc.constantFrom<'j2h' | 'h2j'>('j2h', 'h2j');
const act: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('respond' as const),
      kind,
      attempt: fc.nat(2),
      salt: fc.nat(255),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('confirm' as const),
      attempt: fc.nat(2),
      result: fc.constantFrom<'ok' | 'reject' | 'abort'>('ok', 'reject', 'reject', 'abort'),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constantFrom<'post' | 'fetch'>('post', 'fetch'), way, seq: fc.nat(4) }),
  },
  fc.record({
    do: fc.constant('finish' as const),
    how: fc.constantFrom<'completed' | 'cancelled'>('completed', 'cancelled'),
  }),
  fc.record({ do: fc.constant('wait' as const), ms: fc.nat(120_000) }),
);

function perform(session: RelaySession, what: Act, now: Instant): RelaySession {
  switch (what.do) {
    case 'respond':
      return respond(session, answer(what.kind, what.attempt, what.salt), what.kind === 'qr' ? claim : null);
    case 'confirm':
      return confirm(
        session,
        what.result === 'ok'
          ? { ...ok, attempt: what.attempt }
          : { attempt: what.attempt, result: what.result },
        now,
      );
    case 'post':
      return post(session, what.way, { seq: what.seq, sealed: filled(1_040, what.seq) }, DEFAULT_LIMITS);
    case 'fetch':
      return fetchMessages(session, what.way, what.seq).session;
    case 'finish':
      return finish(session, what.how, now);
    case 'wait':
      break;
  }
  return session;
}

describe('whatever is called in whatever order', () => {
  it('an end is never left, no slot takes a fourth answer, one answer stands at a time, versions only grow', () => {
    fc.assert(
      fc.property(fc.array(act, { maxLength: 60 }), (acts) => {
        let session = createSession(body, 'a', start);
        let ms = 0;
        const accepted = { short6: 0, qr: 0 };
        for (const what of acts) {
          if (what.do === 'wait') ms += what.ms;
          const now = after(ms);
          const before = settle(session, now);
          let next = before;
          try {
            next = perform(before, what, now);
          } catch (error) {
            // A refusal is one of ours and changes nothing.
            expect(isAuthsError(error)).toBe(true);
          }
          if (before.endedAt !== null) {
            expect(next.status).toBe(before.status);
            expect(next.endedAt).toEqual(before.endedAt);
            expect(next.runs).toEqual(before.runs);
          }
          if (next.runs.length > before.runs.length) {
            expect(before.status).toBe('pending');
            accepted[next.runs.at(-1)?.kind as 'short6' | 'qr'] += 1;
          }
          expect(next.version - before.version).toBe(next === before ? 0 : 1);
          expect(next.runs.filter(({ response }) => response !== null).length).toBeLessThanOrEqual(1);
          session = next;
        }
        expect(accepted.short6).toBeLessThanOrEqual(3);
        expect(accepted.qr).toBeLessThanOrEqual(3);
      }),
      { numRuns: 400 },
    );
  });

  it('keeps nothing sealed once nobody can ask for it', () => {
    const answered = respond(createSession(body, 'a', start), answer('short6', 0, 1), null);
    expect(heldBytes(answered)).toBe(answer('short6', 0, 1).sealed.length);
    expect(heldBytes(finish(answered, 'cancelled', start))).toBe(0);
    const talking = post(confirm(answered, ok, start), 'h2j', { seq: 1, sealed: 'AAAA' }, DEFAULT_LIMITS);
    expect(heldBytes(talking)).toBe(filled(1_040, 9).length + 4);
    const done = finish(talking, 'completed', start);
    expect(fetchMessages(done, 'h2j', 0).messages).toHaveLength(1);
    const over = settle(done, after(300_000 + COMPLETION_MS));
    expect([over.status, heldBytes(over)]).toEqual(['completed', 0]);
    expect(settle(over, after(400_000 + COMPLETION_MS))).toBe(over);
  });

  it('messages come out in order, each until it was seen', () => {
    const answered = respond(createSession(body, 'a', start), answer('short6', 0, 1), null);
    let session = confirm(answered, ok, start);
    for (const seq of [1, 2, 3])
      session = post(session, 'h2j', { seq, sealed: filled(1_040, seq) }, DEFAULT_LIMITS);
    const first = fetchMessages(session, 'h2j', 0);
    expect(first.messages.map(({ seq }) => seq)).toEqual([1, 2, 3]);
    const second = fetchMessages(first.session, 'h2j', 2);
    expect(second.messages.map(({ seq }) => seq)).toEqual([3]);
    expect(second.session.lanes.h2j.waiting).toHaveLength(1);
    expect(() => fetchMessages(second.session, 'h2j', 1)).toThrow();
    const cancelled = finish(second.session, 'cancelled', start);
    expect(fetchMessages(cancelled, 'h2j', 2).messages).toHaveLength(1);
    expect(() => fetchMessages(cancelled, 'h2j', 3)).toThrow('the pairing session was ended');
  });
});
