/** Any message, in any manner: a whole pairing over real sockets with somebody between both ends and their relay. */
import { finishPairings } from '@auths/core/flows/finish-pairings';
import { DEFAULT_LIMITS } from '@auths/core/pairing/limits';
import { createMemoryLimiter } from '@auths/pairing-http/memory-limiter';
import { createMemorySessions } from '@auths/pairing-http/memory-sessions';
import { createPairingServer } from '@auths/pairing-http/node-http';
import { createFetchTransport } from '@auths/pairing-http/fetch-transport';
import { MANNERS, startAdversary, type Exchange, type Manner } from '@auths/testing/adversary';
import { createDeferred } from '@auths/testing/fake-clock';
import { realClock } from '@auths/testing/real-world';
import { engine } from '@auths/testing/two-device-world';
import type { Clock } from '@auths/core/ports';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listen } from './listen.ts';
import { createWorld, failure, grants, NOTHING, startHost, startJoin } from './world.ts';

/** One honest grant, seen from both ends. */
const PAIRED = {
  seals: 2,
  links: ['laptop', 'desktop'],
  entries: ['desktop:active'],
  journals: 0,
  joinerHosts: 1,
};
/** An end that is left alone goes on for as long as it may; here somebody presses Ctrl+C. */
const PATIENCE_MS = 6_000;
const AFTER_THE_OTHER_MS = 600;
/** The ends’ own clock: they try again after half a second, which is long for so many runs. */
const FASTER = 5;
const hasty: Clock = {
  now: () => realClock.now(),
  monotonic: () => realClock.monotonic() * FASTER,
  sleep: (ms, signal) => realClock.sleep(ms / FASTER, signal),
};

interface Outcome {
  readonly host: string;
  readonly joiner: string;
  readonly acted: boolean;
  readonly seen: readonly Exchange[];
  readonly grants: Awaited<ReturnType<typeof grants>>;
  readonly sas: readonly string[];
}

let relay: { readonly origin: string; close(): Promise<void> };
beforeAll(async () => {
  const limits = {
    ...DEFAULT_LIMITS,
    lookupFloorMs: 0,
    createPerMinute: 10_000,
    lookupsPerMinute: 10_000,
    responsesPerMinute: 10_000,
    liveSessionsPerAddress: 10_000,
  };
  const deps = {
    store: createMemorySessions({ clock: realClock, limits }),
    limiter: createMemoryLimiter({ clock: realClock, limits }),
    limits,
    clock: realClock,
    mayCreate: 'anyone' as const,
  };
  relay = await listen(createPairingServer(deps, { allowHost: () => true }));
});
afterAll(() => relay.close());

async function run(
  plan: { readonly label: string; readonly manner: Manner; readonly earlier: readonly Exchange[] } | null,
): Promise<Outcome> {
  const adversary = await startAdversary(relay.origin, plan);
  const world = await createWorld({ clock: hasty });
  world.hostTransport = createFetchTransport(adversary.origin('host'));
  world.joinerTransport = createFetchTransport(adversary.origin('joiner'));
  const stop = new AbortController();
  const shown: string[] = [];
  const { promise: other, resolve: compared } = createDeferred<string>();
  const host = startHost(
    world,
    { mode: 'registry', qr: false },
    // Two people who compare: what stands on the joiner's screen is typed at the host.
    { ask: async ({ sas }) => (shown.push(sas), Promise.race([other, ended(stop.signal)])) },
    stop.signal,
  );
  try {
    const code = await Promise.race([host.offer.then((offer) => offer.code), failure(host.done)]);
    const join =
      code?.includes('/') === true || code === null
        ? null
        : startJoin(
            world,
            code ?? '',
            {},
            { onSas: ({ sas }) => (shown.push(sas), compared(sas)) },
            stop.signal,
          );
    const ends = [
      failure(host.done),
      join === null ? Promise.resolve('never began') : failure(join.done),
    ] as const;
    await Promise.race([...ends, later(PATIENCE_MS)]);
    await Promise.race([Promise.all(ends), later(AFTER_THE_OTHER_MS)]);
    stop.abort(new Error('interrupted'));
    const [hostEnd, joiner] = await Promise.all(ends);
    // The next command of the host, eleven minutes later.
    const clock = { ...realClock, now: () => realClock.now() + 660_000 };
    await finishPairings({ clock, random: world.random, engine, host: world.host });
    return {
      host: hostEnd,
      joiner,
      acted: adversary.acted(),
      seen: adversary.seen,
      grants: await grants(world),
      sas: shown,
    };
  } finally {
    stop.abort(new Error('interrupted'));
    await adversary.stop();
  }
}

const later = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function ended(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) =>
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true }),
  );
}

type Pairs = readonly (readonly [label: string, manner: Manner, outcome: Outcome])[];

/** Whose change cannot be believed: what he sent is another message, or the same with another content. */
const isTampering = (manner: Manner): boolean => /^(?:flip|forge|replay|swap) /.test(manner);
const UNHARMED = ['no failure', 'no failure'];
const said = ({ host, joiner }: Outcome): readonly string[] => [host, joiner];

describe('somebody between both ends and the relay', () => {
  let clean: Outcome;
  let tried: Pairs;
  beforeAll(async () => {
    clean = await run(null);
    const plans = clean.seen.flatMap(({ label }) =>
      MANNERS.map((manner) => ({ label, manner, earlier: clean.seen })),
    );
    const found: (readonly [string, Manner, Outcome])[] = [];
    const lane = async (): Promise<void> => {
      for (let plan = plans.shift(); plan !== undefined; plan = plans.shift()) {
        const outcome = await run(plan);
        if (outcome.acted) found.push([plan.label, plan.manner, outcome]);
      }
    };
    await Promise.all([lane(), lane(), lane()]);
    tried = found;
  }, 300_000);

  it('who only looks on sees a pairing', () => {
    expect(said(clean)).toEqual(['no failure', 'no failure']);
    expect(clean.grants).toEqual(PAIRED);
    expect(clean.seen.map(({ label }) => label)).toEqual(
      expect.arrayContaining([
        'host create 1',
        'joiner look up 1',
        'joiner response 1',
        'host confirm 1',
        'joiner send 4',
        'host send 3',
        'host complete 1',
      ]),
    );
  });

  it('does anything to any one message: more than 150 ways', () => {
    process.stdout.write(`adversary: ${tried.length} pairs of message and manner\n`);
    expect(tried.length).toBeGreaterThan(150);
    for (const manner of MANNERS)
      expect(tried.filter((one) => one[1] === manner).length, manner).toBeGreaterThan(0);
  });

  it('nothing is ever half granted, and each end that fails says why', () => {
    for (const [label, manner, outcome] of tried) {
      const where = `${label}, ${manner}: ${said(outcome).join(' | ')}`;
      const { grants: left } = outcome;
      // What the joiner wrote down before the last word counts for nobody while nothing is sealed.
      expect([NOTHING, PAIRED, { ...NOTHING, joinerHosts: 1 }], where).toContainEqual(left);
      if (said(outcome).includes('no failure')) expect(left, where).toEqual(PAIRED);
      for (const end of said(outcome))
        expect(end, where).toMatch(
          /^(?:no failure|never began|Error: interrupted|(?:pairing|network)\/[a-z-]+)$/,
        );
      expect(new Set(outcome.sas).size, where).toBeLessThanOrEqual(1);
    }
  });

  it('what is lost, doubled, late, cut off or out of order is made good', () => {
    for (const [label, manner, outcome] of tried) {
      if (isTampering(manner)) continue;
      // Before there is a session, or an offer, there is nothing to hold on to: the person tries again.
      const first = /^(?:host create|joiner look up) 1$/.test(label) && /drop|truncate/.test(manner);
      if (first) expect(outcome.grants, `${label}, ${manner}`).toEqual(NOTHING);
      else
        expect([said(outcome), outcome.grants], `${label}, ${manner}`).toEqual([
          ['no failure', 'no failure'],
          PAIRED,
        ]);
    }
  });

  it('what is changed, forged or of another session is never believed', () => {
    for (const [label, manner, outcome] of tried) {
      if (!isTampering(manner)) continue;
      const where = `${label}, ${manner}: ${said(outcome).join(' | ')}`;
      const end = said(outcome);
      const lawful =
        // The relay's receipt for a POST is believed by nobody.
        manner.endsWith('answer') && / (?:response|confirm|complete) 1$/.test(label)
          ? [UNHARMED]
          : // The last word: the grant stands already, and the joiner hears of it later.
            label === 'host send 3'
            ? [[UNHARMED[0], 'pairing/channel-tampered']]
            : // A poll that another one has outrun is heard by nobody; the last one brings the last word.
              / receive \d+$/.test(label)
              ? [UNHARMED, [UNHARMED[0], 'pairing/channel-tampered']]
              : [];
      if (end.includes('no failure')) expect(lawful, where).toContainEqual(end);
      else expect([label === 'host send 3', outcome.grants.seals], where).toEqual([false, 1]);
    }
  });
});
