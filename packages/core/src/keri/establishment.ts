/** What an establishment event says about keys, thresholds and witnesses, judged by itself. */
import type { Prefix } from '../identifiers.ts';
import type { Establishment, Ilk } from './event.ts';
import { MAX_LIST } from './fields.ts';
import type { Draft } from './layout.ts';
import { refuse } from './rules.ts';
import { type Threshold, parseCount, parseThreshold } from './threshold.ts';

/** The establishment of an icp, rot, dip or drt; `traits` is its `c`. Throws the rule that fails. */
export function judgeEstablishment(ilk: Ilk, draft: Draft, traits: readonly unknown[]): Establishment {
  const { keys, next, added } = draft;
  if (traits.length > MAX_LIST || !traits.every((trait) => typeof trait === 'string')) {
    throw refuse('field-type', 'c must be a list of trait names');
  }
  if (keys.length === 0) throw refuse('keys-empty', 'k must name at least one key');
  const signing = parseThreshold(draft.keyThreshold, keys.length);
  const rotating = parseThreshold(draft.nextThreshold, next.length);
  const witnessThreshold = parseCount(draft.witnessThreshold);
  if (ilk === 'icp') checkBasicPrefix(draft, signing);
  if (ilk === 'icp' || ilk === 'dip') checkWitnessThreshold(witnessThreshold, added.length);
  return {
    keys,
    keyThreshold: asText(draft.keyThreshold),
    nextThreshold: asText(draft.nextThreshold),
    signing,
    rotating,
    next,
    witnessThreshold,
    added,
    removed: draft.removed,
    traits,
    delegator: draft.delegator as Prefix | null,
  };
}

/** Integers are read but never written again. */
function asText(threshold: unknown): unknown {
  return typeof threshold === 'number' ? threshold.toString(16) : threshold;
}

/** bt lies between 1 and the number of witnesses, or is 0 when there are none. Rule toad-range. */
export function checkWitnessThreshold(needed: number, witnesses: number): void {
  if (witnesses === 0 ? needed !== 0 : needed < 1 || needed > witnesses) {
    throw refuse('toad-range', `bt ${needed} with ${witnesses} witnesses`);
  }
}

function checkBasicPrefix(draft: Draft, signing: Threshold): void {
  if (draft.prefix.startsWith('E')) return;
  if (draft.keys.length !== 1 || signing.kind !== 'number' || draft.keys[0] !== draft.prefix) {
    throw refuse('prefix-mismatch', 'a basic prefix is the one key of its inception');
  }
  if (
    draft.prefix.startsWith('B') &&
    (draft.next.length > 0 || draft.added.length > 0 || draft.seals[1] - draft.seals[0] > 2)
  ) {
    throw refuse('nontransferable', 'an identifier of code B has no next keys, witnesses or seals');
  }
}
