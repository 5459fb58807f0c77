/**
 * Many sources of one identifier's log, folded in their order: pinned SAID, own store, base tree, fetched refs,
 * registry, proposal. What earlier sources hold is the floor for later ones (docs/protocol.md, "Two logs").
 */
import type { Said } from '../identifiers.ts';
import { type Log, advance, forkOf } from './advance.ts';
import type { ReplayedEvent } from './state.ts';

/** Logs of one prefix that one source holds; among themselves they have equal rank. */
export interface Source {
  readonly name: string;
  readonly logs: readonly Log[];
}

/** A branch that conflicts with the trunk. It changes no verdict. */
export interface DisputedBranch {
  readonly source: string;
  /** First sequence at which it differs from the trunk, and from what recoveries took off it. */
  readonly from: number;
  readonly events: readonly ReplayedEvent[];
}

export interface FoldedSources {
  /** What counts; with `duplicity`, the common events below the fork. Null when there is none, or when the pinned SAID is on no log. */
  readonly trunk: Log | null;
  /** No floor decides between these: grants and anchors at or above `from` count for nobody, revocations of each branch do. */
  readonly duplicity: { readonly from: number; readonly branches: readonly Log[] } | null;
  /** At most one per sequence, 16 in all. */
  readonly disputed: readonly DisputedBranch[];
  /** Events that recoveries took off an earlier source's trunk. */
  readonly superseded: readonly ReplayedEvent[];
  /** Name of the source that last moved the trunk. */
  readonly decidedBy: string | null;
  /** True when a SAID was pinned and no log holds it. */
  readonly pinMissing: boolean;
}

const MAX_DISPUTED = 16;

/** Folds the sources; logs of another prefix than the first one's are left out. */
export function foldSources(sources: readonly Source[], pinned: Said | null = null): FoldedSources {
  const floor = pinned === null ? null : upTo(pinned, sources);
  const fold: Folding = {
    pinned,
    floor,
    undecided: null,
    disputed: new Map(),
    superseded: new Map(),
    decidedBy: floor === null ? null : 'pin',
  };
  const pinMissing = pinned !== null && floor === null;
  if (!pinMissing) for (const source of sources) addSource(fold, source);
  return {
    trunk: fold.floor,
    duplicity: fold.undecided,
    disputed: [...fold.disputed.values()].toSorted((a, b) => a.from - b.from),
    superseded: [...fold.superseded.values()].filter((event) => !isOnTrunk(fold.floor, event)),
    decidedBy: fold.decidedBy,
    pinMissing,
  };
}

/** The fold's changing state; lives during one call. */
interface Folding {
  readonly pinned: Said | null;
  floor: Log | null;
  undecided: FoldedSources['duplicity'];
  readonly disputed: Map<number, DisputedBranch>;
  readonly superseded: Map<Said, ReplayedEvent>;
  decidedBy: string | null;
}

function addSource(fold: Folding, { name, logs }: Source): void {
  const candidates: Log[] = fold.undecided === null ? [] : [...fold.undecided.branches];
  for (const log of logs) {
    const step = advance(fold.floor, log, fold.pinned);
    if (step.kind === 'extended' || step.kind === 'recovered') candidates.push(log);
    else if (step.kind === 'disputed') dispute(fold, name, step.from, step.branch);
  }
  const prefix = fold.floor?.prefix ?? candidates[0]?.prefix;
  const own = candidates.filter((log) => log.prefix === prefix);
  if (own.length === 0) return;
  const { trunk, rivals, from } = choose(own);
  if (trunk === null) {
    fold.undecided = { from, branches: rivals };
    const [first] = rivals as [Log, ...Log[]];
    if (from > 0) settle(fold, { prefix: first.prefix, events: first.events.slice(0, from) }, name);
    return;
  }
  fold.undecided = null;
  settle(fold, trunk, name);
  for (const rival of rivals) {
    const fork = forkOf(trunk, rival);
    if (fork < rival.events.length) dispute(fold, name, fork, rival.events.slice(fork));
  }
}

function settle(fold: Folding, trunk: Log, name: string): void {
  if (fold.floor !== null) {
    const fork = forkOf(fold.floor, trunk);
    if (fork === fold.floor.events.length && fork === trunk.events.length) return;
    for (const lost of fold.floor.events.slice(fork)) fold.superseded.set(lost.said, lost);
  }
  fold.floor = trunk;
  fold.decidedBy = name;
}

/** A branch off a superseded one differs where it leaves that: else the same branch, seen again, would count anew. */
function dispute(fold: Folding, source: string, at: number, events: readonly ReplayedEvent[]): void {
  const own = events.findIndex(({ said }) => !fold.superseded.has(said));
  const from = at + own;
  if (own === -1 || fold.disputed.has(from) || fold.disputed.size === MAX_DISPUTED) return;
  fold.disputed.set(from, { source, from, events: events.slice(own) });
}

function isOnTrunk(trunk: Log | null, { sequence, said }: ReplayedEvent): boolean {
  return trunk?.events[sequence]?.said === said;
}

/** The log up to the pinned event, from whichever log holds it: its hash binds what lies before. */
function upTo(pinned: Said, sources: readonly Source[]): Log | null {
  for (const { prefix, events } of sources.flatMap(({ logs }) => logs)) {
    const at = events.findIndex(({ said }) => said === pinned);
    if (at !== -1) return { prefix, events: events.slice(0, at + 1) };
  }
  return null;
}

interface Choice {
  /** Null when undecided. */
  readonly trunk: Log | null;
  /** The logs that lost; when undecided, those that stand against each other. */
  readonly rivals: readonly Log[];
  /** The fork that could not be decided. */
  readonly from: number;
}

/**
 * Among logs of equal rank: where they fork, the one branch with an establishment event at or after the fork is the
 * trunk; with none or several such branches they are undecided.
 */
function choose(logs: readonly Log[]): Choice {
  const lost: Log[] = [];
  let standing = longestOf(logs);
  for (;;) {
    const [first, ...rest] = standing as [Log, ...Log[]];
    if (rest.length === 0) return { trunk: first, rivals: lost, from: first.events.length };
    const from = Math.min(...rest.map((log) => forkOf(first, log)));
    const branches = new Map<Said | undefined, Log[]>();
    for (const log of standing) {
      const said = log.events[from]?.said;
      branches.set(said, [...(branches.get(said) ?? []), log]);
    }
    const established = [...branches.values()].filter((branch) =>
      branch.some((log) => establishedAt(log) >= from),
    );
    if (established.length !== 1) return { trunk: null, rivals: standing, from };
    const winner = established[0] as Log[];
    lost.push(...standing.filter((log) => !winner.includes(log)));
    standing = winner;
  }
}

/** The logs that do not lie within another one; of equal ones the first. */
function longestOf(logs: readonly Log[]): readonly Log[] {
  return logs.filter((log, i) =>
    logs.every((other, j) => {
      if (i === j || forkOf(log, other) < log.events.length) return true;
      return other.events.length === log.events.length && i < j;
    }),
  );
}

function establishedAt({ events }: Log): number {
  return (events.at(-1) as ReplayedEvent).authority.sequence;
}
