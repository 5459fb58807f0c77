/**
 * The one decision between two logs of an identifier (docs/protocol.md, "Two logs"): used by stores, fetches, the
 * registry, witnesses and verifiers alike. Only an extension and a recovery move the floor, whatever the lengths.
 */
import type { Prefix, Said } from '../identifiers.ts';
import type { KelVerdict, ReplayedEvent } from './state.ts';

/** The trunk of a judged log, s = 0 first, at least one event. */
export interface Log {
  readonly prefix: Prefix;
  readonly events: readonly ReplayedEvent[];
}

/** `log` is the trunk afterwards; `from` the first sequence at which the two differ. */
export type Advance =
  | { readonly kind: 'unchanged'; readonly log: Log }
  | { readonly kind: 'extended'; readonly log: Log; readonly from: number }
  | {
      readonly kind: 'recovered';
      readonly log: Log;
      readonly from: number;
      readonly superseded: readonly ReplayedEvent[];
    }
  | {
      readonly kind: 'disputed';
      readonly log: Log;
      readonly from: number;
      readonly branch: readonly ReplayedEvent[];
    }
  | { readonly kind: 'foreign'; readonly log: Log };

/** The branches that one judged stream shows: its trunk, and beside it the event that conflicts, if any. None when nothing was accepted. */
export function logsOf(verdict: KelVerdict): readonly Log[] {
  const { state, events, conflict } = verdict;
  if (state === null) return [];
  const { prefix } = state;
  const trunk: Log = { prefix, events };
  return conflict === null
    ? [trunk]
    : [trunk, { prefix, events: [...events.slice(0, conflict.sequence), conflict] }];
}

/**
 * What `theirs` does to the floor, which the caller believes already (null: nothing yet). `pinned` is a SAID that the
 * trunk must keep: a recovery that would drop it is only disputed.
 */
export function advance(floor: Log | null, theirs: Log, pinned: Said | null = null): Advance {
  if (floor === null) return { kind: 'extended', log: theirs, from: 0 };
  if (floor.prefix !== theirs.prefix) return { kind: 'foreign', log: floor };
  const from = forkOf(floor, theirs);
  if (from === theirs.events.length) return { kind: 'unchanged', log: floor };
  if (from === floor.events.length) return { kind: 'extended', log: theirs, from };
  const lost = floor.events.slice(from);
  if (isRecovery(floor, theirs, from) && !lost.some(({ said }) => said === pinned)) {
    return { kind: 'recovered', log: theirs, from, superseded: lost };
  }
  return { kind: 'disputed', log: floor, from, branch: theirs.events.slice(from) };
}

/** The first sequence at which two logs of one prefix differ; the length of the shorter when it lies within the longer. */
export function forkOf(a: Log, b: Log): number {
  // A SAID binds everything before it, so the last common event is found by halving.
  let low = 0;
  let high = Math.min(a.events.length, b.events.length);
  while (low < high) {
    const middle = (low + high) >> 1;
    if (a.events[middle]?.said === b.events[middle]?.said) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * A rotation at s on the common event at s - 1, where the floor has an ixn and no establishment event at s or later.
 * Both were judged on the same common events, so nothing is verified again.
 */
function isRecovery(floor: Log, theirs: Log, from: number): boolean {
  const tip = floor.events.at(-1) as ReplayedEvent;
  const ilk = theirs.events[from]?.ilk;
  return from > tip.authority.sequence && (ilk === 'rot' || ilk === 'drt');
}
