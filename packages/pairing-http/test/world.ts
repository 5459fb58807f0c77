/** A whole pairing in one process: relay, authority, joiner, and what came of it. */
import { parseRecord } from '@auths/core/attestation/attestation';
import {
  pairHost,
  type HostOffer,
  type PairHostCallbacks,
  type PairHostOptions,
} from '@auths/core/flows/pair-host';
import {
  pairJoin,
  type JoinSas,
  type PairJoinCallbacks,
  type PairJoinOptions,
} from '@auths/core/flows/pair-join';
import type { CancelSignal, Clock, PairingTransport, Random } from '@auths/core/ports';
import { DEFAULT_LIMITS, type PairingLimits } from '@auths/core/pairing/limits';
import type { JoinerRelay } from '@auths/core/pairing/relay';
import { parseJoinInput } from '@auths/core/pairing/uri';
import { prefixOf } from '@auths/core/identifiers';
import { replay } from '@auths/core/keri/key-state';
import { createHostRelay, createJoinerRelay } from '@auths/pairing-http/client';
import { createDirectTransport } from '@auths/pairing-http/direct-transport';
import type { PairingHttpDeps } from '@auths/pairing-http/http';
import { createMemoryLimiter } from '@auths/pairing-http/memory-limiter';
import { createMemorySessions } from '@auths/pairing-http/memory-sessions';
import { createDeferred } from '@auths/testing/fake-clock';
import { realClock, realRandom, realScrypt as scrypt } from '@auths/testing/real-world';
import {
  createAuthority,
  createJoinerHome,
  engine,
  type TestAuthority,
  type TestJoinerHome,
} from '@auths/testing/two-device-world';

export { scrypt };

export interface World {
  readonly clock: Clock;
  readonly random: Random;
  readonly relay: PairingHttpDeps;
  readonly host: TestAuthority;
  readonly home: TestJoinerHome;
  /** The relay as host and joiner see it; a test may stand in between. */
  hostTransport: PairingTransport;
  joinerTransport: PairingTransport;
}

export async function createWorld(
  options: { clock?: Clock; random?: Random; limits?: Partial<PairingLimits> } = {},
): Promise<World> {
  const clock = options.clock ?? realClock;
  const random = options.random ?? realRandom;
  const limits = { ...DEFAULT_LIMITS, lookupFloorMs: 0, ...options.limits };
  const relay: PairingHttpDeps = {
    store: createMemorySessions({ clock, limits }),
    limits,
    limiter: createMemoryLimiter({ clock, limits }),
    clock,
    mayCreate: 'local',
  };
  return {
    clock,
    random,
    relay,
    host: await createAuthority(clock, random),
    home: createJoinerHome(random),
    hostTransport: createDirectTransport(relay),
    joinerTransport: createDirectTransport(relay, { local: false, remoteAddress: '192.0.2.7' }),
  };
}

export interface HostSide {
  readonly done: Promise<Awaited<ReturnType<typeof pairHost>>>;
  /** Resolves with the first offer, rejects when there never was one. */
  readonly offer: Promise<HostOffer>;
  readonly offers: HostOffer[];
  readonly events: unknown[];
}

export const ENDPOINT = 'http://127.0.0.1:4000';

export function startHost(
  world: World,
  options: Partial<PairHostOptions> = {},
  callbacks: Partial<PairHostCallbacks> = {},
  signal?: CancelSignal,
): HostSide {
  const events: unknown[] = [];
  const offers: HostOffer[] = [];
  const first = createDeferred<HostOffer>();
  const done = pairHost(
    {
      clock: world.clock,
      random: world.random,
      engine,
      scrypt,
      relay: createHostRelay({ send: (request, own) => world.hostTransport.send(request, own) }, ENDPOINT),
      host: world.host,
    },
    {
      mode: 'lan',
      code: 'short6',
      qr: true,
      link: false,
      ttlSeconds: 300,
      capabilities: ['sign_commit'],
      confirm: false,
      yes: false,
      canAsk: true,
      sasTries: 1,
      ...options,
    },
    {
      onOffer: async (offer) => {
        offers.push(offer);
        events.push({ offer: offer.kind });
        first.resolve(offer);
        await callbacks.onOffer?.(offer);
      },
      onAttempt: (attempt) => {
        events.push({ attempt });
        callbacks.onAttempt?.(attempt);
      },
      onJoined: (joined) => {
        events.push({ joined });
        callbacks.onJoined?.(joined);
      },
      ask: callbacks.ask ?? (async ({ confirm, sas }) => (confirm === 'type' ? sas : true)),
      ...(callbacks.renew === undefined ? {} : { renew: callbacks.renew }),
      ...(callbacks.linger === undefined ? {} : { linger: callbacks.linger }),
      ...(callbacks.onPaired === undefined ? {} : { onPaired: callbacks.onPaired }),
      ...(callbacks.onNotice === undefined ? {} : { onNotice: callbacks.onNotice }),
    },
    signal,
  );
  done.catch(() => {});
  const offer = Promise.race([first.promise, done.then(() => first.promise)]);
  offer.catch(() => {});
  return { done, offers, events, offer };
}

export interface JoinSide {
  readonly done: Promise<Awaited<ReturnType<typeof pairJoin>>>;
  readonly sas: JoinSas[];
}

export function startJoin(
  world: World,
  typed: string,
  options: Partial<Omit<PairJoinOptions, 'input'>> & {
    readonly home?: TestJoinerHome;
    readonly relays?: readonly JoinerRelay[];
  } = {},
  callbacks: Partial<PairJoinCallbacks> = {},
  signal?: CancelSignal,
): JoinSide {
  const sas: JoinSas[] = [];
  const { home = world.home, relays, ...rest } = options;
  const relay = createJoinerRelay(
    { send: (request, own) => world.joinerTransport.send(request, own) },
    ENDPOINT,
  );
  const done = pairJoin(
    {
      clock: world.clock,
      random: world.random,
      engine,
      scrypt,
      home,
      relaysFor: async () => relays ?? [relay],
    },
    { input: parseJoinInput(typed), deviceName: 'desktop', ask: false, timeoutMs: 30_000, ...rest },
    {
      onOffer: () => {},
      ...callbacks,
      onSas: (shown) => {
        sas.push(shown);
        callbacks.onSas?.(shown);
      },
    },
    signal,
  );
  done.catch(() => {});
  return { done, sas };
}

/** What the world holds after a run: seals in the log, records, entries that work, and what the joiner may use. */
export async function grants(world: World): Promise<{
  readonly seals: number;
  readonly links: readonly string[];
  readonly entries: readonly string[];
  readonly journals: number;
  readonly joinerHosts: number;
}> {
  const log = await world.host.log.read(prefixOf(world.host.controllerDid));
  if (log === null) throw new Error('no log');
  const { events } = replay(log.stream, { engine });
  const records = await world.host.records.list(world.host.controllerDid);
  return {
    seals: events.reduce((sum, event) => sum + event.seals.length, 0),
    links: records
      .map(({ bytes }) => parseRecord(bytes))
      .flatMap((record) => (record.type === 'link' ? [record.name] : [])),
    entries: world.host.devices.entries.map(({ name, status }) => `${name}:${status}`),
    journals: world.host.devices.journals.length,
    joinerHosts: world.home.hosts.size,
  };
}

/** The grants of a world in which nothing was granted: the authority's own device alone. */
export const NOTHING = { seals: 1, links: ['laptop'], entries: [], journals: 0, joinerHosts: 0 };

/** The code of a rejected promise. */
export async function failure(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : String(error);
  }
  return 'no failure';
}

/** The relay of a world as a stranger reaches it. */
export function directOf(world: World): PairingTransport {
  return createDirectTransport(world.relay, { local: false, remoteAddress: '192.0.2.8' });
}

/** A random source from which the first session's code comes out as `code`: its fourth draw spells it. */
export function forcing(code: string): Random {
  const alphabet = '23456789ABCDEFGHJKMNPQRSTUVWXYZ';
  let draw = 0;
  return {
    bytes(length) {
      draw += 1;
      const bytes = realRandom.bytes(length);
      if (draw === 4)
        code
          .replace('-', '')
          .split('')
          .forEach((letter, i) => (bytes[i] = alphabet.indexOf(letter)));
      return bytes;
    },
  };
}
