/** A device of an identity without any network: a request one way, an answer the other, a fingerprint compared by hand. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  buildPrograms,
  createWorld,
  programs,
  removePrograms,
  type Machine,
  type World,
} from './programs.ts';

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
  did = String((await laptop.data('init', '--name', 'laptop', '--git', 'global'))['controller_did']);
}, 120_000);
afterAll(async () => {
  await world.end();
  removePrograms();
});

async function answer(machine: Machine, ...argv: readonly string[]): Promise<Data> {
  const { stdout, exit } = await machine.run(...argv, '--json');
  return { ...JSON.parse(stdout), exit };
}

/** `devices accept` by a person who types what the other screen shows. */
async function accept(file: string, typed: string, ...more: readonly string[]): Promise<Data> {
  const running = laptop.start('devices', 'accept', file, '--json', ...more);
  running.say(typed);
  running.hush();
  const { stdout, exit } = await running.done;
  return { ...JSON.parse(stdout), exit };
}

async function request(
  machine: Machine,
  ...more: readonly string[]
): Promise<{ readonly file: string; readonly data: Data }> {
  const file = join(stick, `${machine.name}.request`);
  const made = await answer(
    machine,
    'devices',
    'request',
    file,
    '--identity',
    did,
    '--name',
    machine.name,
    ...more,
  );
  expect(made, JSON.stringify(made)).toMatchObject({ exit: 0 });
  return { file, data: made.data };
}

const devices = async (machine: Machine): Promise<Record<string, string>> => {
  const listed = (await machine.data('devices', 'list', '--all')) as Data;
  return Object.fromEntries(listed.devices.map((device: Data) => [device.name, device.status]));
};
const sequence = async (): Promise<number> => Number((await laptop.data('id', 'show'))['sequence']);

describe('two files', () => {
  it('make a device that signs; the record is the one that a pairing makes', async () => {
    const desk = world.machine('desk');
    const bundle = join(stick, 'me.auths');
    await laptop.data('id', 'export', '--output', bundle);
    const { file, data } = await request(desk, '--identity', bundle, '--device-expires', '90d');
    expect(data.fingerprint).toMatch(/^(?:[0-9A-HJKMNP-TV-Z]{4}-){3}[0-9A-HJKMNP-TV-Z]{4}$/);
    expect(readFileSync(file, 'utf8')).not.toContain('passphrase');
    expect(await devices(laptop)).toEqual({ laptop: 'active' });
    const accepted = await accept(file, data.fingerprint);
    expect(accepted, JSON.stringify(accepted)).toMatchObject({
      exit: 0,
      data: {
        device_did: data.device_did,
        already: false,
        attestation: { type: 'link', issuer: did, capabilities: ['sign_commit'] },
      },
    });
    expect(await devices(laptop)).toEqual({ laptop: 'active', desk: 'active' });

    const taken = await answer(desk, 'devices', 'request', '--answer', `${file}.answer`, '--git', 'global');
    expect(taken, JSON.stringify(taken)).toMatchObject({
      exit: 0,
      data: { device_did: data.device_did, git: 'global' },
    });
    expect(taken.data.attestation).toEqual(accepted.data.attestation);
    expect(await desk.data('whoami')).toMatchObject({
      controller_did: did,
      device_did: data.device_did,
      device_status: 'active',
    });

    const work = join(desk.folder, 'work');
    const git = (...argv: readonly string[]): string =>
      execFileSync('git', ['-C', work, '-c', 'user.name=A', '-c', 'user.email=a@example.org', ...argv], {
        env: desk.env,
        encoding: 'utf8',
      });
    execFileSync('git', ['init', '-q', '-b', 'main', work], { env: desk.env });
    const auths = (env: Readonly<Record<string, string>>, ...argv: readonly string[]): Data =>
      JSON.parse(
        execFileSync(process.execPath, [programs().auths, ...argv, '--json'], {
          cwd: work,
          env,
          encoding: 'utf8',
        }),
      );
    auths(desk.env, 'repo', 'init');
    git('add', '-A');
    git('commit', '-q', '-m', 'signed without any network');
    const stranger = world.machine('stranger').env;
    expect(auths(stranger, 'verify', 'HEAD', '--root', did).data.results).toMatchObject([
      { verdict: 'valid', device_name: 'desk' },
    ]);
    // A commit of this device may not renew what an older version wrote, so that it is not made to.
    writeFileSync(join(work, '.auths', '.gitattributes'), 'evidence/** -text\n');
    expect(auths(desk.env, 'repo', 'update').data).toMatchObject({ ok: true, changed: [] });
    expect(auths(laptop.env, 'repo', 'update').data.changed).toEqual(['.auths/.gitattributes']);

    // Taken twice, accepted twice: nothing changes, nobody is asked, and the answer is the same.
    const before = await sequence();
    expect((await answer(desk, 'devices', 'request', '--answer', `${file}.answer`)).exit).toBe(0);
    const again = await answer(laptop, 'devices', 'accept', file, '--output', join(stick, 'again'));
    expect(again).toMatchObject({ exit: 0, data: { already: true } });
    expect(readFileSync(join(stick, 'again'))).toEqual(readFileSync(`${file}.answer`));
    expect(await sequence()).toBe(before);
    // Revoked, it does not come back by its old request.
    await laptop.data('devices', 'revoke', 'desk', '--reason', 'lost');
    expect(await answer(laptop, 'devices', 'accept', file, '--output', join(stick, 'third'))).toMatchObject({
      exit: 6,
      error: { code: 'pairing/forbidden' },
    });
    expect(existsSync(join(stick, 'third'))).toBe(false);
  }, 60_000);

  it('somebody who changes the file on the way is seen, because the fingerprints differ', async () => {
    const victim = world.machine('victim');
    const thief = world.machine('thief');
    const honest = await request(victim);
    const evil = await request(thief, '--name', 'victim');
    copyFileSync(evil.file, honest.file);
    expect(evil.data.fingerprint).not.toBe(honest.data.fingerprint);
    const before = await sequence();
    expect(await accept(honest.file, honest.data.fingerprint)).toMatchObject({
      exit: 1,
      error: { code: 'pairing/sas-mismatch' },
    });
    expect(
      await answer(laptop, 'devices', 'accept', honest.file, '--expect-device', honest.data.device_did),
    ).toMatchObject({
      exit: 6,
      error: { code: 'pairing/device-not-expected' },
    });
    // Nobody to ask, and --yes is no comparison.
    expect(await accept(honest.file, '')).toMatchObject({ error: { code: 'pairing/sas-mismatch' } });
    const alone = await laptop.run('devices', 'accept', honest.file, '--yes', '--no-input');
    expect([alone.exit, alone.stderr]).toEqual([2, expect.stringContaining('--expect-device')]);
    expect([await sequence(), existsSync(`${honest.file}.answer`)]).toEqual([before, false]);
    // The thief's own request, accepted by mistake, is no answer for the victim.
    expect((await accept(evil.file, evil.data.fingerprint)).exit).toBe(0);
    expect(await answer(victim, 'devices', 'request', '--answer', `${evil.file}.answer`)).toMatchObject({
      exit: 1,
      error: { code: 'pairing/did-mismatch' },
    });
    expect((await victim.run('whoami', '--json')).exit).toBe(3);
  }, 60_000);

  it('what is cut off, changed, foreign or no request at all is refused, and nothing is granted', async () => {
    const desk = world.machine('desk-2');
    const { file, data } = await request(desk);
    const bytes = readFileSync(file);
    const before = await sequence();
    const bad = join(stick, 'bad');
    const changed = Buffer.from(bytes);
    changed[bytes.length >> 1] = (changed[bytes.length >> 1] as number) ^ 1;
    for (const content of [
      Buffer.alloc(0),
      Buffer.from('hello'),
      bytes.subarray(0, 200),
      changed,
      Buffer.concat([bytes, Buffer.from(' ')]),
      Buffer.alloc(1 << 20, 0x20),
    ]) {
      writeFileSync(bad, content);
      expect(await answer(laptop, 'devices', 'accept', bad), String(content.length)).toMatchObject({
        exit: 2,
        error: { code: 'input/malformed' },
      });
    }
    expect(await answer(laptop, 'devices', 'accept', join(stick, 'gone'))).toMatchObject({
      exit: 2,
      error: { code: 'input/unreadable' },
    });
    const other = world.machine('other');
    await other.data('init', '--name', 'other', '--git', 'none');
    expect(await answer(other, 'devices', 'accept', file)).toMatchObject({
      exit: 1,
      error: { code: 'pairing/did-mismatch' },
    });
    expect(await answer(desk, 'devices', 'accept', file)).toMatchObject({ exit: 3 });
    expect(await answer(other, 'devices', 'request', join(stick, 'x'), '--identity', did)).toMatchObject({
      exit: 6,
      error: { code: 'pairing/conflict' },
    });
    expect(await answer(desk, 'devices', 'request', file, '--identity', did)).toMatchObject({
      exit: 2,
      error: { code: 'usage/invalid' },
    });
    expect(await answer(desk, 'devices', 'request', join(stick, 'x'))).toMatchObject({
      exit: 2,
      error: { code: 'usage/missing-answer' },
    });
    // Nobody reads what it asks for, so naming the key alone does not grant it.
    const greedy = await request(world.machine('greedy'), '--capabilities', 'sign_commit,manage_policy');
    const known = ['devices', 'accept', greedy.file, '--expect-device', greedy.data.device_did];
    expect(await answer(laptop, ...known)).toMatchObject({
      exit: 6,
      error: { code: 'pairing/forbidden', hint: expect.stringContaining('--capabilities') },
    });
    expect(existsSync(`${greedy.file}.answer`)).toBe(false);
    // A file that cannot be written leaves the request before it good; each file says what it is not.
    expect(
      await answer(desk, 'devices', 'request', join(stick, 'no/such/folder'), '--identity', did),
    ).toMatchObject({
      exit: 7,
    });
    expect((await answer(desk, 'devices', 'request', '--answer', file)).error.message).toContain(
      'no answer to a request',
    );
    expect(await sequence()).toBe(before);

    // Two at once: one grant, two answers that say the same.
    const [one, two] = await Promise.all(
      ['one', 'two'].map((name) => accept(file, data.fingerprint, '--output', join(stick, name))),
    );
    expect([one.exit, two.exit], JSON.stringify([one, two])).toEqual([0, 0]);
    expect(await sequence()).toBe(before + 1);
    const good = readFileSync(join(stick, 'one'));
    writeFileSync(bad, good.subarray(0, good.length - 300));
    expect(await answer(desk, 'devices', 'request', '--answer', bad)).toMatchObject({
      exit: 2,
      error: { code: 'input/malformed' },
    });
    expect(
      await answer(world.machine('nobody'), 'devices', 'request', '--answer', join(stick, 'two')),
    ).toMatchObject({ exit: 3, error: { code: 'identity/none' } });
    const piped = desk.start('devices', 'request', '--answer', '-', '--json');
    piped.child.stdin?.end(good);
    expect((await piped.done).exit).toBe(0);
    expect((await desk.data('whoami'))['device_status']).toBe('active');
  }, 60_000);
});
