/**
 * Pairing sessions in this process's memory, for a LAN host and a registry on one machine. Bounded in
 * sessions and bytes; ended sessions leave after their nameplates have cooled down. Because nothing
 * awaits between comparing and swapping, the event loop is the lock.
 */
import type { Clock } from '@auths/core/ports';
import type { PairingLimits } from '@auths/core/pairing/limits';
import type { CreateOutcome, Instant, SessionStore } from '@auths/core/pairing/relay';
import { forgetAt, type RelaySession, settle } from '@auths/core/pairing/session';
import { heldBytes } from '@auths/core/pairing/session-steps';

/** Ended sessions are kept for their nameplates; this many for each live one that is allowed. */
const ENDED_PER_LIVE = 10;
const SWEEP_MS = 1_000;
/** 31² nameplates of the two-letter kind. */
const SHORT_NAMEPLATES = 961;

export interface MemorySessionsOptions {
  readonly clock: Pick<Clock, 'now' | 'monotonic'> & Pick<Clock, 'sleep'>;
  readonly limits: PairingLimits;
}

/** A `SessionStore` on a Map. Nothing is written anywhere; a restart forgets every session. */
export function createMemorySessions(options: MemorySessionsOptions): SessionStore {
  const { clock, limits } = options;
  const sessions = new Map<string, RelaySession>();
  const nameplates = new Map<string, RelaySession['id']>();
  const waiters = new Map<string, Set<() => void>>();
  let bytes = 0;
  let sweptAt = -Infinity;

  const nowSync = (): Instant => ({ monotonic: clock.monotonic(), wall: clock.now() });

  function put(session: RelaySession): void {
    const before = sessions.get(session.id);
    bytes += heldBytes(session) - (before === undefined ? 0 : heldBytes(before));
    sessions.set(session.id, session);
    for (const wake of waiters.get(session.id) ?? []) wake();
  }

  /** Settles every session once a second at most, so that a dead one costs nothing for long. */
  function sweep(now: Instant): void {
    if (now.monotonic - sweptAt < SWEEP_MS) return;
    sweptAt = now.monotonic;
    for (const stored of sessions.values()) {
      const session = settle(stored, now);
      if (now.monotonic >= forgetAt(session, limits.nameplateCoolDownSeconds)) {
        bytes -= heldBytes(stored);
        sessions.delete(session.id);
        for (const slot of session.slots) {
          if (slot.nameplate !== null && nameplates.get(slot.nameplate) === session.id) {
            nameplates.delete(slot.nameplate);
          }
        }
      } else if (session !== stored) put({ ...session, version: session.version + 1 });
    }
  }

  function admit(session: RelaySession): CreateOutcome {
    if (sessions.has(session.id)) return 'session-taken';
    let live = 0;
    let mine = 0;
    let short = 0;
    for (const one of sessions.values()) {
      if (one.endedAt !== null) continue;
      live += 1;
      if (one.owner === session.owner) mine += 1;
      if (one.slots.some((slot) => slot.nameplate?.length === 2)) short += 1;
    }
    if (mine >= limits.liveSessionsPerAddress) return 'address-full';
    if (live >= limits.liveSessions || sessions.size >= limits.liveSessions * ENDED_PER_LIVE) return 'full';
    for (const { nameplate } of session.slots) {
      if (
        nameplate?.length === 2 &&
        (short > limits.liveShortNameplates || shortTaken() >= SHORT_NAMEPLATES)
      ) {
        return 'nameplates-exhausted';
      }
    }
    return session.slots.some((slot) => slot.nameplate !== null && nameplates.has(slot.nameplate))
      ? 'nameplate-taken'
      : 'created';
  }

  function shortTaken(): number {
    let taken = 0;
    for (const nameplate of nameplates.keys()) if (nameplate.length === 2) taken += 1;
    return taken;
  }

  return {
    async now() {
      return nowSync();
    },
    async create(session) {
      sweep(nowSync());
      const outcome = admit(session);
      if (outcome === 'created') {
        put(session);
        for (const { nameplate } of session.slots)
          if (nameplate !== null) nameplates.set(nameplate, session.id);
      }
      return outcome;
    },
    async read(id) {
      const now = nowSync();
      sweep(now);
      const session = sessions.get(id);
      return session === undefined ? null : settle(session, now);
    },
    async findNameplate(nameplate) {
      sweep(nowSync());
      return nameplates.get(nameplate) ?? null;
    },
    async replace(next) {
      if (sessions.get(next.id)?.version !== next.version - 1) return 'stale';
      const before = sessions.get(next.id);
      const grown = heldBytes(next) - (before === undefined ? 0 : heldBytes(before));
      if (grown > 0 && bytes + grown > limits.totalBytes) return 'full';
      put(next);
      return 'done';
    },
    async changed(id, version, ms, signal) {
      const stored = sessions.get(id);
      if (stored === undefined || stored.version !== version || signal?.aborted === true) return;
      const set = waiters.get(id) ?? new Set();
      waiters.set(id, set);
      const stop = new AbortController();
      // Stopping the sleep is the wake-up: by a change, or by the caller's signal.
      const wake = (): void => stop.abort();
      set.add(wake);
      signal?.addEventListener('abort', wake, { once: true });
      try {
        await clock.sleep(ms, stop.signal).catch(() => {});
      } finally {
        set.delete(wake);
        if (set.size === 0) waiters.delete(id);
        signal?.removeEventListener('abort', wake);
      }
    },
  };
}
