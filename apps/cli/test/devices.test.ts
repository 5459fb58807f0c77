import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { buildExtension, digestOf } from '@auths/core/attestation/sign';
import { findDevice, ownDevices } from '@auths/core/flows/own-devices';
import { sealRecords } from '@auths/core/flows/seal-records';
import type { DidKeri } from '@auths/core/identifiers';
import { gitAttestationStore } from '@auths/git-store/attestation-store';
import { gitEventLog } from '@auths/git-store/event-log';
import { openHome } from '@auths/git-store/home-repository';
import { encryptedFileStore } from '@auths/key-store/encrypted-file';
import { createSigner } from '@auths/key-store/signer';
import { verifyEngine } from '../src/engines.ts';
import { freshWorld, type World } from './program.ts';

describe('devices', () => {
  it('show finds one by name, alias and DID; a name that nobody has is exit 2', () => {
    const world = freshWorld();
    const { device_did: did } = world.json(['init', '--name', 'laptop']).document.data;
    for (const name of ['laptop', 'laptop-key', did]) {
      expect(world.json(['devices', 'show', name]).document.data.device).toMatchObject({
        did,
        alias: 'laptop-key',
      });
    }
    expect(world.json(['devices', 'show', 'phone'])).toMatchObject({
      status: 2,
      document: { error: { code: 'device/not-found' } },
    });
  });

  it('rename and extend are sealed in the log and survive each other', () => {
    const world = freshWorld();
    world.json(['init', '--name', 'laptop']);
    const extended = world.json(['devices', 'extend', 'laptop', '--expires', '10d']);
    expect(extended.status).toBe(0);
    const { expires_at: until } = extended.document.data.device;
    expect(Date.parse(until) - Date.now()).toBeGreaterThan(9.9 * 86_400_000);
    expect(world.json(['devices', 'rename', 'laptop', 'old']).document.data.device).toMatchObject({
      name: 'old',
      expires_at: until,
    });
    expect(world.json(['kel', 'show']).document.data.sequence).toBe(3);
    expect(world.json(['status']).document.data.devices).toMatchObject({ active: 1, expiring_soon: 1 });
    expect(readFileSync(join(world.home, 'allowed_signers'), 'utf8')).toContain('valid-before=');
  });

  it.each([['10'], ['-3d'], ['0d'], ['10y'], ['2020-01-01T00:00:00Z'], ['2027-01-31']])(
    '--expires %s is exit 2',
    (text) => {
      const world = freshWorld();
      world.json(['init', '--name', 'laptop']);
      expect(world.json(['devices', 'extend', 'laptop', `--expires=${text}`]).status).toBe(2);
      expect(world.json(['kel', 'show']).document.data.sequence).toBe(1);
    },
  );

  it('revoke of the own device names a way back that works', () => {
    const world = freshWorld();
    world.json(['init', '--name', 'laptop', '--git', 'none']);
    const { next_steps: steps } = world.json(['devices', 'revoke', 'laptop', '--reason', 'retired']).document
      .data as { next_steps: readonly { command: string }[] };
    expect(steps.map(({ command }) => command)).toEqual(
      expect.arrayContaining(['auths id export --output me.auths', 'auths id recover']),
    );
    const refused = world.json(['pair', '--timeout', '5']);
    expect(refused.status).toBe(6);
    expect(refused.document).toMatchObject({
      error: { code: 'device/revoked', hint: expect.stringContaining('auths id recover') },
    });
    expect(world.json(['id', 'export', '--output', 'me.auths']).status).toBe(0);
    const there = { env: { AUTHS_HOME: `${world.home}-new` } };
    const kit = ['--recovery-file', `${world.home}/recovery-kit.json`, '--from', 'me.auths'];
    expect(world.json(['id', 'recover', ...kit, '--vouch-until', '2', '--name', 'again'], there).status).toBe(
      0,
    );
    expect(world.json(['whoami'], there).document.data).toMatchObject({ device_status: 'active' });
  });

  it('revoke needs a reason, acts at once, is final, and says what to do next', () => {
    const world = freshWorld();
    const { device_did: did } = world.json(['init', '--name', 'laptop']).document.data;
    expect(world.json(['devices', 'revoke', 'laptop'])).toMatchObject({
      status: 2,
      document: {
        error: { code: 'usage/missing-answer', details: { flag: expect.stringContaining('--reason') } },
      },
    });
    expect(world.json(['devices', 'revoke', 'laptop', '--reason', 'bored']).status).toBe(2);
    const { status, document } = world.json(['devices', 'revoke', 'laptop', '--reason', 'compromised']);
    expect(status).toBe(0);
    expect(document.data).toMatchObject({
      changed: true,
      device: { did, status: 'revoked', reason: 'compromised' },
    });
    expect(document.data.next_steps.length).toBeGreaterThan(0);
    expect(world.json(['devices', 'revoke', 'laptop', '--reason', 'lost']).document.data.changed).toBe(false);
    expect(world.json(['devices', 'extend', 'laptop', '--expires', '1d'])).toMatchObject({
      status: 6,
      document: { error: { code: 'device/revoked' } },
    });
    expect(world.json(['status']).document.data.devices).toMatchObject({ active: 0, revoked: 1 });
    expect(world.auths(['devices']).stdout).toContain('1 revoked, shown with --all');
    const widths = world
      .auths(['devices', '--all'])
      .stdout.split('\n')
      .map(({ length }) => length);
    expect(Math.max(...widths)).toBeLessThanOrEqual(80);
    expect(world.auths(['devices', '--all']).stdout).toContain('compromised');
  });

  it('--good takes commits of this repository and nothing else', () => {
    const world = freshWorld();
    world.json(['init', '--name', 'laptop', '--git', 'global']);
    const repo = join(world.dir, 'repo');
    world.git(['init', '-q', repo]);
    world.git(['commit', '-q', '--allow-empty', '-m', 'x'], { cwd: repo });
    const revoke = ['devices', 'revoke', 'laptop', '--reason', 'lost', '--good'];
    expect(world.json([...revoke, 'HEAD']).document.error?.code).toBe('git/not-a-repository');
    expect(world.json([...revoke, 'nowhere'], { cwd: repo }).document.error?.code).toBe('verify/bad-target');
    expect(world.json(['kel', 'show']).document.data.sequence).toBe(1);
    expect(world.json([...revoke, 'HEAD'], { cwd: repo }).status).toBe(0);
  });

  it('one that counts for nothing is named by doctor, and is changed no more but linked anew', async () => {
    const world = freshWorld();
    const { controller_did: did } = world.json(['init', '--name', 'laptop', '--git', 'none']).document.data;
    const phone = { env: { AUTHS_HOME: `${world.home}-phone` } };
    const request = ['devices', 'request', 'phone.request', '--identity', did, '--name', 'phone'];
    const { device_did: device } = world.json(request, phone).document.data;
    const accept = ['devices', 'accept', 'phone.request', '--expect-device', device];
    expect(world.json(accept).status).toBe(0);
    await sealStrayExtension(world, did, 'phone');
    const anew = { hint: expect.stringContaining(`auths devices revoke ${device} --reason retired`) };
    const doctor = world.json(['doctor']);
    expect(doctor.status).toBe(1);
    expect(doctor.document.data.checks).toContainEqual(
      expect.objectContaining({ check: 'devices', status: 'failed', ...anew }),
    );
    for (const change of [
      ['rename', 'phone', 'mobile'],
      ['extend', 'phone', '--expires', '90d'],
    ])
      expect(world.json(['devices', ...change])).toMatchObject({
        status: 1,
        document: { error: { code: 'attestation/invalid', ...anew } },
      });
    expect(world.json(['devices', 'revoke', device, '--reason', 'retired']).status).toBe(0);
    expect(world.json(['doctor']).document.data.healthy).toBe(true);
  });

  it('appends at once from several processes lose nothing', async () => {
    const world = freshWorld();
    world.json(['init', '--name', 'laptop']);
    const runs = ['20d', '30d', '40d'].map(
      (time) =>
        new Promise<number | null>((resolve) => {
          world.start(['devices', 'extend', 'laptop', '--expires', time, '--json']).on('close', resolve);
        }),
    );
    expect(await Promise.all(runs)).toEqual([0, 0, 0]);
    expect(world.json(['kel', 'show']).document.data.sequence).toBe(4);
    const { stdout } = world.auths(['kel', 'export']);
    expect(world.json(['kel', 'verify', '-'], { input: stdout }).status).toBe(0);
  });
});

/** An extension of a link that the device does not have. */
async function sealStrayExtension({ home: dir }: World, did: DidKeri, name: string): Promise<void> {
  await using home = openHome(dir);
  const keys = encryptedFileStore(join(dir, 'keys.enc'), () => Promise.resolve('correct horse'));
  const identity = createSigner((await keys.get('identity'))?.bytes as Uint8Array);
  const ports = {
    log: gitEventLog(home),
    records: gitAttestationStore(home),
    engine: verifyEngine,
    identity,
  };
  const device = findDevice((await ownDevices(ports, did)).devices, name);
  const linkDigest = digestOf({ ...device.link, name: 'another' });
  await sealRecords(ports, did, [
    buildExtension({ device: { ...device, linkDigest }, issuedAt: Date.now(), name }),
  ]);
}

describe('key, recovery, completion, doctor', () => {
  it('key create makes the device key that init then uses', () => {
    const world = freshWorld();
    const { document } = world.json(['key', 'create']);
    expect(document.data).toMatchObject({ created: true });
    expect(world.json(['key', 'create']).document.data).toEqual({
      device_did: document.data.device_did,
      created: false,
    });
    expect(world.json(['whoami']).status).toBe(3);
    expect(world.json(['init']).document.data.device_did).toBe(document.data.device_did);
  });

  it('no command prints a secret or the passphrase', () => {
    const world = freshWorld();
    world.json(['init']);
    for (const args of [
      ['key', 'list'],
      ['key', 'show'],
      ['key', 'show', 'identity'],
      ['status'],
      ['recovery', 'check'],
    ]) {
      const { stdout, stderr } = world.auths([...args, '--json']);
      expect(stdout + stderr).not.toContain('correct horse');
      expect(stdout + stderr).not.toMatch(/seed|secret|private/i);
    }
  });

  it('recovery export moves the kit, check proves it, a kit of somebody else is said no to', () => {
    const world = freshWorld();
    world.json(['init']);
    expect(world.json(['recovery', 'export'])).toMatchObject({
      status: 2,
      document: { error: { details: { flag: '--output' } } },
    });
    const kit = join(world.dir, 'kit.json');
    expect(world.json(['recovery', 'export', '--output', kit]).status).toBe(0);
    expect(world.json(['status']).document.data.recovery).toBe('exported');
    expect(world.json(['recovery', 'export', '--output', join(world.dir, 'again')]).status).toBe(3);
    expect(world.json(['recovery', 'check', kit]).status).toBe(0);
    expect(world.json(['recovery', 'check', kit], { env: { AUTHS_PASSPHRASE: 'wrong' } }).status).toBe(7);
    const other = { AUTHS_HOME: join(world.dir, 'other') };
    world.json(['init'], { env: other });
    expect(world.json(['recovery', 'check', join(world.dir, 'other/recovery-kit.json')])).toMatchObject({
      status: 1,
      document: { ok: true },
    });
  });

  it('completion knows every command', () => {
    const world = freshWorld();
    for (const shell of ['bash', 'zsh', 'fish']) {
      const { status, stdout } = world.auths(['completion', shell]);
      expect(status).toBe(0);
      expect(stdout).toContain('revoke');
    }
    expect(world.auths(['completion', 'csh']).status).toBe(2);
    const script = world.auths(['completion', 'bash']).stdout;
    const complete = (...words: string[]): string =>
      world
        .git([
          '-c',
          `alias.x=!f() { bash -c "$1" bash; }; f`,
          'x',
          `${script}\nCOMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}; _auths; echo "\${COMPREPLY[@]}"`,
        ])
        .stdout.trim();
    expect(complete('auths', 'dev')).toBe('devices');
    expect(complete('auths', 'devices', 're')).toBe('rename revoke request');
    expect(complete('auths', '--json', 'devices', 'revoke', 'x', '--reason', 'l')).toBe('lost');
    expect(complete('auths', 'init', '--na')).toBe('--name');
  });

  it('doctor signs and verifies for real, and finds what is wrong', () => {
    const world = freshWorld();
    world.json(['init', '--name', 'laptop']);
    const healthy = world.json(['doctor']);
    expect(healthy.document.data).toMatchObject({ healthy: true });
    expect(healthy.status).toBe(0);
    expect(
      healthy.document.data.checks.find(({ check }: { check: string }) => check === 'signing').status,
    ).toBe('ok');
    writeFileSync(join(world.home, 'keys.enc.lock'), '{"pid":999999999,"started":""}');
    writeFileSync(join(world.home, 'device.pub'), 'ssh-ed25519 AAAA\n');
    const ill = world.json(['doctor']);
    expect(ill.status).toBe(1);
    expect(world.json(['devices', 'rename', 'laptop', 'x'])).toMatchObject({ document: { ok: false } });
    const fixed = world
      .json(['doctor', '--fix'])
      .document.data.checks.filter(({ status }: { status: string }) => status === 'fixed');
    expect(fixed.map(({ check }: { check: string }) => check)).toEqual(['locks', 'device key']);
    expect(world.json(['doctor']).status).toBe(0);
  });

  it('a home that waits for an answer is well, and says what takes it in', () => {
    const world = freshWorld();
    const file = join(world.dir, 'request');
    const asked = world.json(['devices', 'request', file, '--identity', `did:keri:E${'A'.repeat(43)}`]);
    expect(asked.status, JSON.stringify(asked.document)).toBe(0);
    const command = 'auths devices request --answer FILE';
    for (const flags of [[], ['--fix']]) {
      const { status, document } = world.json(['doctor', ...flags]);
      const told = document.data.checks.filter(({ hint }: { hint: string | null }) => hint !== null);
      expect([status, told]).toMatchObject([0, [{ check: 'identity', status: 'warning', hint: command }]]);
    }
    expect(world.json(['status']).document.data.next_steps).toMatchObject([{ command }]);
  });
});
