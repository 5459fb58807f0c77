/** The per-address counters in this process's memory: a window of a minute for each call, delays after misses in a row. Bounded. */
import type { Clock } from '@auths/core/ports';
import type { PairingLimits } from '@auths/core/pairing/limits';
import type { RatedCall, RateLimiter } from './rate-limiter.ts';

const MINUTE_MS = 60_000;
/** Addresses remembered; the one seen longest ago leaves first. */
const MAX_ADDRESSES = 50_000;

interface Tracker {
  /** Monotonic times of the calls of the last minute, by call. */
  readonly calls: Record<RatedCall, number[]>;
  misses: number;
  /** No lookup before this. */
  blockedUntil: number;
}

export interface MemoryLimiterOptions {
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly limits: PairingLimits;
}

/** A `RateLimiter` on a Map. IPv6 addresses count by their /64, which is what one customer gets. */
export function createMemoryLimiter(options: MemoryLimiterOptions): RateLimiter {
  const { clock, limits } = options;
  const trackers = new Map<string, Tracker>();
  const perMinute: Readonly<Record<RatedCall, number>> = {
    create: limits.createPerMinute,
    lookup: limits.lookupsPerMinute,
    response: limits.responsesPerMinute,
  };

  function trackerOf(address: string): Tracker {
    const key = addressKey(address);
    const tracker: Tracker = trackers.get(key) ?? {
      calls: { create: [], lookup: [], response: [] },
      misses: 0,
      blockedUntil: 0,
    };
    trackers.delete(key);
    trackers.set(key, tracker);
    if (trackers.size > MAX_ADDRESSES) {
      const oldest = trackers.keys().next().value;
      if (oldest !== undefined) trackers.delete(oldest);
    }
    return tracker;
  }

  return {
    async take(call, address) {
      const now = clock.monotonic();
      const tracker = trackerOf(address);
      if (call === 'lookup' && now < tracker.blockedUntil) return seconds(tracker.blockedUntil - now);
      const recent = tracker.calls[call].filter((at) => now - at < MINUTE_MS);
      tracker.calls[call] = recent;
      const oldest = recent[0];
      if (oldest !== undefined && recent.length >= perMinute[call]) return seconds(oldest + MINUTE_MS - now);
      recent.push(now);
      return null;
    },
    async looked(address, found) {
      const tracker = trackerOf(address);
      if (found) {
        tracker.misses = 0;
        return;
      }
      tracker.misses += 1;
      const beyond = tracker.misses - limits.missesBeforeDelay;
      if (beyond < 0) return;
      const delay = Math.min(2 ** Math.min(beyond, 30), limits.missDelayMaxSeconds);
      tracker.blockedUntil = clock.monotonic() + delay * 1000;
    },
  };
}

function seconds(ms: number): number {
  return Math.max(1, Math.ceil(ms / 1000));
}

/** IPv4 as it is (also when mapped into IPv6), IPv6 as its first four groups. */
export function addressKey(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  if (mapped?.[1] !== undefined) return mapped[1];
  const bare = address.split('%')[0] ?? address;
  if (!bare.includes(':')) return bare;
  const [head = '', tail] = bare.toLowerCase().split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - left.length - right.length);
  const groups = [...left, ...Array.from({ length: zeros }, () => '0'), ...right];
  return groups
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':');
}
