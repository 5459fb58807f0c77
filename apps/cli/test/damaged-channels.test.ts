/** A home whose journal, list of channels or keys are damaged: every hint leads out, and a stolen device is revoked before anything is mended. */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import type { JsonValue } from '@auths/core/encoding/json';
import type { PairedDevice } from '@auths/core/flows/pairing-ports';
import { encryptedFileStore } from '@auths/key-store/encrypted-file';
import { pairedDevices, parsePairingJournal } from '@auths/key-store/paired-devices';
import { preparedWorlds, type Document, type World } from './program.ts';

let world: World;
const inHome = (name: string): string => join(world.home, name);

function data(...args: readonly string[]): NonNullable<Document['data']> {
  const { status, document } = world.json(args);
  expect(status, JSON.stringify(document)).toBe(0);
  return document.data;
}

interface Finding {
  readonly check: string;
  readonly status: string;
  readonly detail: string;
  readonly hint: string | null;
}
const findings = (...flags: readonly string[]): readonly Finding[] =>
  (
    world.json(['doctor', '--yes', ...flags]).document.data as { readonly checks: readonly Finding[] }
  ).checks.filter(({ status }) => status === 'failed' || status === 'fixed');
const doctor = (...flags: readonly string[]): readonly string[] =>
  findings(...flags).map(({ status, check }) => `${status} ${check}`);

/** A device that asks by a file; what accepts it. */
function asking(name: string): readonly string[] {
  const home = { env: { AUTHS_HOME: join(world.dir, name) } };
  const file = join(world.dir, `${name}.request`);
  const { controller_did: did } = data('whoami');
  const asked = world.json(['devices', 'request', file, '--identity', String(did), '--name', name], home);
  expect(asked.status, JSON.stringify(asked.document)).toBe(0);
  const { device_did: device } = asked.document.data as { readonly device_did: string };
  return ['devices', 'accept', file, '--expect-device', device];
}

const revoke = ['devices', 'revoke', 'phone', '--reason', 'compromised'];
const statusOf = (name: string): string =>
  (data('devices', '--all')['devices'] as readonly { name: string; status: string }[]).find(
    (one) => one.name === name,
  )?.status ?? 'none';

const worldWithPhone = preparedWorlds((made) => {
  world = made;
  data('init', '--name', 'laptop', '--git', 'none');
  data(...asking('phone'));
});

beforeEach(async () => {
  world = await worldWithPhone();
});

const corrupt = (path: string): object => ({
  status: 7,
  document: { error: { code: 'storage/corrupt', hint: 'auths doctor --fix', details: { path } } },
});

describe('an entry of the journal that cannot be read', () => {
  const pairing = `journal/pairing-${'0'.repeat(32)}.json`;

  it('of a pairing: is told before a code is shown, and put aside', () => {
    const path = inHome(pairing);
    writeFileSync(path, '{"v":1}');
    expect(world.json(['devices', 'rename', 'phone', 'x'])).toMatchObject(corrupt(path));
    writeFileSync(path, '');
    const { status, stdout } = world.auths(['pair', '--no-mdns', '--bind', '127.0.0.1', '--json']);
    expect([status, stdout.includes('"event":"offer"')]).toEqual([7, false]);
    expect(stdout).toContain(`"path":"${path}"`);
    expect(doctor()).toEqual(['failed unfinished']);
    expect(doctor('--fix')).toEqual(['fixed unfinished']);
    expect(readFileSync(`${path}.unreadable`, 'utf8')).toBe('');
    data('devices', 'rename', 'phone', 'x');
  });

  it('of git that is to be set up: is put aside, never over what lies there, and init goes on', () => {
    const path = inHome('journal/git-setup.json');
    for (const text of ['{', '{"v":1}']) {
      writeFileSync(path, text);
      expect(world.json(['init', '--name', 'laptop'])).toMatchObject(corrupt(path));
      expect(doctor('--fix')).toEqual(['fixed unfinished']);
    }
    expect(readdirSync(inHome('journal'))).toEqual([
      'git-setup.json.unreadable',
      'git-setup.json.unreadable-2',
    ]);
    data('init', '--name', 'laptop');
  });

  it('of a request: is put aside, and another request is answered', () => {
    const phone = { env: { AUTHS_HOME: join(world.dir, 'phone') } };
    const path = join(world.dir, 'phone', 'journal/request.json');
    writeFileSync(path, '{"v":1}');
    const answer = ['devices', 'request', '--answer', join(world.dir, 'phone.request.answer')];
    expect(world.json(answer, phone)).toMatchObject(corrupt(path));
    world.json(['doctor', '--fix', '--yes'], phone);
    expect(world.json(answer, phone)).toMatchObject({
      document: { error: { hint: 'auths devices request FILE --identity did:keri:E…' } },
    });
  });

  it('of a newer auths: stays where it is, with what it has begun, whoever looks at it', () => {
    const list = readFileSync(inHome('allow-list.json'), 'utf8').replace('"active"', '"provisional"');
    writeFileSync(inHome('allow-list.json'), list);
    mkdirSync(inHome('journal'), { recursive: true });
    const names = [pairing, ...['git-setup', 'request', 'witnessing'].map((name) => `journal/${name}.json`)];
    for (const name of names) writeFileSync(inHome(name), '{"v":2}');
    const newer = (name: string): object => ({
      status: 'failed',
      detail: expect.stringContaining(`${inHome(name)} has version 2`),
      hint: 'use a newer auths',
    });
    for (const flags of [[], ['--fix']])
      expect(findings(...flags)).toMatchObject(names.toSorted().map((name) => newer(name)));
    expect(names.map((name) => readFileSync(inHome(name), 'utf8'))).toEqual(names.map(() => '{"v":2}'));
    expect(readFileSync(inHome('allow-list.json'), 'utf8')).toBe(list);
    expect(world.json(['devices', 'rename', 'phone', 'x']).document).toMatchObject({
      error: { code: 'storage/version', hint: 'use a newer auths' },
    });
  });

  it('a folder in its place is put aside, a file in the place of the journal is for a person to move', () => {
    mkdirSync(inHome(pairing));
    expect(doctor('--fix')).toEqual(['fixed unfinished']);
    rmSync(inHome('journal'), { recursive: true });
    writeFileSync(inHome('journal'), '');
    const hint = 'a file stands where a folder belongs: move it away, then auths doctor --fix';
    expect(world.json(['devices', 'rename', 'phone', 'x'])).toMatchObject({
      status: 7,
      document: { error: { code: 'storage/failed', hint } },
    });
    expect(findings('--fix')).toMatchObject([{ check: 'unfinished', hint }]);
    rmSync(inHome('journal'));
    expect(doctor('--fix')).toEqual([]);
    data('devices', 'rename', 'phone', 'x');
  });
});

function git(...args: readonly string[]): string {
  return execFileSync('git', ['--git-dir', world.home, ...args], { env: world.env, encoding: 'utf8' }).trim();
}

/** The newest event of the log is gone, and nothing here leads to it any more. */
function cutLog(): void {
  const ref = git('for-each-ref', '--format=%(refname)', 'refs/did/keri/*/kel');
  const [tip, before] = [git('rev-parse', ref), git('rev-parse', `${ref}^`)];
  git('update-ref', ref, before);
  rmSync(inHome(join('objects', tip.slice(0, 2), tip.slice(2))));
}

describe('an allow-list that cannot be read', () => {
  const list = 'allow-list.json';
  const entries = (): readonly (readonly string[])[] =>
    (
      JSON.parse(readFileSync(inHome(list), 'utf8')) as {
        readonly devices: readonly { name: string; status: string; psk: string }[];
      }
    ).devices.map(({ name, status, psk }) => [name, status, psk === '' ? 'wiped' : 'key']);

  it('keeps no device in: the revocation is sealed, and a new list begins where there is no backup', () => {
    writeFileSync(inHome(list), '');
    writeFileSync(inHome(`${list}.bak`), '{');
    const signers = (): string => readFileSync(inHome('allowed_signers'), 'utf8');
    const before = signers();
    const { status, document } = world.json(revoke);
    expect([status, document.error]).toMatchObject([
      7,
      {
        code: 'storage/corrupt',
        message: expect.stringMatching(/^the revocation is sealed and stands; after that: /),
        hint: expect.stringMatching(/^auths doctor --fix; the same command again/),
      },
    ]);
    expect(signers()).not.toBe(before);
    expect(doctor('--fix')).toEqual(['fixed paired devices']);
    expect(readFileSync(inHome(`${list}.bak.unreadable`), 'utf8')).toBe('{');
    expect(doctor()).toEqual([]);
    expect(statusOf('phone')).toBe('revoked');
    expect(data(...revoke)).toMatchObject({ changed: false });
    data(...asking('tablet'));
    expect(entries()).toEqual([['tablet', 'active', 'key']]);
  });

  it('comes back from its backup with the newest device active, and without those revoked since', () => {
    data(...asking('tablet'));
    writeFileSync(inHome(list), '');
    expect(world.json(revoke).status).toBe(7);
    expect(doctor('--fix')).toEqual(['fixed paired devices', 'fixed paired devices', 'fixed paired devices']);
    expect(entries()).toEqual([
      ['phone', 'revoked', 'wiped'],
      ['tablet', 'active', 'key'],
    ]);
    expect(doctor()).toEqual([]);
  });

  it.each([
    ['allowed_signers cannot be written', () => {}],
    ['the log has lost the revocation', cutLog],
  ])('comes back without those revoked since, although %s', (_why, damage) => {
    data(...asking('tablet'));
    writeFileSync(inHome(list), '');
    rmSync(inHome('allowed_signers'));
    mkdirSync(inHome('allowed_signers'));
    expect(world.json(revoke).status).toBe(7);
    damage();
    doctor('--fix');
    expect(entries()).toContainEqual(['phone', 'revoked', 'wiped']);
    expect(entries()).toContainEqual(['tablet', expect.not.stringMatching('revoked'), 'key']);
  });
});

it('a pairing that cannot be read keeps no device in', () => {
  writeFileSync(inHome(`journal/pairing-${'0'.repeat(32)}.json`), '');
  const { status, stderr } = world.auths(revoke);
  expect([status, stderr]).toEqual([0, expect.stringContaining('→ auths doctor --fix')]);
  expect(statusOf('phone')).toBe('revoked');
});

it.each([
  ['device.pub is damaged', () => writeFileSync(inHome('device.pub'), 'garbage\n'), 'device key'],
  ['recovery-kit.next.json is a folder', () => mkdirSync(inHome('recovery-kit.next.json')), 'recovery kit'],
  [
    'of its keys only that of the identity is left',
    async () => {
      const keys = encryptedFileStore(inHome('keys.enc'), async () => 'correct horse');
      for (const { alias } of await keys.list()) if (alias !== 'identity') await keys.remove(alias);
    },
    'device key',
  ],
] as readonly (readonly [string, () => void | Promise<void>, string])[])(
  'a device is revoked although %s, which doctor tells',
  async (_what, damage, check) => {
    await damage();
    expect(doctor()).toContain(`failed ${check}`);
    expect(data(...revoke)).toMatchObject({ changed: true, device: { name: 'phone', status: 'revoked' } });
  },
);

it.each(['gone', 'empty'])(
  'keys that are lost, their file %s: every command says what is left, and that works',
  (how) => {
    const keys = inHome('keys.enc');
    if (how === 'gone') rmSync(keys);
    else writeFileSync(keys, '');
    const hint = expect.stringMatching(/^put back a copy of that file\. Without one .* id recover --from /);
    expect(findings('--fix')).toEqual([
      expect.objectContaining({
        check: 'device key',
        status: 'failed',
        detail: expect.stringContaining(keys),
        hint,
      }),
      ...(how === 'gone' ? [] : [expect.objectContaining({ check: 'signing', hint })]),
    ]);
    const { error } = world.json(revoke).document;
    expect(error).toMatchObject({ message: expect.stringContaining(keys), hint });
    const command =
      /AUTHS_HOME=~\/\.auths-new auths (id recover .*?)(?:;|$)/.exec(error?.hint ?? '')?.[1] ?? '';
    const words = command.split(' ').map((word) => word.replaceAll("'", ''));
    const there = { env: { AUTHS_HOME: join(world.dir, '.auths-new') } };
    expect(world.json([...words, '--vouch-until', '2'], there).status).toBe(0);
    expect(world.json(revoke, there).status).toBe(0);
  },
);

it('one key of several that is lost: told without a passphrase, and no rotation goes past the copy that brings it back', async () => {
  const keys = encryptedFileStore(inHome('keys.enc'), async () => 'correct horse');
  const copy = readFileSync(inHome('keys.enc'));
  const kit = readFileSync(inHome('recovery-kit.json'));
  await keys.remove('channel');
  const lost = { message: `${inHome('keys.enc')} holds no key "channel"`, hint: expect.any(String) };
  expect(findings()).toMatchObject([{ check: 'device key', detail: lost.message }]);
  const summary = 'keys that this home needs are gone';
  expect(data('status')['next_steps']).toContainEqual({ summary, command: 'auths doctor' });
  expect(world.json(['id', 'rotate']).document.error).toMatchObject(lost);
  expect(readFileSync(inHome('recovery-kit.json'))).toEqual(kit);
  writeFileSync(inHome('keys.enc'), copy);
  expect(findings()).toEqual([]);
  data(...revoke);
});

it('keys from before a rotation: every command says so, and the kit makes the home whole', () => {
  const copy = readFileSync(inHome('keys.enc'));
  data('id', 'rotate');
  writeFileSync(inHome('keys.enc'), copy);
  const told = {
    hint: expect.stringMatching(/^put back a newer copy of the keys of this home, or .*: auths id rotate, /),
  };
  expect(findings()).toMatchObject([{ check: 'identity key', ...told }]);
  expect(world.json(revoke).document.error).toMatchObject({ code: 'key/not-found', ...told });
  const paired = world.auths(['pair', '--no-mdns', '--bind', '127.0.0.1', '--json']);
  expect(paired).toMatchObject({ status: 3, stdout: expect.stringContaining('put back a newer copy') });
  data('id', 'rotate');
  expect(findings()).toEqual([]);
  data(...revoke);
});

const kits = (): readonly string[] => readdirSync(world.home).filter((name) => name.startsWith('recovery'));

/** Types what a hint says. */
function recoverAsTold(hint: string | null | undefined): void {
  const typed = /AUTHS_HOME=~\/\.auths-new auths (id recover .*?)(?:;|$)/.exec(hint ?? '')?.[1] ?? '';
  const words = typed.split(' ').map((word) => word.replaceAll("'", ''));
  const there = { env: { AUTHS_HOME: join(world.dir, '.auths-new') } };
  expect(world.json([...words, '--all'], there)).toMatchObject({ status: 0 });
}

describe('a rotation that died when its rot stood', () => {
  const kit = 'recovery-kit.json';
  const next = 'recovery-kit.next.json';
  let keys: Buffer;
  beforeEach(() => {
    keys = readFileSync(inHome('keys.enc'));
    cpSync(inHome(kit), join(world.dir, 'old.json'));
    data('id', 'rotate');
    cpSync(inHome(kit), inHome(next));
    cpSync(join(world.dir, 'old.json'), inHome(kit));
  });

  it('and whose keys are lost: what doctor says works', () => {
    rmSync(inHome('keys.enc'));
    const [{ hint } = { hint: null }] = findings('--fix');
    expect(hint).toContain(`${inHome(next)}'; if the log never committed to that one`);
    recoverAsTold(hint);
  });

  it('and whose keys are lost: no command drops the one kit that fits, and the hint names it', () => {
    rmSync(inHome('keys.enc'));
    expect(world.auths(['recovery', 'check']).stdout).toContain(`auths recovery check '${inHome(next)}'`);
    expect(data('recovery', 'check', inHome(next))).toMatchObject({ fits: true });
    const fits = readFileSync(inHome(next));
    const { error } = world.json(['devices', 'rename', 'phone', 'x']).document;
    expect(error?.code).toBe('key/not-found');
    expect([kits(), readFileSync(inHome(kit))]).toEqual([[kit], fits]);
    recoverAsTold(error?.hint);
  });

  it('and whose keys cannot be read: both kits stay, and the hint names them', () => {
    writeFileSync(inHome('keys.enc'), '');
    const { error } = world.json(['devices', 'rename', 'phone', 'x']).document;
    expect(kits()).toEqual([kit, next]);
    recoverAsTold(error?.hint);
  });

  it('and whose keys are an older copy: id rotate goes on from the kit that it left', () => {
    writeFileSync(inHome('keys.enc'), keys);
    expect(findings()).toMatchObject([
      { check: 'identity key', hint: expect.stringContaining('auths id rotate') },
    ]);
    // A person who has moved the kit away takes the old one for it.
    const moved = world.json(['id', 'rotate', '--recovery-file', join(world.dir, 'old.json')]).document;
    expect(moved.error?.hint).toMatch(/; if the kit of this home is that one: auths id rotate$/);
    data('id', 'rotate');
    expect(kits()).toEqual([kit]);
    expect(data('recovery', 'check')).toMatchObject({ fits: true });
    expect(findings()).toEqual([]);
    data(...revoke);
  });

  it('leaves a kit that does not open: it keeps nobody from revoking, and is not dropped unread', () => {
    const text = readFileSync(inHome(next));
    writeFileSync(inHome(next), '{');
    data(...revoke);
    expect(kits()).toEqual([kit, next]);
    writeFileSync(inHome(next), text);
    data('devices', 'rename', 'laptop', 'x');
    expect([kits(), readFileSync(inHome(kit))]).toEqual([[kit], text]);
  });
});

const paired = (): readonly PairedDevice[] =>
  (
    JSON.parse(readFileSync(inHome('allow-list.json'), 'utf8')) as {
      readonly devices: readonly PairedDevice[];
    }
  ).devices;

/** A pairing of a tablet that was agreed on, as a process that died leaves it in the journal; the log has its seal if `sealed`. */
async function leavePairing(sealed: boolean): Promise<void> {
  const before = join(world.dir, 'before');
  cpSync(world.home, before, { recursive: true, preserveTimestamps: true });
  data(...asking('tablet'));
  const { did } = (data('devices', 'show', 'tablet') as { readonly device: { readonly did: string } }).device;
  const record = git(
    'show',
    `refs/auths/devices/nodes/${did.replaceAll(':', '_')}/signatures:attestation.json`,
  );
  const entry = paired().find(({ name }) => name === 'tablet') as PairedDevice;
  if (!sealed) {
    for (const name of readdirSync(world.home)) rmSync(inHome(name), { recursive: true });
    cpSync(before, world.home, { recursive: true, preserveTimestamps: true });
  }
  const { created_at, device_id } = entry;
  const link = JSON.parse(record) as JsonValue;
  await pairedDevices(world.home).begin(
    { ...entry, status: 'provisional' },
    parsePairingJournal({
      v: 1,
      session_id: 'ab'.repeat(16),
      device_id,
      created_at,
      acknowledged: true,
      link,
    }),
  );
}

const isListed = (): boolean =>
  paired().some(({ name, status }) => name === 'tablet' && status !== 'revoked');

const theft = ['--reason', 'compromised', '--all', '--keep', 'phone'];

describe('a pairing that is agreed on, of which a process that died has left the entry in the journal', () => {
  it.each([
    ['given up by a rotation after a theft', theft, false, 'none', ['tablet']],
    ['finished after any other rotation', [], false, 'active', []],
    ['finished where it was sealed and is kept', [...theft, '--keep', 'tablet'], true, 'active', []],
    ['given up where it was sealed and is not kept', theft, true, 'none', ['tablet']],
  ])('is %s', async (_what, how, sealed, status, given) => {
    await leavePairing(sealed);
    expect(data('id', 'rotate', ...how)).toMatchObject({ pairings_given_up: given });
    data('devices', 'rename', 'phone', 'x');
    expect([statusOf('tablet'), isListed()]).toEqual([status, status === 'active']);
    expect(doctor()).toEqual([]);
  });

  it('is given up by a rotation after a theft also where the list of paired devices is locked', async () => {
    await leavePairing(false);
    const { pid } = spawnSync('true');
    writeFileSync(inHome('allow-list.json.lock'), `${JSON.stringify({ v: 1, pid, started: 1 })}\n`);
    const { document } = world.json(['id', 'rotate', ...theft]);
    expect(document.error).toMatchObject({
      code: 'storage/locked',
      message: expect.stringMatching(/^the rotation stands/),
    });
    doctor('--fix');
    data('devices', 'rename', 'phone', 'x');
    expect([statusOf('tablet'), doctor()]).toEqual(['none', []]);
    expect(isListed()).toBe(false);
  });
});

it('a paired device that has lost its keys is told of no recovery kit', () => {
  const phone = { env: { AUTHS_HOME: join(world.dir, 'phone') } };
  const answer = ['devices', 'request', '--answer', join(world.dir, 'phone.request.answer')];
  expect(world.json(answer, phone).status).toBe(0);
  rmSync(join(world.dir, 'phone', 'keys.enc'));
  const { checks } = world.json(['doctor'], phone).document.data as { readonly checks: readonly Finding[] };
  expect(checks.filter(({ status }) => status === 'failed')).toMatchObject([
    {
      check: 'device key',
      hint: expect.stringMatching(/^put back a copy .*this device pairs again: .*--join CODE$/),
    },
  ]);
  expect(JSON.stringify(checks)).not.toContain('recovery-kit.json');
});

it('addresses of witnesses that cannot be read are put aside', () => {
  writeFileSync(inHome('witnesses.json'), '{');
  expect(findings()).toMatchObject([{ check: 'witnesses', status: 'failed', hint: 'auths doctor --fix' }]);
  expect(findings('--fix')).toMatchObject([
    { check: 'witnesses', status: 'fixed', detail: expect.stringContaining('auths id rotate --witness URL') },
  ]);
  expect(doctor()).toEqual([]);
});

it('locks that a process left behind while it took another one over are removed, and so is that one', () => {
  for (const name of ['keys.enc', 'keys.enc-takeover', 'witnessing-takeover'])
    writeFileSync(inHome(`${name}.lock`), '');
  expect(doctor('--fix')).toEqual(['fixed locks', 'fixed locks', 'fixed locks']);
  expect(readdirSync(world.home).filter((name) => name.includes('.lock'))).toEqual([]);
});
