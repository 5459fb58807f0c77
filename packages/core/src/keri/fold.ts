/** One event more on a key event log: accepted onto the trunk, a repeat, a recovery, or a fault (docs/protocol.md, "Accepting an event"). */
import type { VerifyEngine } from '../ports.ts';
import type { Prefix, Said } from '../identifiers.ts';
import type { Attachments, IndexedSignature } from './attachments.ts';
import { type Establishment, type ParsedEvent, isInception, isRotation } from './event.ts';
import { type Fault, fault } from './rules.ts';
import { countReceipts, judgeReceipts, judgeSignatures, keyBytes } from './signatures.ts';
import {
  type Authority,
  type Inception,
  type Kept,
  type ReplayedEvent,
  isClosed,
  replayedEvent,
} from './state.ts';
import { rotateWitnesses } from './witnesses.ts';

/** A log while it is being read. The trunk holds the event of sequence s at index s. */
export interface Fold {
  readonly engine: VerifyEngine;
  /** Null when the delegator has sealed this event; else why it does not count. */
  readonly judgeDelegation: (delegator: Prefix, event: ParsedEvent) => Fault | null;
  readonly trunk: ReplayedEvent[];
  readonly superseded: ReplayedEvent[];
  readonly supersededSaids: Set<Said>;
  inception: Inception | null;
  firstSeen: number;
  /** While true, appended events are not checked for signatures, receipts and seals: a known tip will vouch for them by hash. */
  trusting: boolean;
  /** False for a witness, who is asked before anybody has receipted: receipts are kept, too few of them are no fault. */
  readonly needsReceipts: boolean;
  conflict: ReplayedEvent | null;
}

export interface Step {
  readonly event: ParsedEvent;
  readonly place: { readonly offset: number; readonly size: number; readonly end: number };
  readonly attachments: Attachments;
  /** What later messages of the stream, and receipts, bring for the same event. Asked only when this one does not do. */
  readonly more: () => readonly Attachments[];
}

/** Applies one event. `null` when it was accepted or is a repeat; else the fault, returned or thrown, with the fold unchanged. */
export function applyEvent(fold: Fold, step: Step): Fault | null {
  const { event } = step;
  if (fold.inception === null) return begin(fold, step);
  const { trunk, inception } = fold;
  const tip = trunk.at(-1) as ReplayedEvent;
  if (event.prefix !== inception.prefix) return fault('prefix-foreign', `an event of ${event.prefix}`);
  if (trunk[event.sequence]?.said === event.said || fold.supersededSaids.has(event.said)) return null;
  if (isInception(event)) return rivalInception(fold, step);
  if (event.sequence > tip.sequence) {
    if (!inception.transferable) return fault('nontransferable', 'the inception allows no further event');
    if (isClosed(tip.authority)) return fault('abandoned', 'the identifier was abandoned');
    if (event.sequence > tip.sequence + 1) {
      return fault(
        'sn-sequence',
        `s ${event.sequence.toString(16)} after ${tip.sequence.toString(16)}`,
        'pending',
      );
    }
  }
  return follow(fold, step, trunk[event.sequence - 1] as ReplayedEvent);
}

function begin(fold: Fold, step: Step): Fault | null {
  const { event } = step;
  if (!isInception(event))
    return fault('first-not-inception', `a log starts with icp or dip, not ${event.ilk}`);
  const establishment = event.establishment as Establishment;
  const authority = authorityOf(event, establishment, establishment.added);
  const judged = fold.trusting
    ? unjudged(step)
    : judge(fold, step, authority, null, establishment.delegator, true);
  if (judged.found !== null) return judged.found;
  fold.inception = {
    prefix: event.prefix,
    traits: establishment.traits,
    delegator: establishment.delegator,
    transferable: !event.prefix.startsWith('B') && establishment.next.length > 0,
  };
  append(fold, replayedEvent(event, authority, judged.kept, step.place));
  return null;
}

/** A basic prefix does not bind its inception, so two of them can be validly signed. */
function rivalInception(fold: Fold, step: Step): Fault {
  const establishment = step.event.establishment as Establishment;
  const authority = authorityOf(step.event, establishment, establishment.added);
  const { found, kept } = judge(fold, step, authority, null, null, false);
  return (
    found ??
    duplicity(fold, replayedEvent(step.event, authority, kept, step.place), 'two inceptions of one prefix')
  );
}

/** An event at s on the trunk event at s - 1: the next one, a recovery, or a rival of one already accepted. */
function follow(fold: Fold, step: Step, base: ReplayedEvent): Fault | null {
  const { event } = step;
  const { traits, delegator } = fold.inception as Inception;
  const tip = fold.trunk.at(-1) as ReplayedEvent;
  const rotation = isRotation(event);
  if (!rotation && traits.includes('EO'))
    return fault('est-only', 'the inception allows establishment events only (EO)');
  if (rotation && (event.ilk === 'drt') !== (delegator !== null)) {
    return fault(
      'ilk-delegation',
      delegator === null ? 'drt in a log that is not delegated' : 'a delegated identifier rotates with drt',
    );
  }
  if (event.prior !== base.said) return fault('prior-mismatch', 'p is not the SAID of the event before');
  let authority = base.authority;
  if (rotation) {
    const establishment = event.establishment as Establishment;
    authority = authorityOf(event, establishment, rotateWitnesses(base.authority.witnesses, establishment));
  }
  const rival = event.sequence <= tip.sequence;
  const recovers = rotation && event.sequence > tip.authority.sequence;
  const accepting = !rival || recovers;
  const judged = fold.trusting
    ? unjudged(step)
    : judge(fold, step, authority, rotation ? base.authority : null, rotation ? delegator : null, accepting);
  if (judged.found !== null) return judged.found;
  const replayed = replayedEvent(event, authority, judged.kept, step.place);
  if (!accepting)
    return duplicity(fold, replayed, `another event at s ${event.sequence.toString(16)} was accepted before`);
  if (rival) {
    for (const lost of fold.trunk.splice(event.sequence)) {
      fold.superseded.push(lost);
      fold.supersededSaids.add(lost.said);
    }
  }
  append(fold, replayed);
  return null;
}

interface Judged {
  readonly found: Fault | null;
  readonly kept: Kept;
}

function unjudged({ attachments }: Step): Judged {
  return { found: null, kept: { signatures: attachments.controller, receipts: attachments.witness } };
}

/** Signatures first; then, for an event that would be accepted, receipts and the delegator's seal. */
function judge(
  fold: Fold,
  step: Step,
  authority: Authority,
  prior: Authority | null,
  delegator: Prefix | null,
  accepting: boolean,
): Judged {
  const { event, attachments } = step;
  const once = (all: readonly Attachments[]): Judged => {
    const signatures: IndexedSignature[] = [];
    const unsigned = judgeSignatures(
      fold.engine,
      event.bytes,
      controllerSignatures(all),
      authority,
      prior,
      signatures,
    );
    const receipts =
      unsigned === null && accepting ? countReceipts(fold.engine, event.bytes, all, authority) : [];
    const unseen = accepting && fold.needsReceipts ? judgeReceipts(receipts, authority) : null;
    return { found: unsigned ?? unseen, kept: { signatures, receipts } };
  };
  let judged = once([attachments]);
  // A spoilt copy never stands in the way of a good one, and what one lacks another may bring.
  if (judged.found !== null) {
    const more = step.more();
    if (more.length > 0) judged = once([attachments, ...more]);
  }
  if (judged.found !== null || delegator === null || !accepting) return judged;
  return { found: fold.judgeDelegation(delegator, event), kept: judged.kept };
}

function controllerSignatures(all: readonly Attachments[]): readonly IndexedSignature[] {
  return all.length === 1 ? (all[0] as Attachments).controller : all.flatMap(({ controller }) => controller);
}

function authorityOf(
  event: ParsedEvent,
  establishment: Establishment,
  witnesses: readonly string[],
): Authority {
  return {
    sequence: event.sequence,
    said: event.said,
    keys: establishment.keys,
    rawKeys: establishment.keys.map(keyBytes),
    keyThreshold: establishment.keyThreshold,
    signing: establishment.signing,
    next: establishment.next,
    nextThreshold: establishment.nextThreshold,
    rotating: establishment.rotating,
    witnesses,
    witnessThreshold: establishment.witnessThreshold,
    removed: establishment.removed,
    added: isInception(event) ? [] : establishment.added,
  };
}

function append(fold: Fold, event: ReplayedEvent): void {
  fold.trunk.push(event);
  fold.firstSeen++;
}

function duplicity(fold: Fold, conflict: ReplayedEvent, reason: string): Fault {
  fold.conflict = conflict;
  return fault('duplicity', reason);
}
