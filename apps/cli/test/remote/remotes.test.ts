/** push, pull, the look before an append and the copied home, with the built programs as processes and real git. */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Prefix, Said } from '@auths/core/identifiers';
import { nextDigestOf, rotate, storedEvent } from '@auths/core/keri/build';
import { replay } from '@auths/core/keri/key-state';
import { gitEventLog } from '@auths/git-store/event-log';
import { openHome } from '@auths/git-store/home-repository';
import { readMachineId } from '@auths/key-store/machine';
import { readRecoveryKit } from '@auths/key-store/recovery-kit';
import { createSigner } from '@auths/key-store/signer';
import { nodeVerifyEngine } from '@auths/key-store/verify-engine';
import { buildPrograms, createWorld, removePrograms, type Machine, type World } from '../pair/programs.ts';

beforeAll(buildPrograms, 120_000);
afterAll(removePrograms);

let world: World;
afterEach(() => world.end());
const hasMachineId = (await readMachineId()) !== null;

interface Place {
  readonly laptop: Machine;
  readonly home: string;
  readonly prefix: string;
  readonly did: string;
  readonly remote: string;
}

/** A laptop with an identity, and a bare repository that holds what it has pushed. */
async function published(): Promise<Place> {
  world = createWorld();
  const laptop = world.machine('laptop');
  const did = String((await laptop.data('init', '--name', 'laptop', '--git', 'none'))['controller_did']);
  const remote = join(laptop.folder, 'identity.git');
  execFileSync('git', ['init', '-q', '--bare', remote]);
  await laptop.data('push', remote);
  return { laptop, home: join(laptop.folder, '.auths'), did, prefix: did.slice('did:keri:'.length), remote };
}

/** A second machine with a copy of a home that forgot where it came from: what a thief, or a restored backup, has. */
function thiefOf({ laptop, home }: Place, name = 'thief'): Machine {
  const thief = world.machine(name);
  cpSync(home, join(thief.folder, '.auths'), { recursive: true });
  rmSync(join(thief.folder, '.auths', 'machine.json'), { force: true });
  rmSync(join(thief.folder, '.auths', 'seen'), { recursive: true, force: true });
  // Its own configuration knows no remote: it looks at nothing before it appends.
  execFileSync('git', [
    `--git-dir=${join(thief.folder, '.auths')}`,
    'config',
    '--remove-section',
    `remote.${remoteName(home)}`,
  ]);
  Object.assign(thief.env, { AUTHS_PASSPHRASE: laptop.env['AUTHS_PASSPHRASE'] });
  return thief;
}

const remoteName = (home: string): string =>
  /\[remote "([^"]+)"\]/.exec(readFileSync(join(home, 'config'), 'utf8'))?.[1] ?? '';
const refsOf = (dir: string): string =>
  execFileSync('git', [`--git-dir=${dir}`, 'for-each-ref', '--format=%(refname) %(objectname)'], {
    encoding: 'utf8',
  });
const kelOf = (dir: string, prefix: string): string =>
  execFileSync('git', [`--git-dir=${dir}`, 'rev-parse', `refs/did/keri/${prefix}/kel`], {
    encoding: 'utf8',
  }).trim();
const git = (dir: string, ...args: readonly string[]): string =>
  execFileSync('git', [`--git-dir=${dir}`, ...args], { encoding: 'utf8' }).trim();

interface Log {
  readonly verdict: string;
  readonly from: number | null;
  readonly present: boolean;
  readonly events_added: number;
  readonly keys_changed: boolean;
  readonly disputed: { readonly recorded: boolean; readonly from: number } | null;
  readonly records: {
    readonly added: number;
    readonly missing: number;
    readonly ignored: readonly unknown[];
  };
}
async function pull(machine: Machine, ...more: readonly string[]): Promise<Log & { exit: number | null }> {
  const { exit, stdout } = await machine.run('pull', '--json', ...more);
  const { data } = JSON.parse(stdout) as { data: { remotes: { logs: Log[] }[] } };
  return { ...(data.remotes[0]?.logs[0] as Log), exit };
}
async function errorOf(
  machine: Machine,
  ...argv: readonly string[]
): Promise<{ exit: number | null; code: string; hint: string; message: string }> {
  const { exit, stdout } = await machine.run(...argv, '--json');
  const { error } = JSON.parse(stdout) as { error: { code: string; hint: string; message: string } };
  return { exit, ...error };
}
/** Renames the first device: the cheapest append there is. */
const append = (machine: Machine, from: string, to: string): ReturnType<Machine['run']> =>
  machine.run('devices', 'rename', from, to);

/** The rotation that the owner makes with the next key of the kit, at `s`, in the home itself: what `id recover` does. */
async function recover({ home, prefix, laptop }: Place, s: number): Promise<string> {
  const kit = await readRecoveryKit(join(home, 'recovery-kit.json'), laptop.env['AUTHS_PASSPHRASE'] ?? '');
  if (kit === null) throw new Error('no kit');
  const signer = createSigner(kit.nextSeed);
  await using repository = openHome(home);
  const log = gitEventLog(repository);
  const stored = await log.read(prefix as Prefix);
  if (stored === null) throw new Error('no log');
  const { events } = replay(stored.stream, { engine: nodeVerifyEngine });
  const built = rotate({
    prefix: prefix as Prefix,
    sequence: s,
    prior: events[s - 1]?.said as Said,
    key: signer.publicKey,
    nextDigest: nextDigestOf(createSigner(new Uint8Array(32).fill(7)).publicKey),
  });
  const event = storedEvent(built, [{ index: 0, signature: await signer.sign(built.event) }]);
  await log.supersede(prefix as Prefix, stored.version, s, [event]);
  return built.said;
}

describe('auths push and pull over a bare repository', () => {
  it('sends the own identity, forward, and nothing of refs/auths', async () => {
    const place = await published();
    const { laptop, remote, prefix, home } = place;
    const names = refsOf(remote)
      .split('\n')
      .map((line) => line.split(' ')[0] ?? '');
    expect(names.filter((name) => !name.startsWith(`refs/did/keri/${prefix}/`))).toEqual(['']);
    expect(names).toContain(`refs/did/keri/${prefix}/kel`);
    const before = refsOf(remote);
    expect(await laptop.data('push')).toMatchObject({
      remotes: [{ verdict: 'up-to-date', refs: [], remembered: true }],
    });
    expect(refsOf(remote)).toBe(before);
    expect((await append(laptop, 'laptop', 'renamed')).exit).toBe(0);
    expect(await laptop.data('push')).toMatchObject({
      remotes: [{ verdict: 'pushed', sequence: 2, recovered: false }],
    });
    expect(kelOf(remote, prefix)).toBe(kelOf(home, prefix));
    expect(await pull(laptop)).toMatchObject({ verdict: 'up-to-date', exit: 0 });
  });

  it('--once remembers nothing; without a remote there is a question; a missing one is unreachable', async () => {
    world = createWorld();
    const laptop = world.machine('laptop');
    expect((await laptop.run('pull', '/x')).exit).toBe(3);
    await laptop.data('init', '--name', 'laptop', '--git', 'none');
    expect(await errorOf(laptop, 'push')).toMatchObject({ exit: 2, code: 'usage/missing-answer' });
    const remote = join(laptop.folder, 'r.git');
    expect(await errorOf(laptop, 'push', remote)).toMatchObject({
      exit: 4,
      hint: `git init --bare ${remote}`,
    });
    execFileSync('git', ['init', '-q', '--bare', remote]);
    expect(await pull(laptop, remote, '--once')).toMatchObject({
      verdict: 'behind',
      present: false,
      exit: 0,
    });
    expect(await laptop.data('push', remote, '--once')).toMatchObject({
      remotes: [{ verdict: 'pushed', remembered: false }],
    });
    expect(await errorOf(laptop, 'pull')).toMatchObject({ exit: 2, code: 'usage/missing-answer' });
  });

  it('a clone that fetches refs/did/* verifies with what was pushed', async () => {
    const { remote, prefix } = await published();
    const clone = join(remote, '..', 'clone');
    execFileSync('git', ['init', '-q', clone]);
    execFileSync('git', ['-C', clone, 'fetch', '-q', remote, 'refs/did/*:refs/did/*']);
    expect(kelOf(join(clone, '.git'), prefix)).toBe(kelOf(remote, prefix));
  });

  it('a home that has lost events goes on from no log that does not hold them', async () => {
    const place = await published();
    const { laptop, remote, prefix, home } = place;
    const thief = thiefOf(place);
    for (const [from, to] of [
      ['laptop', 'stolen'],
      ['stolen', 'again'],
    ] as const)
      expect((await append(thief, from, to)).exit).toBe(0);
    const theirs = join(laptop.folder, 'theirs.git');
    git(laptop.folder, 'init', '-q', '--bare', theirs);
    await thief.data('push', theirs, '--once');
    expect((await append(laptop, 'laptop', 'mine')).exit).toBe(0);
    await laptop.data('push');
    const kel = `refs/did/keri/${prefix}/kel`;
    git(home, 'update-ref', kel, `${kel}~1`);
    const cut = kelOf(home, prefix);
    const shown = await laptop.run('pull', theirs, '--json');
    expect([shown.exit, shown.stdout]).toEqual([1, expect.stringContaining('that is lost here')]);
    expect(kelOf(home, prefix)).toBe(cut);
    expect((await laptop.run('pull', remote)).exit).toBe(0);
    expect(kelOf(home, prefix)).toBe(kelOf(remote, prefix));
  });

  it('a fork is shown in words and refused; ours stays, the evidence is kept, nothing is pushed over it', async () => {
    const place = await published();
    const { laptop, remote, prefix, home } = place;
    const thief = thiefOf(place);
    expect((await append(thief, 'laptop', 'stolen')).exit).toBe(0);
    expect((await append(laptop, 'laptop', 'mine')).exit).toBe(0);
    expect((await append(thief, 'stolen', 'stolen again')).exit).toBe(0);
    await thief.data('push', remote, '--once');
    const mine = kelOf(home, prefix);
    const theirs = kelOf(remote, prefix);
    const shown = await laptop.run('pull');
    expect(shown.exit).toBe(1);
    expect(shown.stdout).toMatch(/REFUSED.*another log.*part at event 2/);
    expect(await pull(laptop)).toMatchObject({
      verdict: 'forked',
      from: 2,
      exit: 1,
      disputed: { from: 2, recorded: false },
    });
    expect(kelOf(home, prefix)).toBe(mine);
    expect(refsOf(home)).toContain(`refs/auths-remotes/${remoteName(home)}/did/keri/${prefix}/kel ${theirs}`);
    expect(refsOf(home).match(/\/disputed\//g)).toHaveLength(1);
    expect(await errorOf(laptop, 'push')).toMatchObject({
      exit: 6,
      code: 'kel/conflict',
      hint: expect.stringMatching(/auths pull/),
    });
    expect(kelOf(remote, prefix)).toBe(theirs);
    // Before an append the home looks, and stops with the way out.
    const stopped = await errorOf(laptop, 'devices', 'rename', 'mine', 'other');
    expect(stopped).toMatchObject({
      exit: 6,
      code: 'kel/conflict',
      hint: expect.stringMatching(/remote remove/),
    });
    expect(kelOf(home, prefix)).toBe(mine);
    git(home, 'remote', 'remove', remoteName(home));
    expect((await append(laptop, 'mine', 'other')).exit).toBe(0);
  });

  it('a remote that is ahead: push says pull, an append catches up first', async () => {
    const place = await published();
    const { laptop, remote, prefix, home } = place;
    const other = thiefOf(place, 'restored');
    expect((await append(other, 'laptop', 'ahead')).exit).toBe(0);
    await other.data('push', remote, '--once');
    expect(await errorOf(laptop, 'push')).toMatchObject({
      exit: 6,
      code: 'kel/conflict',
      hint: expect.stringMatching(/auths pull \S+, then push again/),
    });
    const appended = await append(laptop, 'ahead', 'caught up');
    expect([appended.exit, appended.stderr]).toEqual([
      0,
      expect.stringMatching(/was ahead: 1 of its events/),
    ]);
    expect(git(home, 'rev-parse', `refs/did/keri/${prefix}/kel~1`)).toBe(kelOf(remote, prefix));
    expect((await laptop.data('push'))['remotes']).toMatchObject([{ verdict: 'pushed', sequence: 3 }]);
  });

  it('a rewound remote, and one that was emptied, are shown and refused; a push restores them', async () => {
    const { laptop, remote, prefix, home } = await published();
    await append(laptop, 'laptop', 'renamed');
    await laptop.data('push');
    const mine = kelOf(home, prefix);
    git(remote, 'update-ref', `refs/did/keri/${prefix}/kel`, `${mine}~1`);
    const shown = await laptop.run('pull');
    expect([shown.exit, shown.stdout]).toEqual([1, expect.stringMatching(/REFUSED: it was set back/)]);
    expect(await pull(laptop)).toMatchObject({ verdict: 'rewound', exit: 1 });
    expect(kelOf(home, prefix)).toBe(mine);
    git(remote, 'update-ref', '-d', `refs/did/keri/${prefix}/kel`);
    expect(await pull(laptop)).toMatchObject({ verdict: 'rewound', present: false, exit: 1 });
    expect(await laptop.data('push')).toMatchObject({ remotes: [{ verdict: 'pushed', restored: true }] });
    expect(kelOf(remote, prefix)).toBe(mine);
    expect(await pull(laptop)).toMatchObject({ verdict: 'up-to-date', exit: 0 });
  });

  it('a lawful recovery is accepted where the old branch was, and pushed over it; the old branch is kept', async () => {
    const place = await published();
    const { laptop, remote, prefix, home } = place;
    const thief = thiefOf(place);
    expect((await append(thief, 'laptop', 'stolen')).exit).toBe(0);
    await thief.data('push', remote, '--once');
    // The owner had pulled the theft before noticing, and so has a second home of the owner's.
    expect(await pull(laptop)).toMatchObject({ verdict: 'extended', exit: 0 });
    const stolen = kelOf(home, prefix);
    const second = thiefOf(place, 'second');
    await recover(place, 2);
    expect(await pull(laptop)).toMatchObject({ verdict: 'behind', exit: 0 });
    expect(await laptop.data('push')).toMatchObject({ remotes: [{ verdict: 'pushed', recovered: true }] });
    expect(kelOf(remote, prefix)).toBe(kelOf(home, prefix));
    expect(refsOf(remote)).toMatch(new RegExp(`/disputed/\\S+ ${stolen}`));
    expect(await pull(second, remote)).toMatchObject({
      verdict: 'recovered',
      from: 2,
      keys_changed: true,
      exit: 0,
    });
    expect(kelOf(join(second.folder, '.auths'), prefix)).toBe(kelOf(home, prefix));
    expect(refsOf(join(second.folder, '.auths'))).toMatch(new RegExp(`/disputed/\\S+ ${stolen}`));
    // The thief goes on with his branch and overwrites the remote: set back, refused.
    await append(thief, 'stolen', 'stolen again');
    git(join(thief.folder, '.auths'), 'push', '-q', '--force', remote, `refs/did/keri/${prefix}/kel`);
    expect(await pull(laptop)).toMatchObject({ verdict: 'forked', exit: 1 });
    expect(await pull(second, remote)).toMatchObject({ verdict: 'forked', exit: 1 });
  });

  it('garbage in the remote is refused or ignored with a note, and holds no append up', async () => {
    const { laptop, remote, prefix } = await published();
    const blob = execFileSync('git', [`--git-dir=${remote}`, 'hash-object', '-w', '--stdin'], {
      input: '{"no":"record"}',
      encoding: 'utf8',
    }).trim();
    const name = `${'E'.padEnd(44, 'A')}-00000001.json`;
    const tree = execFileSync('git', [`--git-dir=${remote}`, 'mktree'], {
      input: `100644 blob ${blob}\t${name}\n`,
      encoding: 'utf8',
    }).trim();
    const commit = git(remote, '-c', 'user.name=x', '-c', 'user.email=x', 'commit-tree', tree, '-m', 'x');
    git(remote, 'update-ref', `refs/did/keri/${prefix}/anchors`, commit);
    expect(await pull(laptop)).toMatchObject({
      verdict: 'up-to-date',
      exit: 0,
      records: { added: 0, ignored: [{}] },
    });
    git(remote, 'update-ref', `refs/did/keri/${prefix}/kel`, commit);
    expect(await pull(laptop)).toMatchObject({ verdict: 'invalid', exit: 1 });
    const appended = await append(laptop, 'laptop', 'renamed');
    expect([appended.exit, appended.stderr]).toEqual([0, expect.stringMatching(/does not verify/)]);
    rmSync(remote, { recursive: true });
    const again = await append(laptop, 'renamed', 'again');
    expect([again.exit, again.stderr]).toEqual([0, expect.stringMatching(/was not compared/)]);
    expect(await errorOf(laptop, 'pull')).toMatchObject({ exit: 4, code: 'network/unreachable' });
  });

  it('what lies in the place of the log there is the fault of the remote for a push too', async () => {
    const { laptop, home, remote, prefix } = await published();
    const kel = `refs/did/keri/${prefix}/kel`;
    const tag = execFileSync('git', [`--git-dir=${remote}`, 'mktag'], {
      input: `object ${kelOf(home, prefix)}\ntype commit\ntag t\ntagger a <a@b> 0 +0000\n\nx\n`,
      encoding: 'utf8',
    }).trim();
    const stranger = world.machine('stranger');
    const other = String((await stranger.data('init', '--name', 'x', '--git', 'none'))['controller_did']);
    const theirs = `refs/did/keri/${other.slice('did:keri:'.length)}/kel`;
    git(remote, 'fetch', '-q', join(stranger.folder, '.auths'), `${theirs}:refs/tmp/x`);
    for (const [oid, message] of [
      [tag, /does not verify: .* is a tag where a commit is needed/],
      [git(remote, 'rev-parse', 'refs/tmp/x'), /does not verify: it is the log of another identity/],
    ] as const) {
      git(remote, 'update-ref', kel, oid);
      expect(await errorOf(laptop, 'push')).toMatchObject({
        code: 'kel/invalid',
        message: expect.stringMatching(message),
        hint: expect.stringMatching(/its owner should delete/),
      });
    }
  });

  it('no room here to look at a remote is no fault of it: an append stops, and so does a pull', async () => {
    const place = await published();
    const { laptop, remote, home, prefix } = place;
    const other = thiefOf(place, 'other');
    await append(other, 'laptop', 'renamed');
    await other.data('push', remote);
    const before = kelOf(home, prefix);
    Object.assign(laptop.env, { TMPDIR: join(laptop.folder, 'gone') });
    for (const argv of [
      ['devices', 'rename', 'laptop', 'desk'],
      ['pull'],
      ['id', 'rotate', '--reason', 'compromised', '--all'],
    ]) {
      expect(await errorOf(laptop, ...argv), argv.join(' ')).toMatchObject({
        exit: 7,
        code: 'storage/failed',
        hint: expect.stringMatching(/TMPDIR/),
      });
    }
    expect(kelOf(home, prefix)).toBe(before);
  });
});

describe('a device home', () => {
  it('hears of its own revocation by pull, and then signs nothing more', async () => {
    const { laptop, remote, did } = await published();
    const phone = world.machine('phone');
    const host = laptop.start(
      'pair',
      '--json',
      '--bind',
      '127.0.0.1',
      '--no-mdns',
      '--confirm',
      '--capabilities',
      'sign_commit',
    );
    const offer = await host.event('offer');
    const joiner = phone.start(
      'pair',
      '--join',
      String(offer['code']),
      '--host',
      String(offer['endpoint']),
      '--json',
      '--name',
      'phone',
    );
    const joined = await host.event('joined');
    host.say(joined['confirm'] === 'type' ? String(joined['sas']) : 'y');
    expect([(await host.done).exit, (await joiner.done).exit]).toEqual([0, 0]);
    const home = join(phone.folder, '.auths');
    const file = join(phone.folder, 'payload');
    writeFileSync(file, 'tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n');
    const sign = (): string => {
      rmSync(`${file}.sig`, { force: true });
      const bundle = join(import.meta.dirname, '../../dist/auths-sign.js');
      try {
        execFileSync(
          process.execPath,
          [bundle, '-Y', 'sign', '-n', 'git', '-f', join(home, 'device.pub'), file],
          { env: phone.env, stdio: 'pipe' },
        );
      } catch (error) {
        return String((error as { stderr: Buffer }).stderr);
      }
      return existsSync(`${file}.sig`) ? 'signed' : 'nothing';
    };
    expect(sign()).toBe('signed');
    // The remote does not know of the pairing yet, and loses nothing by a push from the device.
    expect(await pull(phone, remote)).toMatchObject({ verdict: 'behind', exit: 0 });
    expect(await phone.data('push')).toMatchObject({ remotes: [{ verdict: 'pushed', sequence: 2 }] });
    await laptop.data('push');
    await laptop.data('devices', 'revoke', 'phone', '--reason', 'lost', '--yes');
    await laptop.data('push');
    expect(sign()).toBe('signed');
    const shown = await phone.run('pull');
    expect([shown.exit, shown.stdout]).toEqual([0, expect.stringMatching(/this device, phone, is revoked/)]);
    expect(sign()).toMatch(/revoked/);
    expect(await phone.data('whoami')).toMatchObject({ controller_did: did, device_status: 'revoked' });
    // A remote that is set back to before the revocation does not undo it.
    const kel = `refs/did/keri/${did.slice(9)}/kel`;
    git(remote, 'update-ref', kel, `${git(remote, 'rev-parse', kel)}~1`);
    expect(await pull(phone)).toMatchObject({ verdict: 'rewound', exit: 1 });
    expect(sign()).toMatch(/revoked/);
    expect((await errorOf(phone, 'devices', 'rename', 'phone', 'x')).exit).toBe(3);
  });
});

describe.skipIf(!hasMachineId)('a copied home', () => {
  it('is refused on every append, until doctor --fix says which one stays', async () => {
    const { laptop, home } = await published();
    const copy = world.machine('copy');
    const copied = join(copy.folder, '.auths');
    execFileSync('cp', ['-r', home, copied]);
    Object.assign(copy.env, { AUTHS_PASSPHRASE: laptop.env['AUTHS_PASSPHRASE'] });
    for (const argv of [
      ['devices', 'rename', 'laptop', 'x'],
      ['devices', 'extend', 'laptop', '--expires', '90d'],
      ['devices', 'revoke', 'laptop', '--reason', 'lost', '--yes'],
      ['pair', '--bind', '127.0.0.1', '--no-mdns', '--no-qr'],
    ]) {
      const { exit, stdout } = await copy.run(...argv, '--json');
      expect([argv[1], exit]).toEqual([argv[1], 6]);
      expect(stdout).toMatch(/identity\/copied-home.*auths doctor --fix/);
    }
    expect((await copy.run('devices')).exit).toBe(0);
    expect((await append(laptop, 'laptop', 'original')).exit).toBe(0);
    // The copy is to stay: it says so, and from then on it is the original that is refused.
    await copy.run('doctor', '--fix', '--yes');
    expect((await append(copy, 'laptop', 'x')).exit).toBe(0);
    expect(await errorOf(laptop, 'devices', 'rename', 'original', 'y')).toMatchObject({
      exit: 6,
      code: 'identity/copied-home',
    });
    // And back.
    await laptop.run('doctor', '--fix', '--yes');
    expect(await errorOf(copy, 'devices', 'rename', 'x', 'z')).toMatchObject({
      exit: 6,
      code: 'identity/copied-home',
    });
  });

  it('a home that was moved goes on, and says so once', async () => {
    const { laptop, home } = await published();
    const folder = join(laptop.folder, 'elsewhere');
    mkdirSync(folder);
    renameSync(home, join(folder, 'home'));
    Object.assign(laptop.env, { AUTHS_HOME: join(folder, 'home') });
    const first = await append(laptop, 'laptop', 'moved');
    expect([first.exit, first.stderr]).toEqual([0, expect.stringMatching(/was moved from/)]);
    const second = await append(laptop, 'moved', 'again');
    expect([second.exit, second.stderr]).toEqual([0, expect.not.stringMatching(/was moved from/)]);
  });

  it('one from another machine is refused with the way out', async () => {
    const { laptop, home } = await published();
    const record = JSON.parse(readFileSync(join(home, 'machine.json'), 'utf8')) as Record<string, unknown>;
    writeFileSync(join(home, 'machine.json'), JSON.stringify({ ...record, machine: '0'.repeat(64) }));
    expect(await errorOf(laptop, 'devices', 'rename', 'laptop', 'x')).toMatchObject({
      exit: 6,
      code: 'identity/copied-home',
      hint: expect.stringMatching(/auths doctor --fix/),
    });
  });
});
