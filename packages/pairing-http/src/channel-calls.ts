/** After the answer: the host's word, envelopes in both directions, the end (docs/protocol.md, "Routes"). */
import type { SessionId } from '@auths/core/identifiers';
import type { MessageBody } from '@auths/core/pairing/relay';
import { type Direction, type RelaySession, viewOf } from '@auths/core/pairing/session';
import { directionOf, requireHost, runOfJoiner } from '@auths/core/pairing/session-access';
import { confirm, confirmationFor, fetchMessages, finish, post } from '@auths/core/pairing/session-steps';
import { bearer, json, need, swap, waitFor, type Call } from './call.ts';
import type { PairingHttpResponse } from './http.ts';
import { malformed, parseConfirm, parseMessage } from './schema.ts';

/** POST …/confirm: the host's word. */
export async function decide(call: Call, id: SessionId): Promise<PairingHttpResponse> {
  const token = bearer(call);
  requireHost(await need(call, id), token);
  const body = parseConfirm(call.request.body);
  const now = await call.store.now();
  const session = await swap(call, id, (one) => confirm(one, body, now));
  return json(200, viewOf(session, now));
}

/** GET …/confirmation: the host's word, or 204 after waiting in vain. */
export async function decision(call: Call, id: SessionId): Promise<PairingHttpResponse> {
  const token = bearer(call);
  const session = await need(call, id);
  runOfJoiner(session, token);
  const confirmation = await waitFor(call, session, (one) => confirmationFor(one, runOfJoiner(one, token)));
  return confirmation === null ? { status: 204, headers: {}, body: null } : json(200, confirmation);
}

/** GET …/messages?after=n: the other direction's, [] after waiting in vain. */
export async function readMessages(call: Call, id: SessionId): Promise<PairingHttpResponse> {
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
export async function postMessage(call: Call, id: SessionId): Promise<PairingHttpResponse> {
  const token = bearer(call);
  directionOf(await need(call, id), token);
  const body = parseMessage(call.request.body);
  await swap(call, id, (one) => post(one, directionOf(one, token), body, call.limits));
  return json(200, { seq: body.seq });
}

/** POST …/complete and DELETE …/{id}. */
export async function end(
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

function afterOf(value: string | readonly string[] | undefined): number {
  if (value === undefined) return 0;
  if (typeof value !== 'string' || !/^(?:0|[1-9][0-9]{0,9})$/.test(value)) {
    throw malformed(['query.after: must be a whole number']);
  }
  return Number(value);
}
