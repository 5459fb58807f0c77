/** A call to a relay that says nothing: how long it is waited for, and what is said then. */
import { AuthsError } from '../../src/errors.ts';
import { insist } from '../../src/flows/insist.ts';
import type { CancelSignal } from '../../src/ports.ts';
import { createFakeClock } from '../../../testing/src/fake-clock.ts';
import { describe, expect, it } from 'vitest';

const nothing = (): Promise<never> => new Promise(() => {});
const noRoute = (): Promise<never> =>
  Promise.reject(new AuthsError('network/unreachable', 'no route', { details: { url: 'http://10.0.0.1' } }));

/** Runs it with one of `answers` for each call, the clock going on as long as somebody sleeps; how it ended, and after how long. */
async function insisted(answers: readonly (() => Promise<string>)[], callMs?: number) {
  const clock = createFakeClock();
  const began = clock.monotonic();
  const signals: CancelSignal[] = [];
  const call = (signal: CancelSignal): Promise<string> => {
    signals.push(signal);
    return (answers[signals.length - 1] ?? nothing)();
  };
  const ends: object[] = [];
  const done = insist(clock, undefined, call, callMs).then(
    (value) => ends.push({ value }),
    (error: unknown) => ends.push({ error }),
  );
  while (ends.length === 0) {
    for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
    const next = clock.untilNext();
    if (ends.length === 0 && next !== null) clock.advance(next);
  }
  await done;
  return { end: ends[0], calls: signals.length, signals, took: clock.monotonic() - began };
}

describe('a call that is never answered', () => {
  it('is ended after half a minute and made once more, which may get through', async () => {
    const { end, calls, signals, took } = await insisted([nothing, () => Promise.resolve('here')]);
    expect([end, calls, took]).toEqual([{ value: 'here' }, 2, 30_000]);
    expect(signals[0]?.aborted).toBe(true);
  });

  it('says why, where the second one finds that out', async () => {
    const { end, calls, took } = await insisted([nothing, noRoute]);
    expect([calls, took]).toEqual([2, 30_000]);
    expect(end).toMatchObject({
      error: { code: 'pairing/timeout', cause: { code: 'network/unreachable', message: 'no route' } },
    });
  });

  it('is silence when the second one is not answered either', async () => {
    const { end, calls, took } = await insisted([]);
    expect([calls, took]).toEqual([2, 36_000]);
    expect(end).toMatchObject({ error: { code: 'pairing/timeout' } });
    expect(end).not.toHaveProperty('error.cause');
  });

  it('is made once where the caller has set the time for it', async () => {
    const { end, calls, took } = await insisted([], 2_000);
    expect([calls, took]).toEqual([1, 2_000]);
    expect(end).toMatchObject({ error: { code: 'pairing/timeout' } });
  });
});

describe('a relay that cannot be reached', () => {
  it('is asked again until it answers', async () => {
    const { end, calls, took } = await insisted([noRoute, noRoute, () => Promise.resolve('here')]);
    expect([end, calls, took]).toEqual([{ value: 'here' }, 3, 1_000]);
  });

  it('has gone silent after half a minute', async () => {
    const { end, took } = await insisted(Array.from({ length: 100 }, () => noRoute));
    expect(took).toBe(30_000);
    expect(end).toMatchObject({
      error: { code: 'pairing/timeout', cause: { code: 'network/unreachable' } },
    });
  });
});
