/** A third machine on the network lies, shouts and floods: the true host is found all the same, or the joiner says what happened. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildPrograms, removePrograms, type Running } from '../../apps/cli/test/pair/programs.ts';
import type { Manner } from './neighbour.ts';
import { noNetworkBecause, type Host } from './network.ts';
import { thirdMachine, type Tasks, type ThirdMachine } from './third-machine.ts';
import {
  expectNothingGranted,
  expectPaired,
  failureOf,
  FOUR,
  join,
  oneSegment,
  startHost,
  type TwoHomes,
} from './two-homes.ts';

const why = noNetworkBecause();
let program: ThirdMachine;
beforeAll(async () => {
  buildPrograms();
  program = await thirdMachine();
}, 120_000);
afterAll(() => {
  removePrograms();
  program.remove();
});

const EVIL = '10.77.0.66';

interface Stage {
  readonly home: TwoHomes;
  readonly third: Tasks;
  readonly evil: Host;
  readonly others: readonly Host[];
}

/** A test with its own network, so that several can wait at once; machines at EVIL and at `more`. */
async function withEvil(test: (stage: Stage) => Promise<void>, ...more: readonly string[]): Promise<void> {
  const home = await oneSegment(FOUR);
  const third = program.tasks();
  const machine = (address: string): Host =>
    home.network.host(`at-${address.split('.').at(-1)}`, { segment: 'a', four: `${address}/24` });
  try {
    await test({ home, third, evil: machine(EVIL), others: more.map(machine) });
  } finally {
    await third.stop();
    await home.end();
  }
}

const nameplateOf = (code: unknown): string => String(code).slice(0, 2);
const guesses = (stdout: string): number => stdout.split('"event":"guess"').length - 1;

/** Joins so that the liar is come to first: the true host does not hear the question before. */
async function joinLiarFirst({ home }: Stage, liar: Running, code: unknown): Promise<Running> {
  home.laptopHost.filter('udp dport 5353 drop');
  const joiner = join(home, code);
  await liar.event('asked');
  home.laptopHost.unfilter();
  return joiner;
}

describe
  .skipIf(why !== null)
  .concurrent('with a third machine that answers mDNS for the same nameplate', { timeout: 180_000 }, () => {
    const manners: readonly (readonly [Manner, boolean])[] = [
      ['rejects', true],
      ['garbles', true],
      ['talks without end', false],
    ];
    it.each(manners)('E02 faster and ten times over, and %s: the true host still pairs', (manner, guessed) =>
      withEvil(async (stage) => {
        const { home, third, evil } = stage;
        const host = startHost(home);
        const offer = await host.event('offer');
        const instances = Array.from({ length: 10 }, (_, i) => `0000000${i}`);
        const liar = third.start(evil, {
          do: 'deceive',
          own: EVIL,
          nameplate: nameplateOf(offer['code']),
          manner,
          instances,
        });
        await liar.event('ready');
        const joiner = await joinLiarFirst(stage, liar, offer['code']);
        await expectPaired(home, host, joiner);
        // One turn like anybody: it may test one guess, not three.
        expect(guesses(liar.stdout())).toBe(guessed ? 1 : 0);
        // What it came to first it names, and it goes on.
        const seen = joiner.events().filter(({ event }) => event === 'offer');
        expect(seen.at(-1)).toMatchObject({ endpoint: offer['endpoint'] });
        expect(seen).toHaveLength(guessed ? 2 : 1);
      }),
    );

    it('E02 under the name of the true host, with another address: the true host still pairs', () =>
      withEvil(async ({ home, third, evil }) => {
        const ear = third.start(evil, { do: 'listen', own: EVIL });
        await ear.event('ready');
        const host = startHost(home);
        const offer = await host.event('offer');
        const heard = (await ear.event('heard'))['records'] as readonly { readonly name: string }[];
        const instance =
          /[0-9a-f]{8}(?=\._auths-pair)/.exec(heard.map(({ name }) => name).join(' '))?.[0] ?? '';
        const liar = third.start(evil, {
          do: 'deceive',
          own: EVIL,
          nameplate: nameplateOf(offer['code']),
          manner: 'rejects',
          instances: [instance],
        });
        await liar.event('ready');
        await expectPaired(home, host, join(home, offer['code']));
        expect(guesses(liar.stdout())).toBeLessThanOrEqual(1);
      }));

    it('A06 E02 and two more like it: three guesses in all, then pake-failed, and nothing is granted', () => {
      const more = ['10.77.0.67', '10.77.0.68'];
      return withEvil(
        async ({ home, third, evil, others }) => {
          // The true host does not announce itself, so that only liars answer.
          const host = startHost(home, '--no-mdns');
          const offer = await host.event('offer');
          const liars = [evil, ...others].map((machine, i) =>
            third.start(machine, {
              do: 'deceive',
              own: [EVIL, ...more][i] ?? '',
              nameplate: nameplateOf(offer['code']),
              manner: 'rejects',
              instances: Array.from({ length: 5 }, (_, n) => `${i}000000${n}`),
            }),
          );
          for (const liar of liars) await liar.event('ready');
          const failure = failureOf(await join(home, offer['code']).done);
          expect(failure).toMatchObject({ exit: 1, code: 'pairing/pake-failed' });
          expect(failure.hint).toContain('someone is in between');
          expect(liars.map((liar) => guesses(liar.stdout()))).toEqual([1, 1, 1]);
          host.kill('SIGINT');
          expect((await host.done).exit).toBe(130);
          await expectNothingGranted(home);
        },
        ...more,
      );
    });

    it('E02 and says nothing to who comes: the true host still pairs', () =>
      withEvil(async (stage) => {
        const { home, third, evil } = stage;
        const host = startHost(home);
        const offer = await host.event('offer');
        const liar = third.start(evil, {
          do: 'deceive',
          own: EVIL,
          nameplate: nameplateOf(offer['code']),
          manner: 'says nothing',
          instances: ['00000001'],
        });
        await liar.event('ready');
        await expectPaired(home, host, await joinLiarFirst(stage, liar, offer['code']));
      }));

    it('as a flood of oversized, malformed, looping and half records: both programs live, and pair', () =>
      withEvil(async ({ home, third, evil }) => {
        const host = startHost(home);
        const offer = await host.event('offer');
        const flood = third.start(evil, { do: 'flood', own: EVIL, nameplate: nameplateOf(offer['code']) });
        await flood.event('ready');
        await expectPaired(home, host, join(home, offer['code']));
      }));
  });
