/** A recovery made from an old source: what others had revoked since is asked for, said, and not published unseen. */
import { execFileSync } from 'node:child_process';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { buildPrograms, createWorld, removePrograms, type Machine, type World } from '../pair/programs.ts';

// oxlint-disable-next-line typescript/no-explicit-any
type Data = any;

let world: World;
let laptop: Machine;
let fresh: Machine;
let remote: string;
let bundle: string;

beforeAll(buildPrograms, 120_000);
afterAll(removePrograms);
afterEach(() => world.end());

async function answer(machine: Machine, ...argv: readonly string[]): Promise<Data> {
  const { stdout, exit } = await machine.run(...argv, '--json');
  return { ...JSON.parse(stdout), exit };
}

async function phoneOn(machine: Machine): Promise<string> {
  const { devices } = (await machine.data('devices', 'list', '--all')) as Data;
  return devices.find(({ name }: Data) => name === 'phone').status;
}

/** The kit as it is now, outside every home. */
function keepKit(name: string): string {
  const kit = join(world.machine('vault').folder, name);
  copyFileSync(join(laptop.folder, '.auths/recovery-kit.json'), kit);
  return kit;
}

/** On a new machine, from the bundle that knows of no revocation. */
async function recover(kit: string, keep: readonly string[] = ['--keep', 'phone']): Promise<Data> {
  Object.assign(fresh.env, { AUTHS_PASSPHRASE: laptop.env['AUTHS_PASSPHRASE'] });
  const how = ['--recovery-file', kit, '--from', bundle, '--all', ...keep, '--name', 'fresh'];
  return answer(fresh, 'id', 'recover', ...how);
}

beforeEach(async () => {
  world = createWorld();
  laptop = world.machine('laptop');
  fresh = world.machine('fresh');
  const phone = world.machine('phone');
  const { folder } = world.machine('vault');
  const { controller_did: did } = await laptop.data('init', '--name', 'laptop', '--git', 'none');
  const request = join(folder, 'phone.request');
  await phone.data('devices', 'request', request, '--identity', String(did), '--name', 'phone');
  const { did: device } = await phone.data('key', 'show', 'device');
  await laptop.data('devices', 'accept', request, '--expect-device', String(device));
  bundle = join(folder, 'old.auths');
  await laptop.data('id', 'export', '--output', bundle);
  remote = join(folder, 'identity.git');
  execFileSync('git', ['init', '-q', '--bare', remote]);
});

async function revokeAndPush(): Promise<void> {
  await laptop.data('devices', 'revoke', 'phone', '--reason', 'compromised');
  await laptop.data('push', remote);
}

describe('a device that was revoked after the bundle', () => {
  it('stays revoked where the kit names a remote that knows it', async () => {
    await laptop.data('push', remote);
    // A kit knows the remotes of the rotation that made it.
    await laptop.data('id', 'rotate');
    const kit = keepKit('kit.json');
    await laptop.data('id', 'export', '--output', `${bundle}.2`);
    bundle = `${bundle}.2`;
    await revokeAndPush();
    // The phone stands below the rotation: nothing of it would be given up.
    expect(await recover(kit, [])).toMatchObject({ exit: 0 });
    expect(await phoneOn(fresh)).toBe('revoked');
    expect(await answer(fresh, 'push', remote)).toMatchObject({ exit: 0 });
  });

  it('is not published as standing before that was seen; revoked again it is revoked for all', async () => {
    const kit = keepKit('kit.json');
    await revokeAndPush();
    expect(await recover(kit)).toMatchObject({ exit: 0 });
    expect(await phoneOn(fresh)).toBe('active');
    const refused = await answer(fresh, 'push', remote);
    expect(refused).toMatchObject({
      exit: 6,
      error: { code: 'kel/conflict', hint: expect.stringMatching(/revoke phone --reason compromised/) },
    });
    await fresh.data('devices', 'revoke', 'phone', '--reason', 'compromised');
    expect(await answer(fresh, 'push', remote)).toMatchObject({ exit: 0 });
    await answer(laptop, 'pull', remote);
    expect(await phoneOn(laptop)).toBe('revoked');
  });

  it('is told by a look that nobody asked for, and that is no look of a person', async () => {
    const kit = keepKit('kit.json');
    await revokeAndPush();
    await recover(kit);
    execFileSync('git', [`--git-dir=${join(fresh.folder, '.auths')}`, 'remote', 'add', 'home', remote]);
    expect((await fresh.run('devices', 'rename', 'fresh', 'newer')).stderr).toContain('has revoked phone');
    expect(await answer(fresh, 'push')).toMatchObject({ exit: 6, error: { code: 'kel/conflict' } });
  });

  it('is published once that was seen, and every other home is told', async () => {
    const kit = keepKit('kit.json');
    await revokeAndPush();
    await recover(kit);
    const told = [{ did: expect.stringMatching(/^did:key:z/), name: 'phone', reason: 'compromised' }];
    const seen = (await answer(fresh, 'pull', remote)).data.remotes[0].logs[0];
    expect(seen).toMatchObject({ verdict: 'behind', revocations_given_up: told });
    expect(await answer(fresh, 'push', remote)).toMatchObject({ exit: 0 });
    const other = (await answer(laptop, 'pull', remote)).data.remotes[0].logs[0];
    expect(other).toMatchObject({ verdict: 'recovered', revocations_given_up: told });
    expect((await laptop.run('pull', remote)).stdout).not.toContain('has revoked');
  });
});
