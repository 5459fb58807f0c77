/** Cancelling inside core, where there is no AbortController: sources of `CancelSignal`, and waits that end in time. */
import type { CancelSignal, Clock } from '../ports.ts';

export interface CancelSource {
  readonly signal: CancelSignal;
  cancel(reason: unknown): void;
  /** Stops following the parent. */
  release(): void;
}

/** A signal of one's own, which also follows `parent`. */
export function createCancelSource(parent?: CancelSignal): CancelSource {
  const listeners = new Set<() => void>();
  let state: { readonly reason: unknown } | null = null;
  const cancel = (reason: unknown): void => {
    if (state !== null) return;
    state = { reason };
    for (const listener of listeners) listener();
    listeners.clear();
  };
  const follow = (): void => cancel(parent?.reason);
  if (parent?.aborted === true) follow();
  else parent?.addEventListener('abort', follow, { once: true });
  return {
    signal: {
      get aborted() {
        return state !== null;
      },
      get reason() {
        return state?.reason;
      },
      addEventListener(_type, listener) {
        listeners.add(listener);
      },
      removeEventListener(_type, listener) {
        listeners.delete(listener);
      },
    },
    cancel,
    release() {
      parent?.removeEventListener('abort', follow);
    },
  };
}

/** Throws the reason of a signal that has aborted. */
export function throwIfCancelled(signal: CancelSignal | undefined): void {
  if (signal?.aborted === true) throw signal.reason;
}

/**
 * The first of several waits to settle; the others are told to stop through the signal that each was given, and what they
 * do after that is ignored. Rejects with the reason when `signal` aborts first.
 */
export async function race<T>(
  signal: CancelSignal | undefined,
  waits: readonly ((signal: CancelSignal) => Promise<T>)[],
): Promise<T> {
  throwIfCancelled(signal);
  const source = createCancelSource(signal);
  let onAbort: (() => void) | null = null;
  try {
    return await new Promise<T>((resolve, reject) => {
      onAbort = () => reject(source.signal.reason);
      source.signal.addEventListener('abort', onAbort, { once: true });
      for (const wait of waits) wait(source.signal).then(resolve, reject);
    });
  } finally {
    if (onAbort !== null) source.signal.removeEventListener('abort', onAbort);
    source.cancel(new Error('another wait was first'));
    source.release();
  }
}

/** `wait`, or the error that `late` makes after `ms`. */
export async function within<T>(
  clock: Clock,
  ms: number,
  late: () => Error,
  signal: CancelSignal | undefined,
  wait: (signal: CancelSignal) => Promise<T>,
): Promise<T> {
  return race<T>(signal, [
    wait,
    async (own) => {
      await clock.sleep(Math.max(0, ms), own);
      throw late();
    },
  ]);
}
