/** A command that appends while a rotation looks at a remote: what it told as done is not given up unseen. */
import { execFileSync } from 'node:child_process';
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
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

let world: World;
let laptop: Machine;
let home: string;
let remote: string;

beforeAll(buildPrograms, 120_000);
afterAll(removePrograms);
afterEach(() => world.end());

beforeEach(async () => {
  world = createWorld();
  laptop = world.machine('laptop');
  home = join(laptop.folder, '.auths');
  const { controller_did: did } = await laptop.data('init', '--name', 'laptop', '--git', 'none');
  await letIn(laptop, 'phone', String(did));
  remote = join(world.machine('vault').folder, 'identity.git');
  execFileSync('git', ['init', '-q', '--bare', remote]);
  await laptop.data('push', remote);
});

async function letIn(host: Machine, name: string, did: string): Promise<void> {
  const device = world.machine(name);
  const request = join(device.folder, 'request');
  await device.data('devices', 'request', request, '--identity', did, '--name', name);
  const { did: own } = await device.data('key', 'show', 'device');
  await host.data('devices', 'accept', request, '--expect-device', String(own));
}

async function answer(machine: Machine, ...argv: readonly string[]): Promise<Data> {
  const { stdout, stderr, exit } = await machine.run(...argv, '--json');
  return { ...JSON.parse(stdout), exit, stderr };
}

async function statusOf(name: string): Promise<string | undefined> {
  const { devices } = (await laptop.data('devices', 'list', '--all')) as Data;
  return devices.find((device: Data) => device.name === name)?.status;
}

/** A remote beyond ssh that answers only after another command has run here, one which cannot reach it. */
function slowRemote(...argv: readonly string[]): void {
  const script = join(laptop.folder, 'slow-ssh');
  const words = [process.execPath, programs().auths, ...argv, '--json'].map((word) => `'${word}'`).join(' ');
  const lines = [
    '#!/bin/sh',
    // What that command asks itself is refused.
    '[ -n "$WITHIN" ] && exit 1',
    `if [ ! -e '${script}.told' ]; then`,
    `  mv '${remote}' '${remote}.away'`,
    `  export WITHIN=1 AUTHS_PASSPHRASE='${laptop.env['AUTHS_PASSPHRASE']}'`,
    `  ${words} </dev/null >'${script}.told' 2>/dev/null`,
    `  mv '${remote}.away' '${remote}'`,
    'fi',
    'for last; do :; done',
    'exec sh -c "$last"',
  ];
  writeFileSync(script, `${lines.join('\n')}\n`, { mode: 0o755 });
  execFileSync('git', [`--git-dir=${home}`, 'remote', 'add', 'slow', `ssh://slow.example${remote}`]);
  Object.assign(laptop.env, { GIT_SSH_COMMAND: script });
}

/** What the command that came between was told. */
function between(): Data {
  return JSON.parse(readFileSync(join(laptop.folder, 'slow-ssh.told'), 'utf8'));
}

const rotate = ['id', 'rotate', '--reason', 'compromised', '--vouch-until', '2'];

describe('a revocation that is told as done while a rotation looks at a remote', () => {
  it('is sealed again by the rotation', async () => {
    slowRemote('devices', 'revoke', 'phone', '--reason', 'lost');
    const rotated = await answer(laptop, ...rotate);
    expect(between()).toMatchObject({ ok: true });
    expect(rotated, rotated.stderr).toMatchObject({
      exit: 0,
      data: { sequence: 3, resealed: [{ type: 'revocation' }], dropped: [] },
    });
    expect(rotated.stderr).toContain('the log has grown meanwhile');
    expect(await statusOf('phone')).toBe('revoked');
  }, 60_000);

  it('is sealed again by a repair', async () => {
    const other = world.machine('other');
    const copy = join(other.folder, '.auths');
    cpSync(home, copy, { recursive: true });
    rmSync(join(copy, 'machine.json'));
    Object.assign(other.env, { AUTHS_PASSPHRASE: laptop.env['AUTHS_PASSPHRASE'] });
    await laptop.data('devices', 'rename', 'phone', 'mobile');
    await other.data('devices', 'rename', 'laptop', 'old laptop');
    await other.data('push', remote);
    slowRemote('devices', 'revoke', 'mobile', '--reason', 'lost');
    const repaired = await answer(laptop, 'id', 'repair');
    expect(between()).toMatchObject({ ok: true });
    expect(repaired, repaired.stderr).toMatchObject({ exit: 0, data: { reason: 'forked', dropped: [] } });
    expect(await statusOf('mobile')).toBe('revoked');
  }, 60_000);
});
