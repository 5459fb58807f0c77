/**
 * Laws of `advance` and `foldSources` over generated forks: trees of ixn and rot by an owner and by a thief who holds
 * some set of keys, seen in any order. The expectations come from the tree, not from the code under test.
 */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Prefix, Said } from '../../src/identifiers.ts';
import { type Log, advance } from '../../src/keri/advance.ts';
import { incept, interact, nextDigestOf, rotate } from '../../src/keri/build.ts';
import { replay } from '../../src/keri/key-state.ts';
import { foldSources, type FoldedSources } from '../../src/keri/sources.ts';
import type { StoredEvent } from '../../src/ports.ts';
import { keyOf, nodeEngine, seed, some, store, streamOf } from './support.ts';

/** One event of the tree; the log that ends here is the path from the inception. */
interface Node {
  readonly parent: Node | null;
  readonly path: readonly Node[];
  readonly rot: boolean;
  readonly event: StoredEvent;
  /** Keys by number: in force, and committed to. */
  readonly key: number;
  readonly next: number;
  readonly log: Log;
}

interface Step {
  /** Which of the events made so far it follows. */
  readonly after: number;
  readonly rot: boolean;
  readonly thief: boolean;
}

const step = fc.record({
  after: fc.nat(40),
  // Deep branches matter more than wide ones.
  rot: fc.boolean(),
  thief: fc.boolean(),
  deep: fc.boolean(),
});
const tree = fc
  .record({
    steps: fc.array(step, { minLength: 2, maxLength: 12 }),
    stolen: fc.uniqueArray(fc.nat(8), { maxLength: 4 }),
  })
  .map(({ steps, stolen }) => grow(steps, stolen));

/** Signing and replaying cost most, and small trees share their trunks. */
const cache = new Map<string, { readonly event: StoredEvent; readonly log: Log }>();
const publicKeys = new Map<number, Uint8Array>();
function publicKey(n: number): Uint8Array {
  const known = publicKeys.get(n) ?? keyOf(n);
  publicKeys.set(n, known);
  return known;
}

function judged(events: readonly StoredEvent[]): Log {
  const verdict = replay(streamOf(events), { engine: nodeEngine });
  expect([verdict.verdict, verdict.reason]).toEqual(['accepted', null]);
  return { prefix: some(verdict.state ?? undefined).prefix, events: verdict.events };
}

const ROOT = store(incept({ key: publicKey(1), nextDigest: nextDigestOf(publicKey(2)) }), seed(1));
const ROOT_LOG = judged([ROOT]);

function grow(
  steps: readonly (Step & { readonly deep: boolean })[],
  stolen: readonly number[],
): readonly Node[] {
  const owner = new Set<number>([1, 2]);
  const thief = new Set<number>();
  let keys = 2;
  const first = ROOT;
  const root: Node = { parent: null, path: [], rot: true, event: first, key: 1, next: 2, log: ROOT_LOG };
  const nodes: Node[] = [{ ...root, path: [root] }];
  if (stolen.includes(1)) thief.add(1);
  if (stolen.includes(2)) thief.add(2);
  for (const [mark, { after, rot, thief: byThief, deep }] of steps.entries()) {
    const parent = deep ? (nodes.at(-1) as Node) : (nodes[after % nodes.length] as Node);
    const holds = byThief ? thief : owner;
    if (!holds.has(rot ? parent.next : parent.key)) continue;
    const at = {
      prefix: first.said as string as Prefix,
      sequence: parent.path.length,
      prior: parent.event.said,
    };
    const next = rot ? ++keys : parent.next;
    if (rot) {
      holds.add(next);
      if (stolen.includes(next)) thief.add(next);
    }
    const { path } = parent;
    const name = `${at.prior} ${rot} ${next} ${mark}`;
    const known = cache.get(name);
    const built = (): StoredEvent =>
      rot
        ? store(
            rotate({
              ...at,
              key: publicKey(parent.next),
              nextDigest: nextDigestOf(publicKey(next)),
              seals: [{ mark }],
            }),
            seed(parent.next),
          )
        : store(interact({ ...at, seals: [{ mark }] }), seed(parent.key));
    const event = known?.event ?? built();
    const log = known?.log ?? judged([...path.map((node) => node.event), event]);
    cache.set(name, { event, log });
    const node: Node = { parent, path, rot, event, key: rot ? parent.next : parent.key, next, log };
    nodes.push({ ...node, path: [...path, node] });
  }
  return nodes;
}

/** What the rules say, from the tree. */
function relation(floor: Node, theirs: Node): 'unchanged' | 'extended' | 'recovered' | 'disputed' {
  const fork = forkIn(floor, theirs);
  if (fork === theirs.path.length) return 'unchanged';
  if (fork === floor.path.length) return 'extended';
  const lost = floor.path.slice(fork);
  return some(theirs.path[fork]).rot && lost.every(({ rot }) => !rot) ? 'recovered' : 'disputed';
}

function forkIn(a: Node, b: Node): number {
  const at = a.path.findIndex((node, i) => b.path[i]?.event.said !== node.event.said);
  return at === -1 ? a.path.length : at;
}

const tipOf = (log: Log | null): Said | undefined => log?.events.at(-1)?.said;
const arrive = (nodes: readonly Node[], pinned: Said | null = null): FoldedSources =>
  foldSources(
    nodes.map(({ log }, i) => ({ name: `source ${i}`, logs: [log] })),
    pinned,
  );
const summary = ({ trunk, disputed, superseded, duplicity }: FoldedSources): unknown => ({
  trunk: tipOf(trunk),
  disputed: disputed.map(({ from, events }) => [from, events.map(({ said }) => said)]),
  superseded: superseded.map(({ said }) => said).toSorted(),
  duplicity: duplicity?.from ?? null,
});

/** A tree and some of its logs in some order, repeats included. */
const arrivals = tree.chain((nodes) =>
  fc.record({
    nodes: fc.constant(nodes),
    seen: fc
      .array(fc.nat(nodes.length - 1), { minLength: 1, maxLength: 10 })
      .map((at) => at.map((i) => some(nodes[i]))),
    pin: fc.nat(nodes.length - 1).map((i) => some(nodes[i]).event.said),
  }),
);
const RUNS = { numRuns: 150 };

describe('advance over generated forks', () => {
  it('is what the tree says, for every pair of logs', () => {
    const kinds = new Map<string, number>();
    fc.assert(
      fc.property(tree, (nodes) => {
        for (const floor of nodes) {
          for (const theirs of nodes) {
            const made = advance(floor.log, theirs.log);
            const wanted = relation(floor, theirs);
            expect(made.kind).toBe(wanted);
            expect(tipOf(made.log)).toBe(
              wanted === 'extended' || wanted === 'recovered' ? theirs.event.said : floor.event.said,
            );
            if (made.kind !== 'unchanged' && made.kind !== 'foreign')
              expect(made.from).toBe(forkIn(floor, theirs));
            kinds.set(wanted, (kinds.get(wanted) ?? 0) + 1);
          }
        }
      }),
      RUNS,
    );
    // The generator reaches every rule, or the laws below say nothing.
    for (const kind of ['unchanged', 'extended', 'recovered', 'disputed'])
      expect(kinds.get(kind) ?? 0, kind).toBeGreaterThan(100);
  });

  it('a pinned event on the floor stays', () => {
    fc.assert(
      fc.property(arrivals, ({ nodes, pin }) => {
        for (const floor of nodes) {
          if (!floor.path.some(({ event }) => event.said === pin)) continue;
          for (const theirs of nodes) {
            const made = advance(floor.log, theirs.log, pin);
            expect(made.log.events.some(({ said }) => said === pin)).toBe(true);
          }
        }
      }),
      RUNS,
    );
  });
});

describe('sources over generated forks, one log each', () => {
  it('only extension and recovery move the floor, and never twice the same way', () => {
    fc.assert(
      fc.property(arrivals, ({ seen }) => {
        let floor = some(seen[0]);
        for (const [i, theirs] of seen.entries()) {
          const moved =
            i === 0 ? theirs : ['extended', 'recovered'].includes(relation(floor, theirs)) ? theirs : floor;
          floor = moved;
          expect(tipOf(arrive(seen.slice(0, i + 1)).trunk)).toBe(floor.event.said);
        }
        expect(arrive(seen).duplicity).toBe(null);
      }),
      RUNS,
    );
  });

  it('repetition changes nothing', () => {
    fc.assert(
      fc.property(arrivals, ({ seen }) => {
        const once = summary(arrive(seen));
        expect(summary(arrive([...seen, ...seen]))).toEqual(once);
        expect(summary(arrive(seen.flatMap((node) => [node, node, node])))).toEqual(once);
      }),
      RUNS,
    );
  });

  it('a disputed branch changes no verdict: leaving it out gives the same trunk', () => {
    fc.assert(
      fc.property(arrivals, ({ seen }) => {
        let floor = some(seen[0]);
        const undisputed = seen.filter((theirs, i) => {
          const kind = i === 0 ? 'extended' : relation(floor, theirs);
          if (kind === 'extended' || kind === 'recovered') floor = theirs;
          return kind !== 'disputed';
        });
        expect(tipOf(arrive(undisputed).trunk)).toBe(tipOf(arrive(seen).trunk));
      }),
      RUNS,
    );
  });

  it('every rejected branch is kept, one for each sequence, 16 in all', () => {
    fc.assert(
      fc.property(arrivals, ({ seen }) => {
        const folded = arrive(seen);
        const froms = folded.disputed.map(({ from }) => from);
        expect(froms.length).toBeLessThanOrEqual(16);
        expect(new Set(froms).size).toBe(froms.length);
        // The first of each sequence, unless it is a branch that a recovery took off before.
        const kept = new Map<number, Said>();
        const lost = new Set<Said>();
        let floor = some(seen[0]);
        for (const theirs of seen) {
          const from = forkIn(floor, theirs);
          const kind = relation(floor, theirs);
          if (kind === 'recovered') for (const { event } of floor.path.slice(from)) lost.add(event.said);
          if (kind === 'extended' || kind === 'recovered') floor = theirs;
          if (kind !== 'disputed') continue;
          const own = theirs.path.findIndex(({ event }, s) => s >= from && !lost.has(event.said));
          if (own !== -1 && !kept.has(own)) kept.set(own, theirs.event.said);
        }
        expect(folded.disputed.map(({ from, events }) => [from, some(events.at(-1)).said])).toEqual(
          [...kept].toSorted(([one], [other]) => one - other),
        );
        // And nothing is kept that no source showed, or that counts.
        for (const { from, events } of folded.disputed) {
          const tip = some(events.at(-1)).said;
          expect(seen.some(({ event }) => event.said === tip)).toBe(true);
          expect(some(folded.trunk ?? undefined).events.some(({ said }) => said === events[0]?.said)).toBe(
            false,
          );
          expect(events[0]?.sequence).toBe(from);
        }
      }),
      RUNS,
    );
  });

  it('where one log follows lawfully from all others, every order of arrival ends there', () => {
    let lawful = 0;
    fc.assert(
      fc.property(arrivals, fc.infiniteStream(fc.nat()), ({ nodes }, shuffle) => {
        const last = nodes.find((node) =>
          nodes.every(
            (other) =>
              relation(other, node) !== 'disputed' &&
              (other === node || relation(other, node) !== 'unchanged'),
          ),
        );
        if (last === undefined) return;
        lawful += 1;
        const order = nodes
          .map((node) => ({ node, rank: some(shuffle.next().value as number | undefined) }))
          .toSorted((a, b) => a.rank - b.rank);
        expect(tipOf(arrive(order.map(({ node }) => node)).trunk)).toBe(last.event.said);
      }),
      { numRuns: 400 },
    );
    expect(lawful).toBeGreaterThan(20);
  });

  it('a pin outranks every order: the trunk holds it, or there is none', () => {
    fc.assert(
      fc.property(arrivals, ({ seen, pin }) => {
        const folded = arrive(seen, pin);
        const shown = seen.some(({ path }) => path.some(({ event }) => event.said === pin));
        expect(folded.pinMissing).toBe(!shown);
        if (shown) expect(some(folded.trunk ?? undefined).events.some(({ said }) => said === pin)).toBe(true);
        else expect(folded.trunk).toBe(null);
      }),
      RUNS,
    );
  });
});

const together = (nodes: readonly Node[]): FoldedSources =>
  foldSources([{ name: 'evidence', logs: nodes.map(({ log }) => log) }]);

describe('first sight: several logs in one source', () => {
  it('two branches: the one that establishes after the fork, else duplicity', () => {
    const seen = { decided: 0, undecided: 0 };
    fc.assert(
      fc.property(tree, (nodes) => {
        for (const a of nodes) {
          for (const b of nodes) {
            const fork = forkIn(a, b);
            if (fork === a.path.length || fork === b.path.length) continue;
            const establishing = [a, b].filter(({ path }) => path.slice(fork).some(({ rot }) => rot));
            const folded = together([a, b]);
            if (establishing.length === 1) {
              expect(folded.duplicity).toBe(null);
              expect(tipOf(folded.trunk)).toBe(establishing[0]?.event.said);
              expect(folded.disputed.map(({ from }) => from)).toEqual([fork]);
              seen.decided += 1;
            } else {
              expect(folded.duplicity?.from).toBe(fork);
              expect(folded.duplicity?.branches).toHaveLength(2);
              expect(folded.trunk?.events).toHaveLength(fork);
              seen.undecided += 1;
            }
          }
        }
      }),
      RUNS,
    );
    expect(seen.decided).toBeGreaterThan(50);
    expect(seen.undecided).toBeGreaterThan(50);
  });

  it('any number of branches: their order and repetition change nothing', () => {
    fc.assert(
      fc.property(arrivals, ({ seen }) => {
        const one = together(seen);
        for (const other of [together(seen.toReversed()), together([...seen, ...seen])]) {
          expect(tipOf(other.trunk)).toBe(tipOf(one.trunk));
          expect(other.duplicity?.from).toBe(one.duplicity?.from);
          const names = (folded: FoldedSources): unknown => folded.duplicity?.branches.map(tipOf).toSorted();
          expect(names(other)).toEqual(names(one));
        }
      }),
      RUNS,
    );
  });
});
