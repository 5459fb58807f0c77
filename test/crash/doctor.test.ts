/** What a process that died leaves is named by `auths doctor` and mended by `--fix`: each kind once, made as the crash makes it. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { recordMachine } from '../../packages/key-store/src/machine.ts';
import { liveDevices, openDoors, readSound } from './sound.ts';
import { createWorld, pointsOf, type CrashWorld, type Data, type Machine } from './world.ts';

const LONG = 300_000;

let world: CrashWorld;
let number = 0;
let laptop: Machine;

beforeAll(async () => {
  world = await createWorld();
}, LONG);

afterAll(() => {
  world.end();
});

beforeEach(async () => {
  number += 1;
  laptop = world.machine(`laptop-${number}`);
  await laptop.data(['init', '--name', 'laptop', '--git', 'none']);
});

interface Checkup {
  readonly exit: number | null;
  readonly of: (check: string) => readonly Data[];
}

async function doctor(...flags: readonly string[]): Promise<Checkup> {
  const ended = await laptop.run(['doctor', '--json', '--yes', ...flags]);
  const { checks } = JSON.parse(ended.stdout).data;
  return { exit: ended.exit, of: (check) => checks.filter((each: Data) => each.check === check) };
}

/** Runs until the point whose label fits, and dies there. */
async function dieAt(machine: Machine, args: readonly string[], fits: RegExp): Promise<void> {
  const rehearsal = world.machine(`rehearsal-${number}`);
  execFileSync('cp', ['-a', `${machine.folder}/.`, rehearsal.folder]);
  if (existsSync(rehearsal.home)) await recordMachine(rehearsal.home);
  const log = join(world.folder, `rehearsal-${number}.points`);
  await rehearsal.run(args, { killLog: log });
  const at = pointsOf(log).findIndex((label) => fits.test(label));
  expect(at, pointsOf(log).join('\n')).toBeGreaterThanOrEqual(0);
  const ended = await machine.run(args, { killAt: at + 1 });
  expect(ended.signal).toBe('SIGKILL');
}

function age(path: string): void {
  const before = Date.now() / 1000 - 300;
  utimesSync(path, before, before);
}

describe('auths doctor after a crash', () => {
  it(
    'leaves a lock alone that git may still hold, says so, and removes it once it is old',
    async () => {
      await dieAt(laptop, ['devices', 'rename', 'laptop', 'desk'], /died with 0 of 1 moved.*kel/);
      const { controller_did } = await laptop.data(['whoami']);
      const lock = join(laptop.home, `refs/did/keri/${controller_did.slice('did:keri:'.length)}/kel.lock`);
      expect(existsSync(lock)).toBe(true);
      const young = await doctor('--fix');
      expect(young.of('locks')).toMatchObject([{ status: 'warning', detail: expect.stringContaining(lock) }]);
      expect(existsSync(lock)).toBe(true);
      const blocked = JSON.parse(
        (await laptop.run(['devices', 'rename', 'laptop', 'desk', '--json'])).stdout,
      );
      expect(blocked.error).toMatchObject({
        code: 'storage/locked',
        hint: 'auths doctor --fix',
        details: { path: lock },
      });
      age(lock);
      expect((await doctor()).of('locks')).toMatchObject([{ status: 'failed', hint: 'auths doctor --fix' }]);
      expect((await doctor('--fix')).of('locks')).toMatchObject([{ status: 'fixed' }]);
      await laptop.data(['devices', 'rename', 'laptop', 'desk']);
    },
    LONG,
  );

  it(
    'finds temporary files once they are old, and clears them away',
    async () => {
      await dieAt(laptop, ['devices', 'rename', 'laptop', 'desk'], /write objects.*half/);
      const left = readdirSync(laptop.home, { recursive: true, encoding: 'utf8' }).filter((name) =>
        name.includes('tmp_obj_'),
      );
      expect(left.length).toBeGreaterThan(0);
      writeFileSync(join(laptop.home, `keys.enc.${'ab'.repeat(9)}.tmp`), 'half');
      expect((await doctor('--fix')).of('leftovers')).toEqual([]);
      for (const name of [...left, `keys.enc.${'ab'.repeat(9)}.tmp`]) age(join(laptop.home, name));
      expect((await doctor()).of('leftovers')).toMatchObject([{ status: 'warning' }]);
      expect((await doctor('--fix')).of('leftovers')).toMatchObject([{ status: 'fixed' }]);
      const after = readdirSync(laptop.home, { recursive: true, encoding: 'utf8' });
      expect(after.filter((name) => /tmp/.test(name))).toEqual([]);
      expect((await doctor()).exit).toBe(0);
    },
    LONG,
  );

  it(
    'puts back a log whose ref a power cut has emptied',
    async () => {
      await laptop.data(['devices', 'rename', 'laptop', 'desk']);
      const { controller_did } = await laptop.data(['whoami']);
      const ref = join(laptop.home, `refs/did/keri/${controller_did.slice('did:keri:'.length)}/kel`);
      const tip = readFileSync(ref, 'utf8');
      writeFileSync(ref, '');
      const status = JSON.parse((await laptop.run(['status', '--json'])).stdout);
      expect(status.error).toMatchObject({ code: 'storage/corrupt', hint: 'auths doctor --fix' });
      expect((await doctor()).exit).toBe(1);
      expect((await doctor('--fix')).of('log')).toMatchObject([{ status: 'fixed' }]);
      expect(readFileSync(ref, 'utf8')).toBe(tip);
      expect((await laptop.data(['status'])).device.name).toBe('desk');
    },
    LONG,
  );

  it(
    'writes allowed_signers again when a crash came between the log and the file',
    async () => {
      const { device_did: did } = await laptop.data(['whoami']);
      const args = ['devices', 'extend', did, '--expires', '2099-01-01T00:00:00Z'];
      await dieAt(laptop, args, /create allowed_signers/);
      expect((await doctor()).of('allowed_signers')).toMatchObject([
        { status: 'failed', hint: 'auths doctor --fix' },
      ]);
      expect((await doctor('--fix')).of('allowed_signers')).toMatchObject([{ status: 'fixed' }]);
      expect(readFileSync(join(laptop.home, 'allowed_signers'), 'utf8')).toContain(
        'valid-before="20990101000000Z"',
      );
      expect((await doctor()).exit).toBe(0);
    },
    LONG,
  );

  it.each(['doctor', 'another command'])(
    'closes the channel of a device that is revoked in the log alone: by %s',
    async (way) => {
      const hosting = laptop.start(['pair', '--json', '--bind', '127.0.0.1', '--no-mdns']);
      const offer = await hosting.event('offer');
      const phone = world.machine(`phone-${number}`);
      await phone.run(['pair', '--join', String(offer?.['uri']), '--json', '--name', 'phone']);
      expect((await hosting.done).exit).toBe(0);
      await dieAt(laptop, ['devices', 'revoke', 'phone', '--reason', 'lost'], /rename allow-list/);
      expect(openDoors(await readSound(laptop.home)).map(({ name }) => name)).toEqual(['phone']);
      // The dying process held the list.
      const found = await doctor('--fix');
      expect(found.of('locks')).toMatchObject([{ status: 'fixed' }]);
      if (way === 'doctor')
        expect(found.of('paired devices')).toContainEqual(expect.objectContaining({ status: 'fixed' }));
      else await laptop.data(['devices', 'rename', 'laptop', 'desk']);
      const seen = await readSound(laptop.home);
      expect(openDoors(seen)).toEqual([]);
      expect(seen.paired).toMatchObject([{ name: 'phone', status: 'revoked', psk: '' }]);
      expect(liveDevices(seen)).toHaveLength(1);
    },
    LONG,
  );

  it(
    'finishes git, which init had not come to',
    async () => {
      const fresh = world.machine(`fresh-${number}`);
      const args = ['init', '--name', 'fresh', '--git', 'global'];
      await dieAt(fresh, args, /git config --global --replace-all: not started/);
      expect((await fresh.data(['status'])).git).toBe('none');
      laptop = fresh;
      expect((await doctor()).of('unfinished')).toMatchObject([{ status: 'failed', hint: 'auths init' }]);
      expect((await doctor('--fix')).of('unfinished')).toMatchObject([{ status: 'fixed' }]);
      expect((await fresh.data(['status'])).git).toBe('global');
      expect((await doctor()).exit).toBe(0);
    },
    LONG,
  );
});
