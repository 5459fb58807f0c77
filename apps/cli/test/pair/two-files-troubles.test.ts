/** Two files when something goes wrong on the way: what is said, what stands, and the way on. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, watch } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildPrograms, createWorld, removePrograms, type Machine, type World } from './programs.ts';

// oxlint-disable-next-line typescript/no-explicit-any
type Data = any;

let world: World;
let laptop: Machine;
let did: string;
let stick: string;

beforeAll(async () => {
  buildPrograms();
  world = createWorld();
  laptop = world.machine('laptop');
  stick = world.machine('stick').folder;
  did = String((await laptop.data('init', '--name', 'laptop', '--git', 'none'))['controller_did']);
}, 120_000);
afterAll(async () => {
  await world.end();
  removePrograms();
});

async function answer(machine: Machine, ...argv: readonly string[]): Promise<Data> {
  const { stdout, exit } = await machine.run(...argv, '--json');
  return { ...JSON.parse(stdout), exit };
}

const request = (machine: Machine, file: string, identity = did): Promise<Data> =>
  answer(machine, 'devices', 'request', file, '--identity', identity, '--name', machine.name);

const devices = async (machine: Machine): Promise<Record<string, string>> => {
  const listed = (await machine.data('devices', 'list', '--all')) as Data;
  return Object.fromEntries(listed.devices.map((device: Data) => [device.name, device.status]));
};

describe('an answer that cannot be written', () => {
  it('is noticed before anything is granted, and the error names the folder', async () => {
    const file = join(stick, 'early.request');
    const { device_did: device } = (await request(world.machine('early'), file)).data;
    const output = join(stick, 'no such', 'answer');
    const refused = await answer(
      laptop,
      'devices',
      'accept',
      file,
      '--expect-device',
      device,
      '--output',
      output,
    );
    expect(refused).toMatchObject({ exit: 7, error: { code: 'storage/failed', details: { path: output } } });
    expect(refused.error.hint).toContain(`mkdir -p '${join(stick, 'no such')}'`);
    expect(await devices(laptop)).toEqual({ laptop: 'active' });
    expect(readdirSync(stick).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  }, 60_000);

  it('after the grant says that the device is linked, and the same command again writes it', async () => {
    const { device_did: device } = (await request(world.machine('late'), join(stick, 'late.request'))).data;
    const bytes = readFileSync(join(stick, 'late.request'));
    const folder = join(stick, 'unplugged');
    mkdirSync(folder);
    const command = ['devices', 'accept', '-', '--expect-device', device, '--output', join(folder, 'answer')];
    const tried = new Promise<void>((resolve) => {
      const watcher = watch(folder, () => {
        watcher.close();
        resolve();
      });
    });
    const running = laptop.start(...command, '--json');
    await tried;
    rmSync(folder, { recursive: true });
    running.child.stdin?.end(bytes);
    const { stdout, exit } = await running.done;
    const { error } = JSON.parse(stdout);
    expect([exit, error.code]).toEqual([7, 'storage/failed']);
    expect(error.message).toContain('late is a device of this identity now');
    expect(error.hint).toMatch(/mkdir -p .*the same command again; it asks nothing/);
    expect(await devices(laptop)).toEqual({ laptop: 'active', late: 'active' });
    const signers = readFileSync(join(laptop.env['AUTHS_HOME'] ?? '', 'allowed_signers'), 'utf8');
    expect(signers.trim().split('\n')).toHaveLength(2);
    mkdirSync(folder);
    const again = laptop.start(...command, '--json');
    again.child.stdin?.end(bytes);
    expect(JSON.parse((await again.done).stdout)).toMatchObject({ ok: true, data: { already: true } });
    expect(existsSync(join(folder, 'answer'))).toBe(true);
  }, 60_000);
});
