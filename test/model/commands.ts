/** The two commands of a pairing, each a process over the real flows: `auths pair` and `auths pair --join`. */
// Loaded on demand by the flow; here beforehand.
import '../../packages/core/src/flows/host-steps.ts';
import { pairHost } from '../../packages/core/src/flows/pair-host.ts';
import { pairJoin } from '../../packages/core/src/flows/pair-join.ts';
import { x25519PublicKey } from '../../packages/core/src/crypto/x25519.ts';
import { AuthsError } from '../../packages/core/src/errors.ts';
import type { PairingTransport } from '../../packages/core/src/ports.ts';
import { parseJoinInput } from '../../packages/core/src/pairing/uri.ts';
import { createHostRelay, createJoinerRelay } from '../../packages/pairing-http/src/client.ts';
import { waitUntilFetched } from '../../packages/pairing-http/src/linger.ts';
import { createFakeRandom } from '../../packages/testing/src/fake-random.ts';
import { begin, fullDisk, openHome } from './home-commands.ts';
import { joinerPorts } from './homes.ts';
import { mistyped, personAtDevice, personAtHost } from './people.ts';
import { connect, openRelay } from './relays.ts';
import { ruleOf } from './scenario.ts';
import type { Process } from './scheduler.ts';
import { engine, randomOf, scrypt, type Actor, type Joiner, type Offer, type World } from './world.ts';

/** Ctrl+C as the CLI turns it into a reason. */
export function interruption(): AuthsError<'interrupted'> {
  return new AuthsError('interrupted', 'interrupted', { details: { signal: 'SIGINT' } });
}

/** `auths pair`. */
export function startHost(world: World, actor: Actor): Process {
  const { scheduler, scenario, wires, flaw } = world;
  actor.runs += 1;
  const random = flaw.hostSeed === undefined ? randomOf(world, actor) : createFakeRandom(flaw.hostSeed);
  return begin(world, actor, async (process) => {
    const own = scenario.lan ? openRelay(wires, `${actor.name}'s door`, process) : null;
    const relay = own ?? world.registry;
    const clock = scheduler.clockOf(process, actor.wall);
    const transport = connect(wires, process, () => own ?? world.registry, {
      local: scenario.lan,
      remoteAddress: actor.address,
    });
    const { host } = openHome(world, process);
    let shown: Offer | null = null;
    const offer = (): Offer => {
      if (shown === null) throw new Error('nothing was offered');
      return shown;
    };
    const expected = world.joiners[0]?.did;
    await pairHost(
      {
        clock,
        random,
        engine,
        scrypt,
        x25519PublicKey,
        relay: createHostRelay(transport, relay.endpoint),
        ...(own === null
          ? { host }
          : { host: () => scheduler.gate(process, 'opens its keys', () => host), face: world.face }),
      },
      {
        mode: scenario.lan ? 'lan' : 'registry',
        code: scenario.code,
        qr: scenario.qr,
        link: scenario.link,
        ttlSeconds: scenario.ttlSeconds,
        capabilities: ['sign_commit'],
        confirm: scenario.confirm,
        yes: scenario.yes,
        canAsk: true,
        sasTries: scenario.sasTries,
        ...(scenario.expectDevice && expected !== undefined ? { expectDevice: expected } : {}),
      },
      {
        onOffer: ({ sessionId, code, uri, link }) => {
          shown = { session: sessionId, host: process, relay, code, qr: uri, link, told: new Set() };
          world.offers.push(shown);
        },
        onAttempt: ({ kind }) => {
          const slot = `${offer().session} ${kind}`;
          world.failures.set(slot, (world.failures.get(slot) ?? 0) + 1);
        },
        onJoined: ({ kind, deviceDid, sas, confirm }) => {
          if (confirm !== ruleOf(scenario, kind)) world.faults.push(`asks "${confirm}" for ${kind}`);
          if (confirm !== 'none') return;
          if (scenario.expectDevice && deviceDid !== expected)
            world.faults.push('another device than expected');
          world.consents.push({ session: offer().session, deviceDid, sas, how: 'none' });
        },
        ask: personAtHost(world, process, offer),
        onPaired: ({ deviceDid, attestation }) => {
          world.paired.push({ session: offer().session, did: deviceDid });
          world.believed.add(attestation.rid);
        },
        ...(own === null
          ? {}
          : {
              onOpening: (opened: Promise<unknown>) => {
                own.opening = opened;
              },
            }),
        ...(scenario.renew
          ? { renew: () => scheduler.gate(process, 'asks (renew)', () => scheduler.dice.chance(0.7)) }
          : {}),
        ...(own === null
          ? {}
          : {
              linger: (session, ms) =>
                scheduler
                  .hold(process, waitUntilFetched(own.deps.store, own.deps.clock, session, ms))
                  .then(() => {}),
            }),
      },
      process.interrupt.signal,
    );
  });
}

/** `auths pair --join`, with what was handed over or a slip of it. */
export function startJoin(world: World, joiner: Joiner, offer: Offer, typed: string, slip: boolean): Process {
  const { scheduler, scenario, wires, flaw } = world;
  joiner.runs += 1;
  joiner.offer = offer;
  if (joiner.honest) offer.told.add(joiner);
  const random = randomOf(world, joiner);
  const first = slip && typed === offer.code ? mistyped(typed) : typed;
  return begin(world, joiner, async (process) => {
    process.onEnd.add(() => {
      joiner.sas = null;
      joiner.offer = null;
    });
    const person = personAtDevice(world, process, () => typed);
    const wire = connect(wires, process, () => (scenario.lan ? offer.relay : world.registry), {
      local: false,
      remoteAddress: joiner.address,
    });
    const answers = new Set<string>();
    world.answers.set(process, answers);
    const counted: PairingTransport = {
      send(request, signal) {
        if (request.path.endsWith('/response')) answers.add(JSON.stringify(request.body));
        return wire.send(request, signal);
      },
    };
    const transport = flaw.transport === undefined ? counted : flaw.transport(counted, typed);
    const home = joinerPorts(scheduler, process, joiner.home, fullDisk(world));
    await pairJoin(
      {
        clock: scheduler.clockOf(process, joiner.wall),
        random,
        engine,
        scrypt,
        home: flaw.joinerHome === undefined ? home : flaw.joinerHome(home),
        relaysFor: () =>
          scheduler.gate(process, 'looks for the host', () =>
            offer.relay.process.outcome !== null && scenario.lan
              ? []
              : [createJoinerRelay(transport, offer.relay.endpoint)],
          ),
      },
      { input: parseJoinInput(first), deviceName: joiner.name, ask: joiner.honest, timeoutMs: 30_000 },
      {
        onOffer: () => {},
        onSas: ({ sas }) => {
          joiner.sas = sas;
        },
        onPaired: ({ attestation }) => void world.believed.add(attestation.rid),
        confirm: person.confirm,
        retype: async () => {
          const again = await person.again();
          return again === null ? null : parseJoinInput(again);
        },
      },
      process.interrupt.signal,
    );
  });
}
