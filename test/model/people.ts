/** The people of a walk: one at the host, one at each device. They look at screens, and answer when they are picked. */
import type { Ask } from '../../packages/core/src/flows/host-consent.ts';
import type { PairJoinCallbacks } from '../../packages/core/src/flows/pair-join.ts';
import { isSameSas } from '../../packages/core/src/pairing/sas.ts';
import type { Process } from './scheduler.ts';
import { ruleOf } from './scenario.ts';
import type { Joiner, Offer, World } from './world.ts';

type Said = string | boolean | null;

/** Waits for whoever went away: nobody picks this up. */
function nobodyThere(signal: {
  addEventListener(type: 'abort', listener: () => void): void;
}): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(new Error('nobody was there')));
  });
}

/** The person at the host. `offer` is what that screen shows now. */
export function personAtHost(world: World, process: Process, offer: () => Offer): Ask {
  const { scheduler, scenario, flaw } = world;
  const { dice } = scheduler;
  return async ({ confirm, kind, deviceDid, sas }, signal) => {
    if (confirm !== ruleOf(scenario, kind)) world.faults.push(`asks for "${confirm}" where it may not`);
    if (!world.calm && dice.chance(scenario.moods / 3)) return scheduler.hold(process, nobodyThere(signal));
    const said = await scheduler.gate(
      process,
      `asks (${confirm})`,
      () => {
        const answer = answerOf(world, offer(), confirm, sas);
        const agreed = confirm === 'yes' ? answer === true : isSameSas(String(answer), sas);
        if (agreed) world.consents.push({ session: offer().session, deviceDid, sas, how: confirm });
        return answer;
      },
      { signal },
    );
    return flaw.heard === undefined ? said : flaw.heard(confirm, sas);
  };
}

function answerOf(world: World, offer: Offer, confirm: 'type' | 'yes', shown: string): Said {
  const { scheduler, scenario } = world;
  const { dice } = scheduler;
  if (!world.calm && dice.chance(scenario.moods / 2)) return dice.pick([false, null]);
  const screens = [...offer.told].flatMap(({ sas }) => (sas === null ? [] : [sas]));
  if (confirm === 'type') {
    if (!world.calm && dice.chance(scenario.moods)) return 'AAAA-AAAA';
    return screens.length === 0 ? null : dice.pick(screens);
  }
  return !scenario.attentive || screens.includes(shown);
}

/** The person at a device: is asked there, and types again what was wrong. */
export function personAtDevice(
  world: World,
  process: Process,
  retype: () => string,
): Required<Pick<PairJoinCallbacks, 'confirm'>> & { readonly again: () => Promise<string | null> } {
  const { scheduler, scenario } = world;
  const { dice } = scheduler;
  return {
    confirm(_sas, signal) {
      if (!world.calm && dice.chance(scenario.moods / 3)) return scheduler.hold(process, nobodyThere(signal));
      return scheduler.gate(
        process,
        'asks (host)',
        () => (!world.calm && dice.chance(scenario.moods / 2) ? dice.pick([false, null]) : true),
        { signal },
      );
    },
    again: () => scheduler.gate(process, 'asks (code)', () => (dice.chance(0.8) ? retype() : null)),
  };
}

/** As a person mistypes: the last letter is another one. */
export function mistyped(code: string): string {
  return code.slice(0, -1) + (code.endsWith('7') ? '8' : '7');
}

/** What somebody at this device holds in the hand of an offer. */
export function handed(world: World, offer: Offer, joiner: Joiner): string | null {
  const { dice } = world.scheduler;
  // Links travel through chats that others read, codes are overheard; the QR is on the host's own screen.
  const ways = [offer.code, offer.link, joiner.honest ? offer.qr : null].filter((way) => way !== null);
  return ways.length === 0 ? null : dice.pick(ways);
}
