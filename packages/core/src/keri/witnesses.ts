/** How a rotation changes the witness list: the old one without `br`, order kept, then `ba`. */
import type { Establishment } from './event.ts';
import { MAX_LIST } from './fields.ts';
import { checkWitnessThreshold } from './establishment.ts';
import { refuse } from './rules.ts';

/** The new list. Throws rules witness-cut, witness-add, toad-range, bounds; duplicates inside br and ba are refused when the event is read. */
export function rotateWitnesses(current: readonly string[], change: Establishment): readonly string[] {
  const { removed, added, witnessThreshold } = change;
  for (const witness of removed) {
    if (!current.includes(witness)) throw refuse('witness-cut', `${witness} is no witness`);
  }
  for (const witness of added) {
    // Nor one that br removes: it is still in the current list.
    if (current.includes(witness)) throw refuse('witness-add', `${witness} is a witness already`);
  }
  const unchanged = removed.length === 0 && added.length === 0;
  const list = unchanged ? current : [...current.filter((witness) => !removed.includes(witness)), ...added];
  if (list.length > MAX_LIST) throw refuse('bounds', `more than ${MAX_LIST} witnesses`);
  checkWitnessThreshold(witnessThreshold, list.length);
  return list;
}
