/** Calls to a relay that may be slow, full or out of reach for a while. */
import { AuthsError, hasCode } from '../errors.ts';
import { MACHINE_MS } from '../pairing/limits.ts';
import type { CancelSignal, Clock } from '../ports.ts';
import { within } from './cancel.ts';

/** Between two tries of a call that did not get through. */
const RETRY_MS = 500;
/** Long enough for a transport to find that nobody answers at all. */
const LAST_TRY_MS = 6_000;

/**
 * Repeats a call that may be repeated byte for byte while the relay cannot be reached, is full, or asks for
 * patience, for 30 s; not reached in all that time is `timeout`, and so is a call that is not over after `callMs`.
 * Without `callMs` a call may take 30 s, and is then made once more: a connection that was cut without a word says
 * nothing for ever, and a new one gets through or says why not.
 */
export async function insist<T>(
  clock: Clock,
  signal: CancelSignal | undefined,
  call: (signal: CancelSignal) => Promise<T>,
  callMs?: number,
): Promise<T> {
  const until = clock.monotonic() + MACHINE_MS;
  for (;;) {
    const over = silence();
    try {
      return await within(clock, callMs ?? MACHINE_MS, () => over, signal, call);
    } catch (error) {
      if (error === over && callMs === undefined) return lastTry(clock, signal, call);
      if (!isTransient(error)) throw error;
      if (clock.monotonic() >= until) throw hasCode(error, 'network/unreachable') ? silence(error) : error;
      const asked = error.details['retry_after'];
      const wait = typeof asked === 'number' ? Math.min(asked * 1000, MACHINE_MS) : RETRY_MS;
      await clock.sleep(wait, signal);
    }
  }
}

async function lastTry<T>(
  clock: Clock,
  signal: CancelSignal | undefined,
  call: (signal: CancelSignal) => Promise<T>,
): Promise<T> {
  try {
    return await within(clock, LAST_TRY_MS, silence, signal, call);
  } catch (error) {
    throw hasCode(error, 'network/unreachable') ? silence(error) : error;
  }
}

function isTransient(error: unknown): error is AuthsError {
  return (
    hasCode(error, 'network/unreachable') ||
    hasCode(error, 'pairing/capacity-exhausted') ||
    hasCode(error, 'pairing/rate-limited') ||
    (hasCode(error, 'pairing/timeout') && error.details['status'] === 408)
  );
}

/** The other end says nothing, for the reason in `cause` where one is known. */
export function silence(cause?: unknown): AuthsError<'pairing/timeout'> {
  return new AuthsError('pairing/timeout', 'the other device went silent', {
    hint: 'Check that both devices are still on the network and start again.',
    ...(cause === undefined ? {} : { cause }),
  });
}
