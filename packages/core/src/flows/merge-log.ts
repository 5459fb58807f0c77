/**
 * What another place shows of an identity's log, brought into the home: judged by replay, decided by `advance` with
 * the home's own log as the floor, written by compare-and-swap (identity-life.md 1 and 2). Only an extension and a
 * recovery move the log; whatever else conflicts is recorded, shown, and changes nothing.
 */
import { AuthsError } from '../errors.ts';
import { didKeriOf, type Prefix, type Said } from '../identifiers.ts';
import { advance, type Advance, type Log } from '../keri/advance.ts';
import { storedEventOf } from '../keri/build.ts';
import { replay, type KelVerdict } from '../keri/key-state.ts';
import type {
  AttestationStore,
  EventLog,
  StoredEvent,
  StoredLog,
  StoredRecord,
  VerifyEngine,
} from '../ports.ts';
import { givenUpRevocations, type GivenUpRevocation } from './given-up-revocations.ts';
import { mergeRecords, type IgnoredRecord } from './merge-records.ts';

/** Keeps branches that lost, for people to look at. */
export interface DisputeStore {
  /**
   * Keeps the branch that leaves the stored trunk at `from`. At most one is kept for each such sequence and 16 for an
   * identity; resolves to false when this one is not kept.
   */
  record(prefix: Prefix, from: number, branch: readonly StoredEvent[]): Promise<boolean>;
}

export interface MergePorts {
  readonly log: EventLog;
  readonly records: AttestationStore;
  readonly disputes: DisputeStore;
  readonly engine: VerifyEngine;
}

/** A place in a log. */
export interface Tip {
  readonly sequence: number;
  readonly said: Said;
}

/** What one place shows of one identity. */
export interface ShownLog {
  readonly prefix: Prefix;
  /** The whole log, as received. */
  readonly stream: Uint8Array;
  /** Sealed records, as received. */
  readonly records: readonly StoredRecord[];
  /** The newest event that the same place has shown before; null at first sight. */
  readonly seen: Tip | null;
}

/**
 * - `up-to-date`, `behind`: it shows what the home has, or less of it.
 * - `extended`, `recovered`: the home's log has grown, or was recovered, by what it shows.
 * - `forked`: it conflicts. `rewound`: it shows less than it has shown before. `invalid`: its log does not verify.
 *   The home's log stays as it was.
 */
export type MergeVerdict =
  'up-to-date' | 'behind' | 'extended' | 'recovered' | 'forked' | 'rewound' | 'invalid';

export interface Merged {
  readonly verdict: MergeVerdict;
  /** The home's tip afterwards; null when it still has no log. */
  readonly tip: Tip | null;
  /** What the other place ends with; null when its log does not verify. */
  readonly theirs: Tip | null;
  /** The first sequence at which the two differ; null when nothing does, or `invalid`. */
  readonly from: number | null;
  readonly eventsAdded: number;
  /** Events that a recovery took off the home's trunk. */
  readonly superseded: number;
  /** True when the keys in force have changed. */
  readonly rotated: boolean;
  readonly disputed: (Tip & { readonly from: number; readonly recorded: boolean }) | null;
  /** Devices that stand in the home's log, and that the branch which does not count had revoked. */
  readonly givenUp: readonly GivenUpRevocation[];
  readonly records: {
    readonly added: number;
    readonly ignored: readonly IgnoredRecord[];
    readonly missing: number;
  };
  /** Why the log was refused; only with `invalid`. */
  readonly fault: {
    readonly at: number | null;
    readonly rule: string;
    readonly reason: string;
  } | null;
}

const ATTEMPTS = 16;

/** Judges and merges. `kel/invalid` when the home's own log does not replay; `kel/conflict` when other writers were always faster. */
export async function mergeLog(ports: MergePorts, shown: ShownLog): Promise<Merged> {
  const { prefix } = shown;
  const judged = replay(shown.stream, { engine: ports.engine });
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const stored = await ports.log.read(prefix);
    const floor = stored === null ? null : ownLog(ports, stored);
    if (judged.verdict !== 'accepted' || judged.state?.prefix !== prefix) {
      return refused(floor, faultOf(judged));
    }
    const theirs: Log = { prefix, events: judged.events };
    const step = advance(floor, theirs);
    const records = await keepRecords(ports, step.log, shown.records);
    const moved = await write(ports, stored, step);
    if (moved === null) continue;
    return {
      ...answer(floor, theirs, step, shown.seen),
      records,
      disputed: await dispute(ports, step),
      givenUp: await givenUp(ports, step, step.kind === 'recovered' ? floor : theirs, shown.records),
    };
  }
  throw new AuthsError('kel/conflict', 'other programs kept writing the log', {
    hint: 'try again',
    details: { prefix },
  });
}

/** Records before the log: a seal whose record is not there yet would count against every device. */
async function keepRecords(
  ports: MergePorts,
  trunk: Log,
  offered: readonly StoredRecord[],
): Promise<Merged['records']> {
  const issuer = didKeriOf(trunk.prefix);
  const known = await ports.records.list(issuer);
  const merged = mergeRecords(ports.engine, issuer, trunk.events, known, offered);
  if (merged.added.length > 0) await ports.records.put(issuer, merged.added);
  return { added: merged.added.length, ignored: merged.ignored, missing: merged.missing };
}

/** Null when another writer was first. */
async function write(ports: MergePorts, stored: StoredLog | null, step: Advance): Promise<true | null> {
  const { log } = ports;
  if (step.kind !== 'extended' && step.kind !== 'recovered') return true;
  const added = step.log.events.slice(step.from).map(storedEventOf);
  const done =
    step.kind === 'recovered' && stored !== null
      ? await log.supersede(stored.prefix, stored.version, step.from, added)
      : await log.append(step.log.prefix, stored?.version ?? null, added);
  return done === null ? null : true;
}

async function dispute(ports: MergePorts, step: Advance): Promise<Merged['disputed']> {
  if (step.kind !== 'disputed') return null;
  const branch = step.branch.map(storedEventOf);
  const recorded = await ports.disputes.record(step.log.prefix, step.from, branch);
  const tip = tipOf({ prefix: step.log.prefix, events: step.branch });
  return tip === null ? null : { ...tip, from: step.from, recorded };
}

/** Against the branch that lost, where two logs part. */
async function givenUp(
  ports: MergePorts,
  { kind, log }: Advance,
  branch: Log | null,
  offered: readonly StoredRecord[],
): Promise<Merged['givenUp']> {
  if (branch === null || (kind !== 'recovered' && kind !== 'disputed')) return [];
  const known = await ports.records.list(didKeriOf(log.prefix));
  return givenUpRevocations(ports.engine, log, branch, [...known, ...offered]);
}

function answer(
  floor: Log | null,
  theirs: Log,
  step: Advance,
  seen: Tip | null,
): Omit<Merged, 'records' | 'disputed' | 'givenUp'> {
  const moved = step.kind === 'extended' || step.kind === 'recovered';
  const differs = moved || step.kind === 'disputed' ? step.from : null;
  const shorter = floor !== null && step.kind === 'unchanged' && theirs.events.length < floor.events.length;
  return {
    verdict: verdictOf(floor, theirs, step, seen),
    tip: tipOf(step.log),
    theirs: tipOf(theirs),
    from: differs ?? (shorter ? theirs.events.length : null),
    eventsAdded: moved ? step.log.events.length - step.from : 0,
    superseded: step.kind === 'recovered' ? step.superseded.length : 0,
    rotated: moved && floor !== null && authorityOf(floor) !== authorityOf(step.log),
    fault: null,
  };
}

function verdictOf(floor: Log | null, theirs: Log, step: Advance, seen: Tip | null): MergeVerdict {
  if (step.kind === 'extended' || step.kind === 'recovered') return step.kind;
  // What it has shown before, and we hold as true, it must still show.
  const withdrawn = seen !== null && holds(step.log, seen) && !holds(theirs, seen);
  if (step.kind === 'unchanged') {
    if (theirs.events.length === step.log.events.length) return 'up-to-date';
    return withdrawn ? 'rewound' : 'behind';
  }
  // The branch that our own recovery took off: that place has not heard of the recovery yet.
  const superseded = floor !== null && advance(theirs, floor).kind === 'recovered';
  return superseded && !withdrawn ? 'behind' : 'forked';
}

function refused(floor: Log | null, fault: NonNullable<Merged['fault']>): Merged {
  return {
    verdict: 'invalid',
    tip: floor === null ? null : tipOf(floor),
    theirs: null,
    from: null,
    eventsAdded: 0,
    superseded: 0,
    rotated: false,
    disputed: null,
    givenUp: [],
    records: { added: 0, ignored: [], missing: 0 },
    fault,
  };
}

function faultOf({ verdict, at, rule, reason }: KelVerdict): NonNullable<Merged['fault']> {
  if (verdict === 'accepted') {
    return { at: 0, rule: 'prefix', reason: 'it is the log of another identity' };
  }
  return { at, rule: rule ?? verdict, reason: reason ?? verdict };
}

function ownLog(ports: MergePorts, stored: StoredLog): Log {
  const own = replay(stored.stream, { engine: ports.engine });
  if (own.verdict === 'accepted') return { prefix: stored.prefix, events: own.events };
  const fault = faultOf(own);
  throw new AuthsError('kel/invalid', `the log of ${stored.prefix} here does not replay: ${fault.reason}`, {
    hint: 'auths doctor',
    details: { prefix: stored.prefix, at: fault.at, rule: fault.rule },
  });
}

function holds(log: Log, { sequence, said }: Tip): boolean {
  return log.events[sequence]?.said === said;
}

function authorityOf(log: Log): Said | undefined {
  return log.events.at(-1)?.authority.said;
}

function tipOf({ events }: Log): Tip | null {
  const tip = events.at(-1);
  return tip === undefined ? null : { sequence: tip.sequence, said: tip.said };
}
