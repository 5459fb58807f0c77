/** Per-address counters of the relay (docs/protocol.md, "Limits"), as a port so that instances can share them. */

export type RatedCall = 'create' | 'lookup' | 'response';

export interface RateLimiter {
  /** Counts one call. Resolves to null when it may go on, else to the whole seconds to wait (Retry-After). */
  take(call: RatedCall, address: string): Promise<number | null>;
  /** The outcome of a lookup that `take` let through: misses in a row slow the address down, a hit forgives. */
  looked(address: string, found: boolean): Promise<void>;
}
