/**
 * Every error that this product raises: a code, the details it carries, one class.
 * CLI exit codes, HTTP statuses and docs/errors.md are each a `Record<ErrorCode, …>` elsewhere,
 * so a new code does not compile until every surface has decided what it means there.
 */

/** The error names of the pairing protocol (docs/protocol.md, "Errors"); on the wire without the prefix. */
export type PairingErrorName =
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
  | 'invalid-code'
  | 'pake-failed'
  | 'channel-tampered'
  | 'commit-mismatch'
  | 'host-key-mismatch'
  | 'weak-key'
  | 'invalid-signature'
  | 'did-mismatch'
  | 'host-identity-invalid'
  | 'attestation-invalid'
  | 'sas-mismatch'
  | 'device-not-expected'
  | 'protocol-violation'
  | 'clock-skew'
  | 'declined'
  | 'no-peer'
  | 'host-not-expected'
  | 'pending';

type Details = Readonly<Record<string, unknown>>;

/** code → the typed details that travel with it. */
export type ErrorDetails = { readonly [N in PairingErrorName as `pairing/${N}`]: Details } & {
  readonly 'usage/invalid': Details;
  readonly 'usage/missing-answer': { readonly flag: string };
  readonly 'input/malformed': Details;
  readonly 'input/unreadable': { readonly path: string };
  readonly 'identity/none': Details;
  readonly 'identity/exists': { readonly controller_did: string };
  readonly 'identity/not-authority': { readonly controller_did: string };
  readonly 'identity/copied-home': Details;
  readonly 'key/not-found': { readonly alias: string };
  readonly 'key/exists': { readonly alias: string };
  readonly 'key/wrong-passphrase': Details;
  readonly 'key/passphrase-required': Details;
  readonly 'key/weak': Details;
  readonly 'device/not-found': { readonly device: string };
  readonly 'device/ambiguous': { readonly device: string };
  readonly 'device/revoked': { readonly device: string };
  readonly 'device/expired': { readonly device: string };
  readonly 'kel/invalid': { readonly prefix: string; readonly at: number | null; readonly rule: string };
  readonly 'kel/conflict': { readonly prefix: string };
  readonly 'kel/duplicity': { readonly prefix: string; readonly sequence: number };
  readonly 'witness/unmet': {
    readonly sequence: number;
    readonly needed: number;
    readonly receipts: number;
    /** AIDs of those that did not receipt. */
    readonly absent: readonly string[];
  };
  readonly 'witness/stranger': Details;
  readonly 'attestation/invalid': Details;
  readonly 'storage/corrupt': { readonly path: string };
  readonly 'storage/locked': { readonly path: string };
  readonly 'storage/failed': { readonly path: string };
  readonly 'storage/version': { readonly path: string; readonly version: unknown };
  readonly 'keychain/unavailable': Details;
  readonly 'git/missing': Details;
  readonly 'git/failed': { readonly args: readonly string[]; readonly status: number | null };
  readonly 'git/object-missing': { readonly oid: string; readonly unreadable?: true };
  readonly 'git/not-a-repository': { readonly path: string };
  readonly 'verify/no-roots': Details;
  readonly 'verify/bad-target': { readonly target: string };
  readonly 'network/unreachable': { readonly url: string };
  readonly 'internal/bug': Details;
  readonly interrupted: Details;
};

export type ErrorCode = keyof ErrorDetails;

export interface ErrorOptions<C extends ErrorCode> {
  /** What the person can type or do next. */
  readonly hint?: string;
  readonly details?: ErrorDetails[C];
  readonly cause?: unknown;
}

/** The one error class. `message` says what happened and why; `hint` what to type next; neither ever holds a secret. */
export class AuthsError<C extends ErrorCode = ErrorCode> extends Error {
  override readonly name = 'AuthsError';
  readonly code: C;
  readonly hint: string | undefined;
  readonly details: Details;

  constructor(code: C, message: string, options: ErrorOptions<C> = {}) {
    super(sanitise(message), options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint === undefined ? undefined : sanitise(options.hint);
    this.details = options.details ?? {};
  }
}

export function isAuthsError(value: unknown): value is AuthsError {
  return value instanceof AuthsError;
}

/** True when `value` is an AuthsError with exactly this code. */
export function hasCode<C extends ErrorCode>(value: unknown, code: C): value is AuthsError<C> {
  return value instanceof AuthsError && value.code === code;
}

/** What helps where the system refused to read or write, by its error name ("ENOSPC"). */
export function storageHint(errno: string | undefined): string {
  switch (errno) {
    case 'ENOSPC':
    case 'EDQUOT':
      return 'make room on this disk, then run the same command again';
    case 'EROFS':
      return 'the disk is mounted read-only: make it writable, or set AUTHS_HOME to a folder elsewhere';
    case 'EACCES':
    case 'EPERM':
      return 'check who owns it and its permissions';
    case 'EISDIR':
      return 'a folder stands where a file belongs: move it away, then auths doctor --fix';
    case 'ENOTDIR':
    case 'EEXIST':
      return 'a file stands where a folder belongs: move it away, then auths doctor --fix';
    default:
      return 'auths doctor';
  }
}

/**
 * Text from elsewhere made safe for a terminal: control characters (C0, C1, DEL), bidirectional
 * overrides and line separators become U+FFFD. New lines are kept only where `lines` asks for them.
 */
export function sanitise(text: string, options: { readonly lines?: boolean } = {}): string {
  // Nearly all of it is safe, and a report on a thousand commits has ten thousand texts.
  if (text.search(UNSAFE) === -1) return text;
  return text.replace(UNSAFE, (c) => (c === '\n' && options.lines === true ? c : '\ufffd'));
}

const UNSAFE =
  // eslint-disable-next-line no-control-regex -- control characters are what is being removed
  /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/g;
