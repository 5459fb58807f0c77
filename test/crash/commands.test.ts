/** A command that is killed at any of its writes leaves a home that is usable, and run again it finishes. */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { recordMachine } from '../../packages/key-store/src/machine.ts';
import { chosenPoints, countPoints } from './points.ts';
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
} from './world.ts';

const LANES = 3;
const LONG = 1_800_000;

let world: CrashWorld;
/** A home with an identity, a second device that was paired, and nothing left to do. */
let prepared: string;
let laptop: string;
let phone: string;
/** What it has published, and its kit, both outside every home. */
let remote: string;
let kit: string;
/** A device that asks in a file. */
let request: string;
let desk: string;
const lanes: Machine[] = [];

beforeAll(async () => {
  world = await createWorld();
  prepared = join(world.folder, 'prepared');
  const host = world.machine('first');
  const made = await host.data(['init', '--name', 'laptop', '--git', 'none']);
  laptop = made.device_did;
  phone = await pair(host, world.machine('phone'));
  remote = join(world.folder, 'remote.git');
  kit = join(world.folder, 'kit.json');
  execFileSync('git', ['init', '-q', '--bare', remote]);
  await host.data(['push', remote, '--once']);
  cpSync(join(host.home, 'recovery-kit.json'), kit);
  request = join(world.folder, 'desk.request');
  const asked = await world
    .machine('desk')
    .data(['devices', 'request', request, '--identity', made.controller_did]);
  desk = asked.device_did;
  cpSync(host.folder, prepared, { recursive: true, preserveTimestamps: true });
  for (let lane = 0; lane < LANES; lane++) lanes.push(world.machine(`lane-${lane}`));
}, LONG);

afterAll(() => {
  world.end();
});

/** Two machines by the QR code, without a question; the DID of the new device. */
async function pair(host: Machine, device: Machine): Promise<string> {
  const hosting = host.start(['pair', '--json', '--bind', '127.0.0.1', '--no-mdns']);
  const offer = await hosting.event('offer');
  const joined = await device.run(['pair', '--join', String(offer?.['uri']), '--json', '--name', 'phone']);
  const ended = await hosting.done;
  if (ended.exit !== 0 || joined.exit !== 0) throw new Error(`${ended.stdout}${joined.stdout}`);
  return JSON.parse(joined.stdout.trimEnd().split('\n').at(-1) ?? '').device_did;
}

async function reset(machine: Machine, from: string | null): Promise<void> {
  restore(machine.folder, from);
  // The files are those of another folder; what `doctor --fix` does once a person has said so.
  if (from !== null) await recordMachine(machine.home);
}

function told(ended: Ended): Data {
  expect(ended.stdout, ended.stderr).toMatch(/^\{.*\}\n$/);
  return JSON.parse(ended.stdout);
}

/** What holds right after the kill, before anything else ran. */
async function expectUsable(
  machine: Machine,
  before: Seen,
  where: string,
  supersedes = false,
): Promise<Seen> {
  const seen = await readSound(machine.home);
  // A record that stood under the very name that the rot gives it follows the rot: whatever opens the keys next puts it there.
  if (!supersedes) expect(missingRecords(seen), where).toEqual([]);
  expect(keeps(before.stream, seen.stream) || (supersedes && isRotated(seen)), where).toBe(true);
  const status = await machine.run(['status', '--json']);
  expect([status.exit, told(status).ok], `${where}: ${status.stdout}`).toEqual([0, true]);
  return seen;
}

/**
 * The next run of the same command, after `doctor --fix` where a dead process holds a lock that only a person may break;
 * not where that has finished the work (`isDone`) and there is none to do again.
 */
async function again(
  machine: Machine,
  args: readonly string[],
  where: string,
  isDone: (seen: Seen) => boolean = () => false,
): Promise<Data> {
  const first = await machine.run([...args, '--json']);
  if (first.exit === 0) return told(first).data;
  const { error } = told(first);
  expect([first.exit, error.code, error.hint], `${where}: ${first.stdout}`).toEqual([
    7,
    'storage/locked',
    expect.stringMatching(/^auths doctor --fix(?:;|$)/),
  ]);
  expect(locksOf(machine.home), where).toContain(error.details.path);
  ageLocks(machine.home);
  const named = told(await machine.run(['doctor', '--json'])).data;
  expect(named.healthy, where).toBe(false);
  const locks = named.checks.filter((each: Data) => each.check === 'locks');
  for (const lock of locksOf(machine.home)) expect(JSON.stringify(locks), where).toContain(lock);
  await machine.run(['doctor', '--fix', '--yes', '--json']);
  expect(locksOf(machine.home), where).toEqual([]);
  if (isDone(await readSound(machine.home))) return {};
  const second = await machine.run([...args, '--json']);
  expect(second.exit, `${where}, after doctor --fix: ${second.stdout}`).toBe(0);
  return told(second).data;
}

/** Nothing is left over that a later command would trip over. */
async function expectFinished(machine: Machine, where: string): Promise<Seen> {
  const seen = await readSound(machine.home);
  expect(missingRecords(seen), where).toEqual([]);
  expect(openDoors(seen), where).toEqual([]);
  expect(locksOf(machine.home), where).toEqual([]);
  return seen;
}

describe('auths init', () => {
  const args = ['init', '--name', 'laptop', '--git', 'global'];

  it(
    'killed anywhere is finished by the next run: one identity, one device, a kit that fits',
    async () => {
      const counting = lanes[0] as Machine;
      await reset(counting, null);
      const labels = await countPoints(world, 'init', 280, (killLog) =>
        counting.run([...args, '--json'], { killLog }),
      );
      await inLanes(chosenPoints(labels, 60), LANES, async (killAt, lane) => {
        const machine = lanes[lane] as Machine;
        const where = `init, point ${killAt}: ${labels[killAt - 1]}`;
        await reset(machine, null);
        const killed = await machine.run([...args, '--json'], { killAt });
        if (killed.signal === null) return;
        const seen = await readSound(machine.home);
        const status = told(await machine.run(['status', '--json']));
        expect(status.ok, where).toBe(true);
        // An identity is there as a whole or not at all.
        expect(status.data.controller_did === null, where).toBe(seen.role === null);
        if (seen.role !== null) expect(liveDevices(seen), where).toHaveLength(1);
        const data = await again(machine, args, where);
        expect(data.git, where).toBe('global');
        await sweepLock(machine, 'init.lock', where);
        const after = await expectFinished(machine, where);
        expect(keeps(seen.stream, after.stream), where).toBe(true);
        expect([after.role, after.events, liveDevices(after).length], where).toEqual(['controller', 2, 1]);
        expect(await machine.data(['recovery', 'check']), where).toMatchObject({ opens: true, fits: true });
        expect(existsSync(join(machine.home, 'allowed_signers')), where).toBe(true);
      });
    },
    LONG,
  );
});

/** Killed at its very last step a command leaves a lock behind that the next one, with nothing to do, does not meet: doctor does. */
async function sweepLock(machine: Machine, name: string, where: string): Promise<void> {
  if (locksOf(machine.home).length === 0) return;
  expect(locksOf(machine.home), where).toEqual([join(machine.home, name)]);
  const { checks } = told(await machine.run(['doctor', '--fix', '--yes', '--json'])).data;
  expect(checks, where).toContainEqual(expect.objectContaining({ check: 'locks', status: 'fixed' }));
}

interface Case {
  readonly name: string;
  readonly least: number;
  /** Of the bounded form. */
  readonly most: number;
  readonly args: () => readonly string[];
  /** The command after the kill; by default the same. */
  readonly next?: () => readonly string[];
  /** Events after those vouched for leave the trunk. */
  readonly supersedes?: boolean;
  /** What the command is for, in the log. */
  readonly done: (seen: Seen) => boolean;
  /** The lock that a run killed at its very end leaves. */
  readonly lock?: string;
  /** What must hold besides, once it is done. */
  readonly also?: (machine: Machine, where: string) => Promise<void>;
}

/** The kit in the home is the one that the log commits to, and the identity key is the one that the log names. */
async function expectKeysFit(machine: Machine, where: string): Promise<void> {
  expect(await machine.data(['recovery', 'check']), where).toMatchObject({ opens: true, fits: true });
  expect(existsSync(join(machine.home, 'recovery-kit.next.json')), where).toBe(false);
  await machine.data(['devices', 'rename', phone, 'renamed']);
}

const isRotated = ({ stream }: Seen): boolean => Buffer.from(stream).toString('latin1').includes('"t":"rot"');

const cases: readonly Case[] = [
  {
    name: 'devices accept',
    least: 95,
    most: 12,
    args: () => ['devices', 'accept', request, '--output', '-', '--expect-device', desk],
    done: ({ devices, paired }) =>
      devices.some(({ subject, revocation }) => subject === desk && revocation === null) &&
      paired.some(({ device_did, status }) => device_did === desk && status === 'active'),
  },
  {
    name: 'devices rename',
    least: 95,
    most: 25,
    args: () => ['devices', 'rename', phone, 'tablet'],
    done: ({ devices }) => devices.some(({ subject, name }) => subject === phone && name === 'tablet'),
  },
  {
    name: 'devices extend',
    least: 95,
    most: 12,
    args: () => ['devices', 'extend', phone, '--expires', '2099-01-01T00:00:00Z'],
    done: ({ devices }) => devices.some(({ subject, expiresAt }) => subject === phone && expiresAt !== null),
  },
  {
    name: 'devices revoke',
    least: 110,
    most: 35,
    args: () => ['devices', 'revoke', phone, '--reason', 'lost'],
    done: ({ devices, paired }) =>
      devices.some(({ subject, revocation }) => subject === phone && revocation?.reason === 'lost') &&
      paired.every(({ device_did, status }) => device_did !== phone || status === 'revoked'),
  },
  {
    name: 'id rotate',
    least: 110,
    most: 14,
    args: () => ['id', 'rotate'],
    done: isRotated,
    lock: 'init.lock',
    also: expectKeysFit,
  },
  {
    name: 'id rotate --reason compromised',
    least: 150,
    most: 10,
    args: () => ['id', 'rotate', '--reason', 'compromised', '--vouch-until', '1', '--keep', 'phone'],
    next: () => ['id', 'rotate'],
    supersedes: true,
    done: (seen) => isRotated(seen) && liveDevices(seen).length === 2,
    lock: 'init.lock',
    also: expectKeysFit,
  },
];

describe('a command that appends', () => {
  it.each(cases)(
    '$name killed anywhere leaves a usable home, and run again it is done',
    async ({
      name,
      least,
      most,
      args,
      next = args,
      supersedes,
      done,
      lock = 'allow-list.json.lock',
      also,
    }) => {
      const counting = lanes[0] as Machine;
      await reset(counting, prepared);
      const labels = await countPoints(world, name, least, (killLog) =>
        counting.run([...args(), '--json'], { killLog }),
      );
      const before = await readSound(join(prepared, '.auths'));
      expect(done(before)).toBe(false);
      await inLanes(chosenPoints(labels, most), LANES, async (killAt, lane) => {
        const machine = lanes[lane] as Machine;
        const where = `${name}, point ${killAt}: ${labels[killAt - 1]}`;
        await reset(machine, prepared);
        const killed = await machine.run([...args(), '--json'], { killAt });
        if (killed.signal === null) return;
        const seen = await expectUsable(machine, before, where, supersedes);
        await again(machine, next(), where);
        await sweepLock(machine, lock, where);
        const after = await expectFinished(machine, where);
        expect(keeps(seen.stream, after.stream) || supersedes === true, where).toBe(true);
        expect(done(after), where).toBe(true);
        expect(
          liveDevices(after).some(({ subject }) => subject === laptop),
          where,
        ).toBe(true);
        await also?.(machine, where);
      });
    },
    LONG,
  );
});

/** Of several programs' locks, some may be met by no later command: doctor takes them away once they are old. */
async function sweepLocks(machine: Machine): Promise<void> {
  if (locksOf(machine.home).length === 0) return;
  ageLocks(machine.home);
  await machine.run(['doctor', '--fix', '--yes', '--json']);
}

describe('auths id recover', () => {
  it(
    'killed anywhere is finished by the next run: one rotation, this device, a kit that fits',
    async () => {
      const args = [
        'id',
        'recover',
        '--recovery-file',
        kit,
        '--from',
        remote,
        '--vouch-until',
        '2',
        '--name',
        'new',
      ];
      const counting = lanes[0] as Machine;
      await reset(counting, null);
      const labels = await countPoints(world, 'id recover', 480, (killLog) =>
        counting.run([...args, '--json'], { killLog }),
      );
      await inLanes(chosenPoints(labels, 15), LANES, async (killAt, lane) => {
        const machine = lanes[lane] as Machine;
        const where = `id recover, point ${killAt}: ${labels[killAt - 1]}`;
        await reset(machine, null);
        const killed = await machine.run([...args, '--json'], { killAt });
        if (killed.signal === null) return;
        const seen = await readSound(machine.home);
        const status = told(await machine.run(['status', '--json']));
        expect([status.ok, status.data?.controller_did === null], where).toEqual([true, seen.role === null]);
        if (seen.role === null) await again(machine, args, where, ({ role }) => role !== null);
        await sweepLocks(machine);
        const after = await expectFinished(machine, where);
        expect([after.role, after.events, isRotated(after)], where).toEqual(['controller', 4, true]);
        expect(
          liveDevices(after).map(({ name }) => name),
          where,
        ).toEqual(['phone', 'new']);
        await expectKeysFit(machine, where);
      });
    },
    LONG,
  );
});
