/**
 * Which records the seals of a log name, and which version of each has good signatures there: worked out once, and
 * folded as often as somebody asks (fold.ts). The log and the records may be a stranger's, so that the work is held
 * against their size: no record is tried with every key, and no seal with every version of its record.
 */
import { verifyEd25519 } from '../crypto/verify-ed25519.ts';
import { fromHex, toHex } from '../encoding/bytes.ts';
import type { DidKeri, Said } from '../identifiers.ts';
import type { VerifyEngine } from '../ports.ts';
import type { AttestationRecord } from './attestation.ts';
import type { MissingRecord, RefusedRecord, SealingEvent, SealPosition } from './device-state.ts';
import { digestOf, signedBytes, subjectKey } from './signed-bytes.ts';

export interface SealInput {
  readonly issuer: DidKeri;
  /** The accepted trunk, s = 0 first. */
  readonly events: readonly SealingEvent[];
  /** Everything at hand, of any issuer, in any order; the same record may come in several versions (re-sealed). */
  readonly records: readonly AttestationRecord[];
  readonly engine: VerifyEngine;
}

/** A seal whose record is at hand, signed by the key in force there. */
export interface SealedRecord {
  readonly event: SealingEvent;
  readonly digest: Said;
  readonly sealedAt: SealPosition;
  readonly record: AttestationRecord;
}

export interface SealedRecords {
  readonly issuer: DidKeri;
  /** In the order of the trunk. */
  readonly seals: readonly SealedRecord[];
  /** Seals without a record, or with versions of it none of which is signed: nobody can hide a revocation by spoiling its signature. */
  readonly missing: readonly MissingRecord[];
  /** Versions of the latter. */
  readonly refused: readonly RefusedRecord[];
  /** Whether any event seals this digest. */
  readonly isSealed: (digest: Said) => boolean;
  /** Why a record that no event seals does not count. */
  readonly judgeUnsealed: (record: AttestationRecord) => RefusedRecord;
  /** Why this version of a sealed record does not count, though another one may; null where it is signed. */
  readonly judgeVersion: (record: AttestationRecord) => RefusedRecord | null;
}

/**
 * Keys that an unsealed record is tried with. It is sealed by an event that is not at hand yet (the newest key), or by
 * one that a recovery took off the trunk or a rival holds (a key shortly before): older ones say nothing worth their
 * time, and a log may have any number.
 */
const NEWEST_KEYS = 8;
/**
 * Checks that the versions of one record are worth beyond the first of each: a version is signed by one key, and an
 * honest record has one version for each recovery.
 */
const SPARE_CHECKS = 64;
const CHECKS_PER_VERSION = 8;

/** Looks every seal up; never throws on what the evidence says. */
export function findSealed(input: SealInput): SealedRecords {
  const found = byDigest(input);
  const sealed = new Set<Said>();
  const seals: SealedRecord[] = [];
  const missing: MissingRecord[] = [];
  const refused: RefusedRecord[] = [];
  for (const event of input.events) {
    const key = event.keys.length === 1 ? (event.keys[0] as Uint8Array) : null;
    const keyText = key === null ? '' : toHex(key);
    event.seals.forEach((seal, index) => {
      const digest = recordDigest(seal);
      if (digest === null) return;
      sealed.add(digest);
      const sealedAt = { sequence: event.sequence, said: event.said, index };
      const versions = found.get(digest);
      const record =
        versions === undefined || key === null ? null : signedVersion(input.engine, versions, key, keyText);
      if (record !== null) {
        seals.push({ event, digest, sealedAt, record });
        return;
      }
      missing.push({ digest, sealedAt });
      if (versions === undefined || versions.refused) return;
      versions.refused = true;
      const detail =
        key === null
          ? `the event at s=${event.sequence} has ${event.keys.length} keys; only an identity with one key attests`
          : `no signature by the keys in force at s=${event.sequence}`;
      for (const one of versions.records) refused.push({ record: one, why: 'signature', detail });
    });
  }
  let keys: readonly Uint8Array[] | null = null;
  return {
    issuer: input.issuer,
    seals,
    missing,
    refused,
    isSealed: (digest) => sealed.has(digest),
    judgeUnsealed: (record) => judgeUnsealed(input.engine, record, (keys ??= newestKeys(input.events))),
    judgeVersion: (record) => {
      const digest = digestOf(record);
      const places = seals.filter((one) => one.digest === digest).slice(-NEWEST_KEYS);
      return judgeVersion(input.engine, record, places);
    },
  };
}

/** The versions of one record: equal but for their signatures. */
interface Versions {
  readonly records: AttestationRecord[];
  /** Those that no key has been found for yet. */
  readonly open: Set<AttestationRecord>;
  /** By the key in hex: what was found. */
  readonly found: Map<string, AttestationRecord | null>;
  signed: Uint8Array | null;
  checks: number;
  refused: boolean;
}

/** Of several versions one with good signatures is enough. */
function signedVersion(
  engine: VerifyEngine,
  versions: Versions,
  key: Uint8Array,
  keyText: string,
): AttestationRecord | null {
  const known = versions.found.get(keyText);
  if (known !== undefined) return known;
  const message = (versions.signed ??= signedBytes(versions.records[0] as AttestationRecord));
  const most = SPARE_CHECKS + CHECKS_PER_VERSION * versions.records.length;
  let good: AttestationRecord | null = null;
  for (const record of versions.open) {
    if (versions.checks === most) break;
    versions.checks++;
    if (!isSignedBy(engine, record, key, message)) continue;
    versions.open.delete(record);
    if (!hasDeviceSignature(engine, record, message)) continue;
    good = record;
    break;
  }
  versions.found.set(keyText, good);
  return good;
}

function judgeUnsealed(
  engine: VerifyEngine,
  record: AttestationRecord,
  keys: readonly Uint8Array[],
): RefusedRecord {
  const message = signedBytes(record);
  return keys.some((key) => isSignedBy(engine, record, key, message))
    ? { record, why: 'unanchored', detail: 'no event of its issuer seals it' }
    : { record, why: 'signature', detail: 'not signed by any key that its issuer had lately' };
}

function judgeVersion(
  engine: VerifyEngine,
  record: AttestationRecord,
  places: readonly SealedRecord[],
): RefusedRecord | null {
  const message = signedBytes(record);
  const isSigned =
    places.some(({ event }) => isSignedBy(engine, record, event.keys[0] as Uint8Array, message)) &&
    hasDeviceSignature(engine, record, message);
  return isSigned
    ? null
    : { record, why: 'signature', detail: 'not signed by the keys in force where it is sealed' };
}

/** The newest first, each once. */
function newestKeys(events: readonly SealingEvent[]): readonly Uint8Array[] {
  const keys = new Map<string, Uint8Array>();
  for (let at = events.length - 1; at >= 0 && keys.size < NEWEST_KEYS; at--) {
    for (const key of (events[at] as SealingEvent).keys.slice(0, NEWEST_KEYS)) keys.set(toHex(key), key);
  }
  return [...keys.values()].slice(0, NEWEST_KEYS);
}

function isSignedBy(
  engine: VerifyEngine,
  record: AttestationRecord,
  key: Uint8Array,
  message: Uint8Array,
): boolean {
  return verifyEd25519(engine, key, message, fromHex(record.identity_signature, 64));
}

function hasDeviceSignature(engine: VerifyEngine, record: AttestationRecord, message: Uint8Array): boolean {
  if (record.type !== 'link') return true;
  return verifyEd25519(engine, subjectKey(record), message, fromHex(record.device_signature, 64));
}

function byDigest({ issuer, records }: SealInput): ReadonlyMap<Said, Versions> {
  const versions = new Map<Said, Versions>();
  for (const record of records) {
    if (record.issuer !== issuer) continue;
    const digest = digestOf(record);
    const known = versions.get(digest);
    if (known === undefined) {
      versions.set(digest, {
        records: [record],
        open: new Set([record]),
        found: new Map(),
        signed: null,
        checks: 0,
        refused: false,
      });
    } else {
      known.records.push(record);
      known.open.add(record);
    }
  }
  return versions;
}

/** A record's seal is `{"d": "E…"}` and nothing else; any other seal belongs to somebody else. */
function recordDigest(seal: unknown): Said | null {
  if (typeof seal !== 'object' || seal === null || Array.isArray(seal)) return null;
  let label: string | null = null;
  for (const name in seal) {
    if (label !== null) return null;
    label = name;
  }
  if (label !== 'd') return null;
  const { d } = seal as { readonly d: unknown };
  return typeof d === 'string' ? (d as Said) : null;
}
