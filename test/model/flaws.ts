/** Broken parts, each with the rule that must notice it: a model that lets these pass would let anything pass. */
import type { JoinerHome, PairedDevice, PairedDevices } from '../../packages/core/src/flows/pairing-ports.ts';
import type { SessionStore } from '../../packages/core/src/pairing/relay.ts';
import type { PairingTransport } from '../../packages/core/src/ports.ts';
import type { Rule } from './rules.ts';

/** What stands in the place of right parts; the right ones where nothing is given. */
export interface Flaw {
  /** What reaches the program of what the person at the host said. */
  readonly heard?: (confirm: 'type' | 'yes', shownSas: string) => string | boolean;
  /** Of every command of a host. */
  readonly hostSeed?: number;
  readonly devices?: (real: PairedDevices) => PairedDevices;
  /** What is really written of the allow-list. */
  readonly written?: (list: readonly PairedDevice[]) => readonly PairedDevice[];
  readonly store?: (real: SessionStore) => SessionStore;
  readonly joinerHome?: (real: JoinerHome) => JoinerHome;
  /** The joiner's wire; `typed` is the code. */
  readonly transport?: (real: PairingTransport, typed: string) => PairingTransport;
}

const nothing = async (): Promise<void> => {};

export const FLAWS: readonly (readonly [what: string, rule: Rule, flaw: Flaw])[] = [
  [
    'a program that lets in whatever the person says',
    'consent',
    { heard: (confirm, shownSas) => (confirm === 'yes' ? true : shownSas) },
  ],
  ['a machine whose randomness repeats', 'one grant a code', { hostSeed: 4_711 }],
  [
    'a list that forgets who works',
    'listed',
    { written: (list) => list.filter(({ status }) => status !== 'active') },
  ],
  [
    'a relay that takes any number of answers',
    'attempts',
    {
      store: (real) => ({
        ...real,
        async read(id) {
          const session = await real.read(id);
          return session?.status === 'responded' ? { ...session, status: 'pending' } : session;
        },
      }),
    },
  ],
  [
    'a joiner that asks for the whole code',
    'secrets',
    {
      transport: (real, typed) => ({
        send: (request, signal) =>
          request.path.includes('/by-code/')
            ? real.send({ ...request, path: `${request.path}/${typed}` }, signal)
            : real.send(request, signal),
      }),
    },
  ],
  ['a host that never forgets', 'leftovers', { devices: (real) => ({ ...real, forget: nothing }) }],
  [
    'a joiner whose disk says that it has stored what it has not',
    'stranded',
    { joinerHome: (real) => ({ ...real, records: { ...real.records, put: nothing } }) },
  ],
  [
    'a host that does not wait for the word of the device',
    'stranded',
    {
      devices: (real) => ({
        ...real,
        begin: (device, journal) => real.begin(device, { ...journal, acknowledged: true }),
      }),
    },
  ],
  [
    'a joiner that cannot write its log',
    'settles',
    { joinerHome: (real) => ({ ...real, log: { ...real.log, append: async () => null } }) },
  ],
  [
    'a wire that changes a letter',
    'clean errors',
    {
      transport: (real) => ({
        send(request, signal) {
          const { sealed } = (request.body ?? {}) as { readonly sealed?: string };
          if (sealed === undefined) return real.send(request, signal);
          const changed = (sealed.startsWith('A') ? 'B' : 'A') + sealed.slice(1);
          return real.send({ ...request, body: { ...(request.body as object), sealed: changed } }, signal);
        },
      }),
    },
  ],
];
