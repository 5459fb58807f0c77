/** Whose answer is looked at next, when several wait: nobody gets a second turn before everybody has had one. */
import type { Candidate } from './discovery.ts';

export interface Turns {
  readonly add: (candidate: Candidate) => void;
  /** Takes out the oldest answer of the sender that has had the fewest turns; null when none waits. */
  readonly next: () => Candidate | null;
  readonly waiting: () => boolean;
}

/** No answers yet. Senders are told apart by the address that their packets come from. */
export function createTurns(): Turns {
  const queue: Candidate[] = [];
  const had = new Map<string, number>();
  const turnsOf = ({ sender }: Candidate): number => had.get(sender) ?? 0;
  return {
    add: (candidate) => {
      queue.push(candidate);
    },
    next: () => {
      const [first, ...rest] = queue;
      if (first === undefined) return null;
      const best = rest.reduce((a, b) => (turnsOf(b) < turnsOf(a) ? b : a), first);
      queue.splice(queue.indexOf(best), 1);
      had.set(best.sender, turnsOf(best) + 1);
      return best;
    },
    waiting: () => queue.length > 0,
  };
}
