/** Lost, stolen, forked: what an owner can still do, with the built programs as processes and real bare repositories. */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { buildPrograms, createWorld, removePrograms, type Machine, type World } from '../pair/programs.ts';

beforeAll(buildPrograms, 120_000);
afterAll(removePrograms);

let world: World;
afterEach(() => world.end());

// oxlint-disable-next-line typescript/no-explicit-any
type Data = any;

interface Owner {
  readonly laptop: Machine;
  readonly home: string;
  readonly did: string;
  readonly remote: string;
  /** Outside every home. */
  readonly kit: string;
  readonly words: string;
}

/** An identity that is published, its kit and its words somewhere else. */
async function owner(): Promise<Owner> {
  world = createWorld();
  const laptop = world.machine('laptop');
  const vault = world.machine('vault').folder;
  const did = String((await laptop.data('init', '--name', 'laptop', '--git', 'none'))['controller_did']);
  const remote = join(vault, 'identity.git');
  execFileSync('git', ['init', '-q', '--bare', remote]);
  await laptop.data('push', remote);
  const page = join(vault, 'words.txt');
  const kit = join(vault, 'kit.json');
  await laptop.data('recovery', 'export', '--words', '--output', page);
  await laptop.data('recovery', 'export', '--output', kit);
  return { laptop, home: join(laptop.folder, '.auths'), did, remote, kit, words: wordsOf(page) };
}

function wordsOf(page: string): string {
  return [...readFileSync(page, 'utf8').matchAll(/\d+\. +([a-z]+)/g)].map(([, word]) => word).join(' ');
}

/** A home of another machine in somebody else's hands: it knows no remote and not where it came from. */
function thiefOf({ laptop, home }: Owner, name = 'thief'): Machine {
  const thief = world.machine(name);
  const copy = join(thief.folder, '.auths');
  cpSync(home, copy, { recursive: true });
  for (const file of ['machine.json', 'seen']) rmSync(join(copy, file), { recursive: true, force: true });
  const remote = /\[remote "([^"]+)"\]/.exec(readFileSync(join(copy, 'config'), 'utf8'))?.[1];
  if (remote !== undefined)
    execFileSync('git', [`--git-dir=${copy}`, 'config', '--remove-section', `remote.${remote}`]);
  Object.assign(thief.env, { AUTHS_PASSPHRASE: laptop.env['AUTHS_PASSPHRASE'] });
  return thief;
}

async function withWords(machine: Machine, words: string, ...argv: readonly string[]): Promise<Data> {
  const running = machine.start(...argv, '--json');
  running.say(words);
  running.hush();
  const { stdout, stderr, exit } = await running.done;
  expect(stdout + stderr).not.toContain(words.split(' ').slice(0, 3).join(' '));
  return { ...JSON.parse(stdout), exit };
}

async function answer(machine: Machine, ...argv: readonly string[]): Promise<Data> {
  const { stdout, exit } = await machine.run(...argv, '--json');
  return { ...JSON.parse(stdout), exit };
}

async function deviceNames(machine: Machine): Promise<Record<string, string>> {
  const { devices } = (await machine.data('devices', 'list', '--all')) as Data;
  return Object.fromEntries(devices.map((device: Data) => [device.name, device.status]));
}

/** Pairs a device to a host and gives back its DID. */
async function pair(host: Machine, device: Machine): Promise<string> {
  const hosting = host.start('pair', '--json', '--yes', '--bind', '127.0.0.1', '--no-mdns');
  const offer = await hosting.event('offer');
  const joined = await device.run('pair', '--join', String(offer['uri']), '--json', '--name', device.name);
  hosting.hush();
  const ended = await hosting.done;
  expect([joined.exit, ended.exit], joined.stdout + ended.stdout).toEqual([0, 0]);
  return JSON.parse(joined.stdout.trimEnd().split('\n').at(-1) ?? '').device_did;
}

function repository(machine: Machine): { readonly dir: string; readonly git: (...args: string[]) => string } {
  const dir = join(machine.folder, 'work');
  const git = (...args: string[]): string =>
    execFileSync('git', ['-c', 'user.name=A', '-c', 'user.email=a@example.org', ...args], {
      cwd: existsSync(dir) ? dir : machine.folder,
      env: machine.env,
      encoding: 'utf8',
    });
  return { dir, git };
}

describe('rotation', () => {
  it('breaks nothing: commits verify, a paired device pulls, the evidence is refreshed; the old kit is told from the new', async () => {
    const me = await owner();
    const { laptop, remote, kit, words } = me;
    const phone = world.machine('phone');
    await pair(laptop, phone);
    await laptop.data('push');
    const { dir, git } = repository(laptop);
    git('init', '-q', '-b', 'main', 'work');
    const inWork = (...argv: readonly string[]): string =>
      execFileSync('git', ['-C', dir, ...argv], { env: laptop.env, encoding: 'utf8' });
    await laptop.data('git', 'setup', '--global');
    await runIn(laptop, dir, 'repo', 'init');
    git('add', '-A');
    git('commit', '-q', '-m', 'roots');
    const before = await runIn(laptop, dir, 'verify', 'HEAD');

    const rotated = await answer(laptop, 'id', 'rotate', '--recovery-file', kit);
    expect(rotated.error?.code, 'the kit has the passphrase of this home').toBeUndefined();
    expect(rotated.data).toMatchObject({ sequence: 3, reason: 'retired', resealed: [], dropped: [] });
    expect(rotated.data.key).not.toBe(rotated.data.previous_key);
    expect((await laptop.data('status'))['recovery']).toBe('on-this-machine');

    expect((await runIn(laptop, dir, 'verify', 'HEAD')).commits).toEqual(before.commits);
    await laptop.data('push');
    expect(await answer(phone, 'pull', remote)).toMatchObject({ exit: 0 });
    expect(await deviceNames(phone)).toEqual({ laptop: 'active', phone: 'active' });
    await runIn(laptop, dir, 'repo', 'update');
    expect(readFileSync(join(dir, '.auths/roots'), 'utf8')).toContain(`@${rotated.data.said}`);
    expect(inWork('status', '--short')).not.toBe('');
    const log = join(laptop.folder, 'me.cesr');
    writeFileSync(log, (await laptop.run('kel', 'export')).stdout);
    expect(await answer(laptop, 'kel', 'verify', log)).toMatchObject({ exit: 0, data: { sequence: 3 } });
    // What a rotation has used up recovers nothing, and says why.
    expect(await answer(laptop, 'recovery', 'check', kit)).toMatchObject({
      exit: 1,
      data: { opens: true, fits: false },
    });
    expect(await withWords(laptop, words, 'recovery', 'check', '--words', '-')).toMatchObject({ exit: 1 });
    expect(await answer(laptop, 'recovery', 'check')).toMatchObject({ exit: 0 });
    const again = await answer(laptop, 'id', 'rotate', '--recovery-file', kit);
    expect(again).toMatchObject({ exit: 2, error: { code: 'usage/invalid' } });
    expect(again.error.message).toContain('older than the last rotation');
    // The new key appends.
    await laptop.data('devices', 'rename', 'phone', 'mobile');
  }, 60_000);
});

async function runIn(machine: Machine, dir: string, ...argv: readonly string[]): Promise<Data> {
  const { auths } = (await import('../pair/programs.ts')).programs();
  const stdout = execFileSync(process.execPath, [auths, ...argv, '--json'], {
    cwd: dir,
    env: machine.env,
    encoding: 'utf8',
  });
  return JSON.parse(stdout).data;
}

describe('a lost laptop', () => {
  it('is replaced with words and a remote: the new device signs, the lost one is revoked, others go on', async () => {
    const me = await owner();
    const phone = world.machine('phone');
    const phoneDid = await pair(me.laptop, phone);
    await me.laptop.data('push');
    rmSync(me.home, { recursive: true });
    const fresh = world.machine('fresh');
    const asked = await withWords(fresh, me.words, 'id', 'recover', '--words', '-', '--from', me.remote);
    expect(asked).toMatchObject({
      exit: 2,
      error: { code: 'usage/missing-answer', details: { flag: '--vouch-until' } },
    });
    const argv = [
      'id',
      'recover',
      '--words',
      '-',
      '--from',
      me.remote,
      '--vouch-until',
      '2',
      '--name',
      'fresh',
    ];
    const wrong = me.words.split(' ').toReversed().join(' ');
    expect((await withWords(fresh, wrong, ...argv)).error.code).toBe('input/malformed');
    const recovered = await withWords(fresh, me.words, ...argv);
    expect(recovered).toMatchObject({ exit: 0, data: { controller_did: me.did, sequence: 3, dropped: [] } });
    expect(await deviceNames(fresh)).toEqual({ laptop: 'revoked', phone: 'active', fresh: 'active' });
    await fresh.data('push');
    await phone.data('pull', me.remote);
    expect(await deviceNames(phone)).toEqual({ laptop: 'revoked', phone: 'active', fresh: 'active' });
    expect(await answer(fresh, 'recovery', 'check')).toMatchObject({ exit: 0, data: { fits: true } });
    await fresh.data('devices', 'rename', phoneDid, 'mobile');
    // A second time the same words are used up.
    const late = await withWords(world.machine('late'), me.words, ...argv);
    expect(late.error.message).toContain('older than the last rotation');
  }, 60_000);

  it('without kit and words is lost: that is said, and nothing breaks', async () => {
    const me = await owner();
    rmSync(me.home, { recursive: true });
    const fresh = world.machine('fresh');
    expect(await answer(fresh, 'id', 'recover', '--from', me.remote)).toMatchObject({
      exit: 2,
      error: { code: 'usage/missing-answer', details: { flag: '--recovery-file' } },
    });
    expect(
      await answer(fresh, 'id', 'recover', '--recovery-file', 'gone.json', '--from', me.remote),
    ).toMatchObject({
      exit: 2,
      error: { code: 'input/unreadable' },
    });
    // Words that are words, of nobody.
    const nobody = `${'abandon '.repeat(23)}art`;
    const foreign = await withWords(
      fresh,
      nobody,
      'id',
      'recover',
      '--words',
      '-',
      '--from',
      me.remote,
      '--all',
    );
    expect(foreign.error.message).toContain('not of this identity');
    expect(await answer(fresh, 'status')).toMatchObject({ exit: 0, data: { controller_did: null } });
  }, 60_000);
});

describe('a stolen identity key', () => {
  it('whose thief publishes first is beaten by a recovery: his device and events count for nobody', async () => {
    const me = await owner();
    const thief = thiefOf(me);
    const mallory = world.machine('mallory');
    const malloryDid = await pair(thief, mallory);
    await thief.data('push', me.remote, '--once');
    // The owner's home learns it, and no append of his can undo it: the kit can.
    await me.laptop.data('pull', me.remote);
    expect(await deviceNames(me.laptop)).toEqual({ laptop: 'active', mallory: 'active' });
    const rotated = await answer(
      me.laptop,
      'id',
      'rotate',
      '--reason',
      'compromised',
      '--vouch-until',
      '1',
      '--recovery-file',
      me.kit,
    );
    expect(rotated.data).toMatchObject({ sequence: 2, reason: 'compromised' });
    expect(rotated.data.dropped).toMatchObject([{ type: 'link', subject: malloryDid }]);
    await me.laptop.data('push', me.remote);
    expect(await deviceNames(me.laptop)).toEqual({ laptop: 'active' });
    // A machine that held the thief's branch takes the recovery over.
    const pulled = await answer(mallory, 'pull', me.remote);
    expect(pulled.data.remotes[0].logs[0]).toMatchObject({ verdict: 'recovered', events_superseded: 1 });
    expect(await deviceNames(mallory)).toEqual({ laptop: 'active' });
    // The rotated-out key appends to what it has: nobody takes it.
    await thief.run('devices', 'rename', 'mallory', 'eve');
    expect((await answer(thief, 'push', me.remote)).exit).not.toBe(0);
    const rival = join(world.machine('rival').folder, 'r.git');
    execFileSync('git', ['init', '-q', '--bare', rival]);
    await thief.data('push', rival);
    const shown = await answer(me.laptop, 'pull', rival, '--once');
    expect(await deviceNames(me.laptop)).toEqual({ laptop: 'active' });
    expect(shown.data.sequence).toBe(2);
  }, 60_000);

  it('in a home the thief has whole, without the kit: recovery on a new machine with --all keeps only what is named', async () => {
    const me = await owner();
    const phone = world.machine('phone');
    await pair(me.laptop, phone);
    await me.laptop.data('push');
    const thief = thiefOf(me);
    const mallory = world.machine('mallory');
    await pair(thief, mallory);
    await thief.data('push', me.remote);
    // He cannot rotate: the next key is nowhere in the home.
    expect(await answer(thief, 'id', 'rotate')).toMatchObject({ exit: 3, error: { code: 'key/not-found' } });
    const fresh = world.machine('fresh');
    Object.assign(fresh.env, { AUTHS_PASSPHRASE: me.laptop.env['AUTHS_PASSPHRASE'] });
    const argv = [
      'id',
      'recover',
      '--recovery-file',
      me.kit,
      '--from',
      me.remote,
      '--all',
      '--name',
      'fresh',
    ];
    expect(await answer(fresh, ...argv, '--keep', 'nobody')).toMatchObject({
      exit: 2,
      error: { code: 'usage/invalid' },
    });
    const recovered = await answer(fresh, ...argv, '--keep', 'phone');
    expect(recovered.data).toMatchObject({ sequence: 1, dropped: [{ name: 'mallory' }] });
    expect(await deviceNames(fresh)).toEqual({ laptop: 'revoked', phone: 'active', fresh: 'active' });
    await fresh.data('push');
    await phone.data('pull', me.remote);
    expect(await deviceNames(phone)).toEqual({ laptop: 'revoked', phone: 'active', fresh: 'active' });
  }, 60_000);
});

describe('a forked home', () => {
  it('is one log again after id repair, with the seals of both branches', async () => {
    const me = await owner();
    const copy = thiefOf(me, 'copy');
    const [phone, tablet] = [world.machine('phone'), world.machine('tablet')];
    await pair(me.laptop, phone);
    await pair(copy, tablet);
    await copy.data('push', me.remote);
    const stopped = await answer(me.laptop, 'devices', 'rename', 'phone', 'mobile');
    expect(stopped).toMatchObject({ error: { code: 'kel/conflict' } });
    expect(stopped.error.hint).toContain('auths id repair');
    const repaired = await answer(me.laptop, 'id', 'repair', '--recovery-file', me.kit);
    expect(repaired.data, JSON.stringify(repaired)).toMatchObject({
      sequence: 2,
      reason: 'forked',
      dropped: [],
    });
    expect(await deviceNames(me.laptop)).toEqual({ laptop: 'active', phone: 'active', tablet: 'active' });
    await me.laptop.data('push');
    await tablet.data('pull', me.remote);
    expect(await deviceNames(tablet)).toEqual({ laptop: 'active', phone: 'active', tablet: 'active' });
  }, 60_000);
});

describe('a bundle', () => {
  it('recovers without any remote, and every changed byte is refused', async () => {
    const me = await owner();
    const bundle = join(me.laptop.folder, 'me.auths');
    await me.laptop.data('id', 'export', '--output', bundle);
    expect(await answer(me.laptop, 'kel', 'verify', bundle)).toMatchObject({
      exit: 0,
      data: { sequence: 1 },
    });
    writeFileSync(`${bundle}.2`, readFileSync(bundle, 'utf8').replace(/"v":1\}/, '"v":2}'));
    expect(await answer(me.laptop, 'kel', 'verify', `${bundle}.2`)).toMatchObject({
      exit: 1,
      data: { verdict: 'reject', sequence: null },
    });
    const bytes = readFileSync(bundle);
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] as number) ^ 1;
    const bad = join(me.laptop.folder, 'bad.auths');
    writeFileSync(bad, bytes);
    const fresh = world.machine('fresh');
    const argv = ['id', 'recover', '--words', '-', '--vouch-until', '1', '--name', 'fresh', '--from'];
    expect((await withWords(fresh, me.words, ...argv, bad)).error.code).toBe('input/malformed');
    expect((await withWords(fresh, me.words, ...argv, bundle)).data).toMatchObject({
      controller_did: me.did,
      sequence: 2,
    });
    expect(await deviceNames(fresh)).toEqual({ laptop: 'revoked', fresh: 'active' });
  }, 60_000);
});
