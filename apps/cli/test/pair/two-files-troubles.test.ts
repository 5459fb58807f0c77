/** Two files when something goes wrong on the way: what is said, what stands, and the way on. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, watch, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { endTerminals, hasScript, onTerminal } from './on-terminal.ts';
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
  endTerminals();
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

const bundle = async (name: string): Promise<string> => {
  const file = join(stick, name);
  await laptop.data('id', 'export', '--output', file);
  return file;
};

const link = async (machine: Machine, file: string, device: string): Promise<void> => {
  await laptop.data('devices', 'accept', file, '--expect-device', device);
  await machine.data('devices', 'request', '--answer', `${file}.answer`);
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

describe('a device that was revoked', () => {
  it('learns it from the file of the identity, and comes back with a new key', async () => {
    const desk = world.machine('desk');
    const file = join(stick, 'desk.request');
    const { device_did: old } = (await request(desk, file)).data;
    await link(desk, file, old);
    await laptop.data('devices', 'revoke', 'desk', '--reason', 'lost');
    const refused = await answer(laptop, 'devices', 'accept', file, '--output', join(stick, 'no-answer'));
    expect(refused.error).toMatchObject({ code: 'pairing/forbidden' });
    expect(refused.error.hint).toMatch(
      /id export --output me\.auths.*devices request NEW --identity me\.auths/,
    );
    // Without the file it cannot know, and says what would tell it.
    const unknowing = await request(desk, join(stick, 'desk-2.request'));
    expect(unknowing.error).toMatchObject({
      code: 'pairing/already-used',
      hint: expect.stringContaining('auths id export'),
    });
    const again = join(stick, 'desk-3.request');
    const { data } = await request(desk, again, await bundle('newer.auths'));
    expect(data.device_did).not.toBe(old);
    expect(await desk.data('whoami')).toMatchObject({ device_did: old, device_status: 'revoked' });
    const keys = (await desk.data('key', 'list')) as Data;
    expect(keys.keys.map(({ alias }: Data) => alias)).toContain(`device:${old}`);
    expect((await answer(desk, 'devices', 'request', '--answer', `${file}.answer`)).exit).not.toBe(0);
    await link(desk, again, data.device_did);
    expect(await desk.data('whoami')).toMatchObject({ device_did: data.device_did, device_status: 'active' });
  }, 60_000);

  it('before it has taken an answer in, too', async () => {
    const shed = world.machine('shed');
    const file = join(stick, 'shed.request');
    const { device_did: old } = (await request(shed, file)).data;
    await laptop.data('devices', 'accept', file, '--expect-device', old);
    await laptop.data('devices', 'revoke', 'shed', '--reason', 'lost');
    const again = join(stick, 'shed-2.request');
    const { data } = await request(shed, again, await bundle('shed.auths'));
    expect(data.device_did).not.toBe(old);
    await link(shed, again, data.device_did);
    expect(await shed.data('whoami')).toMatchObject({ device_status: 'active' });
  }, 60_000);

  it('is not paired by an old answer', async () => {
    const barn = world.machine('barn');
    const file = join(stick, 'barn.request');
    const { device_did: old } = (await request(barn, file)).data;
    await link(barn, file, old);
    await laptop.data('devices', 'revoke', 'barn', '--reason', 'lost');
    const remote = join(stick, 'remote.git');
    execFileSync('git', ['init', '-q', '--bare', remote], { env: laptop.env });
    await laptop.data('push', remote);
    await barn.data('pull', remote);
    const taken = await answer(barn, 'devices', 'request', '--answer', `${file}.answer`);
    expect(taken).toMatchObject({ ok: false, error: { code: 'device/revoked' } });
    expect(taken.error.hint).toContain('auths devices request');
  }, 60_000);
});

describe('the words of two files', () => {
  it('a wrong fingerprint, and nobody to type one, are told without a network', async () => {
    const file = join(stick, 'words.request');
    await request(world.machine('words'), file);
    const typing = async (typed: string | null): Promise<Data> => {
      const running = laptop.start('devices', 'accept', file, '--json');
      if (typed !== null) running.say(typed);
      running.hush();
      return JSON.parse((await running.done).stdout).error;
    };
    const wrong = await typing('AAAA-AAAA-AAAA-AAAA');
    expect([wrong.code, wrong.hint]).toEqual([
      'pairing/sas-mismatch',
      expect.stringContaining('devices request'),
    ]);
    expect(wrong.hint).not.toContain('network');
    const ended = await typing(null);
    expect([ended.code, ended.hint]).toEqual([
      'pairing/confirmation-required',
      expect.stringContaining('--expect-device'),
    ]);
    expect(ended.hint).not.toContain('--yes');
  }, 60_000);

  it.skipIf(!hasScript)(
    'Enter alone is no try',
    async () => {
      const file = join(stick, 'enter.request');
      const { data } = await request(world.machine('enter'), file);
      const terminal = onTerminal(laptop, 80, 'devices', 'accept', file);
      await terminal.shown(/Type the fingerprint[^]*or no:/);
      for (let time = 1; time <= 4; time++) {
        terminal.type('\r');
        await terminal.shown(new RegExp(`(?:Nothing was typed[^]*){${time}}`));
      }
      terminal.type(`${data.fingerprint}\r`);
      expect(await terminal.done, terminal.text()).toBe(0);
      expect(await devices(laptop)).toMatchObject({ enter: 'active' });
    },
    60_000,
  );

  it('a file that suffered on the way is named, with what it should be and where it comes from', async () => {
    const barn = world.machine('spoilt');
    const file = join(stick, 'spoilt.request');
    const { device_did: device } = (await request(barn, file)).data;
    await laptop.data('devices', 'accept', file, '--expect-device', device);
    const bad = join(stick, 'spoilt');
    const bom = Buffer.from([0xef, 0xbb, 0xbf]);
    for (const [source, command, next] of [
      [file, ['devices', 'accept', bad], 'auths devices request FILE'],
      [`${file}.answer`, ['devices', 'request', '--answer', bad], 'auths devices accept REQUEST'],
    ] as const) {
      const whole = readFileSync(source);
      for (const [content, why] of [
        [Buffer.alloc(0), 'it is empty'],
        [whole.subarray(0, 200), 'cut off'],
        [Buffer.concat([bom, whole]), 'byte order mark'],
        [Buffer.from('hello'), 'another kind of file'],
        [Buffer.from('{}\n'), 'is missing'],
      ] as const) {
        writeFileSync(bad, content);
        const { error } = await answer(source === file ? laptop : barn, ...command);
        expect(error, why).toMatchObject({ code: 'input/malformed', hint: expect.stringContaining(next) });
        expect(error.message).toContain(`${bad}: `);
        expect(error.message).toContain(why);
      }
      rmSync(bad);
      const { error } = await answer(source === file ? laptop : barn, ...command);
      expect(error).toMatchObject({ code: 'input/unreadable', hint: expect.stringContaining(next) });
      expect(error.hint).toContain(`ls ${stick}`);
    }
  }, 90_000);
});

describe('Ctrl+C at the question for a new passphrase', () => {
  it.skipIf(!hasScript).each([
    ['init', ['init', '--name', 'left', '--git', 'none']],
    ['devices request', ['devices', 'request', 'left.request', '--identity']],
  ])(
    'leaves nothing of a home behind: %s',
    async (name, words) => {
      const { env, ...machine } = world.machine(`left by ${name}`);
      const { AUTHS_PASSPHRASE: _, ...bare } = env;
      const argv = name === 'init' ? words : [...words, did];
      const terminal = onTerminal({ ...machine, env: bare }, 80, ...argv);
      await terminal.shown(/Choose a passphrase/);
      terminal.type('half\u0003');
      expect(await terminal.done, terminal.text()).toBe(130);
      expect(readdirSync(machine.folder)).toEqual([]);
    },
    60_000,
  );
});
