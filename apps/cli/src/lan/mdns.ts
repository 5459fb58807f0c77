/**
 * Multicast DNS for pairing. The records are made here, because the library would announce the name of this machine
 * and every address it has (hostile-input E01), and answers are read here, because its browser keeps all it hears and
 * asks once.
 */
import type { Random } from '@auths/core/ports';
import type { Advertisement, Candidate, Discovery, PairingService } from './discovery.ts';
import { createAnswerReader, SERVICE } from './mdns-answers.ts';
import { openAll, type DnsRecord } from './mdns-socket.ts';
import { everyInterface, interfacesFor, scopeOf } from './multicast-interfaces.ts';
import { createTurns } from './turns.ts';

/** Seconds that others may believe a record, RFC 6762 10. */
const TTL = 120;
/** When a joiner asks, in milliseconds after it began; rarer and rarer, RFC 6762 5.2. */
const ASK_AT: readonly number[] = [0, 1_000, 3_000, 7_000];

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
      const goodbye = recordsOf(service, instance, 0);
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

/** What a host says of itself under an instance name; with a `ttl` (seconds) of 0, that it is over. */
export function recordsOf(
  { nameplate, port, address }: PairingService,
  instance: string,
  ttl: number = TTL,
): readonly DnsRecord[] {
  const name = `${instance}.${SERVICE}`;
  const target = `${instance}.local`;
  const text = ['v=1', `np=${nameplate}`].map((item) => Buffer.from(item, 'ascii'));
  return [
    { name: SERVICE, type: 'PTR', ttl, data: name },
    { name, type: 'SRV', ttl, data: { port, target } },
    { name, type: 'TXT', ttl, data: text },
    { name: target, type: address.family === 6 ? 'AAAA' : 'A', ttl, data: address.address },
  ];
}
