/** A rotation whose run died behind it: what it has kept and given up, held against what is asked for now. */
import { readableRecord, type AttestationRecord } from '@auths/core/attestation/attestation';
import type { DeviceState } from '@auths/core/attestation/device-state';
import { digestOf } from '@auths/core/attestation/sign';
import { verifyRecordSignatures } from '@auths/core/attestation/verify';
import { AuthsError } from '@auths/core/errors';
import { devicesOn } from '@auths/core/flows/own-devices';
import { readOwnLog } from '@auths/core/flows/seal-records';
import { sealsOf } from '@auths/core/flows/seals';
import {
  surveySeals,
  type Survey,
  type SurveyedSeal,
  type SurveySource,
} from '@auths/core/flows/survey-seals';
import { didKeriOf, type DidKey, type Prefix, type Said } from '@auths/core/identifiers';
import { replay, type ReplayedEvent } from '@auths/core/keri/key-state';
import type { StoredRecord } from '@auths/core/ports';
import type { Context } from '../command.ts';
import type { Stores } from '../composition.ts';
import { verifyEngine } from '../engines.ts';
import { safeName } from '../views/layout.ts';
import { KEPT_BRANCH } from './branch-sources.ts';
import { droppedJson, inWords, recordJson, vouch, type Vouched, type VouchFlags } from './vouching.ts';

export interface StandingRotation {
  readonly rot: ReplayedEvent;
  /** What lies within reach, as it was before the rot. */
  readonly survey: Survey;
  /** By digest, in their order; null for a record that this home does not hold. */
  readonly sealed: ReadonlyMap<Said, AttestationRecord | null>;
  /** As they are now. */
  readonly devices: readonly DeviceState[];
}

/** Reads the newest rotation of the log. `sources` are what `collectSources` finds, or some of them. */
export async function readStanding(
  stores: Stores,
  prefix: Prefix,
  sources: readonly SurveySource[],
): Promise<StandingRotation> {
  const issuer = didKeriOf(prefix);
  const ports = { log: stores.log, records: stores.attestations, engine: verifyEngine };
  const { log, verdict } = await readOwnLog(ports, issuer);
  const rot = verdict.events.findLast(({ ilk }) => ilk === 'rot');
  if (rot === undefined) throw new AuthsError('internal/bug', 'a log without a rotation');
  const records = await stores.attestations.list(issuer);
  const below = log.stream.subarray(0, verdict.events[rot.sequence - 1]?.end);
  const others = sources.filter(({ stream }) => !holds(stream, rot));
  // What the rotation superseded was this home's own, and goes before what other places show of the same events.
  const survey = surveySeals(verifyEngine, prefix, [
    { name: 'this home', stream: below, records },
    ...others.toSorted((a, b) => Number(b.name === KEPT_BRANCH) - Number(a.name === KEPT_BRANCH)),
  ]);
  if (survey === null) throw new AuthsError('internal/bug', 'a log that does not verify below its rotation');
  const sealed = recordsSealedBy(rot, records);
  // Sealed again under the very name that it had, a record is here with the signature of the new key only.
  const seals = survey.seals.map((seal) => ({
    ...seal,
    record: seal.record ?? sealed.get(seal.digest) ?? null,
  }));
  const { devices } = await devicesOn(ports, issuer, verdict);
  return { rot, survey: { ...survey, seals }, sealed, devices };
}

/** For `data`, as of a rotation that was not interrupted. */
export function standingJson(standing: StandingRotation): {
  readonly resealed: readonly unknown[];
  readonly dropped: readonly unknown[];
} {
  return {
    resealed: [...standing.sealed].map(([digest, record]) =>
      record === null ? { digest, type: null, subject: null, name: null } : recordJson(record, digest),
    ),
    dropped: givenUp(standing).map(droppedJson),
  };
}

export function givenUp(standing: StandingRotation): readonly SurveyedSeal[] {
  return standing.survey.seals.filter((seal) => !stands(standing, seal));
}

/**
 * Asks as for a rotation at its place, and fails as `requireAs` does. `own` is a device that is kept unasked, `lost` one
 * that was to be revoked. What `vouch` rejects with.
 */
export async function requireAsAsked(
  context: Context,
  what: 'rotation' | 'recovery',
  standing: StandingRotation,
  { all = false, keep = [], 'vouch-until': until }: Partial<VouchFlags>,
  own: DidKey | null,
  lost: DeviceState | null = null,
): Promise<void> {
  const { rot, survey, devices } = standing;
  const names = devices.filter(({ revocation }) => revocation === null).map(({ name }) => safeName(name));
  context.note(`it stands at event ${rot.sequence}, with these devices: ${names.join(', ')}`);
  // Who says nothing and cannot be asked vouches for nothing.
  const none = all || (until === undefined && !context.terminal.interactive);
  const vouched = await vouch(context, survey, { all: none, keep, 'vouch-until': until }, own);
  requireAs(what, standing, vouched, lost);
}

/**
 * `usage/invalid` where something stands otherwise than it is asked for now: no later rotation changes that, but other
 * commands do, and they are named. `lost`: a device that was to be revoked.
 */
export function requireAs(
  what: 'rotation' | 'recovery',
  standing: StandingRotation,
  { at, dropped }: Pick<Vouched, 'at' | 'dropped'>,
  lost: DeviceState | null = null,
): void {
  const { rot, survey } = standing;
  const unwanted = new Set(dropped.map(({ digest }) => digest));
  const other = survey.seals.filter((seal) => stands(standing, seal) === unwanted.has(seal.digest));
  const kept = other.filter((seal) => unwanted.has(seal.digest) && matters(standing, seal, true));
  const gone = other.filter((seal) => !unwanted.has(seal.digest) && matters(standing, seal, false));
  const tooMany = rot.sequence > at ? [`events ${at} to ${rot.sequence - 1} can be given up no more`] : [];
  const notRevoked = lost !== null && isActive(standing, lost.subject) ? [lost] : [];
  const said = [
    ...tooMany,
    ...wordsOf('it keeps', kept),
    ...wordsOf('it has given up', gone),
    ...notRevoked.map(({ name }) => `${safeName(name)} is not revoked`),
  ];
  if (said.length === 0) return;
  const ways = [
    ...kept.flatMap(({ record }) => (record?.type === 'link' ? revoke(record.subject) : [])),
    ...gone.flatMap(({ record }) => wayBack(record)),
    ...notRevoked.flatMap(({ subject }) => revoke(subject)),
  ];
  throw new AuthsError(
    'usage/invalid',
    `the ${what} that had been interrupted stands at event ${rot.sequence}, otherwise than is asked for now; ${said.join('; ')}`,
    { hint: [...new Set([...ways, 'auths devices shows what stands'])].join('; ') },
  );
}

function revoke(subject: string, reason = 'compromised'): readonly string[] {
  return [`auths devices revoke ${subject} --reason ${reason}`];
}

function wayBack(record: AttestationRecord | null): readonly string[] {
  if (record?.type === 'revocation') return revoke(record.subject, record.reason);
  return record?.type === 'link' ? [`pair ${safeName(record.name)} again: auths pair`] : [];
}

function wordsOf(what: string, seals: readonly SurveyedSeal[]): readonly string[] {
  return seals.flatMap(({ record }) => (record === null ? [] : [`${what}: ${inWords(record)}`]));
}

/** Whether a seal of before still counts: below the rot, or sealed by it again. */
function stands({ rot, sealed }: StandingRotation, { onTrunk, sequence, digest }: SurveyedSeal): boolean {
  return (onTrunk && sequence < rot.sequence) || sealed.has(digest);
}

/** Whether it makes a difference that this one stands, or that it does not: a device may be let in or revoked by another record. */
function matters(standing: StandingRotation, { record }: SurveyedSeal, isKept: boolean): boolean {
  if (record === null) return false;
  if (record.type === 'anchor') return true;
  const active = isActive(standing, record.subject);
  return record.type === 'link' && !isKept ? !active : active;
}

function isActive({ devices }: StandingRotation, did: DidKey): boolean {
  return devices.some(({ subject, revocation }) => subject === did && revocation === null);
}

function holds(stream: Uint8Array, { sequence, said }: ReplayedEvent): boolean {
  return replay(stream, { engine: verifyEngine }).events[sequence]?.said === said;
}

function recordsSealedBy(
  rot: ReplayedEvent,
  records: readonly StoredRecord[],
): ReadonlyMap<Said, AttestationRecord | null> {
  const [key] = rot.keys;
  const sealed = new Map<Said, AttestationRecord | null>();
  for (const digest of sealsOf([rot]).keys()) sealed.set(digest, null);
  for (const { bytes, digest } of records) {
    const record = sealed.has(digest) && key !== undefined ? readableRecord(bytes) : null;
    if (record === null || key === undefined || digestOf(record) !== digest) continue;
    if (verifyRecordSignatures(verifyEngine, record, key).identity) sealed.set(digest, record);
  }
  return sealed;
}
