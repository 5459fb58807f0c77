/**
 * Errors on the wire: application/problem+json (RFC 9457) with fixed texts, the same from LAN host and
 * registry (docs/protocol.md, "Errors"). A code that has no place on the wire is answered as 500 with
 * nothing of its own in the text.
 */
import { AuthsError, type ErrorCode, isAuthsError, type PairingErrorName } from '@auths/core/errors';
import type { PairingHttpResponse } from './http.ts';

export interface Problem {
  readonly status: number;
  /** Fixed sentence for people. */
  readonly title: string;
}

/** The names that travel. */
export type WireErrorName = Extract<
  PairingErrorName,
  | 'malformed'
  | 'unsupported-version'
  | 'nameplate-length'
  | 'ttl-out-of-range'
  | 'bad-point'
  | 'unauthorized'
  | 'forbidden'
  | 'confirmation-required'
  | 'not-found'
  | 'timeout'
  | 'conflict'
  | 'offer-consumed'
  | 'already-used'
  | 'session-expired'
  | 'attempts-exhausted'
  | 'cancelled'
  | 'payload-too-large'
  | 'misdirected-host'
  | 'rate-limited'
  | 'capacity-exhausted'
  | 'nameplate-exhausted'
>;

const WIRE: Readonly<Record<WireErrorName, Problem>> = {
  malformed: { status: 400, title: 'The request is not well formed' },
  'unsupported-version': { status: 400, title: 'This version of the pairing protocol is not supported' },
  'nameplate-length': { status: 400, title: 'A nameplate has two, three or four characters' },
  'ttl-out-of-range': { status: 400, title: 'The life of a session is 30 to 300 seconds' },
  'bad-point': { status: 400, title: 'Not a point of the curve' },
  unauthorized: { status: 401, title: 'This call needs the token of the session' },
  forbidden: { status: 403, title: 'Not allowed here' },
  'confirmation-required': { status: 403, title: 'A person has to confirm this' },
  'not-found': { status: 404, title: 'Nothing by that name' },
  timeout: { status: 408, title: 'The request took too long' },
  conflict: { status: 409, title: 'The session is not in a state that takes this' },
  'offer-consumed': { status: 409, title: 'Another answer to this offer came first' },
  'already-used': { status: 409, title: 'A device has already answered this session' },
  'session-expired': { status: 410, title: 'The pairing session has expired' },
  'attempts-exhausted': { status: 410, title: 'Too many wrong answers' },
  cancelled: { status: 410, title: 'The pairing session was ended' },
  'payload-too-large': { status: 413, title: 'The request is too large' },
  'misdirected-host': { status: 421, title: 'This server does not answer for that host name' },
  'rate-limited': { status: 429, title: 'Too many requests from this address' },
  'capacity-exhausted': { status: 503, title: 'The relay is full at the moment' },
  'nameplate-exhausted': { status: 503, title: 'No short code is free at the moment' },
};

const OURS: Problem = { status: 500, title: 'The server failed' };

/** HTTP status and title of every error code. */
export const PROBLEMS: Readonly<Record<ErrorCode, Problem>> = {
  ...(Object.fromEntries(Object.entries(WIRE).map(([name, problem]) => [`pairing/${name}`, problem])) as {
    readonly [N in WireErrorName as `pairing/${N}`]: Problem;
  }),
  'pairing/invalid-code': WIRE.malformed,
  'pairing/pake-failed': OURS,
  'pairing/channel-tampered': OURS,
  'pairing/commit-mismatch': OURS,
  'pairing/host-key-mismatch': OURS,
  'pairing/weak-key': OURS,
  'pairing/invalid-signature': OURS,
  'pairing/did-mismatch': OURS,
  'pairing/host-identity-invalid': OURS,
  'pairing/attestation-invalid': OURS,
  'pairing/sas-mismatch': OURS,
  'pairing/device-not-expected': OURS,
  'pairing/protocol-violation': WIRE.conflict,
  'pairing/clock-skew': WIRE.malformed,
  'pairing/declined': OURS,
  'pairing/no-peer': OURS,
  'pairing/host-not-expected': OURS,
  'pairing/pending': OURS,
  'usage/invalid': WIRE.malformed,
  'usage/missing-answer': WIRE.malformed,
  'input/malformed': WIRE.malformed,
  'input/unreadable': OURS,
  'identity/none': OURS,
  'identity/exists': WIRE.conflict,
  'identity/not-authority': OURS,
  'identity/copied-home': OURS,
  'key/not-found': OURS,
  'key/wrong-passphrase': OURS,
  'key/passphrase-required': OURS,
  'key/exists': OURS,
  'key/weak': WIRE.malformed,
  'device/not-found': WIRE['not-found'],
  'device/ambiguous': WIRE.conflict,
  'device/revoked': WIRE.forbidden,
  'device/expired': WIRE.forbidden,
  'kel/invalid': WIRE.malformed,
  'kel/conflict': WIRE.conflict,
  'kel/duplicity': WIRE.conflict,
  'witness/unmet': OURS,
  'witness/stranger': WIRE.forbidden,
  'attestation/invalid': WIRE.malformed,
  'storage/corrupt': OURS,
  'storage/locked': OURS,
  'storage/failed': OURS,
  'storage/version': OURS,
  'keychain/unavailable': OURS,
  'git/missing': OURS,
  'git/failed': OURS,
  'git/object-missing': OURS,
  'git/not-a-repository': OURS,
  'verify/no-roots': WIRE.malformed,
  'verify/bad-target': WIRE.malformed,
  'network/unreachable': OURS,
  'internal/bug': OURS,
  interrupted: OURS,
};

/** True for the names that a relay may send. */
export function isWireErrorName(name: unknown): name is WireErrorName {
  return typeof name === 'string' && Object.hasOwn(WIRE, name);
}

/**
 * The problem document of an error. Faults of a malformed body go along (paths, never values), and
 * Retry-After where the error's details carry `retry_after` seconds.
 */
export function problemOf(error: unknown): PairingHttpResponse {
  const code = isAuthsError(error) ? error.code : 'internal/bug';
  const problem = PROBLEMS[code];
  const own = code.startsWith('pairing/') ? code.slice('pairing/'.length) : null;
  const name = isWireErrorName(own) ? own : nameOfStatus(problem.status);
  const details = isAuthsError(error) ? error.details : {};
  const retryAfter = details['retry_after'];
  const faults = name === 'malformed' ? details['faults'] : undefined;
  return {
    status: problem.status,
    headers: {
      'content-type': 'application/problem+json',
      ...(typeof retryAfter === 'number' ? { 'retry-after': String(retryAfter) } : {}),
    },
    body: {
      type: `urn:auths:error:${name}`,
      title: problem.title,
      status: problem.status,
      error: name,
      message: `${problem.title}.`,
      ...(Array.isArray(faults) ? { faults } : {}),
    },
  };
}

function nameOfStatus(status: number): string {
  const entry = Object.entries(WIRE).find(([, problem]) => problem.status === status);
  return entry?.[0] ?? 'internal';
}

/** The error that a problem document from a relay stands for; anything else that is no 2xx is a `protocol-violation`. */
export function errorOfProblem(status: number, body: unknown, retryAfter: number | undefined): AuthsError {
  const name = typeof body === 'object' && body !== null && 'error' in body ? body.error : null;
  const wire = isWireErrorName(name) && WIRE[name].status === status ? name : wireNameOf(status);
  if (wire === null) {
    return new AuthsError('pairing/protocol-violation', `the server answered with HTTP status ${status}`, {
      hint: 'Is this the address of a pairing host or registry?',
      details: { status },
    });
  }
  return new AuthsError(`pairing/${wire}`, WIRE[wire].title, {
    details: retryAfter === undefined ? { status } : { status, retry_after: retryAfter },
  });
}

function wireNameOf(status: number): WireErrorName | null {
  switch (status) {
    case 404:
      return 'not-found';
    case 408:
      return 'timeout';
    case 413:
      return 'payload-too-large';
    case 421:
      return 'misdirected-host';
    case 429:
      return 'rate-limited';
    case 503:
      return 'capacity-exhausted';
    default:
      return null;
  }
}
