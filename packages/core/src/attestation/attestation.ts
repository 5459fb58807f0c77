/**
 * The four typed records of an identity (storage-and-verification.md 3) and their one strict parser.
 * What is absent is left out: `null` is refused, so is any member that the type does not have.
 */
import { fromHex } from '../encoding/bytes.ts';
import { decodeDidKey } from '../encoding/did-key.ts';
import { exactObject, parseJson } from '../encoding/json.ts';
import type { JsonObject, JsonValue } from '../encoding/json.ts';
import { parseTime } from '../encoding/time.ts';
import { toHex } from '../encoding/bytes.ts';
import { AuthsError, isAuthsError, sanitise } from '../errors.ts';
import { parseDidKeri, parseDidKey, parseSaid } from '../identifiers.ts';
import type { DidKeri, DidKey, Said } from '../identifiers.ts';
import { requireCanonicalNumbers } from './canonical-numbers.ts';
import { requireSortedCapabilities } from './capability.ts';

export type RecordType = 'link' | 'extension' | 'revocation' | 'anchor';
export const REVOCATION_REASONS = ['retired', 'lost', 'compromised'] as const;
export type RevocationReason = (typeof REVOCATION_REASONS)[number];

/** A git object named twice: by its id and by Blake3-256 over `<type> <length>\0` and its bytes (64 hex digits). */
export interface ObjectName {
  readonly oid: string;
  readonly blake3: string;
}

interface Common {
  readonly version: 1;
  /** 16 random bytes in hex, kept through extension and revocation. */
  readonly rid: string;
  readonly issuer: DidKeri;
  readonly timestamp: string;
  readonly note?: string;
}

/** "This device speaks for the issuer": signed by both. */
export interface UnsignedLink extends Common {
  readonly type: 'link';
  readonly subject: DidKey;
  /** 32 bytes in hex, the key of `subject`. */
  readonly device_public_key: string;
  readonly capabilities: readonly string[];
  readonly name: string;
  readonly expires_at?: string;
  readonly introduced_by?: DidKey;
}

/** Changes name, note or expiry of a link, or drops capabilities. What it leaves out stays as it was. */
export interface UnsignedExtension extends Common {
  readonly type: 'extension';
  readonly subject: DidKey;
  /** Digest of the link. */
  readonly extends: Said;
  readonly capabilities: readonly string[];
  readonly name?: string;
  readonly expires_at?: string;
}

export interface UnsignedRevocation extends Common {
  readonly type: 'revocation';
  readonly subject: DidKey;
  readonly reason: RevocationReason;
  /** Equals `timestamp`. */
  readonly revoked_at: string;
  /** Tips whose history by this device is still vouched for. */
  readonly good?: readonly ObjectName[];
}

/** "These objects exist now." */
export interface UnsignedAnchor extends Common {
  readonly type: 'anchor';
  readonly objects: readonly ObjectName[];
}

interface IdentitySigned {
  /** 64 bytes in hex. */
  readonly identity_signature: string;
}
export type LinkRecord = UnsignedLink & IdentitySigned & { readonly device_signature: string };
export type ExtensionRecord = UnsignedExtension & IdentitySigned;
export type RevocationRecord = UnsignedRevocation & IdentitySigned;
export type AnchorRecord = UnsignedAnchor & IdentitySigned;
export type UnsignedRecord = UnsignedLink | UnsignedExtension | UnsignedRevocation | UnsignedAnchor;
export type AttestationRecord = LinkRecord | ExtensionRecord | RevocationRecord | AnchorRecord;

/** Largest record in bytes, checked before anything is parsed. */
export const RECORD_MAX_BYTES: number = 256 * 1024;
const MOST_OBJECTS = 1024;
const NAME_MAX = 64;
const NOTE_MAX = 1024;

const REQUIRED = {
  link: ['subject', 'device_public_key', 'capabilities', 'name'],
  extension: ['subject', 'extends', 'capabilities'],
  revocation: ['subject', 'reason', 'revoked_at'],
  anchor: ['objects'],
} as const satisfies Record<RecordType, readonly string[]>;
const OPTIONAL = {
  link: ['expires_at', 'note', 'introduced_by'],
  extension: ['expires_at', 'note', 'name'],
  revocation: ['note', 'good'],
  anchor: ['note'],
} as const satisfies Record<RecordType, readonly string[]>;

/** The record in these JSON bytes (at most 256 KiB). Any fault is `attestation/invalid`, naming the member. */
export function parseRecord(bytes: Uint8Array): AttestationRecord {
  return judged(() => {
    const value = parseJson(bytes, { maxLength: RECORD_MAX_BYTES, maxDepth: 4 });
    requireCanonicalNumbers(bytes);
    return parseRecordValue(value);
  });
}

/** The record, or null for what is none: a stored one that cannot be read counts for nobody. */
export function readableRecord(bytes: Uint8Array): AttestationRecord | null {
  try {
    return parseRecord(bytes);
  } catch (error) {
    if (isAuthsError(error)) return null;
    throw error;
  }
}

/** The same for a value that was parsed already (pairing carries records inside other JSON). */
export function parseRecordValue(value: unknown): AttestationRecord {
  return judged(() => {
    const type = recordType(value);
    const signatures = type === 'link' ? ['identity_signature', 'device_signature'] : ['identity_signature'];
    const record = fields(value, type, signatures);
    for (const name of signatures) hex(record, name, 64);
    return record as unknown as AttestationRecord;
  });
}

/** A record that is not signed yet, as pairing sends it: the same rules without the signatures. */
export function parseUnsignedRecord(value: unknown): UnsignedRecord {
  return judged(() => fields(value, recordType(value), []) as unknown as UnsignedRecord);
}

/** A device name made fit for a record: control characters and blanks at the ends removed, at most 64 characters. Nothing left: "device". */
export function cleanDeviceName(name: string): string {
  const plain = sanitise(name).replaceAll('\ufffd', '').trim();
  const short = Array.from(plain).slice(0, NAME_MAX).join('').trim();
  return short === '' ? 'device' : short;
}

function recordType(value: unknown): RecordType {
  const type =
    typeof value === 'object' && value !== null && Object.hasOwn(value, 'type')
      ? (value as JsonObject)['type']
      : undefined;
  if (typeof type !== 'string' || !Object.hasOwn(REQUIRED, type)) {
    throw bad('type', 'must be link, extension, revocation or anchor');
  }
  return type as RecordType;
}

/** A frozen copy with every member checked, in the order in which it came. */
function fields(value: unknown, type: RecordType, signatures: readonly string[]): JsonObject {
  const record = exactObject(
    value,
    ['version', 'type', 'rid', 'issuer', 'timestamp', ...REQUIRED[type], ...signatures],
    OPTIONAL[type],
  );
  if (record['version'] !== 1) throw bad('version', 'must be 1');
  hex(record, 'rid', 16);
  parseDidKeri(text(record, 'issuer'));
  parseTime(text(record, 'timestamp'));
  for (const [name, check] of Object.entries(CHECKS)) if (Object.hasOwn(record, name)) check(record, name);
  if (type === 'link' && toHex(decodeDidKey(text(record, 'subject'))) !== record['device_public_key']) {
    throw bad('device_public_key', 'is not the key of subject');
  }
  if (type === 'revocation' && record['revoked_at'] !== record['timestamp']) {
    throw bad('revoked_at', 'must equal timestamp');
  }
  return frozen(record);
}

const CHECKS: Readonly<Record<string, (record: JsonObject, name: string) => void>> = {
  subject: (record, name) => void parseDidKey(text(record, name)),
  introduced_by: (record, name) => void parseDidKey(text(record, name)),
  extends: (record, name) => void parseSaid(text(record, name)),
  device_public_key: (record, name) => hex(record, name, 32),
  expires_at: (record, name) => void parseTime(text(record, name)),
  revoked_at: (record, name) => void parseTime(text(record, name)),
  name: (record, name) => {
    if (cleanDeviceName(text(record, name)) !== record[name]) {
      throw bad(name, `must be 1 to ${NAME_MAX} printable characters without blanks at its ends`);
    }
  },
  note: (record, name) => {
    const note = text(record, name);
    if (note.length > NOTE_MAX || sanitise(note) !== note)
      throw bad(name, `must be at most ${NOTE_MAX} printable characters`);
  },
  reason: (record, name) => {
    if (!(REVOCATION_REASONS as readonly string[]).includes(text(record, name))) {
      throw bad(name, `must be ${REVOCATION_REASONS.join(', ')}`);
    }
  },
  capabilities: (record, name) => {
    const names = record[name];
    if (!Array.isArray(names) || !names.every((one: unknown) => typeof one === 'string')) {
      throw bad(name, 'must be a list of names');
    }
    requireSortedCapabilities(names, `$.${name}`);
  },
  good: objectNames,
  objects: objectNames,
};

function objectNames(record: JsonObject, name: string): void {
  const list = record[name];
  if (!Array.isArray(list) || list.length === 0 || list.length > MOST_OBJECTS) {
    throw bad(name, `must be a list of 1 to ${MOST_OBJECTS} objects`);
  }
  list.forEach((one: JsonValue, i) => {
    const entry = exactObject(one, ['oid', 'blake3'], [], `$.${name}[${i}]`);
    if (!/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(text(entry, 'oid')))
      throw bad(`${name}[${i}].oid`, 'is not an object id');
    hex(entry, 'blake3', 32);
  });
}

function hex(record: JsonObject, name: string, length: number): void {
  try {
    fromHex(text(record, name), length);
  } catch {
    throw bad(name, `must be ${length} bytes in lower-case hex`);
  }
}

function text(record: JsonObject, name: string): string {
  const value = record[name];
  if (typeof value !== 'string') throw bad(name, 'must be a text');
  return value;
}

function frozen<T extends JsonValue>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  const copy = Array.isArray(value)
    ? value.map((one: JsonValue) => frozen(one))
    : Object.fromEntries(Object.entries(value).map(([key, one]) => [key, frozen(one)]));
  return Object.freeze(copy) as T;
}

function bad(member: string, why: string): AuthsError<'input/malformed'> {
  return new AuthsError('input/malformed', `$.${member}: ${why}`);
}

/** Everything wrong with a record is one error code. */
function judged<T>(parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    if (!(cause instanceof AuthsError) || cause.code === 'attestation/invalid') throw cause;
    throw new AuthsError('attestation/invalid', `not a valid record: ${cause.message}`, {
      cause,
      details: cause.details,
    });
  }
}
