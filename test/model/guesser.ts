/** A stranger who heard the nameplate and tries codes, faster than any program of ours would. */
import { AuthsError, isAuthsError } from '../../packages/core/src/errors.ts';
import { makeResponse } from '../../packages/core/src/pairing/joiner.ts';
import { parseOffer } from '../../packages/core/src/pairing/offer-token.ts';
import { parseCode } from '../../packages/core/src/pairing/code.ts';
import { deriveW } from '../../packages/core/src/pairing/transcript.ts';
import { createJoinerRelay } from '../../packages/pairing-http/src/client.ts';
import { createFakeRandom } from '../../packages/testing/src/fake-random.ts';
import { createJoinerHome } from '../../packages/testing/src/two-device-world.ts';
import { connect } from './relays.ts';
import type { Process } from './scheduler.ts';
import { randomOf, scrypt, type Actor, type Offer, type World } from './world.ts';

const GUESSES = 5;

export function startGuesser(world: World, actor: Actor, offer: Offer): Process {
  const { scheduler, wires, scenario } = world;
  actor.runs += 1;
  const random = randomOf(world, actor);
  const code = parseCode(offer.code ?? '');
  const process = scheduler.start(actor.name, async (own) => {
    const home = createJoinerHome(createFakeRandom(6_666));
    const device = {
      signer: await home.deviceKey({ renew: false }),
      channelSecret: await home.channelSecret(),
      name: 'stranger',
    };
    const transport = connect(wires, own, () => (scenario.lan ? offer.relay : world.registry), {
      local: false,
      remoteAddress: actor.address,
    });
    const relay = createJoinerRelay(transport, offer.relay.endpoint);
    const clock = scheduler.clockOf(own, actor.wall);
    for (let guess = 0; guess < GUESSES; guess++) {
      try {
        const found = parseOffer(await relay.findByNameplate(code.nameplate));
        // Never the code itself: that one is for who knows it.
        const text =
          code.nameplate + '23456789'.charAt(guess).repeat(code.text.length - code.nameplate.length);
        if (text === code.text) continue;
        const w = await deriveW(text, found.sessionId, scrypt);
        const run = await makeResponse(found, w, text, device, random);
        await relay.respond(found.sessionId, run.response, null);
        // Told no, or not told at all: on to the next.
        if (scheduler.dice.chance(0.7)) await relay.confirmation(found.sessionId, run.token);
      } catch (error) {
        if (!isAuthsError(error)) throw error;
        if (ended(error)) return;
        await clock.sleep(1_000);
      }
    }
  });
  actor.process = process;
  process.onEnd.add(() => {
    actor.process = null;
  });
  return process;
}

function ended(error: AuthsError): boolean {
  return ['not-found', 'cancelled', 'session-expired', 'attempts-exhausted'].some(
    (name) => error.code === `pairing/${name}`,
  );
}
