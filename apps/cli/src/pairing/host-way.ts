/** How a host is reached: by its own server on the local network, or through a registry. */
import { hostname } from 'node:os';
import { LAN_LIMITS } from '@auths/core/pairing/limits';
import type { HostRelay, SessionStore } from '@auths/core/pairing/relay';
import type { SessionId } from '@auths/core/identifiers';
import { createHostRelay } from '@auths/pairing-http/client';
import { createDirectTransport } from '@auths/pairing-http/direct-transport';
import { createFetchTransport } from '@auths/pairing-http/fetch-transport';
import type { PairingHttpDeps } from '@auths/pairing-http/http';
import { waitUntilFetched } from '@auths/pairing-http/linger';
import { createMemoryLimiter } from '@auths/pairing-http/memory-limiter';
import { createMemorySessions } from '@auths/pairing-http/memory-sessions';
import type { Context } from '../command.ts';
import { boundAddress, chooseLanAddress, parseBind, type LanAddress } from '../lan/addresses.ts';
import type { Advertisement, Discovery } from '../lan/discovery.ts';
import { interfaceAddresses } from '../lan/interfaces.ts';
import { startLanServer } from '../lan/server.ts';
import { isOwnOrigin } from './explain.ts';
import type { HostSettings } from './flags.ts';

/** What the network was told of a session. */
interface Announced {
  /** In words. */
  readonly mdns: string;
  /** Another device finds this one by the code alone. */
  readonly byCode: boolean;
}

export interface HostWay {
  readonly mode: 'lan' | 'registry';
  readonly relay: HostRelay;
  /** What the person should know about the address; null when nothing. */
  readonly note: string | null;
  /** Makes the session findable; resolves to the state of mDNS in words, null where there is none. Never rejects. */
  readonly announce: (nameplate: string | null) => Promise<Announced | null>;
  /** Waits until the other side has fetched what was said to it. */
  readonly linger?: (session: SessionId, maxMs: number) => Promise<void>;
  /** Where this process serves the relay: joiners wait until `opened` settles. */
  readonly holdUntil?: (opened: Promise<unknown>) => void;
  /** Withdraws the announcement and stops listening. Never rejects. */
  readonly close: () => Promise<void>;
}

/** The way that the flags ask for. On the local network it listens when this resolves. */
export async function openHostWay(context: Context, settings: HostSettings): Promise<HostWay> {
  if (settings.registry === null) return openLan(context, settings);
  return {
    mode: 'registry',
    relay: createHostRelay(createFetchTransport(settings.registry), settings.registry),
    note: isOwnOrigin(settings.registry)
      ? 'localhost means this machine only: another device needs the address that auths-registry prints as reachable'
      : null,
    announce: async () => null,
    close: async () => {},
  };
}

/** The address that --bind names, or the best one of this machine. */
export function lanAddressFor(settings: HostSettings): {
  readonly address: LanAddress;
  readonly port: number;
} {
  const own = interfaceAddresses();
  if (settings.bind === null) return { address: chooseLanAddress(own), port: 0 };
  const bind = parseBind(settings.bind);
  return { address: boundAddress(bind, own), port: bind.port };
}

async function openLan(context: Context, settings: HostSettings): Promise<HostWay> {
  const { address, port } = lanAddressFor(settings);
  const { clock } = context;
  const pairing: PairingHttpDeps = {
    store: createMemorySessions({ clock, limits: LAN_LIMITS }),
    limiter: createMemoryLimiter({ clock, limits: LAN_LIMITS }),
    limits: LAN_LIMITS,
    clock,
    mayCreate: 'local',
  };
  const door = createDoor(pairing.store);
  const server = await startLanServer({
    pairing: { ...pairing, store: door.store },
    address,
    port,
    hostName: hostname(),
    allowHosts: settings.allowHosts,
  });
  const mdns = createAnnouncer(context, settings, address, server.port);
  return {
    mode: 'lan',
    relay: createHostRelay(createDirectTransport(pairing), server.endpoint),
    note:
      address.loopback && settings.bind === null
        ? 'no local network was found: reachable from this machine only; name an address with --bind'
        : null,
    announce: mdns.announce,
    linger: async (id, maxMs) => {
      const session = await pairing.store.read(id);
      if (session === null || !door.used()) return;
      // A joiner that is between two calls when the session fails must still find somebody to tell it so.
      if (session.status === 'completed') await waitUntilFetched(pairing.store, clock, id, maxMs);
      else await clock.sleep(maxMs);
    },
    holdUntil: door.holdUntil,
    close: async () => {
      await mdns.withdraw();
      await server.close();
    },
  };
}

interface Door {
  /** The store as joiners see it. */
  readonly store: SessionStore;
  readonly holdUntil: (opened: Promise<unknown>) => void;
  /** True once somebody has found a session behind it. */
  readonly used: () => boolean;
}

/** Joiners come to sessions through here: the code may be on the screen before its session can be answered. */
function createDoor(store: SessionStore): Door {
  let opened: Promise<unknown> = Promise.resolve();
  let used = false;
  const found = <T>(it: T | null): T | null => {
    used ||= it !== null;
    return it;
  };
  return {
    store: {
      ...store,
      read: async (id) => opened.then(async () => found(await store.read(id))),
      findNameplate: async (nameplate) =>
        opened.then(async () => found(await store.findNameplate(nameplate))),
    },
    holdUntil: (opening) => {
      opened = opening.catch(() => {});
    },
    used: () => used,
  };
}

interface Announcer {
  readonly announce: (nameplate: string | null) => Promise<Announced | null>;
  readonly withdraw: () => Promise<void>;
}

function createAnnouncer(
  context: Context,
  settings: HostSettings,
  address: LanAddress,
  port: number,
): Announcer {
  let current: Advertisement | null = null;
  let discovery: Discovery | null = null;
  const withdraw = async (): Promise<void> => {
    const last = current;
    current = null;
    await last?.withdraw();
  };
  return {
    withdraw,
    announce: async (nameplate) => {
      await withdraw();
      if (!settings.mdns) return { mdns: 'off (--no-mdns); the other device needs --host', byCode: false };
      if (nameplate === null) return { mdns: 'off; the QR code names the address', byCode: false };
      try {
        discovery ??= (await import('../lan/mdns.ts')).createMdns(context.random);
        current = await discovery.advertise({ nameplate, port, address });
      } catch (error) {
        const why = (error as Error).message;
        return { mdns: `failed (${why}); the other device needs --host`, byCode: false };
      }
      const where = address.loopback ? 'this machine only' : 'local network';
      return { mdns: `advertising on ${where}`, byCode: true };
    },
  };
}
