/** The host waits for a device that knows the code: every wrong answer costs an attempt of its slot (docs/protocol.md, "Messages", steps 1 to 3). */
import { AuthsError, isAuthsError, type PairingErrorName } from '../errors.ts';
import { judgeResponse, type HostKeyed } from '../pairing/host.ts';
import { sessionAgeMs, withFailure, type HostSession } from '../pairing/host-session.ts';
import type { SlotKind } from '../pairing/code.ts';
import { ATTEMPTS_PER_SLOT } from '../pairing/limits.ts';
import type { HostRelay, HostView } from '../pairing/relay.ts';
import type { CancelSignal, Clock } from '../ports.ts';
import { within } from './cancel.ts';
import { insist } from './insist.ts';

const PAUSE_MS = 100;

export interface HostAttempt {
  readonly kind: SlotKind;
  readonly result: Extract<PairingErrorName, 'bad-point' | 'pake-failed'>;
  readonly attemptsLeft: number;
}

export interface HostWait {
  readonly clock: Clock;
  readonly relay: HostRelay;
  readonly session: HostSession;
  /** Ends the wait before the session's own end. */
  readonly timeoutMs: number | null;
  readonly onAttempt: (attempt: HostAttempt) => void;
  readonly signal: CancelSignal | undefined;
}

/**
 * Resolves to the first response with a good cA. `session-expired` by whichever clock runs out first, `timeout`,
 * `attempts-exhausted` when every slot has failed three times; what the relay says otherwise.
 */
export async function awaitKeyed(wait: HostWait): Promise<HostKeyed> {
  const { clock, relay } = wait;
  let { session } = wait;
  const startedAt = clock.monotonic();
  for (;;) {
    const view = await nextResponse(wait, session, startedAt);
    const { response } = view;
    if (response === undefined) continue;
    requireAlive(clock, session);
    const slot = session.slots.find((one) => one.kind === response.kind);
    if (slot === undefined || slot.attempt !== response.attempt || slot.attempt >= ATTEMPTS_PER_SLOT) {
      throw new AuthsError(
        'pairing/protocol-violation',
        'the relay hands on an answer that it cannot have accepted',
      );
    }
    const verdict = judgeResponse(session, slot, response);
    if (verdict.result === 'keyed') return verdict.keyed;
    session = withFailure(session, slot);
    const { sessionId, token } = session;
    const reject = { attempt: response.attempt, result: 'reject' } as const;
    await insist(clock, wait.signal, (own) => relay.confirm(sessionId, token, reject, own));
    const attemptsLeft = ATTEMPTS_PER_SLOT - slot.attempt - 1;
    wait.onAttempt({ kind: slot.kind, result: verdict.result, attemptsLeft });
    if (session.slots.every((one) => one.attempt >= ATTEMPTS_PER_SLOT)) throw exhausted();
  }
}

/** One long-poll, within what is left of the session and of the caller's patience. */
async function nextResponse(wait: HostWait, session: HostSession, startedAt: number): Promise<HostView> {
  const { clock, relay } = wait;
  requireAlive(clock, session);
  const age = sessionAgeMs(session, instant(clock));
  const life = session.ttlSeconds * 1000 - age;
  const patience = wait.timeoutMs === null ? Infinity : startedAt + wait.timeoutMs - clock.monotonic();
  const late = (): Error => (patience < life ? timeout() : expired());
  try {
    return await within(clock, Math.min(life, patience), late, wait.signal, (own) =>
      insist(clock, own, (call) => relay.watch(session.sessionId, session.token, call)).then(async (view) => {
        if (view.response !== undefined) return view;
        if (view.status !== 'pending') throw endedAtRelay(view.status);
        // A relay that answers at once without news must not be asked in a tight circle.
        await clock.sleep(PAUSE_MS, own);
        return view;
      }),
    );
  } catch (error) {
    if (isAuthsError(error) && error.code === 'pairing/not-found') {
      throw new AuthsError(
        'pairing/not-found',
        'the relay no longer knows this session: it may have been restarted',
        {
          hint: 'Start again for a new code.',
        },
      );
    }
    throw error;
  }
}

function requireAlive(clock: Clock, session: HostSession): void {
  if (sessionAgeMs(session, instant(clock)) >= session.ttlSeconds * 1000) throw expired();
}

function instant(clock: Clock): { readonly monotonic: number; readonly wall: number } {
  return { monotonic: clock.monotonic(), wall: clock.now() };
}

function endedAtRelay(status: HostView['status']): AuthsError {
  switch (status) {
    case 'expired':
      return expired();
    case 'exhausted':
      return exhausted();
    default:
      return new AuthsError('pairing/cancelled', `the relay ended the session (${status})`);
  }
}

function expired(): AuthsError<'pairing/session-expired'> {
  return new AuthsError('pairing/session-expired', 'the code has expired', {
    hint: 'Run auths pair again for a new one.',
  });
}

function exhausted(): AuthsError<'pairing/attempts-exhausted'> {
  return new AuthsError('pairing/attempts-exhausted', 'three wrong answers: the code is used up', {
    hint: 'Run auths pair again for a new one. If nobody here mistyped, someone on the network is guessing.',
  });
}

function timeout(): AuthsError<'pairing/timeout'> {
  return new AuthsError('pairing/timeout', 'no device answered in time', { hint: 'Run auths pair again.' });
}
