/** After the walk: everything is begun again, nothing fails any more, and all must come to its end. */
import { readStanding } from '../../packages/core/src/flows/join-store.ts';
import { ownDevices } from '../../packages/core/src/flows/own-devices.ts';
import type { DidKey } from '../../packages/core/src/identifiers.ts';
import { createFakeRandom } from '../../packages/testing/src/fake-random.ts';
import { startHost, startJoin } from './commands.ts';
import { startFinish } from './home-commands.ts';
import { Broken, everyListedDeviceKnows, lookAtTheEnd, type Memory } from './rules.ts';
import type { Process } from './scheduler.ts';
import { engine, type Actor, type Joiner, type Offer, type World } from './world.ts';

const MOST_STEPS = 30_000;
/** No limit of a relay looks further back. */
const QUIET_MS = 310_000;
/** Sessions, provisional devices and cool-downs are all over after this. */
const LONG_MS = 1_300_000;

/** Peace: what runs comes to its end, whoever was left half-way pairs once more, and the home finishes what was begun. */
export async function comeToRest(
  world: World,
  memory: Memory,
  afterStep: () => Promise<void>,
): Promise<void> {
  const { scheduler } = world;
  const [host] = world.hosts as readonly [Actor];
  world.calm = true;
  world.wires.losses = 0;
  world.wires.repeats = 0;
  await runDry(world, afterStep);
  for (const { wall } of [...world.hosts, ...world.joiners]) wall.offset = 0;
  startFinish(world, host);
  await runDry(world, afterStep);
  await everyListedDeviceKnows(world);
  lookAtErrors(world);
  for (const joiner of await leftHalfWay(world)) await pairInPeace(world, host, joiner, afterStep);
  startFinish(world, host);
  await runDry(world, afterStep);
  scheduler.time.advance(LONG_MS);
  startFinish(world, host);
  await runDry(world, afterStep);
  await lookAtTheEnd(world, memory);
  lookAtErrors(world);
}

/** Honest joiners that have stored a pairing and not seen its end; where there are none, now and then one that has no pairing at all. */
async function leftHalfWay(world: World): Promise<readonly Joiner[]> {
  const expected = world.joiners.filter(({ honest }) => honest).slice(0, world.scenario.expectDevice ? 1 : 2);
  const states = await Promise.all(expected.map((joiner) => stateOf(world, joiner)));
  const pending = expected.filter((_, i) => states[i] === 'pending');
  if (pending.length > 0 || !world.scheduler.dice.chance(0.25)) return pending;
  return expected.filter((_, i) => states[i] === 'none').slice(0, 1);
}

async function stateOf({ scheduler }: World, { home }: Joiner): Promise<string> {
  const clock = scheduler.time;
  return (await readStanding({ clock, random: createFakeRandom(1), engine, home })).state;
}

/** With everybody willing and nothing failing a pairing succeeds, whatever happened before. */
async function pairInPeace(
  world: World,
  host: Actor,
  joiner: Joiner,
  afterStep: () => Promise<void>,
): Promise<void> {
  const { did } = joiner;
  let { outcome } = await pairOnce(world, host, joiner, afterStep);
  // Revoked without knowing: it is told so, or that the host is gone, makes itself a new key and comes again.
  for (let tries = 0; outcome !== 'done' && tries < 3 && (await isRevoked(world, did)); tries++)
    ({ outcome } = await pairOnce(world, host, joiner, afterStep));
  const state = await stateOf(world, joiner);
  if (outcome !== 'done' || state !== 'active')
    throw new Broken('settles', `${joiner.name} ends with ${outcome} in peace and is ${state}`);
}

async function isRevoked({ authority }: World, did: DidKey): Promise<boolean> {
  const { devices } = await ownDevices({ ...authority, engine }, authority.controllerDid);
  return devices.some(({ subject, revocation }) => subject === did && revocation !== null);
}

async function pairOnce(
  world: World,
  host: Actor,
  joiner: Joiner,
  afterStep: () => Promise<void>,
): Promise<Process> {
  // What this address used up of its limits at the relay is its own again.
  world.scheduler.time.advance(QUIET_MS);
  const offer = await offered(world, host, afterStep);
  const typed = offer.code ?? offer.link ?? offer.qr;
  if (typed === null) throw new Error('nothing to type');
  const process = startJoin(world, joiner, offer, typed, false);
  await runDry(world, afterStep);
  return process;
}

async function offered(world: World, host: Actor, afterStep: () => Promise<void>): Promise<Offer> {
  const before = world.offers.length;
  const process = startHost(world, host);
  while (process.outcome === null && world.offers.length === before) await oneStep(world, afterStep);
  const offer = world.offers[before];
  if (offer === undefined) throw new Broken('settles', `the host cannot show a code: ${process.outcome}`);
  return offer;
}

async function runDry(world: World, afterStep: () => Promise<void>): Promise<void> {
  for (let n = 0; n < MOST_STEPS; n++) if (!(await oneStep(world, afterStep))) return;
  throw new Broken('settles', 'the world does not come to rest');
}

async function oneStep(world: World, afterStep: () => Promise<void>): Promise<boolean> {
  const { time } = world.scheduler;
  await world.scheduler.settle();
  if (world.scheduler.step()) {
    await afterStep();
    return true;
  }
  const next = time.untilNext();
  if (next === null) return false;
  time.advance(next);
  await afterStep();
  return true;
}

const UNCLEAN =
  /^(?:broken|internal\/bug|pairing\/(?:protocol-violation|channel-tampered|commit-mismatch|invalid-signature|host-identity-invalid|malformed))/;

/** Nobody here lies on the wire, so nobody may be told that somebody did. (An attestation may be too old: machines sleep.) */
function lookAtErrors({ scheduler }: World): void {
  for (const { name, outcome } of scheduler.processes) {
    if (outcome !== null && UNCLEAN.test(outcome))
      throw new Broken('clean errors', `${name} ends with ${outcome}`);
  }
}
