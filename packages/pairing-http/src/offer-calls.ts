/** Until somebody has answered: a session is opened, found, looked at and answered (docs/protocol.md, "Routes"). */
import { AuthsError } from '@auths/core/errors';
import type { SessionId } from '@auths/core/identifiers';
import { nameplateKind } from '@auths/core/pairing/code';
import type { CreateOutcome } from '@auths/core/pairing/relay';
import { relayError } from '@auths/core/pairing/relay-errors';
import { createSession, digestOfBody, hostViewOf, offerOf, viewOf } from '@auths/core/pairing/session';
import { requireHost, slotOfClaim } from '@auths/core/pairing/session-access';
import { respond } from '@auths/core/pairing/session-steps';
import { credential, json, need, swap, take, waitFor, type Call } from './call.ts';
import type { PairingHttpResponse } from './http.ts';
import { problemOf } from './problem.ts';
import { malformed, parseCreate, parseResponse } from './schema.ts';

/** POST /v1/pairing/sessions → 201. */
export async function create(call: Call): Promise<PairingHttpResponse> {
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
export async function lookUp(call: Call, nameplate: string): Promise<PairingHttpResponse> {
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
export async function show(call: Call, id: SessionId): Promise<PairingHttpResponse> {
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
export async function answer(call: Call, id: SessionId): Promise<PairingHttpResponse> {
  await take(call, 'response');
  const body = parseResponse(call.request.body);
  const { authorization } = call.request.headers;
  const claim = authorization === undefined ? null : credential(authorization, 'Claim');
  const session = await swap(call, id, (one) => respond(one, body, claim));
  return json(200, viewOf(session, await call.store.now()));
}
