/** What a key event log says once it has been judged. */
import type { Prefix, Said } from '../identifiers.ts';
import type { IndexedSignature } from './attachments.ts';
import type { Ilk, ParsedEvent } from './event.ts';
import type { Refusal, Rule } from './rules.ts';
import type { Threshold } from './threshold.ts';

/** Who may sign and rotate from one establishment event on; the same object for every event until the next one. */
export interface Authority {
  readonly sequence: number;
  readonly said: Said;
  /** CESR text, and the 32 raw bytes of each. */
  readonly keys: readonly string[];
  readonly rawKeys: readonly Uint8Array[];
  readonly keyThreshold: unknown;
  readonly signing: Threshold;
  readonly next: readonly string[];
  readonly nextThreshold: unknown;
  readonly rotating: Threshold;
  readonly witnesses: readonly string[];
  readonly witnessThreshold: number;
  /** Witnesses that this event removed and added. */
  readonly removed: readonly string[];
  readonly added: readonly string[];
}

/** What the inception fixed for ever. */
export interface Inception {
  readonly prefix: Prefix;
  readonly traits: readonly string[];
  readonly delegator: Prefix | null;
  /** False for code B and for an inception without next keys. */
  readonly transferable: boolean;
}

/** A witness's signature over the event's bytes; `index` is its place in the witness list that the event leaves in force. */
export interface WitnessReceipt {
  readonly index: number;
  readonly signature: Uint8Array;
}

/** One accepted event of the trunk. */
export interface ReplayedEvent {
  readonly sequence: number;
  readonly said: Said;
  readonly ilk: Ilk;
  /** `p`; null for the inception. */
  readonly prior: string | null;
  /** `a` as parsed, anew each time it is asked for: take it once. */
  readonly seals: readonly unknown[];
  /** Signing keys in force for the seals of this event, that is after it: 32 raw bytes each. */
  readonly keys: readonly Uint8Array[];
  readonly authority: Authority;
  /** The controller signatures that counted. */
  readonly signatures: readonly IndexedSignature[];
  /** The witnesses whose receipts came with it or beside it and verify, by their place in the list. */
  readonly receipts: readonly WitnessReceipt[];
  /** Exact event bytes, a view into the stream. */
  readonly bytes: Uint8Array;
  /** Where the message lies in the stream: event bytes first, attachments up to `end`. */
  readonly offset: number;
  readonly size: number;
  readonly end: number;
}

/** The key state after the newest event of the trunk (docs/protocol.md, "Key state"). */
export interface KeyState {
  readonly prefix: Prefix;
  readonly sequence: number;
  readonly said: Said;
  readonly prior: string | null;
  readonly ilk: Ilk;
  /** CESR text. */
  readonly keys: readonly string[];
  readonly next: readonly string[];
  /** As received: hex text or weights. */
  readonly threshold: unknown;
  readonly nextThreshold: unknown;
  readonly witnesses: readonly string[];
  readonly witnessThreshold: number;
  readonly traits: readonly string[];
  readonly lastEstablishment: {
    readonly sequence: number;
    readonly said: Said;
    readonly removed: readonly string[];
    readonly added: readonly string[];
  };
  /** False when no event can ever follow the inception. */
  readonly transferable: boolean;
  /** True after a rotation to no next keys: no event can follow. */
  readonly abandoned: boolean;
  readonly delegator: Prefix | null;
  /** Number of events accepted so far minus one: counts superseded events too (the first-seen number). */
  readonly firstSeen: number;
}

/** The judgement over one stream. `events` is the trunk, also when the rest was refused. */
export interface KelVerdict {
  readonly verdict: 'accepted' | Refusal;
  /** After the last accepted event; null when there is none. */
  readonly state: KeyState | null;
  readonly events: readonly ReplayedEvent[];
  /** Events that a recovery took off the trunk, oldest first. They stay stored. */
  readonly superseded: readonly ReplayedEvent[];
  /** With verdict `duplicity`: the validly signed event that conflicts. */
  readonly conflict: ReplayedEvent | null;
  /** Index of the message that was refused, from 0; null when accepted. */
  readonly at: number | null;
  readonly rule: Rule | null;
  /** One sentence for people; null when accepted. */
  readonly reason: string | null;
}

/** The key state after `event`, the newest of a trunk. */
export function stateAfter(inception: Inception, event: ReplayedEvent, firstSeen: number): KeyState {
  const { authority } = event;
  return {
    prefix: inception.prefix,
    sequence: event.sequence,
    said: event.said,
    prior: event.prior,
    ilk: event.ilk,
    keys: authority.keys,
    next: authority.next,
    threshold: authority.keyThreshold,
    nextThreshold: authority.nextThreshold,
    witnesses: authority.witnesses,
    witnessThreshold: authority.witnessThreshold,
    traits: inception.traits,
    lastEstablishment: {
      sequence: authority.sequence,
      said: authority.said,
      removed: authority.removed,
      added: authority.added,
    },
    transferable: inception.transferable,
    abandoned: isClosed(authority) && authority.sequence > 0,
    delegator: inception.delegator,
    firstSeen,
  };
}

/** True when no next keys are committed, so that nothing may follow. */
export function isClosed(authority: Authority): boolean {
  return authority.next.length === 0;
}

/** The signatures of an event that counted. */
export interface Kept {
  readonly signatures: readonly IndexedSignature[];
  readonly receipts: readonly WitnessReceipt[];
}

/** The judged event with its place in the stream. */
export function replayedEvent(
  event: ParsedEvent,
  authority: Authority,
  kept: Kept,
  place: { readonly offset: number; readonly size: number; readonly end: number },
): ReplayedEvent {
  return new JudgedEvent(event, authority, kept, place);
}

/** A class for its getter, as the event that was read. */
class JudgedEvent implements ReplayedEvent {
  readonly sequence: number;
  readonly said: Said;
  readonly ilk: Ilk;
  readonly prior: string | null;
  readonly keys: readonly Uint8Array[];
  readonly authority: Authority;
  readonly signatures: Kept['signatures'];
  readonly receipts: Kept['receipts'];
  readonly bytes: Uint8Array;
  readonly offset: number;
  readonly size: number;
  readonly end: number;
  readonly #event: ParsedEvent;

  constructor(
    event: ParsedEvent,
    authority: Authority,
    kept: Kept,
    place: { readonly offset: number; readonly size: number; readonly end: number },
  ) {
    this.sequence = event.sequence;
    this.said = event.said;
    this.ilk = event.ilk;
    this.prior = event.prior;
    this.keys = authority.rawKeys;
    this.authority = authority;
    this.signatures = kept.signatures;
    this.receipts = kept.receipts;
    this.bytes = event.bytes;
    this.offset = place.offset;
    this.size = place.size;
    this.end = place.end;
    this.#event = event;
  }

  get seals(): readonly unknown[] {
    return this.#event.seals;
  }
}
