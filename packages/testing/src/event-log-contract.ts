/** What every EventLog must do, whatever it stores in. */
import { describe, expect, it } from 'vitest';
import type { EventLog, StoredLog } from '@auths/core/ports';
import { sampleLog, sampleLogOf, streamOf } from './sample-events.ts';

/** Gives two adapters over one empty store, as two programs would have them. */
export type OpenEventLogs = () => Promise<{
  readonly one: EventLog;
  readonly two: EventLog;
  close(): Promise<void>;
}>;

/** Registers the suite with vitest. */
export function eventLogContract(name: string, open: OpenEventLogs): void {
  describe(`${name}: EventLog`, () => {
    it('knows nothing of a prefix that was never stored', () =>
      withLogs(open, async (one) => {
        expect(await one.read(sampleLog('nobody').prefix)).toBeNull();
        expect(await one.list()).toEqual([]);
      }));

    it('gives back the exact bytes, appended one by one or all at once', () =>
      withLogs(open, async (one, two) => {
        const single = sampleLogOf('single', 70);
        let version: string | null = null;
        for (const event of single.events) {
          version = ((await one.append(single.prefix, version, [event])) as StoredLog).version;
        }
        const bulk = sampleLogOf('bulk', 70);
        const answer = await one.append(bulk.prefix, null, bulk.events);
        for (const log of [single, bulk]) {
          const read = (await two.read(log.prefix)) as StoredLog;
          expect(Buffer.from(read.stream).equals(streamOf(log.events))).toBe(true);
          expect(read.tip).toBe(log.events.at(-1)?.said);
          expect(read.prefix).toBe(log.prefix);
        }
        expect(answer).toEqual(await two.read(bulk.prefix));
        expect(new Set(await two.list())).toEqual(new Set([single.prefix, bulk.prefix]));
      }));

    it('lets exactly one of two writers win, and changes nothing for the other', () =>
      withLogs(open, async (one, two) => {
        const base = sampleLog('race');
        const { version } = (await one.append(base.prefix, null, base.events)) as StoredLog;
        const left = base.interact('left').events.slice(1);
        const right = base.interact('right').events.slice(1);
        const answers = await Promise.all([
          one.append(base.prefix, version, left),
          two.append(base.prefix, version, right),
        ]);
        expect(answers.filter((answer) => answer !== null)).toHaveLength(1);
        const winner = answers[0] === null ? right : left;
        expect((await one.read(base.prefix))?.tip).toBe(winner[0]?.said);
        expect((await two.read(base.prefix))?.tip).toBe(winner[0]?.said);
      }));

    it('refuses a version that is not the stored one', () =>
      withLogs(open, async (one) => {
        const log = sampleLog('stale');
        const first = (await one.append(log.prefix, null, log.events)) as StoredLog;
        const more = log.interact('more');
        expect(await one.append(log.prefix, null, log.events)).toBeNull();
        await one.append(log.prefix, first.version, more.events.slice(1));
        expect(await one.append(log.prefix, first.version, log.interact('late').events.slice(1))).toBeNull();
        expect((await one.read(log.prefix))?.tip).toBe(more.events[1]?.said);
      }));

    it('refuses events that do not continue the log', () =>
      withLogs(open, async (one) => {
        const log = sampleLogOf('gap', 3);
        const first = (await one.append(log.prefix, null, log.events.slice(0, 1))) as StoredLog;
        await expect(one.append(log.prefix, first.version, log.events.slice(2))).rejects.toThrow();
        await expect(one.append(sampleLog('other').prefix, null, log.events.slice(1))).rejects.toThrow();
        expect((await one.read(log.prefix))?.version).toBe(first.version);
      }));

    it('replaces a trunk from an event on, and goes on from there', () =>
      withLogs(open, async (one, two) => {
        const trunk = sampleLogOf('recovered', 68);
        const { version } = (await one.append(trunk.prefix, null, trunk.events)) as StoredLog;
        const recovery = trunk.cut(66).rotate();
        const moved = await two.supersede(trunk.prefix, version, 66, recovery.events.slice(66));
        expect(Buffer.from(moved?.stream ?? []).equals(streamOf(recovery.events))).toBe(true);
        expect(await one.supersede(trunk.prefix, version, 66, recovery.events.slice(66))).toBeNull();
        const more = recovery.interact('after');
        const grown = await one.append(trunk.prefix, moved?.version ?? '', more.events.slice(67));
        expect(Buffer.from(grown?.stream ?? []).equals(streamOf(more.events))).toBe(true);
        expect(await two.read(trunk.prefix)).toEqual(grown);
        expect(await one.list()).toEqual([trunk.prefix]);
      }));
  });
}

async function withLogs(
  open: OpenEventLogs,
  test: (one: EventLog, two: EventLog) => Promise<void>,
): Promise<void> {
  const stores = await open();
  try {
    await test(stores.one, stores.two);
  } finally {
    await stores.close();
  }
}
