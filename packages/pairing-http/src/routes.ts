/**
 * The pairing surface (docs/protocol.md, "Routes") as plain functions from request to response over a `SessionStore`:
 * the registry mounts it in Fastify, the LAN host in node:http, the host's own flow calls it in process.
 */
import { isSessionId } from '@auths/core/identifiers';
import type { CancelSignal } from '@auths/core/ports';
import { relayError } from '@auths/core/pairing/relay-errors';
import type { Call } from './call.ts';
import { decide, decision, end, postMessage, readMessages } from './channel-calls.ts';
import type { PairingHttpDeps, PairingHttpRequest, PairingHttpResponse } from './http.ts';
import { answer, create, lookUp, show } from './offer-calls.ts';
import { problemOf } from './problem.ts';
import { malformed } from './schema.ts';

const ROOT = '/v1/pairing/sessions';

/** True for paths that belong to this surface. */
export function isPairingPath(path: string): boolean {
  return path === ROOT || path.startsWith(`${ROOT}/`);
}

/**
 * Answers one pairing call; never rejects. A GET that waits ends early, with what there is, when `signal` aborts
 * (the client left, or the server drains).
 */
export async function handlePairing(
  deps: PairingHttpDeps,
  request: PairingHttpRequest,
  signal?: CancelSignal,
): Promise<PairingHttpResponse> {
  try {
    return await route(deps, request, signal);
  } catch (error) {
    return problemOf(error);
  }
}

async function route(
  deps: PairingHttpDeps,
  request: PairingHttpRequest,
  signal: CancelSignal | undefined,
): Promise<PairingHttpResponse> {
  const call: Call = { ...deps, request, signal };
  if (!isPairingPath(request.path)) throw relayError('not-found');
  const [id, action, ...rest] = request.path.slice(ROOT.length + 1).split('/');
  if (rest.length > 0) throw relayError('not-found');
  const isMessages = action === 'messages' && request.method === 'GET';
  const names = Object.keys(request.query).filter((name) => !(isMessages && name === 'after'));
  if (names.length > 0) throw malformed(names.map((name) => `query.${name.slice(0, 40)}: is unknown`));
  if (id === undefined || id === '') {
    return action === undefined && request.path === ROOT ? methods(call, { POST: create }) : notFound();
  }
  if (id === 'by-code') {
    return action === undefined ? notFound() : methods(call, { GET: () => lookUp(call, action) });
  }
  if (!isSessionId(id)) throw relayError('not-found');
  switch (action) {
    case undefined:
      return methods(call, { GET: () => show(call, id), DELETE: () => end(call, id, 'cancelled') });
    case 'response':
      return methods(call, { POST: () => answer(call, id) });
    case 'confirm':
      return methods(call, { POST: () => decide(call, id) });
    case 'confirmation':
      return methods(call, { GET: () => decision(call, id) });
    case 'messages':
      return methods(call, { GET: () => readMessages(call, id), POST: () => postMessage(call, id) });
    case 'complete':
      return methods(call, { POST: () => end(call, id, 'completed') });
    default:
      throw relayError('not-found');
  }
}

type Handler = (call: Call) => Promise<PairingHttpResponse>;

async function methods(call: Call, table: Readonly<Record<string, Handler>>): Promise<PairingHttpResponse> {
  const handler = Object.hasOwn(table, call.request.method) ? table[call.request.method] : undefined;
  if (handler === undefined) {
    const problem = problemOf(relayError('not-found'));
    const allow = Object.keys(table).join(', ');
    return { ...problem, status: 405, headers: { ...problem.headers, allow }, body: METHOD_NOT_ALLOWED };
  }
  return handler(call);
}

const METHOD_NOT_ALLOWED = {
  type: 'urn:auths:error:malformed',
  title: 'This method is not served here',
  status: 405,
  error: 'malformed',
  message: 'This method is not served here.',
};

function notFound(): never {
  throw relayError('not-found');
}
