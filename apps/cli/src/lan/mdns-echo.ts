/** Whether multicast DNS works from an interface of this machine: what is sent by it has to be heard on it. */
import type { Random } from '@auths/core/ports';
import type { DnsPacket } from './mdns-answers.ts';
import { recordsOf } from './mdns.ts';
import { MAX_SOCKETS, open } from './mdns-socket.ts';
import { loopbackAddress } from './addresses.ts';
import { interfaceAddresses } from './interfaces.ts';
import { everyInterface, type MulticastInterface } from './multicast-interfaces.ts';

/** `heard`: it came back. `silent`: it was sent and did not. `unsent`: the system refused, `why` has its words. */
export interface Echo {
  /** `eth0`. */
  readonly interface: string;
  readonly family: 4 | 6;
  readonly loopback: boolean;
  readonly outcome: 'heard' | 'silent' | 'unsent';
  readonly why: string | null;
  /** The system's name for what it refused, `ENETUNREACH`; null where there is none. */
  readonly errno: string | null;
}

/** An echo comes within milliseconds; a busy machine is given this long, in ms. */
const ECHO_MS = 1_500;

/** One echo for each interface and family that pairing would search on. Never rejects. */
export async function mdnsEchoes(random: Random): Promise<readonly Echo[]> {
  return Promise.all(
    everyInterface()
      .slice(0, MAX_SOCKETS)
      .map((at) => echoOf(at, random)),
  );
}

async function echoOf(at: MulticastInterface, random: Random): Promise<Echo> {
  const own = interfaceAddresses().find(({ address }) => address === at.interface);
  const name = at.type === 'udp6' ? at.interface.slice('::%'.length) : (own?.interface ?? at.interface);
  const about = {
    interface: name,
    family: at.type === 'udp6' ? (6 as const) : (4 as const),
    loopback: own?.internal ?? name === 'lo',
  };
  try {
    const outcome = await heardBack(at, Buffer.from(random.bytes(4)).toString('hex'));
    return { ...about, outcome: outcome ? 'heard' : 'silent', why: null, errno: null };
  } catch (error) {
    const { code } = error as { readonly code?: unknown };
    const errno = typeof code === 'string' ? code : null;
    return { ...about, outcome: 'unsent', why: (error as Error).message, errno };
  }
}

/** The instance is new for each interface: a system may hand what comes in by one to the sockets of all. */
async function heardBack(at: MulticastInterface, instance: string): Promise<boolean> {
  const responder = await open(at);
  let late: NodeJS.Timeout | undefined;
  try {
    const heard = new Promise<boolean>((resolve) => {
      late = setTimeout(() => resolve(false), ECHO_MS);
      responder.onAnswer((packet) => {
        if (names(packet, instance)) resolve(true);
      });
    });
    // Records that are over when they arrive: nobody keeps them, no joiner comes.
    const service = { nameplate: 'echo', port: 9, address: loopbackAddress };
    const refused = await responder.respond(recordsOf(service, instance, 0));
    if (refused !== null) throw refused;
    const back = await heard;
    const [trouble] = responder.troubles;
    if (!back && trouble !== undefined) throw trouble;
    return back;
  } finally {
    clearTimeout(late);
    await responder.close();
  }
}

function names({ answers }: DnsPacket, instance: string): boolean {
  if (!Array.isArray(answers)) return false;
  return answers.some(({ name }: { readonly name?: unknown }) => name === `${instance}.local`);
}
