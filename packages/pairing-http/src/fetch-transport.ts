/** Pairing calls by `fetch`: no redirect is followed, answers are bounded in size and read strictly. */
import { parseJson } from '@auths/core/encoding/json';
import { AuthsError } from '@auths/core/errors';
import { CALL_MS } from '@auths/core/pairing/limits';
import type { CancelSignal, PairingTransport } from '@auths/core/ports';

/** 256 messages of 16,000 characters and their names. */
const MAX_ANSWER_BYTES = 5 * 1024 * 1024;

export interface FetchTransportOptions {
  readonly fetch?: typeof globalThis.fetch;
  readonly answerMs?: number;
}

/**
 * A `PairingTransport` to `origin` (checked by the caller: scheme, host, port, nothing else). Nobody there,
 * an answer that breaks off, is too big, or redirects: `network/unreachable`.
 */
export function createFetchTransport(origin: string, options: FetchTransportOptions = {}): PairingTransport {
  const fetch = options.fetch ?? globalThis.fetch;
  return {
    async send(request, signal) {
      const stop = new AbortController();
      const abort = (): void => stop.abort(signal?.reason);
      const timer = setTimeout(
        () => stop.abort(unreachable(origin, 'no answer in time')),
        options.answerMs ?? CALL_MS,
      );
      signal?.addEventListener('abort', abort, { once: true });
      try {
        if (signal?.aborted === true) throw signal.reason;
        const response = await fetch(`${origin}${request.path}`, {
          method: request.method,
          redirect: 'manual',
          credentials: 'omit',
          referrerPolicy: 'no-referrer',
          signal: stop.signal,
          headers: {
            accept: 'application/json, application/problem+json',
            ...(request.authorization === undefined ? {} : { authorization: request.authorization }),
            ...(request.body === undefined ? {} : { 'content-type': 'application/json' }),
          },
          ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
        });
        if (response.type === 'opaqueredirect' || (response.status >= 300 && response.status < 400)) {
          throw unreachable(origin, 'it redirects elsewhere, which pairing never follows');
        }
        const body = await readJson(response, origin);
        const retryAfter = Number(response.headers.get('retry-after') ?? Number.NaN);
        return { status: response.status, body, ...(Number.isFinite(retryAfter) ? { retryAfter } : {}) };
      } catch (error) {
        throw translate(error, origin, signal, stop.signal);
      } finally {
        clearTimeout(timer);
        signal?.removeEventListener('abort', abort);
      }
    },
  };
}

function translate(
  error: unknown,
  origin: string,
  signal: CancelSignal | undefined,
  own: AbortSignal,
): unknown {
  if (signal?.aborted === true) return signal.reason;
  if (error instanceof AuthsError) return error;
  if (own.aborted) return own.reason;
  return unreachable(origin, 'could not connect', error);
}

async function readJson(response: Response, origin: string): Promise<unknown> {
  if (response.body === null) return null;
  const chunks: Uint8Array[] = [];
  let length = 0;
  // A reader, not `for await`: streams are not async-iterable in every browser.
  const reader = response.body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    length += value.length;
    if (length > MAX_ANSWER_BYTES) {
      await reader.cancel();
      throw unreachable(origin, 'its answer is too long');
    }
    chunks.push(value);
  }
  if (length === 0) return null;
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  try {
    return parseJson(bytes, { maxLength: MAX_ANSWER_BYTES });
  } catch (cause) {
    // An error page of some other server is still an answer; a 2xx that is not JSON is not one of ours.
    if (!response.ok) return null;
    throw new AuthsError('pairing/protocol-violation', 'the answer is not JSON', {
      hint: 'Is this the address of a pairing host or registry? Give the one that auths pair shows: --host URL or --registry URL',
      cause,
    });
  }
}

function unreachable(origin: string, why: string, cause?: unknown): AuthsError<'network/unreachable'> {
  return new AuthsError('network/unreachable', `${origin}: ${why}`, {
    hint: 'Check the address, and that both machines are on the same network.',
    details: { url: origin },
    cause,
  });
}
