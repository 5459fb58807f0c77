import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ended, freshWorld, type World } from './program.ts';

const DID_KERI = /^did:keri:E[A-Za-z0-9_-]{43}$/;
const DID_KEY = /^did:key:z6Mk[1-9A-HJ-NP-Za-km-z]+$/;

/** Every byte of every file in a folder, to see that nothing changed. */
function contents(folder: string): string {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted()
    .map((path) => `${path} ${readFileSync(path).toString('base64')}`)
    .join('\n');
}

function events(world: World): number {
  return world.json(['kel', 'show']).document.data.events.length;
}

describe('init', () => {
  it.skipIf(process.platform !== 'linux')('ends where no folder can be made, and says so', () => {
    const world = freshWorld();
    const { status, document } = world.json(['init', '--name', 'laptop', '--git', 'none'], {
      env: { AUTHS_HOME: '/proc/auths/home' },
    });
    expect(status).toBe(7);
    expect(document).toMatchObject({ error: { code: 'storage/failed' } });
  });

  it('gives exactly the promised data and an identity that replays', () => {
    const world = freshWorld();
    const { status, document } = world.json(['init', '--name', 'laptop', '--no-input']);
    expect(status).toBe(0);
    expect(document).toMatchObject({ v: 1, ok: true, command: 'init' });
    expect(Object.keys(document.data).toSorted()).toEqual([
      'controller_did',
      'device_did',
      'device_name',
      'git',
      'keychain',
      'recovery',
    ]);
    expect(document.data.controller_did).toMatch(DID_KERI);
    expect(document.data.device_did).toMatch(DID_KEY);
    expect(document.data).toMatchObject({
      device_name: 'laptop',
      keychain: 'file',
      git: 'none',
      recovery: 'on-this-machine',
    });

    const exported = world.auths(['kel', 'export']).stdout;
    const verified = world.json(['kel', 'verify', '-'], { input: exported });
    expect(verified.status).toBe(0);
    expect(verified.document.data).toMatchObject({ verdict: 'accepted', sequence: 1 });
    expect(`did:keri:${verified.document.data.prefix}`).toBe(document.data.controller_did);

    const [device, ...others] = world.json(['devices']).document.data.devices;
    expect(others).toEqual([]);
    expect(device).toMatchObject({
      did: document.data.device_did,
      name: 'laptop',
      status: 'active',
      this_device: true,
      capabilities: ['manage_policy', 'pair_device', 'sign_commit', 'sign_release', 'sign_tag'],
      expires_at: null,
      revoked_at: null,
      reason: null,
    });
  });

  it('keeps the home and its secrets to the owner, and the next key out of the key store', () => {
    const world = freshWorld();
    world.json(['init']);
    expect(statSync(world.home).mode & 0o777).toBe(0o700);
    for (const name of ['keys.enc', 'recovery-kit.json'])
      expect(statSync(join(world.home, name)).mode & 0o077).toBe(0);
    const { keys } = world.json(['key', 'list']).document.data;
    expect(keys.map(({ alias }: { alias: string }) => alias)).toEqual(['channel', 'device', 'identity']);
  });

  it('run again says what exists and changes nothing, without a passphrase', () => {
    const world = freshWorld();
    const first = world.json(['init', '--name', 'laptop']).document.data;
    const before = contents(world.home);
    const second = world.json(['init', '--name', 'other'], { env: { AUTHS_PASSPHRASE: '' } });
    expect(second.status).toBe(0);
    expect(second.document.data).toEqual(first);
    expect(contents(world.home)).toBe(before);
  });

  it('--dry-run writes nothing', () => {
    const world = freshWorld();
    const { status, document } = world.json(['init', '--dry-run', '--git', 'global']);
    expect(status).toBe(0);
    expect(document.data).toMatchObject({ controller_did: null, git: 'global', dry_run: true });
    expect(existsSync(world.home)).toBe(false);
    expect(existsSync(join(world.dir, '.gitconfig'))).toBe(false);
  });

  it('without a passphrase is exit 2, naming the three ways, and leaves nothing behind', () => {
    const world = freshWorld({ locked: true });
    const { status, document } = world.json(['init']);
    expect(status).toBe(2);
    expect(document.error?.code).toBe('key/passphrase-required');
    for (const way of ['AUTHS_PASSPHRASE', '--passphrase-file', 'terminal'])
      expect(document.error?.hint).toContain(way);
    expect(existsSync(world.home)).toBe(false);
  });

  it('takes the passphrase from a file or from stdin, and it is the same passphrase afterwards', () => {
    const world = freshWorld({ locked: true });
    expect(world.json(['init', '--passphrase-file', '-'], { input: 'from stdin\n' }).status).toBe(0);
    writeFileSync(join(world.dir, 'pass'), 'from stdin\n');
    expect(world.json(['key', 'show', 'identity', '--passphrase-file', 'pass']).status).toBe(0);
    const wrong = world.json(['key', 'show', 'identity'], { env: { AUTHS_PASSPHRASE: 'other' } });
    expect(wrong.status).toBe(7);
    expect(wrong.document.error?.code).toBe('key/wrong-passphrase');
    expect(JSON.stringify(wrong.document)).not.toContain('"other"');
    expect(world.json(['key', 'show', 'identity', '--passphrase-file', 'nowhere']).document.error?.code).toBe(
      'input/unreadable',
    );
  });

  it('--recovery-file puts the kit there and not into the home; an existing file is not overwritten', () => {
    const world = freshWorld();
    const kit = join(world.dir, 'kit.json');
    writeFileSync(kit, 'something else');
    expect(world.json(['init', '--recovery-file', kit]).document.error?.code).toBe('usage/invalid');
    expect(readFileSync(kit, 'utf8')).toBe('something else');
    const other = join(world.dir, 'other.json');
    expect(world.json(['init', '--recovery-file', other]).document.data.recovery).toBe('exported');
    expect(existsSync(join(world.home, 'recovery-kit.json'))).toBe(false);
    expect(world.json(['status']).document.data.recovery).toBe('exported');
    expect(world.json(['recovery', 'check', other])).toMatchObject({
      status: 0,
      document: { data: { fits: true } },
    });
    expect(world.json(['status']).document.data.recovery).toBe('checked');
  });

  it('a name that no device may have is refused before anything is written', () => {
    const world = freshWorld();
    expect(world.json(['init', '--name', '']).status).toBe(2);
    expect(existsSync(world.home)).toBe(false);
  });

  it('two at once make one identity', async () => {
    const world = freshWorld();
    const runs = await Promise.all([1, 2, 3].map(() => ended(world.start(['init', '--json']))));
    const dids = runs.map(({ status, stdout }) => {
      expect(status).toBe(0);
      return JSON.parse(stdout).data.controller_did as string;
    });
    expect(new Set(dids).size).toBe(1);
    expect(events(world)).toBe(2);
    expect(world.json(['recovery', 'check'])).toMatchObject({
      status: 0,
      document: { data: { fits: true } },
    });
  });

  it('killed at any moment, the next run finishes it: one identity, one device, a kit that fits', async () => {
    for (const ms of [60, 150, 300, 450, 600, 800, 1000, 1300]) {
      const world = freshWorld();
      const child = world.start(['init', '--json']);
      const done = ended(child);
      await new Promise((resolve) => setTimeout(resolve, ms));
      child.kill('SIGKILL');
      await done;
      const second = world.json(['init']);
      expect(second.document, `killed after ${ms} ms`).toMatchObject({ ok: true });
      expect(events(world)).toBe(2);
      expect(world.json(['devices']).document.data.devices).toHaveLength(1);
      expect(world.json(['recovery', 'check']).document.data).toMatchObject({ opens: true, fits: true });
    }
  }, 180_000);
});

describe('status, whoami, id show', () => {
  it('without an identity: status is exit 0 with nulls and next steps, whoami and id show are exit 3', () => {
    const world = freshWorld();
    const { status, document } = world.json(['status']);
    expect(status).toBe(0);
    const { next_steps: steps, ...rest } = document.data;
    expect(new Set(Object.values(rest))).toEqual(new Set([null]));
    expect(steps[0]).toEqual({ summary: expect.any(String), command: 'auths init' });
    for (const args of [['whoami'], ['id', 'show'], ['kel', 'show'], ['kel', 'export'], ['devices']]) {
      expect(world.json(args)).toMatchObject({ status: 3, document: { error: { code: 'identity/none' } } });
    }
    expect(existsSync(world.home)).toBe(false);
  });

  it('with one: the promised members', () => {
    const world = freshWorld();
    const made = world.json(['init', '--name', 'laptop']).document.data;
    const { data } = world.json(['status']).document;
    expect(data).toMatchObject({
      controller_did: made.controller_did,
      device: { did: made.device_did, name: 'laptop', status: 'active', expires_at: null },
      devices: { active: 1, revoked: 0, expired: 0, expiring_soon: 0 },
      git: 'none',
      keychain: 'file',
      agent: 'stopped',
      recovery: 'on-this-machine',
      sequence: 1,
    });
    expect(data.next_steps.map(({ command }: { command: string }) => command)).toContain('auths git setup');
    expect(world.json(['whoami']).document.data).toMatchObject({
      controller_did: made.controller_did,
      device_did: made.device_did,
    });
    expect(world.json(['id', 'show']).document.data).toMatchObject({
      controller_did: made.controller_did,
      sequence: 1,
      role: 'controller',
    });
  });

  it('believe the log and not a cache that somebody wrote', () => {
    const world = freshWorld();
    world.json(['init']);
    world.json(['status']);
    world.json(['devices', 'rename', world.json(['whoami']).document.data.device_name, 'renamed']);
    expect(world.json(['whoami']).document.data.device_name).toBe('renamed');
    writeFileSync(join(world.home, 'cache', 'devices.json'), '{"made_from":"x","view":{"devices":[]}}');
    expect(world.json(['status']).document.data.devices.active).toBe(1);
    writeFileSync(join(world.home, 'cache', 'devices.json'), 'not json');
    expect(world.json(['status']).document.data.devices.active).toBe(1);
  });
});
