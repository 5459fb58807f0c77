/**
 * The pairing surface (docs/protocol.md, "Routes") as plain functions from request to response over a `SessionStore`:
 * the registry mounts it in Fastify, the LAN host in node:http, the host's own flow calls it in process.
 */
import { fromBase64url } from '@auths/core/encoding/base64url';
import { AuthsError } from '@auths/core/errors';
import { isSessionId, type SessionId } from '@auths/core/identifiers';
import { nameplateKind } from '@auths/core/pairing/code';
import type { CreateOutcome, MessageBody } from '@auths/core/pairing/relay';
import type { CancelSignal } from '@auths/core/ports';
import { relayError } from '@auths/core/pairing/relay-errors';
import {
  createSession,
  type Direction,
  digestOfBody,
  hostViewOf,
  offerOf,
  type RelaySession,
  viewOf,
} from '@auths/core/pairing/session';
import { directionOf, requireHost, runOfJoiner, slotOfClaim } from '@auths/core/pairing/session-access';
import {
  confirm,
  confirmationFor,
  fetchMessages,
  finish,
  post,
  respond,
} from '@auths/core/pairing/session-steps';
import type { PairingHttpDeps, PairingHttpRequest, PairingHttpResponse } from './http.ts';
import { problemOf } from './problem.ts';
import type { RatedCall } from './rate-limiter.ts';
import { malformed, parseConfirm, parseCreate, parseMessage, parseResponse } from './schema.ts';

const ROOT = '/v1/pairing/sessions';
/** A stale compare-and-swap is tried again this often; only calls of one session compete. */
const SWAP_TRIES = 200;

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

interface Call extends PairingHttpDeps {
  readonly request: PairingHttpRequest;
  readonly signal: CancelSignal | undefined;
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

/** POST /v1/pairing/sessions → 201. */
async function create(call: Call): Promise<PairingHttpResponse> {
  if (call.mayCreate === 'local' && call.request.local !== true) {
    throw new AuthsError('pairing/forbidden', 'this host opens its own sessions only');
  }
  await take(call, 'create');
  const body = parseCreate(call.request.body, call.limits.ttlSeconds);
  const now = await call.store.now();
  const session = createSession(body, call.request.remoteAddress, now);
  const outcome = await call.store.create(session);
  if (outcome === 'created') return json(201, viewOf(session, now));
  const stored = outcome === 'session-taken' ? await call.store.read(session.id) : null;
  if (stored?.createDigest === digestOfBody(body)) return json(201, viewOf(stored, now));
  throw refusedCreate(outcome);
}

function refusedCreate(outcome: Exclude<CreateOutcome, 'created'>): AuthsError {
  const details = { retry_after: 60 };
  const errors = {
    'session-taken': relayError('conflict'),
    'nameplate-taken': relayError('conflict'),
    'nameplates-exhausted': new AuthsError('pairing/nameplate-exhausted', 'no short code is free', {
      details,
    }),
    'address-full': new AuthsError('pairing/rate-limited', 'this address has too many open sessions', {
      details,
    }),
    full: new AuthsError('pairing/capacity-exhausted', 'the relay is full', { details }),
  };
  return errors[outcome];
}

/** GET …/by-code/{nameplate}: found or not, it takes at least the floor, and misses in a row cost time. */
async function lookUp(call: Call, nameplate: string): Promise<PairingHttpResponse> {
  const startedAt = call.clock.monotonic();
  if (nameplate.length < 2 || nameplate.length > 4) {
    throw new AuthsError('pairing/nameplate-length', 'a nameplate has two, three or four characters');
  }
  if (nameplateKind(nameplate) === null) throw malformed(['nameplate: not of the alphabet']);
  await take(call, 'lookup');
  let result: PairingHttpResponse;
  try {
    const id = await call.store.findNameplate(nameplate);
    const session = id === null ? null : await call.store.read(id);
    const slot = session?.slots.find((one) => one.nameplate === nameplate);
    if (session === null || slot === undefined) throw relayError('not-found');
    const token = offerOf(session, slot);
    result = json(200, { ...viewOf(session, await call.store.now()), token });
  } catch (error) {
    result = problemOf(error);
  }
  if (call.request.local !== true)
    await call.limiter.looked(call.request.remoteAddress, result.status !== 404);
  const left = call.limits.lookupFloorMs - (call.clock.monotonic() - startedAt);
  if (left > 0) await call.clock.sleep(left);
  return result;
}

/** GET …/{id}: anyone status and ttl, a Claim its offer, the host the response (waiting for one). */
async function show(call: Call, id: SessionId): Promise<PairingHttpResponse> {
  const session = await need(call, id);
  const { authorization } = call.request.headers;
  if (authorization === undefined) return json(200, viewOf(session, await call.store.now()));
  if (authorization.startsWith('Claim ')) {
    const slot = slotOfClaim(session, credential(authorization, 'Claim'));
    return json(200, { ...viewOf(session, await call.store.now()), token: offerOf(session, slot) });
  }
  requireHost(session, credential(authorization, 'Bearer'));
  const settled = await waitFor(call, session, (one) => (one.status === 'pending' ? null : one));
  return json(200, hostViewOf(settled ?? (await need(call, id)), await call.store.now()));
}

/** POST …/response → 200 for exactly one joiner. */
async function answer(call: Call, id: SessionId): Promise<PairingHttpResponse> {
  await take(call, 'response');
  const body = parseResponse(call.request.body);
  const { authorization } = call.request.headers;
  const claim = authorization === undefined ? null : credential(authorization, 'Claim');
  const session = await swap(call, id, (one) => respond(one, body, claim));
  return json(200, viewOf(session, await call.store.now()));
}

/** POST …/confirm: the host's word. */
async function decide(call: Call, id: SessionId): Promise<PairingHttpResponse> {
  const token = bearer(call);
  requireHost(await need(call, id), token);
  const body = parseConfirm(call.request.body);
  const now = await call.store.now();
  const session = await swap(call, id, (one) => confirm(one, body, now));
  return json(200, viewOf(session, now));
}

/** GET …/confirmation: the host's word, or 204 after waiting in vain. */
async function decision(call: Call, id: SessionId): Promise<PairingHttpResponse> {
  const token = bearer(call);
  const session = await need(call, id);
  runOfJoiner(session, token);
  const confirmation = await waitFor(call, session, (one) => confirmationFor(one, runOfJoiner(one, token)));
  return confirmation === null ? { status: 204, headers: {}, body: null } : json(200, confirmation);
}

/** GET …/messages?after=n: the other direction's, [] after waiting in vain. */
async function readMessages(call: Call, id: SessionId): Promise<PairingHttpResponse> {
  const token = bearer(call);
  const after = afterOf(call.request.query['after']);
  const direction = directionOf(await need(call, id), token) === 'h2j' ? 'j2h' : 'h2j';
  // At once first, which also frees the places up to `after` before this call waits.
  let { session, messages } = await fetchFor(call, id, direction, after);
  if (messages.length === 0) {
    const grown = (one: RelaySession): true | null =>
      fetchMessages(one, direction, after).messages.length > 0 ? true : null;
    if ((await waitFor(call, session, grown)) === true) {
      ({ session, messages } = await fetchFor(call, id, direction, after));
    }
  }
  return json(200, { messages });
}

async function fetchFor(
  call: Call,
  id: SessionId,
  direction: Direction,
  after: number,
): Promise<{ session: RelaySession; messages: readonly MessageBody[] }> {
  let messages: readonly MessageBody[] = [];
  const session = await swap(call, id, (one) => {
    const fetched = fetchMessages(one, direction, after);
    messages = fetched.messages;
    return fetched.session;
  });
  return { session, messages };
}

/** POST …/messages. */
async function postMessage(call: Call, id: SessionId): Promise<PairingHttpResponse> {
  const token = bearer(call);
  directionOf(await need(call, id), token);
  const body = parseMessage(call.request.body);
  await swap(call, id, (one) => post(one, directionOf(one, token), body, call.limits));
  return json(200, { seq: body.seq });
}

/** POST …/complete and DELETE …/{id}. */
async function end(
  call: Call,
  id: SessionId,
  status: 'completed' | 'cancelled',
): Promise<PairingHttpResponse> {
  const token = bearer(call);
  requireHost(await need(call, id), token);
  const now = await call.store.now();
  const session = await swap(call, id, (one) => finish(one, status, now));
  return json(200, viewOf(session, now));
}

async function need(call: Call, id: SessionId): Promise<RelaySession> {
  const session = await call.store.read(id);
  if (session === null) throw relayError('not-found');
  return session;
}

/** Runs a transition under compare-and-swap: of many at once exactly one finds the version it read. */
async function swap(
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
async function waitFor<T>(
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

async function take(call: Call, rated: RatedCall): Promise<void> {
  if (call.request.local === true) return;
  const wait = await call.limiter.take(rated, call.request.remoteAddress);
  if (wait !== null) {
    throw new AuthsError('pairing/rate-limited', 'too many requests from this address', {
      details: { retry_after: wait },
    });
  }
}

function bearer(call: Call): Uint8Array {
  return credential(call.request.headers.authorization, 'Bearer');
}

/** The 32 bytes behind `Bearer ` or `Claim `; anything else is `unauthorized`. */
function credential(header: string | undefined, scheme: 'Bearer' | 'Claim'): Uint8Array {
  if (header === undefined || !header.startsWith(`${scheme} `)) throw relayError('unauthorized');
  try {
    return fromBase64url(header.slice(scheme.length + 1), 32);
  } catch {
    throw relayError('unauthorized');
  }
}

function afterOf(value: string | readonly string[] | undefined): number {
  if (value === undefined) return 0;
  if (typeof value !== 'string' || !/^(?:0|[1-9][0-9]{0,9})$/.test(value)) {
    throw malformed(['query.after: must be a whole number']);
  }
  return Number(value);
}

function json(status: number, body: unknown): PairingHttpResponse {
  return { status, headers: { 'content-type': 'application/json', 'cache-control': 'no-store' }, body };
}
