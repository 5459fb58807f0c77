/** Host and joiner as a relay sees them: the calls of docs/protocol.md, "Routes", over any `PairingTransport`. Answers are not trusted: each is checked before it is handed on. */
import { toBase64url } from '@auths/core/encoding/base64url';
import { AuthsError } from '@auths/core/errors';
import type { SessionId } from '@auths/core/identifiers';
import type { CancelSignal, PairingTransport, RelayRequest, RelayResponse } from '@auths/core/ports';
import type {
  FoundOffer,
  HostRelay,
  HostView,
  JoinerRelay,
  MessageBody,
  MessageRelay,
  RelayStatus,
  SessionView,
} from '@auths/core/pairing/relay';
import { errorOfProblem } from './problem.ts';
import { parseConfirm, parseMessage, parseResponse } from './schema.ts';

const ROOT = '/v1/pairing/sessions';
const STATUSES: readonly RelayStatus[] = [
  'pending',
  'responded',
  'confirmed',
  'completed',
  'aborted',
  'cancelled',
  'expired',
  'exhausted',
];
/** More messages than this in one answer is no relay of ours. */
const MAX_MESSAGES = 256;

/** The host's calls. `endpoint` is the http(s) origin that joiners are told. */
export function createHostRelay(transport: PairingTransport, endpoint: string): HostRelay {
  return {
    ...messages(transport, endpoint),
    async create(body, signal) {
      return viewOf(await call(transport, { method: 'POST', path: ROOT, body }, signal), body.session_id);
    },
    async watch(session, token, signal) {
      const request = { method: 'GET', path: `${ROOT}/${session}`, authorization: bearer(token) } as const;
      const answer = await call(transport, request, signal);
      const view = viewOf(answer, session);
      const response = memberOf(answer.body, 'response');
      return (
        response === undefined ? view : { ...view, response: checked(() => parseResponse(response)) }
      ) satisfies HostView;
    },
    async confirm(session, token, body, signal) {
      const path = `${ROOT}/${session}/confirm`;
      await call(transport, { method: 'POST', path, authorization: bearer(token), body }, signal);
    },
    async complete(session, token, signal) {
      const path = `${ROOT}/${session}/complete`;
      await call(transport, { method: 'POST', path, authorization: bearer(token) }, signal);
    },
    async cancel(session, token, signal) {
      const path = `${ROOT}/${session}`;
      await call(transport, { method: 'DELETE', path, authorization: bearer(token) }, signal);
    },
  };
}

/** The joiner's calls against the relay or LAN host at `endpoint`. */
export function createJoinerRelay(transport: PairingTransport, endpoint: string): JoinerRelay {
  return {
    ...messages(transport, endpoint),
    async findByNameplate(nameplate, signal) {
      const path = `${ROOT}/by-code/${nameplate}`;
      return foundOf(await call(transport, { method: 'GET', path }, signal));
    },
    async findByClaim(session, claim, signal) {
      const path = `${ROOT}/${session}`;
      const found = foundOf(
        await call(transport, { method: 'GET', path, authorization: claimHeader(claim) }, signal),
      );
      if (found.session_id !== session) throw strange('it names another session');
      return found;
    },
    async respond(session, body, claim, signal) {
      const path = `${ROOT}/${session}/response`;
      const auth = claim === null ? {} : { authorization: claimHeader(claim) };
      await call(transport, { method: 'POST', path, ...auth, body }, signal);
    },
    async confirmation(session, token, signal) {
      const path = `${ROOT}/${session}/confirmation`;
      const answer = await call(transport, { method: 'GET', path, authorization: bearer(token) }, signal);
      return answer.status === 204 ? null : checked(() => parseConfirm(answer.body));
    },
  };
}

function messages(transport: PairingTransport, endpoint: string): MessageRelay {
  return {
    endpoint,
    async send(session, token, message, signal) {
      const path = `${ROOT}/${session}/messages`;
      await call(transport, { method: 'POST', path, authorization: bearer(token), body: message }, signal);
    },
    async receive(session, token, after, signal) {
      const path = `${ROOT}/${session}/messages?after=${after}`;
      const answer = await call(transport, { method: 'GET', path, authorization: bearer(token) }, signal);
      const list = memberOf(answer.body, 'messages');
      if (!Array.isArray(list) || list.length > MAX_MESSAGES) throw strange('it has no list of messages');
      return checked(() => list.map((one: unknown, i): MessageBody => parseMessage(one, `$.messages[${i}]`)));
    },
  };
}

async function call(
  transport: PairingTransport,
  request: RelayRequest,
  signal: CancelSignal | undefined,
): Promise<RelayResponse> {
  const answer = await transport.send(request, signal);
  if (answer.status >= 200 && answer.status < 300) return answer;
  throw errorOfProblem(answer.status, answer.body, answer.retryAfter);
}

function viewOf(answer: RelayResponse, session: SessionId): SessionView {
  const view = anyView(answer);
  if (view.session_id !== session) throw strange('it names another session');
  return view;
}

function anyView({ body }: RelayResponse): SessionView {
  const id = memberOf(body, 'session_id');
  const status = memberOf(body, 'status');
  const ttl = memberOf(body, 'ttl_seconds');
  const known = STATUSES.find((one) => one === status);
  if (typeof id !== 'string' || !/^[0-9a-f]{32}$/.test(id)) throw strange('it has no session id');
  if (known === undefined) throw strange('its status is unknown');
  if (typeof ttl !== 'number' || !Number.isInteger(ttl)) throw strange('it has no ttl_seconds');
  return { session_id: id as SessionId, status: known, ttl_seconds: ttl };
}

function foundOf(answer: RelayResponse): FoundOffer {
  return { ...anyView(answer), token: memberOf(answer.body, 'token') };
}

function memberOf(body: unknown, name: string): unknown {
  if (typeof body !== 'object' || body === null || !Object.hasOwn(body, name)) return undefined;
  return (body as Readonly<Record<string, unknown>>)[name];
}

/** What a relay hands on in another form than it may accept is the relay's fault. */
function checked<T>(parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    throw strange(cause instanceof AuthsError ? cause.message : 'it cannot be read');
  }
}

function strange(why: string): AuthsError<'pairing/protocol-violation'> {
  return new AuthsError('pairing/protocol-violation', `the answer is not one of a pairing relay: ${why}`, {
    hint: 'Is this the address of a pairing host or registry?',
  });
}

function bearer(token: Uint8Array): string {
  return `Bearer ${toBase64url(token)}`;
}

function claimHeader(claim: Uint8Array): string {
  return `Claim ${toBase64url(claim)}`;
}
