/** What every SessionStore must do, on one machine or shared by many. */
import { describe, expect, it } from 'vitest';
import type { PairingLimits } from '@auths/core/pairing/limits';
import type { SessionStore } from '@auths/core/pairing/relay';
import { createSession, type RelaySession } from '@auths/core/pairing/session';
import { confirm, finish, post, respond } from '@auths/core/pairing/session-steps';
import {
  sampleMessage,
  sampleOk,
  sampleResponse,
  sampleSession,
  type SampleSession,
} from './sample-session.ts';

export interface StoreUnderTest {
  /** Two adapters over one empty store, as two instances of a relay would have them. */
  readonly one: SessionStore;
  readonly two: SessionStore;
  readonly limits: PairingLimits;
  /** Lets this much time pass for the store. */
  readonly pass: (ms: number) => Promise<void>;
  close(): Promise<void>;
}

/** `open` gets the limits that the test needs changed. */
export function sessionStoreContract(
  name: string,
  open: (limits: Partial<PairingLimits>) => Promise<StoreUnderTest>,
): void {
  async function withStore(
    limits: Partial<PairingLimits>,
    test: (under: StoreUnderTest) => Promise<void>,
  ): Promise<void> {
    const under = await open(limits);
    try {
      await test(under);
    } finally {
      await under.close();
    }
  }

  describe(`${name}: SessionStore`, () => {
    it('hands a session to every instance, by id and by nameplate', () =>
      withStore({}, async ({ one, two }) => {
        const sample = sampleSession();
        const session = await add(one, sample);
        expect(await two.read(sample.id)).toEqual(session);
        expect(await two.findNameplate(sample.nameplate)).toBe(sample.id);
        expect(await two.findNameplate(sample.nameplate === 'AB' ? 'CD' : 'AB')).toBeNull();
        expect(await two.read(sampleSession().id)).toBeNull();
      }));

    it('D01 takes one of 100 versions that come at once, whichever instance they reach', () =>
      withStore({}, async ({ one, two }) => {
        const sample = sampleSession();
        const session = await add(one, sample);
        const outcomes = await Promise.all(
          Array.from({ length: 100 }, (_, i) =>
            (i % 2 === 0 ? one : two).replace(respond(session, sampleResponse().body, null)),
          ),
        );
        expect(outcomes.filter((outcome) => outcome === 'done')).toHaveLength(1);
        expect(outcomes.filter((outcome) => outcome === 'stale')).toHaveLength(99);
        expect((await two.read(sample.id))?.runs).toHaveLength(1);
      }));

    it('refuses an id or a nameplate that is taken, and changes nothing then', () =>
      withStore({}, async ({ one, two }) => {
        const sample = sampleSession();
        await add(one, sample);
        const now = await one.now();
        expect(await two.create(createSession(sample.body, 'x', now))).toBe('session-taken');
        const rival = sampleSession({ nameplate: sample.nameplate });
        expect(await two.create(createSession(rival.body, 'x', now))).toBe('nameplate-taken');
        expect(await one.read(rival.id)).toBeNull();
        expect(await one.findNameplate(sample.nameplate)).toBe(sample.id);
      }));

    it('expires by time alone and keeps the nameplate from others until it has cooled down', () =>
      withStore({ nameplateCoolDownSeconds: 2 }, async ({ one, two, pass }) => {
        const sample = sampleSession({ ttl_seconds: 1 });
        await add(one, sample);
        await pass(1_100);
        expect((await two.read(sample.id))?.status).toBe('expired');
        const rival = sampleSession({ nameplate: sample.nameplate });
        expect(await two.create(createSession(rival.body, 'x', await two.now()))).toBe('nameplate-taken');
        await pass(3_100);
        expect(await one.read(sample.id)).toBeNull();
        expect(await two.create(createSession(rival.body, 'x', await two.now()))).toBe('created');
      }));

    it('D07 bounds sessions in all and of one address', () =>
      withStore({ liveSessions: 3, liveSessionsPerAddress: 2 }, async ({ one }) => {
        await add(one, sampleSession({ nameplate: 'AB' }), 'a');
        await add(one, sampleSession({ nameplate: 'AC' }), 'a');
        const third = createSession(sampleSession({ nameplate: 'AD' }).body, 'a', await one.now());
        expect(await one.create(third)).toBe('address-full');
        await add(one, sampleSession({ nameplate: 'AE' }), 'b');
        const fourth = createSession(sampleSession({ nameplate: 'AF' }).body, 'c', await one.now());
        expect(await one.create(fourth)).toBe('full');
      }));

    it('D08 says when short nameplates run out', () =>
      withStore({ liveShortNameplates: 1, liveSessionsPerAddress: 100 }, async ({ one }) => {
        await add(one, sampleSession({ nameplate: 'AB' }));
        await add(one, sampleSession({ nameplate: 'AC' }));
        const next = createSession(sampleSession({ nameplate: 'AD' }).body, 'x', await one.now());
        expect(await one.create(next)).toBe('nameplates-exhausted');
      }));

    it('bounds the bytes of all sessions together', () =>
      withStore({ totalBytes: 6_000 }, async ({ one, limits }) => {
        const confirmed = async (nameplate: string): Promise<RelaySession> => {
          const session = await add(one, sampleSession({ nameplate }));
          const answered = respond(session, sampleResponse().body, null);
          expect(await one.replace(answered)).toBe('done');
          const next = confirm(answered, sampleOk(), await one.now());
          expect(await one.replace(next)).toBe('done');
          return next;
        };
        const first = await confirmed('AB');
        const second = await confirmed('AC');
        expect(await one.replace(post(first, 'j2h', sampleMessage(1), limits))).toBe('done');
        expect(await one.replace(post(second, 'j2h', sampleMessage(1), limits))).toBe('done');
        const grown = await one.read(first.id);
        if (grown === null) throw new Error('the session is gone');
        expect(await one.replace(post(grown, 'h2j', sampleMessage(1), limits))).toBe('full');
      }));

    it('counts sealed responses among them, until the session ends', () =>
      withStore({ totalBytes: 3_000 }, async ({ one }) => {
        const answered = async (nameplate: string): Promise<[RelaySession, 'done' | 'full' | 'stale']> => {
          const session = await add(one, sampleSession({ nameplate }));
          const next = respond(session, sampleResponse().body, null);
          return [next, await one.replace(next)];
        };
        const [first, done] = await answered('AB');
        expect(done).toBe('done');
        expect((await answered('AC'))[1]).toBe('done');
        const [third, full] = await answered('AD');
        expect(full).toBe('full');
        expect(await one.replace(finish(first, 'cancelled', await one.now()))).toBe('done');
        expect(await one.replace(third)).toBe('done');
      }));

    it('wakes who waits for a change, from any instance, and nobody else', () =>
      withStore({}, async ({ one, two }) => {
        const sample = sampleSession();
        const session = await add(one, sample);
        const other = await add(one, sampleSession({ nameplate: 'ZZ' }));
        let woken = false;
        let otherWoken = false;
        const stop = new AbortController();
        const waiting = two.changed(session.id, session.version, 30_000).then(() => {
          woken = true;
        });
        const sleeping = two.changed(other.id, other.version, 30_000, stop.signal).then(() => {
          otherWoken = true;
        });
        await one.replace(respond(session, sampleResponse().body, null));
        await waiting;
        expect(woken).toBe(true);
        expect(otherWoken).toBe(false);
        stop.abort();
        await sleeping;
      }));

    it('does not wait for a change that has happened', () =>
      withStore({}, async ({ one, two }) => {
        const sample = sampleSession();
        const session = await add(one, sample);
        await one.replace(respond(session, sampleResponse().body, null));
        await two.changed(session.id, session.version, 30_000);
        expect((await two.read(sample.id))?.status).toBe('responded');
      }));
  });
}

async function add(store: SessionStore, sample: SampleSession, owner = '192.0.2.1'): Promise<RelaySession> {
  const session = createSession(sample.body, owner, await store.now());
  expect(await store.create(session)).toBe('created');
  return session;
}
