/** An identity with witnesses: built programs, three of `auths-registry --witness` on loopback, real bare repositories. */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  buildPrograms,
  createWorld,
  programs,
  removePrograms,
  type Machine,
  type World,
} from '../pair/programs.ts';

// oxlint-disable-next-line typescript/no-explicit-any
type Data = any;

interface Witness {
  readonly url: string;
  readonly start: () => Promise<void>;
  readonly stop: (signal?: NodeJS.Signals) => Promise<void>;
}

let world: World;
let laptop: Machine;
let remote: string;
let kit: string;
/** DID of the second device. */
let phone: string;
const witnesses: Witness[] = [];

beforeAll(async () => {
  buildPrograms();
  world = createWorld();
  const folder = world.machine('servers').folder;
  for (const name of ['w1', 'w2', 'w3']) witnesses.push(await witness(join(folder, name)));
  laptop = world.machine('laptop');
  remote = join(folder, 'identity.git');
  kit = join(folder, 'kit.json');
  execFileSync('git', ['init', '-q', '--bare', remote]);
  await laptop.data('init', '--name', 'laptop', '--git', 'none');
}, 120_000);
afterAll(async () => {
  await world.end();
  removePrograms();
});

/** A witness that can be stopped and started again at its address. */
async function witness(repo: string): Promise<Witness> {
  let address = '127.0.0.1:0';
  const begin = (): ReturnType<World['registry']> =>
    world.registry(
      [
        '--witness',
        '--repo',
        repo,
        '--bind',
        address,
        '--log-level',
        'silent',
        '--limit',
        'eventsPerMinute=600',
      ],
      { AUTHS_PASSPHRASE: `passphrase of ${repo}` },
    );
  let running = await begin();
  const { url } = running;
  address = url.replace('http://', '');
  return {
    url,
    start: async () => {
      running = await begin();
    },
    stop: async (signal = 'SIGTERM') => {
      running.kill(signal);
      await running.done;
    },
  };
}

async function answer(machine: Machine, ...argv: readonly string[]): Promise<Data> {
  const { stdout, exit } = await machine.run(...argv, '--json');
  return { ...JSON.parse(stdout), exit };
}

/** A copy of the home on another machine: what a thief has, or who restored a backup. */
function copyOf(name: string): Machine {
  const other = world.machine(name);
  const home = join(other.folder, '.auths');
  cpSync(join(laptop.folder, '.auths'), home, { recursive: true });
  for (const file of ['machine.json', 'seen']) rmSync(join(home, file), { recursive: true, force: true });
  const section = /\[remote "([^"]+)"\]/.exec(readFileSync(join(home, 'config'), 'utf8'))?.[1] as string;
  execFileSync('git', [`--git-dir=${home}`, 'config', '--remove-section', `remote.${section}`]);
  Object.assign(other.env, { AUTHS_PASSPHRASE: laptop.env['AUTHS_PASSPHRASE'] });
  return other;
}

async function verified(machine: Machine): Promise<Data> {
  const file = join(machine.folder, 'log.cesr');
  writeFileSync(file, (await machine.run('kel', 'export')).stdout);
  return answer(machine, 'kel', 'verify', file);
}

const sequence = async (machine: Machine): Promise<number> =>
  Number((await machine.data('id', 'show'))['sequence']);

describe('an identity with three witnesses', () => {
  it('names them by a rotation, and each event travels with its receipts', async () => {
    const [one, two, three] = witnesses as [Witness, Witness, Witness];
    const rotated = await answer(
      laptop,
      'id',
      'rotate',
      '--witness',
      one.url,
      '--witness',
      two.url,
      '--witness',
      three.url,
    );
    expect(rotated, JSON.stringify(rotated)).toMatchObject({
      exit: 0,
      data: { sequence: 2, witness_threshold: 2 },
    });
    expect(rotated.data.receipts).toEqual(rotated.data.witnesses);
    expect(await laptop.data('id', 'show')).toMatchObject({
      witness_threshold: 2,
      witnesses: rotated.data.witnesses.map((aid: string, index: number) => ({
        aid,
        url: witnesses[index]?.url,
      })),
    });
    expect(await verified(laptop)).toMatchObject({
      exit: 0,
      data: { verdict: 'accepted', sequence: 2, witnesses: rotated.data.witnesses, witness_threshold: 2 },
    });
    // Without the receipts the same events are not accepted.
    const file = join(laptop.folder, 'log.cesr');
    const bare = readFileSync(file, 'latin1').replaceAll(/-V..(-A...{88})-B(?:[^{]*)/g, '$1');
    writeFileSync(file, bare, 'latin1');
    expect(await answer(laptop, 'kel', 'verify', file)).toMatchObject({
      exit: 1,
      data: { verdict: 'pending', rule: 'toad-unmet', at: 2 },
    });
  }, 60_000);

  it('a policy may ask for receipts of the newest event', async () => {
    const git = (...args: readonly string[]): string =>
      execFileSync('git', ['-C', work, '-c', 'user.name=A', '-c', 'user.email=a@example.org', ...args], {
        env: laptop.env,
        encoding: 'utf8',
      });
    const work = join(laptop.folder, 'work');
    execFileSync('git', ['init', '-q', '-b', 'main', work], { env: laptop.env });
    await laptop.data('git', 'setup', '--global');
    const inWork = (...argv: readonly string[]): Data => {
      const child = spawnSync(process.execPath, [programs().auths, ...argv, '--json'], {
        cwd: work,
        env: laptop.env,
        encoding: 'utf8',
      });
      return { ...JSON.parse(child.stdout), exit: child.status };
    };
    inWork('repo', 'init');
    for (const [receipts, verdict, exit] of [
      [3, 'valid', 0],
      [4, 'unverifiable', 4],
    ] as const) {
      writeFileSync(join(work, '.auths/policy.json'), `{"v":1,"receipts":${receipts}}\n`);
      git('add', '-A');
      git('commit', '-q', '-m', `receipts ${receipts}`);
      const verifiedCommit = inWork('verify', 'HEAD');
      expect(verifiedCommit, JSON.stringify(verifiedCommit)).toMatchObject({
        exit,
        data: {
          notes: expect.not.arrayContaining([expect.stringContaining('stored form')]),
          results: [
            { verdict, checks: expect.arrayContaining([expect.objectContaining({ step: 'receipts' })]) },
          ],
        },
      });
    }
  }, 60_000);

  it('goes on with one of them down: pairing, rotation, publication; with two down nothing is published, and it waits', async () => {
    const [, two, three] = witnesses as [Witness, Witness, Witness];
    await three.stop('SIGKILL');
    const pocket = world.machine('phone');
    const hosting = laptop.start('pair', '--json', '--yes', '--bind', '127.0.0.1', '--no-mdns');
    const offer = await hosting.event('offer');
    const joined = await pocket.run('pair', '--join', String(offer['uri']), '--json', '--name', 'phone');
    hosting.hush();
    expect([joined.exit, (await hosting.done).exit], joined.stdout).toEqual([0, 0]);
    phone = String(JSON.parse(joined.stdout.trimEnd().split('\n').at(-1) ?? '').device_did);
    await laptop.data('push', remote);
    expect(await pocket.data('pull', remote)).toBeTruthy();
    expect(await sequence(pocket)).toBe(3);
    expect((await verified(pocket)).data).toMatchObject({ verdict: 'accepted', sequence: 3 });

    await two.stop();
    const revoking = await answer(laptop, 'devices', 'rename', phone, 'mobile');
    expect(revoking).toMatchObject({
      exit: 4,
      error: { code: 'witness/unmet', details: { needed: 2, receipts: 1 } },
    });
    expect(await sequence(laptop)).toBe(3);
    const { data } = await answer(laptop, 'doctor');
    expect(JSON.stringify(data)).toContain('waits for its witnesses');
    // Damaged, it is named, and doctor puts it aside; here it is put back.
    const entry = join(laptop.folder, '.auths', 'journal', 'witnessing.json');
    const whole = readFileSync(entry);
    writeFileSync(entry, whole.subarray(0, 40));
    expect(await answer(laptop, 'id', 'rotate')).toMatchObject({
      error: { code: 'storage/corrupt', hint: 'auths doctor --fix' },
    });
    expect(JSON.stringify((await answer(laptop, 'doctor', '--fix', '--yes')).data)).toContain(
      'it lies aside',
    );
    expect(existsSync(entry)).toBe(false);
    writeFileSync(entry, whole);
    // Another command does not slip past the one that waits.
    expect(await answer(laptop, 'id', 'rotate')).toMatchObject({ error: { code: 'witness/unmet' } });
    await two.start();
    await laptop.data('devices', 'rename', phone, 'phone');
    expect(await sequence(laptop)).toBe(5);
    await three.start();
    const rotated = await answer(laptop, 'id', 'rotate');
    expect(rotated.data).toMatchObject({ sequence: 6 });
    // The one that was away was given what it had missed.
    expect(rotated.data.receipts).toHaveLength(3);
    await laptop.data('push');
    await laptop.data('recovery', 'export', '--output', kit);
  }, 60_000);

  it('shown two versions, a witness receipts the first: a copied home cannot go on beside the other', async () => {
    const copy = copyOf('copy');
    await laptop.data('devices', 'rename', phone, 'first');
    const second = await answer(copy, 'devices', 'rename', phone, 'second');
    expect(second).toMatchObject({ exit: 4, error: { code: 'witness/unmet', details: { receipts: 0 } } });
    expect(second.error.message).toContain('it has receipted another event 7');
    expect(await sequence(copy)).toBe(6);
    await laptop.data('push');
    // What the copy could not say waits for ever, until it takes over what stands.
    await copy.data('pull', remote);
    await copy.data('devices', 'rename', phone, 'third');
    expect(await sequence(copy)).toBe(8);
    // Both at once, once more: at most one is published, and whoever is first is not undone.
    const both = copyOf('both');
    await copy.data('push', remote, '--once');
    await laptop.data('pull', remote);
    await both.data('pull', remote, '--once');
    const ended = await Promise.all(
      [laptop, both].map(async (machine) =>
        answer(machine, 'devices', 'rename', phone, `by ${machine.name}`),
      ),
    );
    const done = ended.filter(({ exit }) => exit === 0);
    expect(done.length, JSON.stringify(ended)).toBeLessThanOrEqual(1);
  }, 60_000);

  it('is recovered on a new machine though a thief had his event receipted first', async () => {
    const thief = copyOf('thief');
    if ((await answer(thief, 'devices', 'rename', phone, 'mine')).exit !== 0)
      await thief.run('devices', 'rename', phone, 'mine');
    const fresh = world.machine('fresh');
    Object.assign(fresh.env, { AUTHS_PASSPHRASE: laptop.env['AUTHS_PASSPHRASE'] });
    const argv = [
      'id',
      'recover',
      '--recovery-file',
      kit,
      '--from',
      remote,
      '--vouch-until',
      '6',
      '--name',
      'fresh',
    ];
    // Without an address of its witnesses a recovery cannot be published: it waits.
    const alone = await answer(fresh, ...argv);
    expect(alone).toMatchObject({ exit: 4, error: { code: 'witness/unmet', details: { receipts: 0 } } });
    const urls = witnesses.flatMap(({ url }) => ['--witness', url]);
    const recovered = await answer(fresh, ...argv, ...urls);
    expect(recovered, JSON.stringify(recovered)).toMatchObject({ exit: 0, data: { sequence: 7 } });
    expect((await verified(fresh)).data).toMatchObject({ verdict: 'accepted', sequence: 7 });
    // The thief's next event is refused by every witness, the owner's is not.
    expect(await answer(thief, 'devices', 'rename', phone, 'again')).toMatchObject({
      error: { code: 'witness/unmet' },
    });
    await fresh.data('devices', 'rename', phone, 'back');
    await fresh.data('push', remote);
    expect(existsSync(join(fresh.folder, '.auths', 'journal', 'witnessing.json'))).toBe(false);
  }, 90_000);

  it('never gives up a rotation that a witness has receipted for one which that witness is to receipt', async () => {
    const fresh = world.machine('fresh');
    Object.assign(fresh.env, { AUTHS_PASSPHRASE: laptop.env['AUTHS_PASSPHRASE'] });
    const [, two, three] = witnesses as [Witness, Witness, Witness];
    const journal = join(fresh.folder, '.auths', 'journal', 'witnessing.json');
    await Promise.all([two.stop('SIGKILL'), three.stop('SIGKILL')]);
    expect(await answer(fresh, 'id', 'rotate')).toMatchObject({ error: { code: 'witness/unmet' } });
    const waiting = readFileSync(journal, 'utf8');
    const attempts = [
      ['--cut-witness', two.url, '--cut-witness', three.url],
      ['--cut-witness', three.url],
      ['--cut-witness', 'http://127.0.0.1:9'],
      ['--reason', 'compromised', '--all'],
    ];
    for (const flags of attempts) {
      const { exit, error } = await answer(fresh, 'id', 'rotate', ...flags);
      expect([exit, error.code], flags.join(' ')).toEqual(
        flags[1]?.endsWith(':9') === true ? [2, 'usage/invalid'] : [4, 'witness/unmet'],
      );
      expect(readFileSync(journal, 'utf8'), flags.join(' ')).toBe(waiting);
    }
    const before = await sequence(fresh);
    await two.start();
    // The rotation that waited is complete, and what was asked for now follows it instead of being forgotten.
    const threshold = await answer(fresh, 'id', 'rotate', '--witness-threshold', '1');
    expect(threshold, JSON.stringify(threshold)).toMatchObject({
      exit: 0,
      data: { sequence: before + 2, witness_threshold: 1 },
    });
    await three.start();
    expect((await verified(fresh)).data).toMatchObject({ verdict: 'accepted', sequence: before + 2 });
  }, 90_000);

  it('says of a rotation that was interrupted what it can give up no more', async () => {
    const fresh = world.machine('fresh');
    Object.assign(fresh.env, { AUTHS_PASSPHRASE: laptop.env['AUTHS_PASSPHRASE'] });
    const all = witnesses as [Witness, Witness, Witness];
    await fresh.data('devices', 'rename', phone, 'once more');
    await Promise.all(all.map(({ stop }) => stop('SIGKILL')));
    expect(await answer(fresh, 'id', 'rotate')).toMatchObject({ error: { code: 'witness/unmet' } });
    await Promise.all(all.map(({ start }) => start()));
    const late = await answer(fresh, 'id', 'rotate', '--reason', 'compromised', '--all');
    expect(late, JSON.stringify(late)).toMatchObject({ exit: 2, error: { code: 'usage/invalid' } });
    expect((await verified(fresh)).data).toMatchObject({ verdict: 'accepted' });
    // The same where the rotation that was interrupted gave up what is asked for: done.
    await fresh.data('devices', 'rename', phone, 'twice');
    await Promise.all(all.map(({ stop }) => stop('SIGKILL')));
    const theft = ['id', 'rotate', '--reason', 'compromised', '--all', '--keep', phone];
    expect(await answer(fresh, ...theft)).toMatchObject({ error: { code: 'witness/unmet' } });
    await Promise.all(all.map(({ start }) => start()));
    expect(await answer(fresh, ...theft)).toMatchObject({ exit: 0, data: { reason: 'compromised' } });
  }, 90_000);

  it('leaves a witness that is gone for good, and the flags that do not fit are refused', async () => {
    const fresh = world.machine('fresh');
    Object.assign(fresh.env, { AUTHS_PASSPHRASE: laptop.env['AUTHS_PASSPHRASE'] });
    const [, , three] = witnesses as [Witness, Witness, Witness];
    const refused = [
      ['--cut-witness', 'http://127.0.0.1:9'],
      ['--witness-threshold', '4'],
      ['--witness-threshold', 'two'],
      ['--witness', 'ftp://example.org'],
      ['--reason', 'compromised', '--all', '--witness-threshold', '1'],
    ];
    for (const flags of refused)
      expect(await answer(fresh, 'id', 'rotate', ...flags), flags.join(' ')).toMatchObject({
        exit: 2,
        error: { code: 'usage/invalid' },
      });
    expect(
      await answer(fresh, 'id', 'rotate', '--witness', remote.replace(/^.*$/, 'http://127.0.0.1:9')),
    ).toMatchObject({
      exit: 4,
      error: { code: 'network/unreachable' },
    });
    await three.stop();
    const cut = await answer(fresh, 'id', 'rotate', '--cut-witness', three.url);
    expect(cut, JSON.stringify(cut)).toMatchObject({ exit: 0, data: { witness_threshold: 2 } });
    expect(cut.data.witnesses).toHaveLength(2);
    expect((await verified(fresh)).data).toMatchObject({ verdict: 'accepted' });
    const none = await answer(
      fresh,
      'id',
      'rotate',
      ...cut.data.witnesses.flatMap((aid: string) => ['--cut-witness', aid]),
    );
    expect(none.data).toMatchObject({ witnesses: [], witness_threshold: 0, receipts: [] });
  }, 60_000);
});
