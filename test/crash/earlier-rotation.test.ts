/** A rotation that died behind its commit point, and a next run that asks for something else: what stands is told, never taken for done. */
import { execFileSync } from 'node:child_process';
import { cpSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { recordMachine } from '../../packages/key-store/src/machine.ts';
import { countPoints } from './points.ts';
import { liveDevices, readSound } from './sound.ts';
import { createWorld, restore, type CrashWorld, type Data, type Machine } from './world.ts';

let world: CrashWorld;
/** A home with an identity and two devices more; what it has published, and its kit, outside. */
let prepared: string;
let remote: string;
let published: string;
let laptop: Machine;
let counted = 0;

beforeAll(async () => {
  world = await createWorld();
  prepared = join(world.folder, 'prepared');
  published = join(world.folder, 'published.git');
  remote = join(world.folder, 'remote.git');
  laptop = world.machine('laptop');
  const { controller_did: did } = await laptop.data(['init', '--name', 'laptop', '--git', 'none']);
  for (const name of ['phone', 'desk']) {
    const request = join(world.folder, `${name}.request`);
    const wish = ['--identity', did, '--name', name];
    const { device_did: device } = await world.machine(name).data(['devices', 'request', request, ...wish]);
    const how = ['--output', `${request}.answer`, '--expect-device', device];
    await laptop.data(['devices', 'accept', request, ...how]);
  }
  execFileSync('git', ['init', '-q', '--bare', remote]);
  await laptop.data(['push', remote]);
  cpSync(remote, published, { recursive: true });
  cpSync(laptop.folder, prepared, { recursive: true, preserveTimestamps: true });
}, 600_000);

afterAll(() => {
  world.end();
});

beforeEach(async () => {
  rmSync(remote, { recursive: true, force: true });
  cpSync(published, remote, { recursive: true });
  await reset(laptop, prepared);
});

async function reset(machine: Machine, from: string | null): Promise<void> {
  restore(machine.folder, from);
  if (from !== null) await recordMachine(machine.home);
}

/** Dies where the log has the rotation and the keys do not know it yet. `from`: the home before it. */
async function dieBehindRot(machine: Machine, args: readonly string[], from: string | null): Promise<void> {
  counted += 1;
  const labels = await countPoints(world, `${args.slice(0, 2).join(' ')} ${counted}`, 100, (killLog) =>
    machine.run([...args, '--json'], { killLog }),
  );
  await reset(machine, from);
  const writes = labels.flatMap((label, at) => (/^rename .*→ keys\.enc$/.test(label) ? [at + 1] : []));
  const { signal } = await machine.run([...args, '--json'], { killAt: writes.at(-2) as number });
  expect(signal).toBe('SIGKILL');
}

async function answer(machine: Machine, args: readonly string[]): Promise<Data> {
  const { stdout, stderr, exit } = await machine.run([...args, '--json']);
  return { ...JSON.parse(stdout), exit, notes: stderr };
}

const names = async ({ home }: Machine): Promise<readonly string[]> =>
  liveDevices(await readSound(home)).map(({ name }) => name);

describe('auths id rotate --reason compromised', () => {
  const all = ['id', 'rotate', '--reason', 'compromised', '--all'];
  const keep = (...devices: readonly string[]): readonly string[] => [
    ...all,
    ...devices.flatMap((name) => ['--keep', name]),
  ];

  it('asked for the same again says what a run that was not interrupted says', async () => {
    const whole = await answer(laptop, keep('phone'));
    await reset(laptop, prepared);
    await dieBehindRot(laptop, keep('phone'), prepared);
    const { data } = await answer(laptop, keep('phone'));
    expect([data.resealed, data.dropped]).toEqual([whole.data.resealed, whole.data.dropped]);
    expect(data.dropped).toMatchObject([{ type: 'link', name: 'desk' }]);
  });

  it.each([
    [
      'keeps more than that',
      ['phone', 'desk'],
      ['phone'],
      /it keeps: device desk/,
      /^auths devices revoke did:key:/,
    ],
    [
      'has given up more than that',
      ['phone'],
      ['phone', 'desk'],
      /has given up: device desk/,
      /pair desk again: auths pair/,
    ],
    ['knows of no such device', ['phone'], ['nobody'], /--keep nobody names nothing/, /auths devices/],
  ])('fails when the rotation that stands %s', async (_what, first, then, message, hint) => {
    await dieBehindRot(laptop, keep(...first), prepared);
    const told = await answer(laptop, keep(...then));
    expect(told).toMatchObject({
      exit: 2,
      error: {
        code: 'usage/invalid',
        message: expect.stringMatching(message),
        hint: expect.stringMatching(hint),
      },
    });
    expect(told.notes).toContain(`with these devices: ${['laptop', ...first].join(', ')}`);
    expect(await names(laptop)).toEqual(['laptop', ...first]);
    // Nothing is left to finish: what the hint says can be done.
    if (first.includes('desk')) {
      await laptop.data(['devices', 'revoke', 'desk', '--reason', 'compromised']);
      expect(await names(laptop)).toEqual(['laptop', 'phone']);
    }
  });

  it('says which events the rotation that stands keeps, though they were to be given up', async () => {
    await dieBehindRot(laptop, ['id', 'rotate'], prepared);
    expect(await answer(laptop, keep('phone'))).toMatchObject({
      exit: 2,
      error: {
        message: expect.stringMatching(/events 1 to 3 can be given up no more.*it keeps: device desk/),
      },
    });
  });
});

/** Another copy of the home revokes phone and publishes that, while this one does not reach the remote. */
async function fork(): Promise<void> {
  const copy = world.machine('copy');
  await reset(copy, prepared);
  await copy.data(['devices', 'revoke', 'phone', '--reason', 'lost']);
  await copy.data(['push']);
}

describe('auths id repair', () => {
  it('does not take an earlier rotation for itself: what another branch has revoked is told', async () => {
    await fork();
    renameSync(remote, `${remote}.away`);
    await dieBehindRot(laptop, ['id', 'rotate'], prepared);
    renameSync(`${remote}.away`, remote);
    const told = await answer(laptop, ['id', 'repair']);
    expect(told).toMatchObject({
      exit: 2,
      error: {
        message: expect.stringMatching(/has given up: device did:key:\S+ revoked as lost/),
        hint: expect.stringMatching(/^auths devices revoke did:key:\w+ --reason lost/),
      },
    });
    await laptop.data(['devices', 'revoke', 'phone', '--reason', 'lost']);
    await laptop.data(['push']);
    expect(await names(laptop)).toEqual(['laptop', 'desk']);
  });

  it('run again is done where the earlier rotation was its own', async () => {
    await fork();
    renameSync(remote, `${remote}.away`);
    await laptop.data(['devices', 'rename', 'desk', 'table']);
    renameSync(`${remote}.away`, remote);
    const forked = join(world.folder, 'forked');
    cpSync(laptop.folder, forked, { recursive: true, preserveTimestamps: true });
    await dieBehindRot(laptop, ['id', 'repair'], forked);
    rmSync(forked, { recursive: true });
    expect(await answer(laptop, ['id', 'repair'])).toMatchObject({
      exit: 0,
      data: { reason: 'forked', resealed: [{ type: 'extension' }, { type: 'revocation' }], dropped: [] },
    });
    expect(await names(laptop)).toEqual(['laptop', 'table']);
  });
});

const recover = (...more: readonly string[]): readonly string[] =>
  ['id', 'recover', '--recovery-file', join(prepared, '.auths/recovery-kit.json')].concat(
    ['--from', remote, '--all'],
    more,
  );

const first = (): readonly string[] => recover('--keep', 'phone', '--keep', 'desk', '--name', 'rescue');

/** What a recovery tells, but for what every run draws anew. */
const shape = ({ resealed, dropped, revoked, device_name: name }: Data): Data => [
  resealed.map(({ type, name: of }: Data) => [type, of]),
  dropped,
  revoked,
  name,
];

describe('auths id recover', () => {
  let rescue: Machine;

  beforeEach(async () => {
    rescue = world.machine('rescue');
    await reset(rescue, null);
  });

  it('asked for the same again says what a run that was not interrupted says', async () => {
    const whole = await answer(rescue, first());
    await reset(rescue, null);
    await dieBehindRot(rescue, first(), null);
    const { data, exit } = await answer(rescue, first());
    expect([exit, shape(data)]).toEqual([0, shape(whole.data)]);
    expect(data.revoked).toMatch(/^did:key:/);
  });

  it('asked for something else is finished, and fails with what is left to do', async () => {
    await dieBehindRot(rescue, first(), null);
    const told = await answer(rescue, recover('--keep', 'desk', '--lost', 'phone', '--name', 'other'));
    expect(told).toMatchObject({
      exit: 2,
      error: {
        code: 'usage/invalid',
        message: expect.stringMatching(/it keeps: device phone .*phone is not revoked/),
        hint: expect.stringMatching(/^auths devices revoke did:key:\w+ --reason compromised; auths devices/),
      },
    });
    expect(told.notes).toMatch(/this device is called rescue: auths devices rename did:key:\w+ NAME/);
    expect(await names(rescue)).toEqual(['phone', 'desk', 'rescue']);
    // The home is whole, and what was said can be typed.
    const [, device] = /auths devices revoke (\S+)/.exec(told.error.hint) ?? [];
    await rescue.data(['devices', 'revoke', String(device), '--reason', 'compromised']);
    expect(await names(rescue)).toEqual(['desk', 'rescue']);
  });

  it('goes on upon what an earlier run has brought in, though its place is not named again', async () => {
    const old = join(world.folder, 'old.auths');
    await laptop.data(['id', 'export', '--output', old]);
    await laptop.data(['devices', 'revoke', 'phone', '--reason', 'lost']);
    await laptop.data(['push']);
    counted += 1;
    const labels = await countPoints(world, `id recover ${counted}`, 100, (killLog) =>
      rescue.run([...first(), '--json'], { killLog }),
    );
    await reset(rescue, null);
    // The seed of the next key is about to be kept: the log is in, and has no rotation yet.
    const writes = labels.flatMap((label, at) => (/^rename .*→ keys\.enc$/.test(label) ? [at + 1] : []));
    await rescue.run([...first(), '--json'], { killAt: writes.at(-3) as number });
    const args = first().map((word) => (word === remote ? old : word));
    expect(await answer(rescue, args)).toMatchObject({ exit: 0 });
    expect(await names(rescue)).toEqual(['desk', 'rescue']);
  });
});
