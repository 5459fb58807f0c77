/**
 * `auths pair --join`: finds the host, answers with one guess per response, checks who the host is, stores what it is
 * given before it says "ack", and is paired when its link stands sealed in the host's log.
 */
import { cleanDeviceName } from '../attestation/attestation.ts';
import { guardedRandom } from '../crypto/random.ts';
import { encodeDidKey } from '../encoding/did-key.ts';
import { type AuthsError, hasCode, isAuthsError } from '../errors.ts';
import type { JoiningDevice } from '../pairing/joiner.ts';
import { RUNS_PER_CODE } from '../pairing/limits.ts';
import type { JoinInput } from '../pairing/uri.ts';
import type { CancelSignal } from '../ports.ts';
import { within } from './cancel.ts';
import { isPeerAbort } from './conversation.ts';
import {
  noPeer,
  type JoinContext,
  type JoinResult,
  type PairJoinCallbacks,
  type PairJoinDeps,
  type PairJoinOptions,
} from './join-context.ts';
import { joinAt } from './join-run.ts';
import { readStanding } from './join-store.ts';

export type {
  JoinOffer,
  JoinResult,
  JoinSas,
  PairJoinCallbacks,
  PairJoinDeps,
  PairJoinOptions,
} from './join-context.ts';

/**
 * Joins. At most three responses are sent in all, each being one guess that the other side can test. Rejects with the error by
 * which it ended; `pending` when everything is stored but the host's seal was not seen (`auths sync` finishes).
 */
export async function pairJoin(
  deps: PairJoinDeps,
  options: PairJoinOptions,
  callbacks: PairJoinCallbacks,
  signal?: CancelSignal,
): Promise<JoinResult> {
  const standing = await readStanding(deps);
  const signer = await deps.home.deviceKey({ renew: standing.state === 'revoked' });
  const device: JoiningDevice = {
    signer,
    channelSecret: await deps.home.channelSecret(),
    name: cleanDeviceName(options.deviceName),
  };
  const context: JoinContext = {
    ...deps,
    random: guardedRandom(deps.random),
    options,
    callbacks,
    device,
    deviceDid: encodeDidKey(signer.publicKey),
    standing,
    runs: { sent: 0 },
    signal,
  };
  let input = options.input;
  for (;;) {
    try {
      const result = await joinAny(context, input);
      callbacks.onPaired?.(result);
      return result;
    } catch (error) {
      if (!hasCode(error, 'pairing/pake-failed') || isPeerAbort(error)) throw error;
      if (callbacks.retype === undefined || context.runs.sent >= RUNS_PER_CODE) throw error;
      const again = await callbacks.retype(error);
      if (again === null) throw error;
      input = again;
    }
  }
}

/** Tries the candidates in turn. Only a failure before the other side proved that it knows the code leads to the next. */
async function joinAny(context: JoinContext, input: JoinInput): Promise<JoinResult> {
  const { clock, options, callbacks, signal } = context;
  const startedAt = clock.monotonic();
  const candidates = await within(clock, options.timeoutMs, noPeer, signal, (own) =>
    context.relaysFor(input, own),
  );
  let failure: unknown = null;
  for (const relay of candidates.slice(0, RUNS_PER_CODE)) {
    const stage = { keyed: false };
    try {
      const left = Math.max(1_000, options.timeoutMs - (clock.monotonic() - startedAt));
      return await joinAt(context, relay, input, stage, left);
    } catch (error) {
      if (stage.keyed || signal?.aborted === true || !isAuthsError(error)) throw error;
      callbacks.onCandidateFailed?.(relay.endpoint, error);
      failure = worse(failure, error);
      if (context.runs.sent >= RUNS_PER_CODE) break;
    }
  }
  throw failure ?? noPeer();
}

/** Of several candidates' failures the one that says most: a wrong code first, "nobody else is there" last. */
function worse(a: unknown, b: AuthsError): unknown {
  if (a === null) return b;
  return hasCode(a, 'pairing/pake-failed') || hasCode(b, 'pairing/no-peer') ? a : b;
}
