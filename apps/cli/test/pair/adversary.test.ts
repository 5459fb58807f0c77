/** Two processes in two homes, a registry, and somebody between each of them and it (packages/testing, adversary). */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startAdversary, type Exchange, type Manner } from '@auths/testing/adversary';
import { buildPrograms, createWorld, removePrograms, type Machine, type World } from './programs.ts';

let world: World;
let laptop: Machine;
let did: string;
let registry: string;
let earlier: readonly Exchange[] = [];
let machines = 0;

beforeAll(async () => {
  buildPrograms();
  world = createWorld();
  laptop = world.machine('laptop');
  did = String((await laptop.data('init', '--name', 'laptop', '--git', 'none'))['controller_did']);
  const limits = ['createPerMinute', 'lookupsPerMinute', 'responsesPerMinute', 'liveSessionsPerAddress'];
  registry = (await world.registry(limits.flatMap((name) => ['--limit', `${name}=1000`]))).url;
}, 120_000);
afterAll(async () => {
  await world.end();
  removePrograms();
});

interface Ended {
  readonly host: number | null;
  readonly joiner: number | null;
  readonly errors: readonly string[];
  readonly device: Machine;
  readonly name: string;
  readonly seen: readonly Exchange[];
  readonly acted: boolean;
}

const patience = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** A pairing of two people who compare; whoever is left alone is interrupted. */
async function pair(plan: { readonly label: string; readonly manner: Manner } | null): Promise<Ended> {
  const adversary = await startAdversary(registry, plan === null ? null : { ...plan, earlier });
  const name = `device-${++machines}`;
  const device = world.machine(name);
  const host = laptop.start('pair', '--registry', adversary.origin('host'), '--json');
  try {
    const offer = await host.event('offer').catch(() => null);
    const argv = [
      'pair',
      '--join',
      String(offer?.['code']),
      '--registry',
      adversary.origin('joiner'),
      '--json',
      '--name',
      name,
    ];
    const joiner = offer === null ? null : device.start(...argv, '--expect-host', did, '--timeout', '10');
    joiner
      ?.event('sas')
      .then(({ sas }) => host.say(String(sas)))
      .catch(() => {});
    const ends = [host.done, joiner?.done ?? host.done] as const;
    await Promise.race(ends);
    await Promise.race([Promise.all(ends), patience(1_000)]);
    for (const one of [host, joiner]) if (one?.child.exitCode === null) one.kill('SIGINT');
    const [h, j] = await Promise.all(ends);
    const errors = [h, j].flatMap(({ stdout }) =>
      [...stdout.matchAll(/"code":"([^"]+)"/g)].map(([, code]) => String(code)),
    );
    return {
      host: h.exit,
      joiner: joiner === null ? null : j.exit,
      errors,
      device,
      name,
      seen: adversary.seen,
      acted: adversary.acted(),
    };
  } finally {
    await adversary.stop();
  }
}

/** Devices as the host lists them, after whatever the next command finishes. */
async function listed(): Promise<readonly string[]> {
  await laptop.run('devices', 'rename', 'laptop', 'laptop', '--json');
  const { devices } = (await laptop.data('devices', 'list', '--all')) as {
    devices: readonly { name: string; status: string }[];
  };
  return devices.map((one) => `${one.name} ${one.status}`);
}

const status = async (device: Machine): Promise<unknown> =>
  (JSON.parse((await device.run('whoami', '--json')).stdout) as { data?: { device_status?: string } }).data
    ?.device_status ?? null;

describe('two processes and somebody in between', () => {
  it('pair while he only looks on', async () => {
    const ended = await pair(null);
    expect([ended.host, ended.joiner]).toEqual([0, 0]);
    earlier = ended.seen;
    expect(await listed()).toContain(`${ended.name} active`);
    expect(await status(ended.device)).toBe('active');
  }, 60_000);

  it.each<readonly [string, Manner]>([
    ['joiner response 1', 'drop answer'],
    ['host confirm 1', 'repeat'],
    ['host send 2', 'drop request'],
    ['joiner receive 1', 'hold back'],
    ['joiner send 4', 'truncate answer'],
    ['joiner response 1', 'truncate request'],
  ])(
    'pair though he does this to %s: %s',
    async (label, manner) => {
      const ended = await pair({ label, manner });
      expect(ended.acted).toBe(true);
      expect([ended.host, ended.joiner], ended.errors.join()).toEqual([0, 0]);
      expect(await listed()).toContain(`${ended.name} active`);
      expect(await status(ended.device)).toBe('active');
    },
    60_000,
  );

  it.each<readonly [string, Manner, string]>([
    ['joiner look up 1', 'forge answer', 'pairing/bad-point'],
    ['joiner response 1', 'forge request', 'pairing/unauthorized'],
    ['joiner response 1', 'replay request', 'pairing/unauthorized'],
    ['joiner response 1', 'flip request', 'pairing/channel-tampered'],
    ['host confirm 1', 'forge request', 'pairing/pake-failed'],
    ['host send 1', 'flip request', 'pairing/channel-tampered'],
    ['joiner send 3', 'replay request', 'pairing/channel-tampered'],
  ])(
    'grant nothing when he does this to %s: %s',
    async (label, manner, code) => {
      const ended = await pair({ label, manner });
      expect(ended.acted).toBe(true);
      expect(ended.host).not.toBe(0);
      expect(ended.joiner).not.toBe(0);
      expect(ended.errors).toContain(code);
      expect((await listed()).filter((line) => line.startsWith(ended.name))).toEqual([]);
      expect(await status(ended.device)).toBeNull();
    },
    60_000,
  );
});
