/** So many calls of one address in so long a time, in this process's memory. Bounded. */
import type { Clock } from '@auths/core/ports';
import { addressKey } from '@auths/pairing-http/memory-limiter';

/** Addresses remembered; the one seen longest ago leaves first. */
const MAX_ADDRESSES = 50_000;

/** Counts one call. Null when it may go on, else the whole seconds to wait. IPv6 counts by its /64. */
export type WindowLimiter = (address: string) => number | null;

export function createWindowLimiter(
  clock: Pick<Clock, 'monotonic'>,
  { calls, windowMs }: { readonly calls: number; readonly windowMs: number },
): WindowLimiter {
  const times = new Map<string, readonly number[]>();
  return (address) => {
    const now = clock.monotonic();
    const key = addressKey(address);
    const recent = (times.get(key) ?? []).filter((at) => now - at < windowMs);
    const oldest = recent[0];
    const isFull = recent.length >= calls;
    times.delete(key);
    times.set(key, isFull ? recent : [...recent, now]);
    if (times.size > MAX_ADDRESSES) times.delete(times.keys().next().value as string);
    if (!isFull) return null;
    return oldest === undefined
      ? Math.ceil(windowMs / 1000)
      : Math.max(1, Math.ceil((oldest + windowMs - now) / 1000));
  };
}
