/** A laptop with an identity and a desktop with nothing, each on a machine of its own. */
import { expect } from 'vitest';
import {
  createWorld,
  type Ended,
  type Event,
  type Machine,
  type Running,
  type World,
} from '../../apps/cli/test/pair/programs.ts';
import { createNetwork, type Host, type Link, type Network } from './network.ts';

export interface TwoHomes {
  readonly network: Network;
  readonly world: World;
  readonly laptop: Machine;
  readonly desktop: Machine;
  readonly laptopHost: Host;
  readonly desktopHost: Host;
  readonly did: string;
  readonly end: () => Promise<void>;
}

/** Both with the links given. */
export async function twoHomes(ofLaptop: readonly Link[], ofDesktop: readonly Link[]): Promise<TwoHomes> {
  const network = createNetwork();
  const world = createWorld();
  const end = async (): Promise<void> => {
    await world.end();
    network.end();
  };
  try {
    const laptopHost = network.host('laptop', ...ofLaptop);
    const desktopHost = network.host('desktop', ...ofDesktop);
    const laptop = world.machine('laptop', laptopHost.within);
    const desktop = world.machine('desktop', desktopHost.within);
    const { controller_did } = await laptop.data('init', '--name', 'laptop', '--git', 'none');
    return { network, world, laptop, desktop, laptopHost, desktopHost, did: String(controller_did), end };
  } catch (error) {
    await end();
    throw error;
  }
}

const ADDRESSES = {
  four: ['10.77.0.1/24', '10.77.0.2/24'],
  six: ['fd77::1/64', 'fd77::2/64'],
  linkLocal: ['fe80::77:1/64', 'fe80::77:2/64'],
} as const;

/** The kinds of addresses that a network has. */
export type Families = readonly (keyof typeof ADDRESSES)[];

/** One segment, both machines with these kinds of addresses. */
export async function oneSegment(families: Families): Promise<TwoHomes> {
  const link = (end: 0 | 1): Link => ({
    segment: 'a',
    ...Object.fromEntries(families.map((family) => [family, ADDRESSES[family][end]])),
  });
  return twoHomes([link(0)], [link(1)]);
}

/** Everything on one segment, as at home. */
export const DUAL: Families = ['four', 'six', 'linkLocal'];
/** Where nothing but IPv4 exists. */
export const FOUR: Families = ['four'];

/** The host, answering yes by itself where a fingerprint need not be typed. */
export function startHost(home: TwoHomes, ...more: readonly string[]): Running {
  return home.laptop.start('pair', '--json', '--yes', ...more);
}

export function join(home: TwoHomes, input: unknown, ...more: readonly string[]): Running {
  const joiner = home.desktop.start('pair', '--join', String(input), '--json', '--name', 'desktop', ...more);
  joiner.hush();
  return joiner;
}

export interface Failure {
  readonly exit: number | null;
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

/** How it ended, from the last event. */
export function failureOf({ exit, stdout, stderr }: Ended): Failure {
  const last = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? 'null') as Event | null;
  const error = last?.['error'] as Omit<Failure, 'exit'> | undefined;
  if (error === undefined) throw new Error(`no error at the end of\n${stdout}\n${stderr}`);
  return { exit, code: error.code, message: error.message, hint: error.hint };
}

/** Both ended well, and both know the new device. */
export async function expectPaired(home: TwoHomes, host: Running, joiner: Running): Promise<void> {
  // One after the other: a host whose joiner has failed would wait for the next for minutes.
  for (const one of [joiner, host]) {
    const { exit, stdout, stderr } = await one.done;
    expect(exit, `${stdout}${stderr}`).toBe(0);
  }
  expect(await home.desktop.data('whoami')).toMatchObject({
    controller_did: home.did,
    device_status: 'active',
  });
  expect(await devices(home)).toHaveLength(2);
}

/** The log did not grow, the list neither, and the desktop is nobody's device. */
export async function expectNothingGranted(home: TwoHomes): Promise<void> {
  expect((await home.laptop.data('id', 'show'))['sequence']).toBe(1);
  expect(await devices(home)).toHaveLength(1);
  expect((await home.desktop.run('whoami', '--json')).exit).toBe(3);
}

/** What no hint may ever advise. */
export const SWITCHES_OFF =
  /(?:disable|switch(?:ing)? off|turn(?:ing)? off|stop(?:ping)?|pfctl -d|ufw disable)[^.;]*firewall|firewall[^.;]*(?:disable|off\b)/i;

async function devices({ laptop }: TwoHomes): Promise<readonly unknown[]> {
  return (await laptop.data('devices', 'list'))['devices'] as readonly unknown[];
}
