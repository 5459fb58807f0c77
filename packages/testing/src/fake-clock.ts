/** A clock that stands still until a test moves it, so that five minutes take a millisecond. */
import type { CancelSignal, Clock } from '@auths/core/ports';

export interface FakeClock extends Clock {
  /** Moves both clocks on and wakes, in order, whoever slept until then. */
  advance(ms: number): void;
  /** Steps the wall clock alone: NTP, a person, or a laptop that slept. */
  stepWall(ms: number): void;
  /** Milliseconds until the next sleeper wakes; null when nobody sleeps. */
  untilNext(): number | null;
}

interface Sleeper {
  readonly at: number;
  readonly wake: () => void;
}

/** Starts at `wall` (epoch ms); the monotonic clock starts elsewhere, so that nobody can mistake one for the other. */
export function createFakeClock(wall: number = Date.UTC(2026, 2, 1)): FakeClock {
  let monotonic = 1_000_000;
  let offset = wall - monotonic;
  const sleepers = new Set<Sleeper>();
  return {
    now: () => monotonic + offset,
    monotonic: () => monotonic,
    sleep: (ms: number, signal?: CancelSignal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted === true) {
          reject(signal.reason);
          return;
        }
        const onAbort = (): void => {
          sleepers.delete(sleeper);
          reject(signal?.reason);
        };
        const sleeper: Sleeper = {
          at: monotonic + Math.max(0, ms),
          wake: () => {
            sleepers.delete(sleeper);
            signal?.removeEventListener('abort', onAbort);
            resolve();
          },
        };
        sleepers.add(sleeper);
        signal?.addEventListener('abort', onAbort, { once: true });
      }),
    advance(ms) {
      const target = monotonic + ms;
      for (;;) {
        const due = [...sleepers].filter(({ at }) => at <= target).sort((a, b) => a.at - b.at)[0];
        if (due === undefined) break;
        monotonic = Math.max(monotonic, due.at);
        due.wake();
      }
      monotonic = target;
    },
    stepWall(ms) {
      offset += ms;
    },
    untilNext() {
      const next = Math.min(...[...sleepers].map(({ at }) => at));
      return Number.isFinite(next) ? Math.max(0, next - monotonic) : null;
    },
  };
}

/**
 * Runs `work` to its end on a fake clock: whenever nothing but sleep is left, time moves to the next sleeper. Only for work
 * without sockets or child processes, whose progress cannot be seen from here.
 */
export async function drive<T>(clock: FakeClock, work: Promise<T>): Promise<T> {
  const state = { done: false };
  const finished = work.finally(() => {
    state.done = true;
  });
  finished.catch(() => {});
  while (!state.done) {
    await idle();
    if (state.done) break;
    const next = clock.untilNext();
    if (next === null) continue;
    clock.advance(next);
  }
  return finished;
}

/** Lets everything that is ready run. */
export async function idle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) {
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
  }
}

/** A promise and the function that resolves it. */
export function createDeferred<T>(): { readonly promise: Promise<T>; readonly resolve: (value: T) => void } {
  const resolvers: ((value: T) => void)[] = [];
  const promise = new Promise<T>((resolve) => {
    resolvers.push(resolve);
  });
  return { promise, resolve: (value) => resolvers.forEach((resolve) => resolve(value)) };
}
