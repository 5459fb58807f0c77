/** What a network can do to a pairing: each fault has its own words, what to do next, its exit code, and grants nothing. */
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildPrograms, removePrograms, type Running } from '../../apps/cli/test/pair/programs.ts';
import { noNetworkBecause } from './network.ts';
import {
  expectNothingGranted,
  expectPaired,
  failureOf,
  FOUR,
  join,
  oneSegment,
  startHost,
  SWITCHES_OFF,
  twoHomes,
  type Failure,
  type TwoHomes,
} from './two-homes.ts';

const why = noNetworkBecause();
beforeAll(buildPrograms, 120_000);
afterAll(removePrograms);

/** A test with its own network, so that several can wait at once. */
async function on(making: Promise<TwoHomes>, test: (home: TwoHomes) => Promise<void>): Promise<void> {
  const home = await making;
  try {
    await test(home);
  } finally {
    await home.end();
  }
}

/** Joins in vain; the host goes on waiting, and has granted nothing when it is interrupted. */
async function inVain(home: TwoHomes, host: Running, joiner: Running): Promise<Failure> {
  const failure = failureOf(await joiner.done);
  host.kill('SIGINT');
  expect((await host.done).exit).toBe(130);
  await expectNothingGranted(home);
  expect(failure.hint).not.toMatch(SWITCHES_OFF);
  return failure;
}

const elsewhere = (segment: string): Promise<TwoHomes> =>
  twoHomes([{ segment: 'a', four: '10.77.0.1/24' }], [{ segment, four: '10.78.0.2/24' }]);

/** The list that every "could not connect" ends with. */
const CHECKLIST = [
  /same subnet/,
  /firewall/,
  /client isolation/,
  /Local Network permission/,
  /curl http:\S+\/health/,
];

describe.skipIf(why !== null).concurrent('pairing on a network where', { timeout: 240_000 }, () => {
  it('there is no route to the host', () =>
    on(elsewhere('b'), async (home) => {
      const host = startHost(home);
      const offer = await host.event('offer');
      const failure = await inVain(
        home,
        host,
        join(home, offer['code'], '--host', String(offer['endpoint'])),
      );
      expect(failure).toMatchObject({ exit: 4, code: 'pairing/no-peer' });
      expect(failure.message).toMatch(/10\.77\.0\.1:\d+ cannot be reached: this machine has no route/);
      expect(failure.hint).toMatch(/this device is not on the network of the host: connect it there/);
      for (const item of [...CHECKLIST, /--registry URL/]) expect(failure.hint).toMatch(item);
    }));

  it('both hear each other, on different subnets', () =>
    on(elsewhere('a'), async (home) => {
      const host = startHost(home);
      const failure = await inVain(home, host, join(home, (await host.event('offer'))['code']));
      expect(failure).toMatchObject({ exit: 4, code: 'pairing/no-peer' });
      expect(failure.message).toMatch(/10\.77\.0\.1:\d+ cannot be reached: this machine has no route/);
      expect(failure.hint).toMatch(/same subnet/);
    }));

  it('nobody has the address that was typed', () =>
    on(oneSegment(FOUR), async (home) => {
      const host = startHost(home);
      const offer = await host.event('offer');
      const failure = await inVain(home, host, join(home, offer['code'], '--host', 'http://10.77.0.99:4000'));
      expect(failure).toMatchObject({ exit: 4, code: 'pairing/no-peer' });
      expect(failure.message).toMatch(
        /10\.77\.0\.99:4000 cannot be reached: no device answers to that address/,
      );
      expect(failure.hint).toMatch(/is the address the one that the host shows, and is that device awake/);
      for (const item of CHECKLIST) expect(failure.hint).toMatch(item);
    }));

  it.each([
    ['by mDNS', false],
    ['by its address', true],
  ])('a firewall on the host drops what comes in, and the host was found %s', (_how, byHand) =>
    on(oneSegment(FOUR), async (home) => {
      home.laptopHost.filter('meta l4proto tcp iifname "eth0" drop');
      const host = startHost(home);
      const offer = await host.event('offer');
      const direct = byHand ? ['--host', String(offer['endpoint'])] : [];
      const failure = await inVain(home, host, join(home, offer['code'], ...direct));
      expect(failure).toMatchObject({ exit: 4, code: 'pairing/no-peer' });
      expect(failure.message).toMatch(/10\.77\.0\.1:\d+ cannot be reached: no answer at all/);
      expect(failure.hint).toMatch(/a firewall on the host, or a router that keeps Wi-Fi clients apart/);
      for (const item of CHECKLIST) expect(failure.hint).toMatch(item);
    }),
  );

  it('a firewall on the host rejects what comes in', () =>
    on(oneSegment(FOUR), async (home) => {
      home.laptopHost.filter('meta l4proto tcp iifname "eth0" reject with tcp reset');
      const host = startHost(home);
      const failure = await inVain(home, host, join(home, (await host.event('offer'))['code']));
      expect(failure).toMatchObject({ exit: 4, code: 'pairing/no-peer' });
      expect(failure.message).toMatch(
        /10\.77\.0\.1:\d+ cannot be reached: the machine refuses the connection/,
      );
      expect(failure.hint).toMatch(/is "auths pair" still running there and is the port the one it shows/);
      for (const item of CHECKLIST) expect(failure.hint).toMatch(item);
    }));

  it('multicast is blocked: no-peer that names --host, and --host pairs', () =>
    on(oneSegment(FOUR), async (home) => {
      home.desktopHost.filter('udp dport 5353 drop');
      const host = startHost(home);
      const offer = await host.event('offer');
      const failure = failureOf(await join(home, offer['code'], '--timeout', '4').done);
      expect(failure).toMatchObject({ exit: 4, code: 'pairing/no-peer' });
      expect(failure.message).toMatch(/no peer found on local network: nobody answered by mDNS/);
      expect(failure.hint).toMatch(
        /is "auths pair" running on the other device, are both on the same subnet/,
      );
      for (const item of [/UDP port 5353/, /client isolation/, /--host URL/, /--registry URL/])
        expect(failure.hint).toMatch(item);
      expect(failure.hint).not.toMatch(SWITCHES_OFF);
      await expectPaired(home, host, join(home, offer['code'], '--host', String(offer['endpoint'])));
    }));

  it('the joiner is on no network at all', () =>
    on(twoHomes([{ segment: 'a', four: '10.77.0.1/24' }], []), async (home) => {
      const failure = failureOf(await join(home, 'Z43-8JR', '--timeout', '2').done);
      expect(failure).toMatchObject({ exit: 4, code: 'pairing/no-peer' });
      expect(failure.message).toMatch(/no peer found: this machine is on no local network/);
      expect(failure.hint).toMatch(
        /connect it to the network of the other device and join again.*--registry URL/,
      );
    }));

  it('the host dies while the joiner waits for its word', () =>
    on(oneSegment(FOUR), async (home) => {
      const host = home.laptop.start('pair', '--json');
      const joiner = join(home, (await host.event('offer'))['code']);
      await Promise.all([host.event('joined'), joiner.event('sas')]);
      host.kill('SIGKILL');
      await host.done;
      const failure = failureOf(await joiner.done);
      expect(failure).toMatchObject({ exit: 4, code: 'pairing/timeout' });
      expect(failure.message).toMatch(
        /10\.77\.0\.1:\d+ no longer answers: the machine refuses the connection/,
      );
      expect(failure.hint).toMatch(/auths pair/);
      await expectNothingGranted(home);
    }));

  it('the registry ends while the joiner waits for the word of the host', () =>
    on(oneSegment(FOUR), async (home) => {
      const registry = await home.world.registry(['--bind', '10.77.0.1:3000'], {}, home.laptopHost.within);
      const host = home.laptop.start('pair', '--json', '--registry', 'http://10.77.0.1:3000');
      const joiner = join(home, (await host.event('offer'))['code'], '--registry', 'http://10.77.0.1:3000');
      await Promise.all([host.event('joined'), joiner.event('sas')]);
      registry.kill('SIGKILL');
      const failure = failureOf(await joiner.done);
      expect(failure).toMatchObject({ exit: 4, code: 'pairing/timeout' });
      expect(failure.message).toMatch(/no longer answers: the machine refuses the connection/);
      expect(failure.hint).toMatch(/is auths-registry still running there\? Then start again on both sides/);
      host.kill('SIGKILL');
      await host.done;
      await expectNothingGranted(home);
    }));

  it('the cable is pulled in the middle: the joiner says so, and the answer that was given grants nothing', () =>
    on(oneSegment(FOUR), async (home) => {
      const host = home.laptop.start('pair', '--json');
      const joiner = join(home, (await host.event('offer'))['code']);
      await Promise.all([host.event('joined'), joiner.event('sas')]);
      home.desktopHost.ip('link set eth0 down');
      host.say('y');
      // The host leaves the other person two minutes to compare, so it is interrupted here.
      const failure = await inVain(home, host, joiner);
      expect(failure).toMatchObject({ exit: 4, code: 'pairing/timeout' });
      expect(failure.message).toMatch(/10\.77\.0\.1:\d+ no longer answers: this machine has no route/);
      expect(failure.hint).toMatch(
        /has auths pair ended there, is the other device asleep, or has one of the two/,
      );
      expect(failure.hint).toMatch(/left the network\? Start again on both sides: auths pair/);
    }));

  it('the cable is pulled for a moment: they pair when it is back', () =>
    on(oneSegment(FOUR), async (home) => {
      const host = home.laptop.start('pair', '--json');
      const joiner = join(home, (await host.event('offer'))['code']);
      await Promise.all([host.event('joined'), joiner.event('sas')]);
      home.desktopHost.ip('link set eth0 down');
      host.say('y');
      await wait(3_000);
      home.desktopHost.ip('link set eth0 up');
      await expectPaired(home, host, joiner);
    }));
});
