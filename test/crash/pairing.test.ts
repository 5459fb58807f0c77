/** A pairing that dies at any write of either side grants nothing by halves, and pairing again finishes or replaces it. */
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { recordMachine } from '../../packages/key-store/src/machine.ts';
import { chosenPoints, countPoints, full } from './points.ts';
import { keeps, liveDevices, missingRecords, openDoors, readSound, type Seen } from './sound.ts';
import {
  ageLocks,
  createWorld,
  inLanes,
  locksOf,
  restore,
  type CrashWorld,
  type Data,
  type Ended,
  type Machine,
  type RunOptions,
} from './world.ts';

const LANES = 2;
const LONG = 1_800_000;
const HOST = ['pair', '--json', '--bind', '127.0.0.1', '--no-mdns'];
/** After this an entry without an acknowledgement counts as gone (pairing.md 6.4). */
const GONE_MS = 601_000;

interface Lane {
  readonly host: Machine;
  readonly joiner: Machine;
}

let world: CrashWorld;
let prepared: string;
let before: Seen;
const lanes: Lane[] = [];

beforeAll(async () => {
  world = await createWorld();
  const host = world.machine('first');
  await host.data(['init', '--name', 'laptop', '--git', 'none']);
  prepared = join(world.folder, 'prepared');
  cpSync(host.folder, prepared, { recursive: true, preserveTimestamps: true });
  before = await readSound(join(prepared, '.auths'));
  for (let lane = 0; lane < LANES; lane++)
    lanes.push({ host: world.machine(`host-${lane}`), joiner: world.machine(`joiner-${lane}`) });
}, LONG);

afterAll(() => {
  world.end();
});

async function reset({ host, joiner }: Lane): Promise<void> {
  restore(host.folder, prepared);
  await recordMachine(host.home);
  restore(joiner.folder, null);
}

interface Both {
  readonly host: Ended;
  readonly joiner: Ended | null;
}

/** One pairing. */
async function pair(
  { host, joiner }: Lane,
  onHost: RunOptions = {},
  onJoiner: RunOptions = {},
): Promise<Both> {
  const hosting = host.start(HOST, onHost);
  const offer = await hosting.event('offer');
  if (offer === null) return { host: await hosting.done, joiner: null };
  const joining = joiner.start(
    ['pair', '--join', String(offer['uri']), '--json', '--name', 'phone'],
    onJoiner,
  );
  // Whoever is left alone is stopped, as a person would: a host then gives up what was not acknowledged.
  void hosting.done.then(
    ({ exit, signal }) => exit !== 0 && joining.child.kill(signal === null ? 'SIGINT' : 'SIGKILL'),
  );
  void joining.done.then(({ exit }) => exit !== 0 && hosting.child.kill('SIGINT'));
  const [a, b] = await Promise.all([hosting.done, joining.done]);
  return { host: a, joiner: b };
}

function last(ended: Ended | null): Data {
  const line = ended?.stdout.trimEnd().split('\n').at(-1) ?? '';
  return line === '' ? null : JSON.parse(line);
}

/** Right after the kill: both homes are usable and nothing works that is not listed. */
async function expectNothingHalf({ host, joiner }: Lane, where: string): Promise<Seen> {
  const [there, here] = [await readSound(host.home), await readSound(joiner.home)];
  expect(missingRecords(there), where).toEqual([]);
  expect(keeps(before.stream, there.stream), where).toBe(true);
  expect(openDoors(there), `${where}: a device works that the log does not name`).toEqual([]);
  // What the joiner believes, the host's log says.
  const granted = new Set(liveDevices(there).map(({ subject }) => subject));
  for (const device of liveDevices(here)) {
    if (missingRecords(here).length === 0) expect(granted.has(device.subject), where).toBe(true);
  }
  for (const machine of [host, joiner]) {
    const status = await machine.run(['status', '--json']);
    expect([status.exit, last(status)?.ok], `${where}: ${status.stdout}`).toEqual([0, true]);
  }
  return there;
}

/** Pairs again, after `doctor --fix` where a dead process holds a lock that only a person may break. */
async function again(lane: Lane, where: string): Promise<void> {
  for (let tries = 0; ; tries++) {
    const { host, joiner } = await pair(lane);
    const [hostEnd, joinEnd] = [last(host), last(joiner)];
    const paired = hostEnd?.event === 'paired' && joinEnd?.event === 'paired';
    // Both had finished: the joiner knows, and says so with exit 0.
    if (paired || (host.exit === 6 && joiner?.exit === 0)) return;
    const codes = [hostEnd, joinEnd].map((end: Data) => end?.error?.code ?? null);
    const locked = codes.includes('storage/locked');
    expect(
      locked && tries === 0,
      `${where}, again: ${host.stdout}${host.stderr}${joiner?.stdout ?? ''}`,
    ).toBe(true);
    for (const machine of [lane.host, lane.joiner]) {
      if (locksOf(machine.home).length === 0) continue;
      ageLocks(machine.home);
      const named = last(await machine.run(['doctor', '--json']));
      for (const lock of locksOf(machine.home))
        expect(JSON.stringify(named.data.checks), where).toContain(lock);
      await machine.run(['doctor', '--fix', '--yes', '--json']);
      expect(locksOf(machine.home), where).toEqual([]);
    }
  }
}

async function expectPaired({ host, joiner }: Lane, where: string): Promise<void> {
  const [there, here] = [await readSound(host.home), await readSound(joiner.home)];
  expect([missingRecords(there), missingRecords(here)], where).toEqual([[], []]);
  expect(
    liveDevices(there).map(({ name }) => name),
    where,
  ).toEqual(['laptop', 'phone']);
  expect(
    liveDevices(here).map(({ name }) => name),
    where,
  ).toEqual(['laptop', 'phone']);
  expect(openDoors(there), where).toEqual([]);
  expect(
    there.paired.map(({ status }) => status),
    where,
  ).toEqual(['active']);
  const who = await joiner.data(['whoami']);
  expect(who.device_status, where).toBe('active');
  expect([locksOf(host.home), locksOf(joiner.home)], where).toEqual([[], []]);
}

describe('auths pair', () => {
  it(
    'killed anywhere on the host grants nothing by halves, and pairing again works',
    async () => {
      const counting = lanes[0] as Lane;
      await reset(counting);
      const labels = await countPoints(
        world,
        'pair (host)',
        140,
        async (killLog) => (await pair(counting, { killLog })).host,
      );
      await inLanes(chosenPoints(labels, 24), LANES, async (killAt, number) => {
        const lane = lanes[number] as Lane;
        const where = `pair (host), point ${killAt}: ${labels[killAt - 1]}`;
        await reset(lane);
        const { host } = await pair(lane, { killAt });
        if (host.signal === null) return;
        await expectNothingHalf(lane, where);
        await again(lane, where);
        await expectPaired(lane, where);
      });
    },
    LONG,
  );

  it(
    'killed anywhere on the joiner leaves a home that can join again',
    async () => {
      const counting = lanes[0] as Lane;
      await reset(counting);
      const labels = await countPoints(world, 'pair --join', 300, async (killLog) => {
        const both = await pair(counting, {}, { killLog });
        return both.joiner ?? both.host;
      });
      await inLanes(chosenPoints(labels, 24), LANES, async (killAt, number) => {
        const lane = lanes[number] as Lane;
        const where = `pair --join, point ${killAt}: ${labels[killAt - 1]}`;
        await reset(lane);
        const { joiner } = await pair(lane, {}, { killAt });
        if (joiner?.signal === null) return;
        await expectNothingHalf(lane, where);
        await again(lane, where);
        await expectPaired(lane, where);
      });
    },
    LONG,
  );

  it(
    'killed on the host before the device acknowledged is gone after ten minutes, afterwards it is finished',
    async () => {
      const lane = lanes[0] as Lane;
      await reset(lane);
      const log = join(world.folder, 'late.points');
      await pair(lane, { killLog: log });
      const { pointsOf } = await import('./world.ts');
      const labels = pointsOf(log);
      const journal = labels.flatMap((label, at) => (label.startsWith('rename journal') ? [at + 1] : []));
      expect(journal, labels.join('\n')).toHaveLength(2);
      const [begun = 0, acknowledged = 0] = journal;
      const devicesLater = async (): Promise<readonly string[]> => {
        // Any command of the authority finishes or forgets what a crash left, whatever it was asked to do itself.
        await lane.host.data(['devices', 'rename', 'laptop', 'desk'], { clockShiftMs: GONE_MS });
        const { devices } = await lane.host.data(['devices']);
        return devices.map(({ name, status }: Data) => `${name} ${status}`);
      };

      // Journal and provisional entry are there, the acknowledgement is not.
      await reset(lane);
      await pair(lane, { killAt: acknowledged });
      expect((await readSound(lane.host.home)).paired.map(({ status }) => status)).toEqual(['provisional']);
      const listed = (await lane.host.data(['devices'])).devices as Data[];
      expect(listed.map(({ name, status }) => `${name} ${status}`)).toEqual([
        'laptop active',
        'phone provisional',
      ]);
      expect(await devicesLater()).toEqual(['desk active']);
      expect((await readSound(lane.host.home)).paired).toEqual([]);

      // The acknowledgement was written down: nothing takes it back.
      await reset(lane);
      await pair(lane, { killAt: acknowledged + 1 });
      expect(await devicesLater()).toEqual(['desk active', 'phone active']);
      expect((await readSound(lane.host.home)).paired.map(({ status }) => status)).toEqual(['active']);

      // The journal alone.
      await reset(lane);
      await pair(lane, { killAt: begun + 1 });
      expect((await readSound(lane.host.home)).paired).toEqual([]);
      expect(await devicesLater()).toEqual(['desk active']);
      if (full) expect(begun).toBeLessThan(acknowledged);
    },
    LONG,
  );
});
