/** What every pairing call is made of: its session, compare-and-swap, waiting, limits, credentials. */
import { fromBase64url } from '@auths/core/encoding/base64url';
import { AuthsError } from '@auths/core/errors';
import type { SessionId } from '@auths/core/identifiers';
import type { CancelSignal } from '@auths/core/ports';
import { relayError } from '@auths/core/pairing/relay-errors';
import type { RelaySession } from '@auths/core/pairing/session';
import type { PairingHttpDeps, PairingHttpRequest, PairingHttpResponse } from './http.ts';
import type { RatedCall } from './rate-limiter.ts';

/** A stale compare-and-swap is tried again this often; only calls of one session compete. */
const SWAP_TRIES = 200;

/** One request with what it is answered from. */
export interface Call extends PairingHttpDeps {
  readonly request: PairingHttpRequest;
  readonly signal: CancelSignal | undefined;
}

/** The session; unknown is `not-found`. */
export async function need(call: Call, id: SessionId): Promise<RelaySession> {
  const session = await call.store.read(id);
  if (session === null) throw relayError('not-found');
  return session;
}

/** Runs a transition under compare-and-swap: of many at once exactly one finds the version it read. */
export async function swap(
  call: Call,
  id: SessionId,
  step: (session: RelaySession) => RelaySession,
): Promise<RelaySession> {
  for (let tries = 0; tries < SWAP_TRIES; tries++) {
    const session = await need(call, id);
    const next = step(session);
    if (next === session) return session;
    const outcome = await call.store.replace(next);
    if (outcome === 'done') return next;
    if (outcome === 'full') {
      throw new AuthsError('pairing/capacity-exhausted', 'the relay is full', {
        details: { retry_after: 5 },
      });
    }
  }
  throw new AuthsError('pairing/capacity-exhausted', 'the session is too busy', {
    details: { retry_after: 1 },
  });
}

/** Holds a GET until `look` finds something; null after the long-poll time or when the caller leaves. */
export async function waitFor<T>(
  call: Call,
  session: RelaySession,
  look: (session: RelaySession) => T | null,
): Promise<T | null> {
  const deadline = call.clock.monotonic() + call.limits.longPollMs;
  let current = session;
  for (;;) {
    const found = look(current);
    if (found !== null) return found;
    const left = deadline - call.clock.monotonic();
    if (left <= 0 || call.signal?.aborted === true) return null;
    const life = call.limits.ttlSeconds * 1000;
    await call.store.changed(current.id, current.version, Math.min(left, life), call.signal);
    current = await need(call, session.id);
  }
}

/** Counts the call against its address; `rate-limited` with the wait when there were too many. */
export async function take(call: Call, rated: RatedCall): Promise<void> {
  if (call.request.local === true) return;
  const wait = await call.limiter.take(rated, call.request.remoteAddress);
  if (wait !== null) {
    throw new AuthsError('pairing/rate-limited', 'too many requests from this address', {
      details: { retry_after: wait },
    });
  }
}

/** The 32 bytes of the caller's token. */
export function bearer(call: Call): Uint8Array {
  return credential(call.request.headers.authorization, 'Bearer');
}

/** The 32 bytes behind `Bearer ` or `Claim `; anything else is `unauthorized`. */
export function credential(header: string | undefined, scheme: 'Bearer' | 'Claim'): Uint8Array {
  if (header === undefined || !header.startsWith(`${scheme} `)) throw relayError('unauthorized');
  try {
    return fromBase64url(header.slice(scheme.length + 1), 32);
  } catch {
    throw relayError('unauthorized');
  }
}

/** An answer that nobody may keep. */
export function json(status: number, body: unknown): PairingHttpResponse {
  return { status, headers: { 'content-type': 'application/json', 'cache-control': 'no-store' }, body };
}
