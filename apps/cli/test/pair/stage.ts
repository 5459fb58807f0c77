/** Two people at two machines, the built programs, and somebody between them and what they meet at: one session, and what is left of it. */
import {
  startAdversary,
  type Adversary,
  type Change,
  type MannerPlan,
  type Passing,
} from '@auths/testing/adversary';
import { expect } from 'vitest';
import { createWorld, type Event, type Machine, type Running, type World } from './programs.ts';

export interface Stage {
  readonly world: World;
  /** A machine with an identity, at which nobody pairs: its log must never grow. */
  readonly laptop: Machine;
  /** One at which the right person does pair. */
  readonly desk: Machine;
  readonly did: (at: Machine) => string;
  /** Wide limits: these tests are about other things. */
  readonly registry: Running & { readonly url: string };
  readonly machine: () => Machine;
  readonly open: (options?: OpenOptions) => Promise<Session>;
  readonly end: () => Promise<void>;
}

export interface OpenOptions {
  /** The laptop, where it has an identity. */
  readonly at?: Machine;
  /** The joiner comes to the host itself, and not to a registry. The adversary then stands before the joiner alone. */
  readonly lan?: boolean;
  readonly argv?: readonly string[];
  readonly change?: Change;
  /** Instead of a change: what he does in one of his manners. */
  readonly plan?: MannerPlan;
}

/** A host that waits, and somebody in between. */
export interface Session {
  readonly at: Machine;
  readonly host: Running;
  readonly offer: Event;
  readonly adversary: Adversary;
  /** What he does from now on; null: he looks on. */
  readonly meddle: (change: Change | null) => void;
  /** Somebody joins by way of the adversary; what stands on his screen is said at the host. */
  readonly join: (options?: JoinOptions) => Joining;
  /** Interrupts whoever is still there. */
  readonly end: () => Promise<void>;
}

export interface JoinOptions {
  readonly device?: Machine;
  /** Which of the forms that the host shows he is given, or something else. */
  readonly given?: 'code' | 'uri' | 'link' | { readonly text: string };
  readonly name?: string;
  readonly argv?: readonly string[];
  readonly compare?: boolean;
}

export interface Joining {
  readonly joiner: Running;
  readonly device: Machine;
  readonly name: string;
}

/** What is neither of the relay's nor in the way of these tests. */
export const WIDE: readonly string[] = [
  'createPerMinute',
  'lookupsPerMinute',
  'responsesPerMinute',
  'liveSessionsPerAddress',
  'missesBeforeDelay',
].flatMap((name) => ['--limit', `${name}=1000`]);
export const LAN: readonly string[] = ['--bind', '127.0.0.1', '--no-mdns'];

export interface StageOptions {
  /** Which of the two has an identity; an identity takes its time to be made. */
  readonly laptop?: boolean;
  readonly desk?: boolean;
  /** More arguments of the registry. */
  readonly registry?: readonly string[];
}

export async function openStage(options: StageOptions): Promise<Stage> {
  const world = createWorld();
  const [laptop, desk] = [world.machine('laptop'), world.machine('desk')];
  let machines = 0;
  const machine = (): Machine => world.machine(`device-${++machines}`);
  const [registry, ofLaptop, ofDesk] = await Promise.all([
    world.registry([...WIDE, ...(options.registry ?? [])]),
    options.laptop === true ? init(laptop) : '',
    options.desk === true ? init(desk) : '',
  ]);
  const usual = options.laptop === true ? laptop : desk;
  return {
    world,
    laptop,
    desk,
    did: (at) => (at === laptop ? ofLaptop : ofDesk),
    registry,
    machine,
    end: world.end,
    open: ({ at = usual, ...rest } = {}) => open(registry.url, machine, { at, ...rest }),
  };
}

async function init(one: Machine): Promise<string> {
  return String((await one.data('init', '--name', one.name, '--git', 'none'))['controller_did']);
}

async function open(
  registry: string,
  machine: () => Machine,
  { at, lan = false, argv = [], change, plan: manner }: OpenOptions & { readonly at: Machine },
): Promise<Session> {
  let now: Change | null = change ?? null;
  const plan = manner ?? ((passing: Passing) => now?.(passing));
  const before = lan ? null : await startAdversary(registry, plan);
  const where = before === null ? LAN : ['--registry', before.origin('host')];
  const host = at.start('pair', '--json', ...where, ...argv);
  const offer = await host.event('offer');
  const adversary = before ?? (await startAdversary(String(offer['endpoint']), plan));
  const place = [lan ? '--host' : '--registry', adversary.origin('joiner')];
  const joiners: Running[] = [];
  return {
    at,
    host,
    offer,
    adversary,
    meddle: (next) => (now = next),
    join: ({ device = machine(), given = 'code', name = device.name, argv: more = [], ...rest } = {}) => {
      const text = typeof given === 'string' ? String(offer[given]) : given.text;
      const joiner = device.start(...joinArgv(text, name), ...place, ...more);
      joiners.push(joiner);
      if (rest.compare !== false) compare(host, joiner);
      return { joiner, device, name };
    },
    end: async () => {
      for (const one of [host, ...joiners]) if (one.child.exitCode === null) one.kill('SIGINT');
      await Promise.all([host, ...joiners].map(({ done }) => done));
      await adversary.stop();
    },
  };
}

export function joinArgv(given: string, name: string): readonly string[] {
  return ['pair', '--json', '--join', given, '--name', name, '--git', 'none'];
}

/** What stands on the joiner's screen is said at the host. */
export function compare(host: Running, joiner: Running): void {
  joiner
    .event('sas')
    .then(async ({ sas }) => {
      const { confirm } = await host.event('joined');
      if (confirm !== 'none') host.say(confirm === 'type' ? String(sas) : 'y');
    })
    // One of them never came so far, which its end says.
    .catch(() => {});
}

/** How it ended, as `1 pairing/pake-failed` or `0 paired`. */
export async function endOf(running: Running): Promise<string> {
  const { exit, stdout, stderr } = await running.done;
  const last = running.events().at(-1);
  const error = last?.['error'] as { readonly code: string } | undefined;
  return `${exit} ${error?.code ?? last?.event ?? stdout + stderr}`;
}

const AFTER_THE_OTHER_MS = 20_000;

/** How both ended; who is left alone for long is interrupted, so that a test that is wrong says so soon. */
export async function endsOf(host: Running, joiner: Running): Promise<readonly [string, string]> {
  await Promise.race([host.done, joiner.done]);
  const timer = setTimeout(() => {
    for (const one of [host, joiner]) if (one.child.exitCode === null) one.kill('SIGINT');
  }, AFTER_THE_OTHER_MS);
  const ends = [await endOf(host), await endOf(joiner)] as const;
  clearTimeout(timer);
  return ends;
}

/** The error by which it ended, as text. */
export async function errorOf(running: Running): Promise<string> {
  await running.done;
  return JSON.stringify(running.events().at(-1)?.['error'] ?? null);
}

export interface Listed {
  readonly name: string;
  readonly status: string;
  readonly did: string;
}

/** Devices as the host lists them, revoked and provisional ones too. */
export async function listed(at: Machine): Promise<readonly Listed[]> {
  return ((await at.data('devices', 'list', '--all')) as { readonly devices: readonly Listed[] }).devices;
}

/** What the joiner's home says of itself: null while it is nobody's device. */
export async function statusOf(device: Machine): Promise<unknown> {
  const { stdout } = await device.run('whoami', '--json');
  return (JSON.parse(stdout) as { data?: { device_status?: string } }).data?.device_status ?? null;
}

/** No such device at the host, none at home; and where nobody ever pairs, one device and one seal as on the first day. */
export async function nothingGranted(
  stage: Stage,
  at: Machine,
  joined: readonly Pick<Joining, 'device' | 'name'>[],
): Promise<void> {
  const all = await listed(at);
  const names = new Set(joined.map(({ name }) => name));
  expect(all.filter(({ name }) => names.has(name))).toEqual([]);
  for (const { device } of joined) expect(await statusOf(device)).toBeNull();
  if (at !== stage.laptop) return;
  expect(all).toHaveLength(1);
  expect((await at.data('id', 'show'))['sequence']).toBe(1);
}

/** The session goes on: whoever comes now with the right code, and undisturbed, is let in. */
export async function rightOnePairs(session: Session, device?: Machine): Promise<void> {
  session.meddle(null);
  const one = session.join(device === undefined ? {} : { device });
  expect(await endsOf(session.host, one.joiner)).toEqual(['0 paired', '0 paired']);
  expect(await listed(session.at)).toContainEqual(
    expect.objectContaining({ name: one.name, status: 'active' }),
  );
  expect(await statusOf(one.device)).toBe('active');
}
