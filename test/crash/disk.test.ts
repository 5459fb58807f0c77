/** A disk that is full, at whatever write, and one that cannot be written: a plain error, and nothing lost. */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, statfsSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { recordMachine } from '../../packages/key-store/src/machine.ts';
import { full } from './points.ts';
import { keeps, liveDevices, missingRecords, openDoors, readSound } from './sound.ts';
import {
  createWorld,
  locksOf,
  restore,
  type CrashWorld,
  type Data,
  type Ended,
  type Machine,
} from './world.ts';

const LONG = 1_800_000;
const PAGE = 4096;

/** Whether this process may mount a small disk. */
const canMount = ((): boolean => {
  const place = mkdtempSync(join(tmpdir(), 'auths-disk-'));
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'auths-test', place]).status === 0;
  if (mounted) spawnSync('umount', [place]);
  rmSync(place, { recursive: true, force: true });
  return mounted;
})();

let world: CrashWorld;
let prepared: string;
let disk: string;
let machine: Machine;

async function reset(from: string | null): Promise<void> {
  rmSync(join(disk, 'filler'), { force: true });
  restore(machine.folder, from);
  if (from !== null) await recordMachine(machine.home);
}

/** Leaves so many pages of the disk free. */
function fillUp(pages: number): void {
  const { bavail, bsize } = statfsSync(disk);
  writeFileSync(join(disk, 'filler'), Buffer.alloc(Math.max(0, bavail * bsize - pages * PAGE), 1));
}

function told(ended: Ended, where: string): Data {
  expect(ended.stdout, `${where}: ${ended.stderr}`).toMatch(/^\{.*\}\n$/);
  return JSON.parse(ended.stdout);
}

function expectStorageTrouble(ended: Ended, where: string): void {
  const document = told(ended, where);
  expect([ended.exit, document.ok], `${where}: ${ended.stdout}`).toEqual([7, false]);
  expect(document.error.code, where).toMatch(/^storage\/failed$/);
  expect(document.error.hint, `${where}: ${ended.stdout}`).toEqual(expect.any(String));
  expect(ended.stdout, where).not.toMatch(/tmp_obj|\bat .*:\d+:\d+/);
}

describe.skipIf(!canMount)('a small disk (needs the right to mount one)', () => {
  beforeAll(async () => {
    world = await createWorld();
    const first = world.machine('first');
    await first.data(['init', '--name', 'laptop', '--git', 'none']);
    prepared = join(world.folder, 'prepared');
    cpSync(first.folder, prepared, { recursive: true, preserveTimestamps: true });
    disk = join(world.folder, 'disk');
    mkdirSync(disk);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'auths-test', disk]);
    machine = world.machine('disk/machine');
  }, LONG);

  afterAll(() => {
    if (disk !== undefined) spawnSync('umount', [disk]);
    world.end();
  });

  it(
    'that is full at whatever write: exit 7, nothing lost, and the same command works once there is room',
    async () => {
      const args = ['devices', 'rename', 'laptop', 'desk', '--json'];
      const before = await readSound(join(prepared, '.auths'));
      let refused = 0;
      for (let pages = 0; ; pages += full || pages < 4 ? 1 : 4) {
        const where = `${pages} free pages`;
        await reset(prepared);
        fillUp(pages);
        const ended = await machine.run(args);
        const status = told(await machine.run(['status', '--json']), where);
        expect(status.ok, where).toBe(true);
        if (ended.exit === 0) break;
        refused += 1;
        expectStorageTrouble(ended, where);
        truncateSync(join(disk, 'filler'));
        const seen = await readSound(machine.home);
        expect(keeps(before.stream, seen.stream), where).toBe(true);
        expect([missingRecords(seen), openDoors(seen), locksOf(machine.home)], where).toEqual([[], [], []]);
        // The log may have grown before the disk was full; then the rename is done, and only what follows from it is not.
        const name = liveDevices(seen)[0]?.name ?? '';
        const again = await machine.run(['devices', 'rename', name, 'desk', '--json']);
        expect(again.exit, `${where}: ${again.stdout}`).toBe(0);
        expect(
          liveDevices(await readSound(machine.home)).map((device) => device.name),
          where,
        ).toEqual(['desk']);
      }
      expect(refused).toBeGreaterThan(5);
    },
    LONG,
  );

  it(
    'that is full during init: exit 7, and the next init makes one whole identity',
    async () => {
      let refused = 0;
      for (let pages = 0; ; pages += full ? 1 : 5) {
        const where = `${pages} free pages`;
        await reset(null);
        fillUp(pages);
        const ended = await machine.run(['init', '--name', 'laptop', '--json']);
        if (ended.exit === 0) break;
        refused += 1;
        expectStorageTrouble(ended, where);
        truncateSync(join(disk, 'filler'));
        const again = await machine.run(['init', '--name', 'laptop', '--json']);
        expect(again.exit, `${where}: ${again.stdout}`).toBe(0);
        const seen = await readSound(machine.home);
        expect(
          [seen.events, liveDevices(seen).length, missingRecords(seen), locksOf(machine.home)],
          where,
        ).toEqual([2, 1, [], []]);
        expect(await machine.data(['recovery', 'check']), where).toMatchObject({ opens: true, fits: true });
      }
      expect(refused).toBeGreaterThan(5);
    },
    LONG,
  );

  it(
    'that cannot be written: what only reads still answers, what writes says why',
    async () => {
      await reset(prepared);
      const remote = join(world.folder, 'remote.git');
      execFileSync('git', ['init', '-q', '--bare', remote]);
      await machine.data(['push', '--once', remote]);
      rmSync(join(machine.home, 'bin'), { recursive: true, force: true });
      execFileSync('mount', ['-o', 'remount,ro', disk]);
      try {
        expect(told(await machine.run(['status', '--json']), 'status').ok).toBe(true);
        expect((await machine.run(['whoami', '--json'])).exit).toBe(0);
        expect((await machine.run(['devices', '--json'])).exit).toBe(0);
        expect((await machine.run(['kel', 'show', '--json'])).exit).toBe(0);
        for (const args of [
          ['devices', 'rename', 'laptop', 'desk'],
          ['devices', 'revoke', 'laptop', '--reason', 'retired'],
          ['recovery', 'export', '--output', join(machine.folder, 'kit.json')],
          ['pull', remote],
          ['git', 'setup', '--global'],
        ]) {
          const ended = await machine.run([...args, '--json']);
          expectStorageTrouble(ended, args.join(' '));
          if (args[0] !== 'recovery')
            expect(ended.stdout).toMatch(/(?:EROFS|git update-ref).*mounted read-only/);
        }
        const other = await machine.run(['init', '--json'], {
          env: { AUTHS_HOME: join(machine.folder, 'other') },
        });
        expectStorageTrouble(other, 'init');
      } finally {
        execFileSync('mount', ['-o', 'remount,rw', disk]);
      }
      const seen = await readSound(machine.home);
      expect([seen.events, liveDevices(seen).length]).toEqual([2, 1]);
    },
    LONG,
  );
});
