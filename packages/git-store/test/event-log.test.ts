import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { replay } from '@auths/core/keri/key-state';
import type { StoredEvent, StoredLog } from '@auths/core/ports';
import { eventLogContract } from '@auths/testing/event-log-contract';
import { sampleLog, sampleLogOf, streamOf, type SampleLog } from '@auths/testing/sample-events';
import { nodeVerifyEngine } from '../../key-store/src/verify-engine.ts';
import { allCommits } from '../src/all-commits.ts';
import { gitEventLog, kelRef } from '../src/event-log.ts';
import { createHome, openHome, type Home } from '../src/home-repository.ts';
import { findRefCommit } from '../src/lost-refs.ts';
import { newCommit, newObject, newTree, parseCommit, parseTree, type TreeEntry } from '../src/objects.ts';
import { isSuperseded } from '../src/remote-disputes.ts';
import { repairLog } from '../src/repair.ts';
import { disownEvents } from '../src/undone.ts';
import { bundle, ended, git, scratch, start } from './scratch.ts';

const WORKER = join(import.meta.dirname, 'append-worker.ts');

const eventOf = (log: SampleLog, sequence: number): StoredEvent => log.events[sequence] as StoredEvent;

eventLogContract('git refs', () => {
  const dir = scratch();
  const homes = [createHome(dir), createHome(dir)] as const;
  return Promise.resolve({
    one: gitEventLog(homes[0]),
    two: gitEventLog(homes[1]),
    close: async () => {
      await Promise.all(homes.map((home) => home.close()));
    },
  });
});

async function stored(
  log: SampleLog,
): Promise<{ readonly home: Home; readonly ref: string; readonly version: string }> {
  const home = createHome(scratch());
  const { version } = (await gitEventLog(home).append(log.prefix, null, log.events)) as StoredLog;
  return { home, ref: kelRef(log.prefix), version };
}

describe('git event log: what lies in git', () => {
  it('is a sound repository with one commit per event and the documented tree', async () => {
    const log = sampleLogOf('layout', 130);
    const { home, ref } = await stored(log);
    expect(git(home.dir, 'fsck', '--full', '--strict', '--no-dangling')).toBe('');
    expect(git(home.dir, 'rev-list', '--count', ref)).toBe('130');
    expect(git(home.dir, 'ls-tree', '-r', '--name-only', ref).split('\n')).toEqual([
      'event.cesr',
      'event.json',
      'kel/00000000.cesr',
      'kel/00000040.cesr',
      'kel/00000080.cesr',
    ]);
    expect(git(home.dir, 'log', '-1', '--format=%an|%ae|%at|%cn|%ce|%ct|%cI', ref)).toMatch(
      /^auths\|auths@localhost\|129\|auths\|auths@localhost\|129\|1970-01-01T00:02:09(\+00:00|Z)$/,
    );
    const last = log.events.at(-1);
    expect(git(home.dir, 'show', `${ref}:event.json`)).toBe(Buffer.from(last?.event ?? []).toString());
    expect(git(home.dir, 'show', `${ref}:event.cesr`)).toBe(last?.attachments);
    expect(replay(streamOf(log.events), { engine: nodeVerifyEngine }).verdict).toBe('accepted');
  });

  it('has the same commit ids in two stores with the same log, however it was written', async () => {
    const log = sampleLogOf('same', 67);
    const bulk = await stored(log);
    const home = createHome(scratch());
    const events = gitEventLog(home);
    let version: string | null = null;
    for (const event of log.events)
      version = ((await events.append(log.prefix, version, [event])) as StoredLog).version;
    expect(version).toBe(bulk.version);
    expect(git(home.dir, 'rev-list', kelRef(log.prefix))).toBe(git(bulk.home.dir, 'rev-list', bulk.ref));
  });

  it('never rewrites a full segment', async () => {
    const log = sampleLogOf('segments', 200);
    const { home, ref } = await stored(log);
    const first = (rev: string): string => git(home.dir, 'rev-parse', `${rev}:kel/00000000.cesr`);
    expect(first(ref)).toBe(first(`${ref}~136`));
    expect(first(ref)).not.toBe(first(`${ref}~137`));
  });

  it('keeps a superseded branch under disputed', async () => {
    const trunk = sampleLogOf('disputed', 5);
    const { home, version } = await stored(trunk);
    const recovery = trunk.cut(3).rotate();
    const moved = await gitEventLog(home).supersede(trunk.prefix, version, 3, recovery.events.slice(3));
    const disputed = `refs/did/keri/${trunk.prefix}/disputed/${trunk.events[4]?.said}`;
    expect(git(home.dir, 'rev-parse', disputed)).toBe(version);
    expect(git(home.dir, 'rev-parse', `${moved?.version}^`)).toBe(git(home.dir, 'rev-parse', `${version}~2`));
    const straight = await stored(recovery);
    expect(moved?.version).toBe(straight.version);
  });

  it('tells an event whose place a recovery took from one that was cut off', async () => {
    const trunk = sampleLogOf('superseded or cut', 6);
    const { home, version } = await stored(trunk);
    const recovery = trunk.cut(3).rotate();
    const last = eventOf(trunk, 5);
    const supersedes = (lost: StoredEvent, now: SampleLog): Promise<boolean> => {
      const verdict = replay(streamOf(now.events), { engine: nodeVerifyEngine });
      return isSuperseded(home, trunk.prefix, lost, verdict.events);
    };
    expect(await supersedes(last, trunk.cut(3))).toBe(false);
    await gitEventLog(home).supersede(trunk.prefix, version, 3, recovery.events.slice(3));
    for (const longer of [recovery, recovery.interact('a').interact('b').interact('c')])
      expect(await supersedes(last, longer)).toBe(true);
    // The log is cut below the recovery, or is the branch that lost, or ended with something that nobody recorded.
    for (const [lost, now] of [
      [eventOf(recovery, 3), trunk.cut(3)],
      [eventOf(recovery, 3), trunk],
      [last, trunk.cut(3)],
      [last, trunk.cut(4)],
      [last, trunk.cut(3).interact('another')],
      [eventOf(recovery.interact('next'), 4), recovery],
    ] as const)
      expect(await supersedes(lost, now)).toBe(false);
  });

  it('reads a log whose objects and refs are all packed', async () => {
    const log = sampleLogOf('packed', 300);
    const { home } = await stored(log);
    git(home.dir, 'pack-refs', '--all');
    git(home.dir, 'repack', '-adq');
    git(home.dir, 'prune-packed');
    const read = await gitEventLog(openHome(home.dir)).read(log.prefix);
    expect(Buffer.from(read?.stream ?? []).equals(streamOf(log.events))).toBe(true);
    const more = log.interact('more');
    const grown = await gitEventLog(openHome(home.dir)).append(
      log.prefix,
      read?.version ?? '',
      more.events.slice(300),
    );
    expect(grown?.tip).toBe(more.events[300]?.said);
  });

  it('repacks every 256 events and loses nothing by it', async () => {
    const log = sampleLogOf('repack', 258);
    const { home, version } = await stored(log.cut(254));
    const events = gitEventLog(home);
    let at = version;
    const disputed = log.cut(253).rotate();
    // A branch that no trunk reaches any more must survive the repack.
    at = ((await events.supersede(log.prefix, at, 253, disputed.events.slice(253))) as StoredLog).version;
    let grown = disputed;
    while (grown.events.length < 258) {
      grown = grown.interact(`again ${grown.events.length}`);
      at = ((await events.append(log.prefix, at, grown.events.slice(-1))) as StoredLog).version;
    }
    expect(Number(/^count: (\d+)/m.exec(git(home.dir, 'count-objects', '-v'))?.[1])).toBeLessThan(20);
    expect(git(home.dir, 'fsck', '--full', '--strict')).toBe('');
    expect(
      git(home.dir, 'rev-list', '--count', `refs/did/keri/${log.prefix}/disputed/${log.events[253]?.said}`),
    ).toBe('254');
  });
});

describe('git event log: several processes', () => {
  it('loses none of 4 × 50 concurrent appends', async () => {
    const dir = scratch();
    const file = await bundle(WORKER, scratch());
    const results = await Promise.all(Array.from({ length: 4 }, () => ended(start(file, dir, 'four', '50'))));
    expect(results.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
    const confirmed = results.flatMap(({ out }) => out.trim().split('\n'));
    expect(new Set(confirmed).size).toBe(200);
    const { prefix } = sampleLog('four');
    const log = (await gitEventLog(openHome(dir)).read(prefix)) as StoredLog;
    const verdict = replay(log.stream, { engine: nodeVerifyEngine });
    expect(verdict.verdict).toBe('accepted');
    expect(verdict.events).toHaveLength(201);
    const saids = new Set(verdict.events.map(({ said }) => said as string));
    expect(confirmed.filter((said) => !saids.has(said))).toEqual([]);
    expect(git(dir, 'rev-list', '--count', kelRef(prefix))).toBe('201');
  });

  it('keeps every confirmed event when writers are killed at any moment, and stays usable', async () => {
    const dir = scratch();
    const file = await bundle(WORKER, scratch());
    const confirmed: string[] = [];
    for (let round = 0; round < 12; round++) {
      const child = start(file, dir, 'killed', '100000');
      const end = ended(child);
      // Some confirm a few first, so that a slow machine, too, kills writers that were in the middle of it.
      let seen = '';
      child.stdout?.on('data', (chunk: Buffer) => {
        const before = seen.split('\n').length;
        seen += String(chunk);
        const wanted = 2 + (round % 4);
        if (before < wanted && seen.split('\n').length >= wanted)
          setTimeout(() => child.kill('SIGKILL'), Math.random() * 40);
      });
      const { out } = await end;
      confirmed.push(...out.split('\n').slice(0, -1));
    }
    const { prefix } = sampleLog('killed');
    const home = openHome(dir);
    const log = (await gitEventLog(home).read(prefix)) as StoredLog;
    const verdict = replay(log.stream, { engine: nodeVerifyEngine });
    expect(verdict.verdict).toBe('accepted');
    const saids = new Set(verdict.events.map(({ said }) => said as string));
    expect(confirmed.length).toBeGreaterThanOrEqual(30);
    expect(confirmed.filter((said) => !saids.has(said))).toEqual([]);
    expect(git(dir, 'fsck', '--full', '--no-dangling')).toBe('');
    const { code, out } = await ended(start(file, dir, 'killed', '1'));
    expect([code, out.trim().split('\n').length]).toEqual([0, 1]);
  }, 120_000);
});

describe('git event log: damage is named, never read around', () => {
  const log = sampleLogOf('damage', 66);

  it.each(['', '\n', '0123', 'ref: refs/heads/main\n', `${'g'.repeat(40)}\n`])(
    'refuses a loose ref that holds %j instead of falling back to the packed one',
    async (text) => {
      const { home, ref, version } = await stored(log.cut(2));
      git(home.dir, 'pack-refs', '--all');
      mkdirSync(join(home.dir, ref, '..'), { recursive: true });
      writeFileSync(join(home.dir, ref), text);
      const events = gitEventLog(openHome(home.dir));
      const expected = {
        code: 'storage/corrupt',
        hint: 'auths doctor --fix',
        details: { path: join(home.dir, ref) },
      };
      await expect(events.read(log.prefix)).rejects.toMatchObject(expected);
      await expect(events.append(log.prefix, version, log.events.slice(2, 3))).rejects.toMatchObject(
        expected,
      );
      await expect(Promise.resolve().then(() => events.list())).rejects.toMatchObject(expected);
      expect(readFileSync(join(home.dir, ref), 'utf8')).toBe(text);
    },
  );

  it.each([false, true])(
    'finds the log again after a crash emptied its ref (an older value packed: %s)',
    async (pack) => {
      const { home, ref, version } = await stored(log.cut(2));
      if (pack) git(home.dir, 'pack-refs', '--all');
      const grown = (await gitEventLog(home).append(
        log.prefix,
        version,
        log.events.slice(2, 5),
      )) as StoredLog;
      expect(await repairLog(home, log.prefix)).toEqual({ fate: 'sound' });
      const other = sampleLogOf('another identity', 9);
      await gitEventLog(home).append(other.prefix, null, other.events);
      writeFileSync(join(home.dir, ref), '');
      expect(await repairLog(openHome(home.dir), log.prefix)).toEqual({ fate: 'repaired' });
      expect(await gitEventLog(openHome(home.dir)).read(log.prefix)).toEqual(grown);
    },
  );

  it('never revives a superseded log, though it was longer', async () => {
    const { home, ref, version } = await stored(log.cut(9));
    const recovery = log.cut(3).rotate();
    const moved = await gitEventLog(home).supersede(log.prefix, version, 3, recovery.events.slice(3));
    writeFileSync(join(home.dir, ref), 'x');
    expect(await repairLog(home, log.prefix)).toEqual({ fate: 'repaired' });
    expect(home.readRef(ref)).toBe(moved?.version);
  });

  it('mends nothing that another repair has mended and an append has moved on meanwhile', async () => {
    const { home, ref } = await stored(log.cut(3));
    writeFileSync(join(home.dir, ref), '');
    let appended: StoredLog | null = null;
    const slow: Home = {
      ...home,
      async object(oid, type) {
        const found = await home.object(oid, type);
        if (appended !== null) return found;
        expect(await repairLog(home, log.prefix)).toEqual({ fate: 'repaired' });
        const events = gitEventLog(home);
        const { version } = (await events.read(log.prefix)) as StoredLog;
        appended = await events.append(log.prefix, version, log.events.slice(3, 4));
        return found;
      },
    };
    expect(await repairLog(slow, log.prefix)).toEqual({ fate: 'sound' });
    expect((appended as StoredLog | null)?.version).toBe(home.readRef(ref));
    expect(readdirSync(join(home.dir, ref, '..'))).toEqual(['kel']);
  });

  it.each([1, 3])(
    'leaves to a person which of two branches is theirs, the other one %s long',
    async (longer) => {
      const { home, ref, version } = await stored(log.cut(2));
      let rival = log.cut(2);
      for (let n = 0; n < longer; n++) rival = rival.interact(`rival ${n}`);
      const ours = await gitEventLog(home).append(log.prefix, version, log.events.slice(2, 3));
      git(home.dir, 'update-ref', ref, version);
      const theirs = await gitEventLog(home).append(log.prefix, version, rival.events.slice(2));
      const tips = [
        { version: theirs?.version, sequence: 1 + longer, said: theirs?.tip },
        { version: ours?.version, sequence: 2, said: ours?.tip },
      ];
      writeFileSync(join(home.dir, ref), '');
      const undecided = { fate: 'undecided', tips: expect.arrayContaining(tips) };
      expect(await repairLog(home, log.prefix)).toEqual(undecided);
      // An event that was checked and is in neither of them chooses none that has another one in its place.
      expect(await repairLog(home, log.prefix, { sequence: 2, said: 'gone' })).toEqual(undecided);
      expect(readFileSync(join(home.dir, ref), 'utf8')).toBe('');
      expect(await repairLog(home, log.prefix, eventOf(log, 2))).toEqual({ fate: 'repaired' });
      expect(home.readRef(ref)).toBe(ours?.version);
    },
  );

  it('goes on from a ref that was set back to the event that was checked, and to no other branch', async () => {
    const { home, ref, version } = await stored(log.cut(5));
    git(home.dir, 'update-ref', ref, `${ref}~2`);
    expect(await repairLog(home, log.prefix)).toEqual({ fate: 'sound' });
    expect(await repairLog(home, log.prefix, { sequence: 4, said: 'gone' })).toEqual({ fate: 'sound' });
    expect(await repairLog(home, log.prefix, eventOf(log, 4))).toEqual({ fate: 'repaired' });
    expect(home.readRef(ref)).toBe(version);
    git(home.dir, 'update-ref', ref, `${ref}~2`);
    const back = home.readRef(ref);
    const rival = await gitEventLog(home).append(log.prefix, back, log.cut(3).interact('x').events.slice(3));
    expect(await repairLog(home, log.prefix, eventOf(log, 4))).toMatchObject({
      fate: 'undecided',
      tips: [{ version: rival?.version }, { version }],
    });
    expect(home.readRef(ref)).toBe(rival?.version);
  });

  it('prefers what was checked, and never the branch that a recovery may have taken the place of', async () => {
    const { home, ref, version } = await stored(log.cut(9));
    const recovery = log.cut(3).rotate();
    await gitEventLog(home).supersede(log.prefix, version, 3, recovery.events.slice(3));
    const recovered = home.readRef(ref);
    const disputed = `refs/did/keri/${log.prefix}/disputed/${eventOf(log, 8).said}`;
    expect(git(home.dir, 'rev-parse', disputed)).toBe(version);
    // The dispute is lost with the log: the longer branch is all that speaks for itself.
    git(home.dir, 'update-ref', '-d', disputed);
    rmSync(join(home.dir, ref));
    expect(await repairLog(home, log.prefix)).toMatchObject({ fate: 'undecided', tips: [{}, {}] });
    expect(await repairLog(home, log.prefix, eventOf(recovery, 3))).toEqual({ fate: 'repaired' });
    expect(home.readRef(ref)).toBe(recovered);
    // Packed before the recovery: what is packed is the branch that lost.
    git(home.dir, 'update-ref', disputed, version);
    git(home.dir, 'update-ref', ref, version);
    git(home.dir, 'pack-refs', '--all');
    mkdirSync(join(home.dir, ref, '..'), { recursive: true });
    writeFileSync(join(home.dir, ref), '');
    expect(await repairLog(home, log.prefix)).toEqual({ fate: 'repaired' });
    expect(home.readRef(ref)).toBe(recovered);
    expect(await findRefCommit(home, disputed, await allCommits(home))).toBe(version);
  });

  it('takes what only a remote shows for this log where that holds the event that was checked, and else asks', async () => {
    const { home, ref, version } = await stored(log.cut(4));
    git(home.dir, 'update-ref', `refs/auths-remotes/theirs/${ref.slice('refs/'.length)}`, version);
    git(home.dir, 'update-ref', '-d', ref);
    for (const known of [null, { sequence: 4, said: 'gone' }]) {
      expect(await repairLog(home, log.prefix, known)).toMatchObject({
        fate: 'undecided',
        tips: [{ version, sequence: 3 }],
      });
      expect(home.readRef(ref)).toBeNull();
    }
    expect(await repairLog(home, log.prefix, eventOf(log, 3))).toEqual({ fate: 'repaired' });
    expect(home.readRef(ref)).toBe(version);
  });

  it('asks too where there is a remote, and the disputes may be lost with the ref', async () => {
    const { home, ref, version } = await stored(log.cut(4));
    git(home.dir, 'update-ref', '-d', ref);
    git(home.dir, 'config', 'remote.theirs.url', scratch());
    expect(await repairLog(home, log.prefix)).toMatchObject({ fate: 'undecided', tips: [{ version }] });
    mkdirSync(join(home.dir, ref, '..'), { recursive: true });
    writeFileSync(join(home.dir, ref), '');
    expect(await repairLog(home, log.prefix)).toEqual({ fate: 'repaired' });
  });

  it('goes back to the inception where only a branch is left that lost, and grows again from there', async () => {
    const { home, ref, version } = await stored(log.cut(4));
    git(home.dir, 'update-ref', ref, `${ref}~1`);
    const back = home.readRef(ref);
    const rival = log.cut(3).interact('x');
    const refused = await gitEventLog(home).append(log.prefix, back, rival.events.slice(3));
    const disputed = `refs/did/keri/${log.prefix}/disputed`;
    git(home.dir, 'update-ref', `${disputed}/${refused?.tip}`, refused?.version as string);
    writeFileSync(join(home.dir, disputed, eventOf(log, 9).said), `${'0123'.repeat(10)}\n`);
    git(home.dir, 'update-ref', ref, version);
    rmSync(join(home.dir, 'objects', version.slice(0, 2), version.slice(2)));
    const damaged = openHome(home.dir);
    expect(await repairLog(damaged, log.prefix)).toEqual({ fate: 'undecided', tips: [] });
    expect(damaged.readRef(ref)).toBe(version);
    expect(await repairLog(damaged, log.prefix, eventOf(log, 3))).toEqual({ fate: 'repaired' });
    const events = gitEventLog(damaged);
    const left = await events.read(log.prefix);
    expect(left?.tip).toBe(eventOf(log, 0).said);
    const grown = await events.append(log.prefix, left?.version ?? null, log.events.slice(1, 4));
    expect(grown?.version).toBe(version);
  });

  it('takes nothing that was taken back for the newest event, and finds that again where its own mark is lost', async () => {
    const { home, ref, version } = await stored(log.cut(3));
    const events = gitEventLog(home);
    const rot = log.cut(3).rotate();
    const undone = await events.append(log.prefix, version, rot.events.slice(3));
    git(home.dir, 'update-ref', ref, version);
    const { events: made } = replay(streamOf(rot.events), { engine: nodeVerifyEngine });
    const [key] = made.at(-1)?.authority.keys ?? [];
    await disownEvents(home, log.prefix, ({ keys }) => keys[0] === key);
    const mark = `refs/auths/undone/${undone?.tip}`;
    expect(git(home.dir, 'for-each-ref', '--format=%(refname) %(objectname)', 'refs/auths')).toBe(
      `${mark} ${undone?.version}`,
    );
    for (const known of [null, eventOf(log, 2), eventOf(log, 1)]) {
      writeFileSync(join(home.dir, ref), '');
      expect(await repairLog(home, log.prefix, known)).toEqual({ fate: 'repaired' });
      expect(home.readRef(ref)).toBe(version);
    }
    expect(await findRefCommit(home, mark, await allCommits(home))).toBe(undone?.version);
    // It came back from elsewhere, and was checked.
    git(home.dir, 'update-ref', ref, undone?.version as string);
    writeFileSync(join(home.dir, ref), '');
    expect(await repairLog(home, log.prefix, eventOf(rot, 3))).toEqual({ fate: 'repaired' });
    expect(home.readRef(ref)).toBe(undone?.version);
    git(home.dir, 'update-ref', ref, version);
    // What the log holds is never disowned.
    await disownEvents(home, log.prefix, () => true);
    expect(git(home.dir, 'for-each-ref', 'refs/auths').split('\n')).toHaveLength(1);
    const grown = await events.append(log.prefix, version, log.events.slice(3, 4));
    writeFileSync(join(home.dir, ref), '');
    expect(await repairLog(home, log.prefix)).toEqual({ fate: 'repaired' });
    expect(home.readRef(ref)).toBe(grown?.version);
  });

  it('asks nothing of a packed id that leads nowhere', async () => {
    const { home, ref, version } = await stored(log.cut(3));
    git(home.dir, 'pack-refs', '--all');
    const packed = join(home.dir, 'packed-refs');
    const wrong = version.replace(/^./, (digit) => (digit === 'a' ? 'b' : 'a'));
    writeFileSync(packed, readFileSync(packed, 'utf8').replace(version, wrong));
    expect(await repairLog(openHome(home.dir), log.prefix)).toEqual({ fate: 'repaired' });
    expect(home.readRef(ref)).toBe(version);
  });

  it('puts the ref where an empty folder stood, and names one that is not empty', async () => {
    const { home, ref, version } = await stored(log.cut(2));
    const path = join(home.dir, ref);
    rmSync(path);
    mkdirSync(join(path, 'more'), { recursive: true });
    await expect(repairLog(home, log.prefix)).rejects.toMatchObject({
      code: 'storage/failed',
      hint: expect.stringMatching(/^a folder stands where a file belongs/),
      details: { path },
    });
    expect(readdirSync(join(path, '..'))).toEqual(['kel']);
    rmSync(join(path, 'more'), { recursive: true });
    expect(await repairLog(home, log.prefix)).toEqual({ fate: 'repaired' });
    expect(home.readRef(ref)).toBe(version);
  });

  it('names the lock that a dead git left', async () => {
    const { home, ref, version } = await stored(log.cut(2));
    const lock = join(home.dir, `${ref}.lock`);
    writeFileSync(lock, '');
    const events = gitEventLog(home);
    await expect(events.append(log.prefix, version, log.events.slice(2, 3))).rejects.toMatchObject({
      code: 'storage/locked',
      hint: 'auths doctor --fix',
      details: { path: lock },
    });
    expect((await events.read(log.prefix))?.version).toBe(version);
    rmSync(lock);
    expect(await events.append(log.prefix, version, log.events.slice(2, 3))).not.toBeNull();
  });

  it('refuses damaged and missing objects', async () => {
    const { home, version } = await stored(log.cut(2));
    const { tree } = parseCommit(await home.object(version, 'commit')) as { tree: string };
    const path = join(home.dir, 'objects', tree.slice(0, 2), tree.slice(2));
    const bytes = readFileSync(path);
    rmSync(path);
    await expect(gitEventLog(openHome(home.dir)).read(log.prefix)).rejects.toMatchObject({
      code: 'storage/corrupt',
    });
    writeFileSync(
      path,
      Buffer.concat([bytes.subarray(0, 9), Buffer.from([(bytes[9] as number) ^ 1]), bytes.subarray(10)]),
    );
    await expect(gitEventLog(openHome(home.dir)).read(log.prefix)).rejects.toMatchObject({
      code: 'storage/corrupt',
    });
  });

  type Edit = (root: TreeEntry[], kel: TreeEntry[], blob: (text: string | Uint8Array) => string) => void;
  const message = (s: number): Uint8Array => streamOf(log.events.slice(s, s + 1));
  const edits: Record<string, Edit> = {
    'an extra file beside the log': (root, _, blob) =>
      root.push({ mode: '100644', name: 'state.json', oid: blob('{}') }),
    'an extra file among the segments': (_, kel, blob) =>
      kel.push({ mode: '100644', name: 'x', oid: blob('') }),
    'an older event.json': (root, _, blob) => replace(root, 'event.json', blob(log.events[64]?.event ?? '')),
    'other attachments in event.cesr': (root, _, blob) => replace(root, 'event.cesr', blob('-VAA')),
    'event.json missing': (root) => root.splice(1, 1),
    'an executable event.json': (root) => Object.assign(root[1] as TreeEntry, { mode: '100755' }),
    'a segment that is not full before another': (_, kel, blob) =>
      replace(kel, '00000000.cesr', blob(streamOf(log.events.slice(0, 63)))),
    'a segment that is longer than full': (_, kel, blob) =>
      replace(kel, '00000000.cesr', blob(streamOf(log.events.slice(0, 65)))),
    'a missing segment': (_, kel) => kel.splice(0, 1),
    'an empty segment': (_, kel, blob) => replace(kel, '00000000.cesr', blob('')),
    'text after the last message': (_, kel, blob) =>
      replace(kel, '00000040.cesr', blob(Buffer.concat([message(64), message(65), Buffer.from('\n')]))),
    'a log cut by one event': (_, kel, blob) => replace(kel, '00000040.cesr', blob(message(64))),
  };

  it.each(Object.keys(edits))('refuses %s', async (name) => {
    const { home, ref, version } = await stored(log);
    const commit = parseCommit(await home.object(version, 'commit'));
    const root = await entriesOf(home, commit?.tree ?? '');
    const kel = await entriesOf(home, root[2]?.oid ?? '');
    const objects = [newObject('blob', new Uint8Array(0))];
    const blob = (text: string | Uint8Array): string => {
      const object = newObject('blob', Buffer.from(text as string));
      objects.push(object);
      return object.oid;
    };
    edits[name]?.(root, kel, blob);
    const kelTree = newTree(kel);
    replace(root, 'kel', kelTree.oid);
    const rootTree = newTree(root);
    const tampered = newCommit({
      tree: rootTree.oid,
      parent: version,
      date: 66,
      message: 'event 65 tampered',
    });
    await home.writeObjects([...objects, kelTree, rootTree, tampered]);
    await home.updateRefs([{ ref, from: version, to: tampered.oid }]);
    await expect(gitEventLog(openHome(home.dir)).read(log.prefix)).rejects.toMatchObject({
      code: 'storage/corrupt',
    });
  });

  it('is not misled by a replace ref', async () => {
    const { home, version } = await stored(log.cut(3));
    git(home.dir, 'repack', '-adq');
    const parent = git(home.dir, 'rev-parse', `${version}^`);
    git(home.dir, 'update-ref', `refs/replace/${version}`, parent);
    expect((await gitEventLog(openHome(home.dir)).read(log.prefix))?.tip).toBe(log.events[2]?.said);
  });
});

function replace(entries: TreeEntry[], name: string, oid: string): void {
  const entry = entries.find((candidate) => candidate.name === name);
  if (entry !== undefined) Object.assign(entry, { oid });
}

/** A tree's entries, as copies that a test may change. */
async function entriesOf(home: Home, oid: string): Promise<TreeEntry[]> {
  return structuredClone([...(parseTree(await home.object(oid, 'tree')) ?? [])]);
}
