/** Branches of one log, each replayed once. What a branch shares with one before it is not verified again. */
import { fromLatin1 } from '../encoding/text.ts';
import { replay } from '../keri/key-state.ts';
import type { KelVerdict, ReplayOptions } from '../keri/key-state.ts';

/** A judge that remembers. Asked for the branches of a tree in its order, it verifies every event about once. */
export function createBranchJudge(
  options: Pick<ReplayOptions, 'engine' | 'receipts'>,
): (branch: Uint8Array) => KelVerdict {
  const known = new Map<string, KelVerdict>();
  // The first is most often the trunk; the latest shares most with the next, because a tree is walked depth first.
  let first: Judged | null = null;
  let latest: Judged | null = null;
  return (branch) => {
    const key = fromLatin1(branch);
    let verdict = known.get(key);
    if (verdict === undefined) {
      const shared = [first, latest].map((one) => (one === null ? [] : sharedEvents(one, branch)));
      const [events] = shared.toSorted((a, b) => b.length - a.length) as [KelVerdict['events']];
      verdict = replayFrom(events, branch, options);
      known.set(key, verdict);
    }
    latest = { branch, verdict };
    first ??= latest;
    return verdict;
  };
}

interface Judged {
  readonly branch: Uint8Array;
  readonly verdict: KelVerdict;
}

/** The accepted events whose messages open this branch too, byte for byte; none where a recovery has moved them. */
function sharedEvents({ branch, verdict }: Judged, other: Uint8Array): KelVerdict['events'] {
  if (verdict.superseded.length > 0) return [];
  const most = Math.min(branch.length, other.length);
  let same = 0;
  while (same < most && branch[same] === other[same]) same++;
  // Up to where the next one begins: a copy that follows an event may be the one that is signed.
  const ends = verdict.events.map((_, at) => verdict.events[at + 1]?.offset ?? branch.length);
  const beyond = ends.findIndex((end) => end > same);
  return beyond === -1 ? verdict.events : verdict.events.slice(0, beyond);
}

/** A replay that takes these events as checked, and gives them back as they were found. */
function replayFrom(
  events: KelVerdict['events'],
  branch: Uint8Array,
  options: Pick<ReplayOptions, 'engine' | 'receipts'>,
): KelVerdict {
  const tip = events.at(-1);
  if (tip === undefined) return replay(branch, options);
  const verdict = replay(branch, { ...options, resume: { sequence: tip.sequence, said: tip.said } });
  return verdict.events[tip.sequence]?.said === tip.said
    ? { ...verdict, events: [...events, ...verdict.events.slice(events.length)] }
    : verdict;
}
