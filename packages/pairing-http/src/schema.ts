/**
 * Validation of everything that crosses the pairing routes: all faults together, each with its JSON path;
 * unknown and doubled members refused; nothing coerced. `pake_msg` of a response is the exception in length:
 * a bad point has to reach the host, where it costs an attempt.
 */
import { fromBase64url } from '@auths/core/encoding/base64url';
import { type JsonValue, parseJson } from '@auths/core/encoding/json';
import { AuthsError } from '@auths/core/errors';
import { nameplateKind, type SlotKind } from '@auths/core/pairing/code';
import { BODY_BYTES, BODY_DEPTH, SEALED_LENGTH, TTL_SECONDS } from '@auths/core/pairing/limits';
import type { ConfirmBody, CreateBody, MessageBody, ResponseBody } from '@auths/core/pairing/relay';

const KINDS = ['short6', 'pin8', 'code12', 'qr', 'link'] as const satisfies readonly SlotKind[];
const MAX_POINT_BYTES = 256;

/** JSON of a request body: at most 16 KiB and 8 levels. More is `payload-too-large`, anything odd `malformed`. */
export function parseBody(bytes: Uint8Array): JsonValue {
  if (bytes.length > BODY_BYTES) {
    throw new AuthsError('pairing/payload-too-large', `a body has at most ${BODY_BYTES} bytes`);
  }
  try {
    return parseJson(bytes, { maxLength: BODY_BYTES, maxDepth: BODY_DEPTH });
  } catch (cause) {
    throw malformed([cause instanceof AuthsError ? cause.message : 'not JSON']);
  }
}

/** POST /v1/pairing/sessions. A ttl out of 30..`maxTtl` is `ttl-out-of-range`, a `v` but 1 `unsupported-version`. */
export function parseCreate(value: unknown, maxTtl: number = TTL_SECONDS.max): CreateBody {
  const check = start(value);
  version(check);
  const ttl = check.body['ttl_seconds'];
  if (typeof ttl !== 'number' || !Number.isInteger(ttl) || ttl < TTL_SECONDS.min || ttl > maxTtl) {
    throw new AuthsError(
      'pairing/ttl-out-of-range',
      `ttl_seconds is a whole number from ${TTL_SECONDS.min} to ${maxTtl}`,
    );
  }
  members(check, [
    'v',
    'session_id',
    'ttl_seconds',
    'ephemeral_pubkey',
    'host_commit',
    'expires_at',
    'slots',
    'host_token_hash',
  ]);
  text(check, 'session_id', /^[0-9a-f]{32}$/, '32 lower-case hex digits');
  bytesMember(check, 'ephemeral_pubkey', 32);
  bytesMember(check, 'host_commit', 32);
  bytesMember(check, 'host_token_hash', 32);
  integer(check, 'expires_at', 0, 0xffff_ffff);
  slots(check);
  return done(check) as CreateBody;
}

/** POST …/response. */
export function parseResponse(value: unknown): ResponseBody {
  const check = start(value);
  version(check);
  members(check, [
    'v',
    'kind',
    'attempt',
    'device_x25519_pubkey',
    'device_nonce',
    'pake_msg',
    'pake_confirm',
    'sealed',
    'joiner_token_hash',
  ]);
  oneOf(check, 'kind', KINDS);
  integer(check, 'attempt', 0, 2);
  bytesMember(check, 'device_x25519_pubkey', 32);
  bytesMember(check, 'device_nonce', 32);
  bytesMember(check, 'pake_msg', { max: MAX_POINT_BYTES });
  bytesMember(check, 'pake_confirm', 32);
  sealed(check);
  bytesMember(check, 'joiner_token_hash', 32);
  return done(check) as ResponseBody;
}

/** POST …/confirm, and the answer of GET …/confirmation. */
export function parseConfirm(value: unknown): ConfirmBody {
  const check = start(value);
  oneOf(check, 'result', ['ok', 'reject', 'abort']);
  integer(check, 'attempt', 0, 2);
  if (check.body['result'] === 'ok') {
    members(check, ['attempt', 'result', 'pake_confirm', 'sealed']);
    bytesMember(check, 'pake_confirm', 32);
    sealed(check);
  } else members(check, ['attempt', 'result']);
  return done(check) as ConfirmBody;
}

/** POST …/messages, and each element of what GET …/messages answers. */
export function parseMessage(value: unknown, path = '$'): MessageBody {
  const check = start(value, path);
  members(check, ['seq', 'sealed']);
  integer(check, 'seq', 1, 0xffff_ffff);
  sealed(check);
  return done(check) as MessageBody;
}

/** `malformed` with every fault that was found. */
export function malformed(faults: readonly string[]): AuthsError<'pairing/malformed'> {
  return new AuthsError('pairing/malformed', `the request is not well formed: ${faults.join('; ')}`, {
    details: { faults },
  });
}

interface Check {
  readonly body: { readonly [name: string]: unknown };
  readonly path: string;
  readonly faults: string[];
}

function start(value: unknown, path = '$'): Check {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw malformed([`${path}: must be an object`]);
  return { body: value as Check['body'], path, faults: [] };
}

function done(check: Check): unknown {
  if (check.faults.length > 0) throw malformed(check.faults);
  return check.body;
}

function version(check: Check): void {
  const v = check.body['v'];
  if (v !== undefined && v !== 1) {
    throw new AuthsError('pairing/unsupported-version', 'this relay speaks version 1 of auths-pair only');
  }
}

function members(check: Check, required: readonly string[], optional: readonly string[] = []): void {
  for (const name of required) {
    if (!Object.hasOwn(check.body, name)) check.faults.push(`${check.path}.${name}: is missing`);
  }
  for (const name of Object.keys(check.body)) {
    if (!required.includes(name) && !optional.includes(name)) {
      check.faults.push(`${check.path}.${name.slice(0, 40)}: is unknown`);
    }
  }
}

/** Absent members are named by `members` alone. */
function present(check: Check, name: string): boolean {
  return Object.hasOwn(check.body, name);
}

function text(check: Check, name: string, pattern: RegExp, what: string): void {
  const value = check.body[name];
  if (!present(check, name)) return;
  if (typeof value !== 'string' || !pattern.test(value))
    check.faults.push(`${check.path}.${name}: must be ${what}`);
}

function bytesMember(check: Check, name: string, length: number | { readonly max: number }): void {
  if (!present(check, name)) return;
  const fault = bytesFault(check.body[name], length);
  if (fault !== null) check.faults.push(`${check.path}.${name}: ${fault}`);
}

function bytesFault(value: unknown, length: number | { readonly max: number }): string | null {
  const what = typeof length === 'number' ? `${length} bytes` : `1 to ${length.max} bytes`;
  const max = typeof length === 'number' ? length : length.max;
  const fault = `must be ${what} in canonical base64url without padding`;
  if (typeof value !== 'string' || value.length > Math.ceil((max * 4) / 3)) return fault;
  try {
    const decoded = fromBase64url(value);
    const fits = typeof length === 'number' ? decoded.length === length : decoded.length > 0;
    return fits ? null : fault;
  } catch {
    return fault;
  }
}

function sealed(check: Check): void {
  const value = check.body['sealed'];
  if (typeof value === 'string' && value.length > SEALED_LENGTH) {
    throw new AuthsError('pairing/payload-too-large', `"sealed" has at most ${SEALED_LENGTH} characters`);
  }
  bytesMember(check, 'sealed', { max: (SEALED_LENGTH * 3) / 4 });
}

function integer(check: Check, name: string, min: number, max: number): void {
  const value = check.body[name];
  if (!present(check, name)) return;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) {
    check.faults.push(`${check.path}.${name}: must be a whole number from ${min} to ${max}`);
  }
}

function oneOf(check: Check, name: string, values: readonly string[]): void {
  const value = check.body[name];
  if (typeof value !== 'string' || !values.includes(value)) {
    check.faults.push(`${check.path}.${name}: must be one of ${values.join(', ')}`);
  }
}

/** One slot of a typed kind at most, one qr, one link. */
function slots(check: Check): void {
  const value = check.body['slots'];
  if (!present(check, 'slots')) return;
  if (!Array.isArray(value) || value.length < 1 || value.length > 3) {
    check.faults.push('$.slots: must be a list of 1 to 3 slots');
    return;
  }
  const seen = new Set<string>();
  value.forEach((one: unknown, i) => {
    const path = `$.slots[${i}]`;
    if (typeof one !== 'object' || one === null || Array.isArray(one)) {
      check.faults.push(`${path}: must be an object`);
      return;
    }
    const inner: Check = { body: one as Check['body'], path, faults: check.faults };
    oneOf(inner, 'kind', KINDS);
    const kind = KINDS.find((known) => known === inner.body['kind']);
    if (kind === undefined) return;
    const typed = kind !== 'qr' && kind !== 'link';
    const way = typed ? 'code' : kind;
    if (seen.has(way)) check.faults.push(`${path}.kind: this session already has such a slot`);
    seen.add(way);
    members(inner, ['kind', typed ? 'nameplate' : 'claim_hash', 'pake']);
    if (!typed) bytesMember(inner, 'claim_hash', 32);
    else if (present(inner, 'nameplate') && !isNameplateOf(kind, inner.body['nameplate'])) {
      check.faults.push(`${path}.nameplate: must be a nameplate of ${kind}`);
    }
    const pake: unknown = inner.body['pake'];
    if (!Array.isArray(pake) || pake.length !== 3 || pake.some((point) => bytesFault(point, 65) !== null)) {
      check.faults.push(`${path}.pake: must be three points of 65 bytes in base64url`);
    }
  });
}

function isNameplateOf(kind: SlotKind, value: unknown): boolean {
  return typeof value === 'string' && nameplateKind(value) === kind;
}
