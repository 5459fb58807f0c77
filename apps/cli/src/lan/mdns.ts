/**
 * Multicast DNS for pairing, over bonjour-service: its sockets and its responder. The records are made
 * here, because the library would announce the name of this machine and every address it has
 * (hostile-input E01), and answers are read here, because its browser keeps all it hears and asks once.
 */
import { createSocket } from 'node:dgram';
import bonjourService from 'bonjour-service';
import type { Random } from '@auths/core/ports';
import type { Advertisement, Candidate, Discovery, PairingService } from './discovery.ts';
import { createAnswerReader, SERVICE } from './mdns-answers.ts';
import { everyInterface, interfacesFor, scopeOf, type MulticastInterface } from './multicast-interfaces.ts';
import type { DnsPacket } from './mdns-answers.ts';
import { createTurns } from './turns.ts';

/** Seconds that others may believe a record, RFC 6762 10. */
const TTL = 120;
/** When a joiner asks, in milliseconds after it began; rarer and rarer, RFC 6762 5.2. */
const ASK_AT: readonly number[] = [0, 1_000, 3_000, 7_000];
const MAX_SOCKETS = 8;

/** Discovery on the interfaces of this machine. `random` names the instances. */
export function createMdns(random: Random): Discovery {
  return {
    advertise: (service) => advertise(service, Buffer.from(random.bytes(4)).toString('hex')),
    browse: (nameplate, signal) => browse(nameplate, signal),
  };
}

async function advertise(service: PairingService, instance: string): Promise<Advertisement> {
  const responders = await openAll(interfacesFor(service.address));
  const records = recordsOf(service, instance);
  for (const { register, respond } of responders) {
    register(records);
    void respond(records);
  }
  // RFC 6762 8.3: say it twice, one second apart.
  const again = setTimeout(() => {
    for (const { respond } of responders) void respond(records);
  }, 1_000);
  again.unref();
  return {
    instance,
    withdraw: async () => {
      clearTimeout(again);
      const goodbye = records.map((record) => Object.assign({}, record, { ttl: 0 }));
      await Promise.all(responders.map(({ respond }) => respond(goodbye)));
      await Promise.all(responders.map(({ close }) => close()));
    },
  };
}

async function* browse(nameplate: string, signal: AbortSignal): AsyncGenerator<Candidate> {
  const responders = await openAll(everyInterface());
  const reader = createAnswerReader(nameplate);
  const found = createTurns();
  let wake: () => void = nothing;
  for (const { onAnswer } of responders) {
    onAnswer((packet, from) => {
      for (const candidate of reader.read(packet, from, scopeOf(from))) found.add(candidate);
      wake();
    });
  }
  const timers = ASK_AT.map((ms) =>
    setTimeout(() => {
      for (const { ask } of responders) ask();
    }, ms),
  );
  const stop = (): void => {
    wake();
  };
  signal.addEventListener('abort', stop);
  try {
    while (!signal.aborted) {
      const candidate = found.next();
      if (candidate !== null) {
        yield candidate;
        continue;
      }
      await new Promise<void>((resolve) => {
        wake = resolve;
        if (signal.aborted || found.waiting()) resolve();
      });
    }
  } finally {
    signal.removeEventListener('abort', stop);
    for (const timer of timers) clearTimeout(timer);
    await Promise.all(responders.map(({ close }) => close()));
  }
}

function nothing(): void {
  return;
}

interface DnsRecord {
  readonly name: string;
  readonly type: 'PTR' | 'SRV' | 'TXT' | 'A' | 'AAAA';
  readonly ttl: number;
  readonly data: unknown;
}

function recordsOf({ nameplate, port, address }: PairingService, instance: string): readonly DnsRecord[] {
  const name = `${instance}.${SERVICE}`;
  const target = `${instance}.local`;
  const text = ['v=1', `np=${nameplate}`].map((item) => Buffer.from(item, 'ascii'));
  return [
    { name: SERVICE, type: 'PTR', ttl: TTL, data: name },
    { name, type: 'SRV', ttl: TTL, data: { port, target } },
    { name, type: 'TXT', ttl: TTL, data: text },
    { name: target, type: address.family === 6 ? 'AAAA' : 'A', ttl: TTL, data: address.address },
  ];
}

/** One socket on one interface. */
interface Responder {
  readonly register: (records: readonly DnsRecord[]) => void;
  readonly respond: (records: readonly DnsRecord[]) => Promise<void>;
  readonly ask: () => void;
  readonly onAnswer: (handle: (packet: DnsPacket, from: string) => void) => void;
  readonly close: () => Promise<void>;
}

/** All that open; rejects with the first reason when none does. */
async function openAll(interfaces: readonly MulticastInterface[]): Promise<readonly Responder[]> {
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
  respond(records: readonly DnsRecord[], done: () => void): void;
  query(name: string, type: string): void;
}

interface BonjourServer {
  readonly mdns: Multicast;
  register(records: readonly DnsRecord[]): void;
}

async function open(at: MulticastInterface): Promise<Responder> {
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
  const bonjour = new bonjourService.Bonjour(options, nothing);
  const { server } = bonjour as unknown as { readonly server: BonjourServer };
  await new Promise<void>((resolve, reject) => {
    server.mdns.on('ready', resolve);
    // Later errors, a network that goes away for instance, leave the record to expire by itself.
    server.mdns.on('error', reject);
    server.mdns.on('warning', nothing);
  });
  return {
    register: (records) => {
      server.register(records);
    },
    respond: async (records) => {
      await new Promise<void>((resolve) => {
        server.mdns.respond(records, resolve);
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
