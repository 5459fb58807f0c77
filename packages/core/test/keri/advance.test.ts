/** Each rule of "one function decides between two logs", and of the fold over sources. */
import { describe, expect, it } from 'vitest';
import type { Prefix, Said } from '../../src/identifiers.ts';
import { type Log, advance, forkOf, logsOf } from '../../src/keri/advance.ts';
import { nextDigestOf, interact, rotate, storedEventOf } from '../../src/keri/build.ts';
import { replay } from '../../src/keri/key-state.ts';
import { foldSources } from '../../src/keri/sources.ts';
import type { StoredEvent } from '../../src/ports.ts';
import { buildLog, keyOf, nodeEngine, seed, store, streamOf, some } from './support.ts';

const judged = (log: readonly StoredEvent[]): Log => {
  const verdict = replay(streamOf(log), { engine: nodeEngine });
  expect(verdict.reason).toBe(null);
  return logsOf(verdict)[0] as Log;
};
/** The log cut at `from`, then going on by plan: `i`, `r` (honest next key) or `R` (same key, another commitment). */
function branch(log: readonly StoredEvent[], from: number, plan: string, mark: string): StoredEvent[] {
  const kept = log.slice(0, from);
  let key = 1 + kept.filter(({ event }) => new TextDecoder().decode(event).includes('"t":"rot"')).length;
  for (const kind of plan) {
    const at = {
      prefix: some(log[0]).said as string as Prefix,
      sequence: kept.length,
      prior: some(kept.at(-1)).said,
    };
    if (kind !== 'i') key++;
    const built =
      kind === 'i'
        ? interact({ ...at, seals: [{ mark }] })
        : rotate({
            ...at,
            key: keyOf(key),
            nextDigest: nextDigestOf(keyOf(kind === 'R' ? 900 : key + 1)),
            seals: [{ mark }],
          });
    kept.push(store(built, seed(key)));
  }
  return kept;
}
const base = buildLog('iriii'); // 0 icp, 1 ixn, 2 rot, 3 4 5 ixn
const trunk = judged(base);

describe('advance', () => {
  it('believes the first log', () =>
    expect(advance(null, trunk)).toMatchObject({ kind: 'extended', from: 0 }));
  it('stays within, and is extended', () => {
    const short = judged(base.slice(0, 4));
    expect(advance(trunk, short)).toEqual({ kind: 'unchanged', log: trunk });
    expect(advance(trunk, trunk).kind).toBe('unchanged');
    expect(advance(short, trunk)).toMatchObject({ kind: 'extended', from: 4, log: trunk });
  });
  it.each([3, 4, 5])('recovers at s %i, however much shorter', (from) => {
    const theirs = judged(branch(base, from, 'r', 'recovery'));
    const step = advance(trunk, theirs);
    expect(step).toMatchObject({ kind: 'recovered', from, log: theirs });
    if (step.kind === 'recovered') expect(step.superseded).toEqual(trunk.events.slice(from));
  });
  it.each([
    ['an ixn against an ixn', 3, 'i'],
    ['a longer branch of ixns', 3, 'iiiiii'],
    ['a rotation at the s of the last one', 2, 'R'],
    ['a longer branch with rotations below the last one', 1, 'rrrr'],
    ['a rotation after a rival ixn', 3, 'ir'],
  ])('disputes %s', (_what, from, plan) => {
    const theirs = judged(branch(base, from, plan, 'rival'));
    expect(advance(trunk, theirs)).toMatchObject({ kind: 'disputed', from, log: trunk });
  });
  it('disputes the old branch after a recovery, and its continuation', () => {
    const recovered = judged(branch(base, 4, 'r', 'recovery'));
    expect(advance(recovered, trunk)).toMatchObject({ kind: 'disputed', from: 4 });
    expect(advance(recovered, judged(branch(base, 6, 'iir', 'thief')))).toMatchObject({
      kind: 'disputed',
      from: 4,
    });
    expect(advance(recovered, judged(branch(base, 4, 'R', 'thief')))).toMatchObject({
      kind: 'disputed',
      from: 4,
    });
  });
  it('keeps a pinned event', () => {
    const theirs = judged(branch(base, 4, 'r', 'recovery'));
    expect(advance(trunk, theirs, some(base[5]).said).kind).toBe('disputed');
    expect(advance(trunk, theirs, some(base[3]).said).kind).toBe('recovered');
  });
  it('leaves foreign logs alone', () =>
    expect(advance(trunk, judged(buildLog('i', 50))).kind).toBe('foreign'));
  it('finds every fork', () => {
    for (let from = 1; from <= 6; from++)
      expect(forkOf(trunk, judged(branch(base, from, 'i', 'fork')))).toBe(from);
  });
});

const source = (name: string, ...logs: readonly Log[]): { name: string; logs: readonly Log[] } => ({
  name,
  logs,
});

describe('sources in their order', () => {
  const recovered = judged(branch(base, 3, 'ri', 'recovery'));
  const rival = judged(branch(base, 3, 'iiii', 'thief'));
  const madeAgain = judged(branch(base, 2, 'Ri', 'thief'));

  it('an earlier source is the floor; extensions and recoveries of later ones count, forks do not', () => {
    const folded = foldSources([
      source('store', judged(base.slice(0, 5))),
      source('registry', rival, trunk),
      source('proposal', madeAgain),
    ]);
    expect(folded).toMatchObject({ trunk, duplicity: null, decidedBy: 'registry', pinMissing: false });
    expect(folded.disputed.map(({ source: name, from }) => [name, from])).toEqual([
      ['proposal', 2],
      ['registry', 3],
    ]);
    const later = foldSources([source('store', trunk), source('refs', recovered), source('registry', trunk)]);
    expect(later).toMatchObject({ trunk: recovered, decidedBy: 'refs', disputed: [] });
    expect(later.superseded.map(({ sequence }) => sequence)).toEqual([3, 4, 5]);
  });

  it('a rotation made again by a thief is believed only without a floor, and then it is duplicity', () => {
    expect(foldSources([source('store', trunk), source('proposal', madeAgain)]).trunk).toBe(trunk);
    const folded = foldSources([source('evidence', trunk, madeAgain)]);
    expect(folded.duplicity).toMatchObject({ from: 2 });
    expect(folded.duplicity?.branches).toHaveLength(2);
    expect(folded.trunk?.events).toHaveLength(2);
  });

  it('without a floor the one branch with an establishment event is the trunk', () => {
    for (const logs of [
      [trunk, recovered],
      [recovered, rival, trunk],
    ]) {
      const folded = foldSources([source('evidence', ...logs)]);
      expect(folded).toMatchObject({ trunk: recovered, duplicity: null });
      expect(folded.disputed).toHaveLength(1);
    }
    const tied = foldSources([source('evidence', rival, trunk)]);
    expect(tied.duplicity).toMatchObject({ from: 3 });
    expect(tied.trunk?.events.map(({ sequence }) => sequence)).toEqual([0, 1, 2]);
  });

  it('duplicity lasts until a recovery or a pin decides; one branch alone from a later source does not', () => {
    const both = source('evidence', rival, trunk);
    expect(foldSources([both, source('registry', trunk)]).duplicity).not.toBe(null);
    expect(
      foldSources([both, source('registry', judged([...base, ...branch(base, 6, 'i', 'more').slice(6)]))])
        .duplicity,
    ).not.toBe(null);
    expect(foldSources([both, source('registry', recovered)])).toMatchObject({
      trunk: recovered,
      duplicity: null,
      decidedBy: 'registry',
    });
    expect(foldSources([both], some(base[4]).said)).toMatchObject({ trunk, duplicity: null });
    expect(foldSources([both], some(rival.events[3]).said)).toMatchObject({ trunk: rival, duplicity: null });
    expect(foldSources([both], some(base[2]).said).duplicity).toMatchObject({ from: 3 });
  });

  it('a pin outranks the store, and a trunk without it is refused', () => {
    const pinned = foldSources([source('store', rival), source('base', trunk)], some(base[5]).said);
    expect(pinned).toMatchObject({ trunk, pinMissing: false });
    expect(pinned.disputed).toMatchObject([{ source: 'store', from: 3 }]);
    expect(foldSources([source('store', trunk)], 'E'.padEnd(44, 'A') as Said)).toMatchObject({
      trunk: null,
      pinMissing: true,
    });
  });

  it('keeps one dispute per sequence and sixteen in all; foreign logs and no logs change nothing', () => {
    const long = judged(buildLog('i'.repeat(24)));
    const stored = buildLog('i'.repeat(24));
    const rivals = Array.from({ length: 20 }, (_, i) => judged(branch(stored, i + 2, 'i', 'rival')));
    const again = judged(branch(stored, 2, 'i', 'another'));
    const folded = foldSources([
      source('store', long),
      source('registry', ...rivals, again, judged(buildLog('', 50))),
    ]);
    expect(folded.disputed).toHaveLength(16);
    expect(new Set(folded.disputed.map(({ from }) => from)).size).toBe(16);
    expect(folded.trunk).toBe(long);
    expect(folded.disputed[0]?.events[0]?.said).toBe(rivals[0]?.events[2]?.said); // the first one seen
    expect(foldSources([])).toMatchObject({ trunk: null, duplicity: null, decidedBy: null });
  });

  it('two inceptions of one basic prefix in one stream have nothing in common', () => {
    expect(logsOf(replay(new Uint8Array(), { engine: nodeEngine }))).toEqual([]);
  });
});

it('an accepted log is stored in one form, whatever it came in', () => {
  for (const event of trunk.events) expect(storedEventOf(event)).toEqual(base[event.sequence]);
});

it('a duplicitous stream shows both branches', () => {
  const rival = branch(base, 5, 'i', 'rival');
  const verdict = replay(streamOf([...base, some(rival[5])]), { engine: nodeEngine });
  expect(verdict.verdict).toBe('duplicity');
  const [one, other] = logsOf(verdict);
  expect(forkOf(one as Log, other as Log)).toBe(5);
  expect(foldSources([{ name: 'stream', logs: [one as Log, other as Log] }]).duplicity).toMatchObject({
    from: 5,
  });
});
