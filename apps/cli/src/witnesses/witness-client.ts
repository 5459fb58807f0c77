/** The witness that answers at an address: who it is, and what it receipts (docs/protocol.md, "Witnesses"). */
import { decodeCesrFixed } from '@auths/core/encoding/cesr';
import { parseJson } from '@auths/core/encoding/json';
import { AuthsError, isAuthsError, type ErrorCode } from '@auths/core/errors';
import type { AskWitness } from '@auths/core/flows/collect-receipts';
import type { HoldsReceipt } from '@auths/core/flows/replace-waiting';
import { CESR_TYPE, WITNESS_PATH } from '@auths/core/flows/witness-wire';
import type { CancelSignal } from '@auths/core/ports';
import type { KnownWitnesses } from './known-witnesses.ts';

/** An answer is one receipt, or an error. */
const MAX_ANSWER = 1 << 20;
const IDENTIFY_MS = 10_000;
/** What a witness may say of itself; the rest is its trouble, and ours only in that it does not answer. */
const TOLD: readonly ErrorCode[] = ['kel/invalid', 'kel/duplicity', 'witness/stranger'];

/** The AID of the witness at an origin. `network/unreachable` when nobody answers, or none that is a witness. */
export async function identifyWitness(origin: string): Promise<string> {
  const { status, body } = await call(origin, WITNESS_PATH, {}, AbortSignal.timeout(IDENTIFY_MS));
  try {
    const answer = status === 200 ? parseJson(body) : null;
    if (
      typeof answer === 'object' &&
      answer !== null &&
      'aid' in answer &&
      typeof answer['aid'] === 'string'
    ) {
      if (decodeCesrFixed(answer['aid']).code === 'B') return answer['aid'];
    }
  } catch (error) {
    if (!isAuthsError(error)) throw error;
  }
  throw new AuthsError('network/unreachable', `${origin} is no witness`, {
    hint: 'a witness is started by auths-registry --witness',
    details: { url: origin },
  });
}

/** Asks each witness at the address that is known of it. */
export function askWitnesses(known: () => Promise<KnownWitnesses>): AskWitness {
  return async (witness, prefix, stream, signal) => {
    const origin = (await known()).get(witness);
    if (origin === undefined) {
      throw new AuthsError('network/unreachable', 'nobody has told this home where it answers', {
        hint: 'auths id rotate --witness URL, or auths id recover --witness URL',
      });
    }
    const request = { method: 'POST', headers: { 'content-type': CESR_TYPE }, body: stream };
    const { status, body } = await call(origin, `${WITNESS_PATH}/${prefix}/events`, request, signal);
    if (status === 200) return body;
    throw refusal(origin, prefix, status, body);
  };
}

/** Asks a witness, at the address that is known of it, whether it has receipted an event. `network/unreachable`. */
export function holdsReceipt(known: () => Promise<KnownWitnesses>): HoldsReceipt {
  return async (witness, prefix, said, signal) => {
    const origin = (await known()).get(witness);
    if (origin === undefined) {
      throw new AuthsError('network/unreachable', 'nobody has told this home where it answers', {
        hint: 'auths id rotate --witness URL',
      });
    }
    const { status, body } = await call(origin, `${WITNESS_PATH}/${prefix}/receipts/${said}`, {}, signal);
    if (status === 200) return true;
    if (status === 404) return false;
    throw refusal(origin, prefix, status, body);
  };
}

function refusal(origin: string, prefix: string, status: number, body: Uint8Array): AuthsError {
  let told: { readonly error?: unknown; readonly message?: unknown } = {};
  try {
    told = (parseJson(body) ?? {}) as typeof told;
  } catch (error) {
    if (!isAuthsError(error)) throw error;
  }
  const code = TOLD.find((one) => one === told.error) ?? 'network/unreachable';
  const why = typeof told.message === 'string' ? `: ${told.message.slice(0, 200)}` : '';
  const details = { url: origin, prefix, at: null, rule: 'witness', sequence: 0 };
  return new AuthsError(code, `${origin} answered ${status}${why}`, { details });
}

async function call(
  origin: string,
  path: string,
  request: RequestInit,
  signal: CancelSignal,
): Promise<{ readonly status: number; readonly body: Uint8Array }> {
  try {
    const response = await fetch(`${origin}${path}`, {
      ...request,
      redirect: 'error',
      credentials: 'omit',
      signal: signal as AbortSignal,
    });
    const reader = response.body?.getReader();
    // Node's fetch forgets its signal once the request is collected: an answer that drips would never end.
    signal.addEventListener('abort', () => void reader?.cancel().catch(() => undefined), { once: true });
    const chunks: Uint8Array[] = [];
    let length = 0;
    for (;;) {
      const { done, value } = (await reader?.read()) ?? { done: true, value: undefined };
      if (signal.aborted) throw signal.reason;
      if (done || value === undefined) break;
      length += value.length;
      if (length > MAX_ANSWER) {
        await reader?.cancel();
        throw unreachable(origin, 'its answer is too long');
      }
      chunks.push(value);
    }
    return { status: response.status, body: new Uint8Array(Buffer.concat(chunks)) };
  } catch (cause) {
    if (isAuthsError(cause)) throw cause;
    throw unreachable(origin, signal.aborted ? 'no answer in time' : 'could not connect', cause);
  }
}

function unreachable(origin: string, why: string, cause?: unknown): AuthsError<'network/unreachable'> {
  return new AuthsError('network/unreachable', `${origin}: ${why}`, {
    hint: 'check the address, and that auths-registry --witness runs there',
    details: { url: origin },
    cause,
  });
}
