/** Multicast DNS sockets, one for each interface, over bonjour-service: its sockets and its responder. */
import { createSocket } from 'node:dgram';
import bonjourService from 'bonjour-service';
import { SERVICE, type DnsPacket } from './mdns-answers.ts';
import type { MulticastInterface } from './multicast-interfaces.ts';

export const MAX_SOCKETS = 8;

/** One record as dns-packet encodes it. */
export interface DnsRecord {
  readonly name: string;
  readonly type: 'PTR' | 'SRV' | 'TXT' | 'A' | 'AAAA';
  readonly ttl: number;
  readonly data: unknown;
}

/** One socket on one interface. */
export interface Responder {
  readonly register: (records: readonly DnsRecord[]) => void;
  /** Sends once; resolves to why the system did not, or null. Never rejects. */
  readonly respond: (records: readonly DnsRecord[]) => Promise<Error | null>;
  readonly ask: () => void;
  readonly onAnswer: (handle: (packet: DnsPacket, from: string) => void) => void;
  /** What the system said against this interface so far: groups that could not be joined, for instance. */
  readonly troubles: readonly Error[];
  readonly close: () => Promise<void>;
}

/** All that open; rejects with the first reason when none does. */
export async function openAll(interfaces: readonly MulticastInterface[]): Promise<readonly Responder[]> {
  const opened = await Promise.allSettled(interfaces.slice(0, MAX_SOCKETS).map(open));
  const responders = opened.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  if (responders.length > 0) return responders;
  const failed = opened.find((result) => result.status === 'rejected');
  const reason: unknown = failed?.reason;
  throw reason instanceof Error ? reason : new Error('no interface takes part in multicast');
}

/** What this file uses of a multicast-dns instance, which bonjour-service leaves untyped. */
interface Multicast {
  on(event: 'error' | 'warning', handle: (error: Error) => void): void;
  on(event: 'ready', handle: () => void): void;
  on(event: 'response', handle: (packet: DnsPacket, from: { readonly address: string }) => void): void;
  respond(records: readonly DnsRecord[], done: (error?: Error | null) => void): void;
  query(name: string, type: string): void;
}

interface BonjourServer {
  readonly mdns: Multicast;
  register(records: readonly DnsRecord[]): void;
}

/** One that is ready; rejects when its socket cannot be opened. */
export async function open(at: MulticastInterface): Promise<Responder> {
  const six = at.type === 'udp6';
  const socket = createSocket({ type: at.type, reuseAddr: true, ipv6Only: six });
  // Bound to every address (multicast reaches no other), member of the group on this interface alone.
  const options = {
    socket,
    type: at.type,
    interface: at.interface,
    bind: six ? '::' : '0.0.0.0',
    ip: six ? 'ff02::fb' : '224.0.0.251',
  };
  const bonjour = new bonjourService.Bonjour(options, () => {});
  const troubles: Error[] = [];
  const { server } = bonjour as unknown as { readonly server: BonjourServer };
  await new Promise<void>((resolve, reject) => {
    server.mdns.on('ready', resolve);
    // Later errors, a network that goes away for instance, leave the record to expire by itself.
    server.mdns.on('error', reject);
    server.mdns.on('warning', (trouble) => troubles.push(trouble));
  });
  return {
    troubles,
    register: (records) => {
      server.register(records);
    },
    respond: (records) => {
      return new Promise((resolve) => {
        server.mdns.respond(records, (error) => resolve(error ?? null));
      });
    },
    ask: () => {
      server.mdns.query(SERVICE, 'PTR');
    },
    onAnswer: (handle) => {
      server.mdns.on('response', (packet, from) => {
        handle(packet, from.address);
      });
    },
    close: async () => {
      await new Promise<void>((resolve) => {
        bonjour.destroy(resolve);
      });
    },
  };
}
