/**
 * What was sealed since the last establishment event, on every branch that any source shows: what a recovery keeps or
 * gives up (identity-life.md 1 and 3).
 */
import type { AttestationRecord } from '../attestation/attestation.ts';
import { parseRecord } from '../attestation/attestation.ts';
import { digestOf } from '../attestation/sign.ts';
import { verifyRecordSignatures } from '../attestation/verify.ts';
import { isAuthsError } from '../errors.ts';
import type { Prefix, Said } from '../identifiers.ts';
import { advance, forkOf, type Log } from '../keri/advance.ts';
import { replay } from '../keri/key-state.ts';
import type { StoredRecord, VerifyEngine } from '../ports.ts';
import { sealsOf } from './seals.ts';

/** One place's view of the identity, unjudged. */
export interface SurveySource {
  /** For people. */
  readonly name: string;
  readonly stream: Uint8Array;
  readonly records: readonly StoredRecord[];
}

/** A seal since the last establishment event. */
export interface SurveyedSeal {
  readonly sequence: number;
  readonly digest: Said;
  /** Null when no source holds a record with good signatures. */
  readonly record: AttestationRecord | null;
  /** The first source that shows it. */
  readonly source: string;
  readonly onTrunk: boolean;
}

export interface Survey {
  /** The trunk by `advance`, earlier sources being the floor of later ones. */
  readonly trunk: Log;
  /** The newest establishment event of the trunk. */
  readonly establishment: number;
  /** The lowest sequence at which a branch leaves the trunk after the establishment event; null when none does. */
  readonly fork: number | null;
  readonly seals: readonly SurveyedSeal[];
  /** Sources whose log does not verify, or is another identity's. */
  readonly refused: readonly { readonly name: string; readonly reason: string }[];
}

/** Judges every source; null when none shows an accepted log of `prefix`. */
export function surveySeals(
  engine: VerifyEngine,
  prefix: Prefix,
  sources: readonly SurveySource[],
): Survey | null {
  const logs: { readonly name: string; readonly log: Log }[] = [];
  const refused: { name: string; reason: string }[] = [];
  let trunk: Log | null = null;
  for (const { name, stream } of sources) {
    const verdict = replay(stream, { engine });
    if (verdict.verdict !== 'accepted' || verdict.state?.prefix !== prefix) {
      refused.push({ name, reason: verdict.reason ?? 'it shows another identity' });
      continue;
    }
    const log: Log = { prefix, events: verdict.events };
    logs.push({ name, log });
    trunk = advance(trunk, log).log;
  }
  if (trunk === null) return null;
  const standing = trunk;
  const establishment = standing.events.at(-1)?.authority.sequence ?? 0;
  const known = recordsOf(sources);
  const seals = new Map<string, SurveyedSeal>();
  let fork: number | null = null;
  const ordered = [{ name: '', log: standing }, ...logs];
  for (const { name, log } of ordered) {
    const from = forkOf(standing, log);
    const leaves = log !== standing && from < log.events.length;
    // What left before the establishment event was decided by it.
    if (leaves && from <= establishment) continue;
    if (leaves) fork = Math.min(fork ?? from, from);
    for (const event of log.events.slice(establishment + 1)) {
      for (const digest of sealsOf([event]).keys()) {
        const onTrunk = standing.events[event.sequence]?.said === event.said;
        const id = onTrunk ? `trunk ${digest}` : digest;
        if (seals.has(id) || (!onTrunk && seals.has(`trunk ${digest}`))) continue;
        const key = event.keys.length === 1 ? event.keys[0] : undefined;
        const record =
          (known.get(digest) ?? []).find((one) => key !== undefined && hasGoodSignatures(engine, one, key)) ??
          null;
        const source = name === '' ? sourceOf(logs, event.sequence, event.said) : name;
        seals.set(id, { sequence: event.sequence, digest, record, source, onTrunk });
      }
    }
  }
  return {
    trunk: standing,
    establishment,
    fork,
    seals: [...seals.values()].toSorted((a, b) => a.sequence - b.sequence),
    refused,
  };
}

/** Which records a rot at `at` has to seal again: every revocation, and of the rest what `keep` says, in their old order. */
export function recordsToReseal(
  survey: Survey,
  at: number,
  keep: (seal: SurveyedSeal & { readonly record: AttestationRecord }) => boolean,
): { readonly reseal: readonly AttestationRecord[]; readonly dropped: readonly SurveyedSeal[] } {
  const reseal: AttestationRecord[] = [];
  const dropped: SurveyedSeal[] = [];
  for (const seal of survey.seals) {
    if (seal.onTrunk && seal.sequence < at) continue;
    const { record } = seal;
    if (record !== null && (record.type === 'revocation' || keep({ ...seal, record }))) reseal.push(record);
    else dropped.push(seal);
  }
  return { reseal, dropped };
}

function sourceOf(
  logs: readonly { readonly name: string; readonly log: Log }[],
  sequence: number,
  said: Said,
): string {
  return logs.find(({ log }) => log.events[sequence]?.said === said)?.name ?? '';
}

function hasGoodSignatures(engine: VerifyEngine, record: AttestationRecord, key: Uint8Array): boolean {
  const { identity, device } = verifyRecordSignatures(engine, record, key);
  return identity && device !== false;
}

function recordsOf(sources: readonly SurveySource[]): ReadonlyMap<Said, readonly AttestationRecord[]> {
  const known = new Map<Said, AttestationRecord[]>();
  for (const { bytes, digest } of sources.flatMap(({ records }) => records)) {
    try {
      const record = parseRecord(bytes);
      if (digestOf(record) !== digest) continue;
      known.set(digest, [...(known.get(digest) ?? []), record]);
    } catch (error) {
      if (!isAuthsError(error)) throw error;
    }
  }
  return known;
}
