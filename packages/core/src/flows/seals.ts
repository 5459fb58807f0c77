/** The digests that a trunk seals. */
import type { Said } from '../identifiers.ts';
import type { ReplayedEvent } from '../keri/key-state.ts';

/** Digest → sequence of the newest event whose seal `{"d": digest}` names it. */
export function sealsOf(
  events: readonly Pick<ReplayedEvent, 'sequence' | 'seals'>[],
): ReadonlyMap<Said, number> {
  const sealed = new Map<Said, number>();
  for (const event of events) {
    for (const seal of event.seals) {
      if (typeof seal !== 'object' || seal === null || Object.keys(seal).length !== 1) continue;
      if ('d' in seal && typeof seal.d === 'string') sealed.set(seal.d as Said, event.sequence);
    }
  }
  return sealed;
}
