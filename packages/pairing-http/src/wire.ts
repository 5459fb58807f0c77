/**
 * From raw HTTP to the routes: target, headers and bytes as every server has them. The node:http mount and the
 * registry's Fastify both go through here, so that they cannot differ.
 */
import { AuthsError } from '@auths/core/errors';
import type { CancelSignal } from '@auths/core/ports';
import type { PairingHttpDeps, PairingHttpResponse } from './http.ts';
import { problemOf } from './problem.ts';
import { handlePairing } from './routes.ts';
import { malformed, parseBody } from './schema.ts';

export interface RawRequest {
  readonly method: string;
  /** Path and query as on the request line. */
  readonly target: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: Uint8Array | null;
  /** The client's address, after whatever proxies are trusted. */
  readonly address: string;
  readonly signal?: CancelSignal;
}

export interface WireDeps extends PairingHttpDeps {
  /** Judges the Host header, port included; null: any host is right. */
  readonly allowHost: ((host: string) => boolean) | null;
}

const MAX_TARGET = 2_048;
const HEALTH: PairingHttpResponse = { status: 200, headers: { 'content-type': 'text/plain' }, body: 'ok' };

/** Answers any request; never rejects. Strings in `body` are sent as they are, everything else but null as JSON. */
export async function handleRaw(deps: WireDeps, request: RawRequest): Promise<PairingHttpResponse> {
  try {
    requireHostHeader(deps, request.headers['host']);
    const at = request.target.indexOf('?');
    const path = at < 0 ? request.target : request.target.slice(0, at);
    const query = at < 0 ? null : request.target.slice(at + 1);
    if (request.target.length > MAX_TARGET) throw malformed(['path: is too long']);
    if (path === '/health' && query === null && request.method === 'GET') return HEALTH;
    const { authorization } = request.headers;
    if (authorization !== undefined && typeof authorization !== 'string') {
      throw malformed(['authorization: is given twice']);
    }
    return await handlePairing(
      deps,
      {
        method: request.method,
        path,
        query: parseQuery(query),
        headers: { authorization },
        ...(request.body === null || request.body.length === 0 ? {} : { body: parseBody(request.body) }),
        remoteAddress: request.address,
      },
      request.signal,
    );
  } catch (error) {
    return problemOf(error);
  }
}

/** The bytes of an answer's body. */
export function encodeBody(body: unknown): string {
  return typeof body === 'string' ? body : body === null ? '' : JSON.stringify(body);
}

function requireHostHeader(deps: WireDeps, host: string | readonly string[] | undefined): void {
  if (deps.allowHost === null) return;
  if (typeof host !== 'string' || !deps.allowHost(host)) {
    throw new AuthsError('pairing/misdirected-host', 'this server does not answer for that host name');
  }
}

/** Names and values as they are; a name given twice becomes a list, which the routes refuse. */
function parseQuery(query: string | null): Readonly<Record<string, string | readonly string[]>> {
  if (query === null || query === '') return {};
  const members = new Map<string, string | readonly string[]>();
  for (const pair of query.split('&').slice(0, 16)) {
    const at = pair.indexOf('=');
    const name = at < 0 ? pair : pair.slice(0, at);
    const value = at < 0 ? '' : pair.slice(at + 1);
    const before = members.get(name);
    members.set(name, before === undefined ? value : [before, value].flat());
  }
  return Object.fromEntries(members);
}
