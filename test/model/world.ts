/** Everything there is in one walk, and what was seen of it from outside. */
import { createHash } from 'node:crypto';
import type { HostFace } from '../../packages/core/src/flows/pair-host.ts';
import { x25519PublicKey } from '../../packages/core/src/crypto/x25519.ts';
import { encodeDidKey } from '../../packages/core/src/encoding/did-key.ts';
import type { DidKey } from '../../packages/core/src/identifiers.ts';
import type { Scrypt } from '../../packages/core/src/pairing/transcript.ts';
import { createFakeRandom, type FakeRandom } from '../../packages/testing/src/fake-random.ts';
import { createFakeClock } from '../../packages/testing/src/fake-clock.ts';
import {
  createAuthority,
  createJoinerHome,
  type TestAuthority,
  type TestJoinerHome,
} from '../../packages/testing/src/two-device-world.ts';
import { hashOf } from './dice.ts';
import type { Flaw } from './flaws.ts';
import { nativeSigner, rememberingEngine, type HostDisk } from './homes.ts';
import { openRelay, type Relay, type Wires } from './relays.ts';
import { drawScenario, type Scenario } from './scenario.ts';
import { createScheduler, type Process, type Scheduler } from './scheduler.ts';

/** A person with a machine. */
export interface Actor {
  readonly name: string;
  readonly address: string;
  /** How far this machine's wall clock is off, in ms. */
  readonly wall: { offset: number };
  /** Pairings begun. */
  runs: number;
  process: Process | null;
}

export interface Joiner extends Actor {
  readonly honest: boolean;
  readonly home: TestJoinerHome;
  /** Of its newest key. */
  did: DidKey;
  /** What its screen shows to be compared. */
  sas: string | null;
  /** The session that its present command answers. */
  offer: Offer | null;
}

export interface Offer {
  readonly session: string;
  readonly host: Process;
  readonly relay: Relay;
  readonly code: string | null;
  readonly qr: string | null;
  readonly link: string | null;
  /** Whom the person at the host means to let in. */
  readonly told: Set<Joiner>;
}

/** Somebody, or the rule, agreed to exactly this device. */
interface Consent {
  readonly session: string;
  readonly deviceDid: string;
  readonly sas: string;
  readonly how: 'type' | 'yes' | 'none';
}

export interface World {
  readonly scheduler: Scheduler;
  readonly wires: Wires;
  readonly scenario: Scenario;
  readonly flaw: Flaw;
  readonly authority: TestAuthority;
  readonly face: HostFace;
  readonly disk: HostDisk;
  readonly hosts: readonly Actor[];
  readonly joiners: readonly Joiner[];
  /** Guesses codes. */
  readonly stranger: Actor;
  registry: Relay;
  readonly offers: Offer[];
  readonly consents: Consent[];
  /** Consents that the rule did not allow, and whatever else a command did that no walk may do. */
  readonly faults: string[];
  /** What hosts announced as paired, and the records (`rid`) that either end was told stand. */
  readonly paired: { readonly session: string; readonly did: string }[];
  readonly believed: Set<string>;
  /** Different answers that one command of a joiner sent. */
  readonly answers: Map<Process, Set<string>>;
  /** Wrong answers that a host counted, by session and slot. */
  readonly failures: Map<string, number>;
  readonly randoms: FakeRandom[];
  crashes: number;
  /** After the walk people answer at once and nothing fails any more. */
  calm: boolean;
}

/** One for all walks: the same logs come again and again. */
export const engine = rememberingEngine();

/** The port makes it cheap; the shipped cost is measured elsewhere. */
export const scrypt: Scrypt = (password, salt) =>
  new Uint8Array(createHash('sha512').update(password).update(salt).digest());

const IDENTITY_SEED = 7_001;
const JOINERS = ['desk', 'phone'] as const;

export async function createWorld(seed: number, flaw: Flaw): Promise<World> {
  const scheduler = createScheduler(seed);
  const scenario = drawScenario(scheduler.dice);
  const random = createFakeRandom(IDENTITY_SEED);
  // The same identity in every walk; what differs is what is done with it.
  const made = await createAuthority(createFakeClock(), random);
  const [identitySeed, deviceSeed] = random.draws as readonly [Uint8Array, Uint8Array];
  const authority: TestAuthority = {
    ...made,
    identity: nativeSigner(identitySeed, made.identity.publicKey),
    device: nativeSigner(deviceSeed, made.device.publicKey),
  };
  const wires: Wires = {
    scheduler,
    seen: [],
    sessions: new Map(),
    losses: scenario.losses,
    repeats: scenario.repeats,
    brokenStore: flaw.store ?? ((real) => real),
  };
  const actor = (name: string, n: number): Actor => ({
    name,
    address: `192.0.2.${n}`,
    wall: { offset: scheduler.dice.pick([0, 0, -60_000, 90_000]) },
    runs: 0,
    process: null,
  });
  const first = actor('host1', 10);
  // Another terminal of the same machine.
  const second = { ...actor('host2', 10), wall: first.wall };
  const homes: [string, boolean][] = JOINERS.map((name) => [name, true]);
  if (scenario.hostile === 'knows') homes.push(['eve', false]);
  const joiners: Joiner[] = [];
  const randoms = [random];
  for (const [index, [name, honest]] of homes.entries()) {
    const own = createFakeRandom(IDENTITY_SEED + 1 + index);
    const home = createJoinerHome(own);
    const { publicKey } = await home.deviceKey({ renew: false });
    let signer = nativeSigner(own.draws[0] as Uint8Array, publicKey);
    const quick: TestJoinerHome = {
      ...home,
      async deviceKey(options) {
        if (options.renew) {
          signer = await home.deviceKey(options);
          joiner.did = encodeDidKey(signer.publicKey);
        }
        return signer;
      },
    };
    const did = encodeDidKey(publicKey);
    const joiner: Joiner = { ...actor(name, 20 + index), honest, home: quick, did, sas: null, offer: null };
    joiners.push(joiner);
    randoms.push(own);
  }
  return {
    scheduler,
    wires,
    scenario,
    flaw,
    authority,
    face: {
      controllerDid: authority.controllerDid,
      signingKey: authority.identity.publicKey,
      hostStatic: x25519PublicKey(authority.channelSecret),
    },
    disk: { list: [], journal: new Map(), held: null },
    hosts: [first, second],
    joiners,
    stranger: actor('stranger', 66),
    registry: openRelay(wires, 'registry', null),
    offers: [],
    consents: [],
    faults: [],
    paired: [],
    believed: new Set(),
    answers: new Map(),
    failures: new Map(),
    randoms,
    crashes: 0,
    calm: false,
  };
}

/** Randomness of one command. It depends on who runs it and not on the walk, so that costly sums come up again. */
export function randomOf(world: World, actor: Pick<Actor, 'name' | 'runs'>): FakeRandom {
  const letters = hashOf(actor.name) % 100_000;
  const random = createFakeRandom(letters * 100 + actor.runs);
  world.randoms.push(random);
  return random;
}
