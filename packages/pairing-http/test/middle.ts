/** Whoever stands in between: sees every call of one side and may change, swallow or answer it. */
import type { PairingTransport, RelayRequest, RelayResponse } from '@auths/core/ports';

export interface Middle {
  /** Changes a request, or answers it instead of the relay. */
  readonly request?: (request: RelayRequest) => RelayRequest | { readonly answer: RelayResponse };
  readonly response?: (request: RelayRequest, response: RelayResponse) => RelayResponse;
}

export interface WatchedTransport extends PairingTransport {
  readonly seen: RelayRequest[];
}

export function inBetween(inner: PairingTransport, middle: Middle = {}): WatchedTransport {
  const seen: RelayRequest[] = [];
  return {
    seen,
    async send(request, signal) {
      seen.push(request);
      const changed = middle.request?.(request) ?? request;
      if ('answer' in changed) return changed.answer;
      const response = await inner.send(changed, signal);
      return middle.response?.(request, response) ?? response;
    },
  };
}

type Json = Record<string, unknown>;

/** A response whose body has some members changed. */
export function withBody(response: RelayResponse, change: (body: Json) => Json): RelayResponse {
  return { ...response, body: change(response.body as Json) };
}

/** Changes the offer's token wherever it stands. */
export function changedToken(change: Json): NonNullable<Middle['response']> {
  return (_request, response) => {
    const body = response.body as Json | null;
    if (body === null || typeof body['token'] !== 'object') return response;
    return { ...response, body: { ...body, token: { ...(body['token'] as Json), ...change } } };
  };
}

/** The same text with its first character changed: still base64url, other bytes. */
export function flipped(text: unknown): string {
  const given = String(text);
  return (given.startsWith('A') ? 'B' : 'A') + given.slice(1);
}
