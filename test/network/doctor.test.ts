/** `auths doctor --network`: what a network does to pairing is found by doing it, and said in words of its own. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  buildPrograms,
  createWorld,
  removePrograms,
  type Ended,
  type Machine,
  type Running,
} from '../../apps/cli/test/pair/programs.ts';
import { createNetwork, noNetworkBecause, type Host, type Link } from './network.ts';
import { SWITCHES_OFF } from './two-homes.ts';

const why = noNetworkBecause();
beforeAll(buildPrograms, 120_000);
afterAll(removePrograms);

interface Finding {
  readonly check: string;
  readonly status: string;
  readonly detail: string;
  readonly hint: string | null;
}

interface Pair {
  readonly here: Host;
  readonly there: Host;
  /** `auths doctor --network --json` on a machine without an identity. */
  readonly doctor: (at: Host, ...flags: readonly string[]) => Promise<Answer>;
  /** `--listen` on `here`; resolves when it shows what to type. */
  readonly listen: (
    ...flags: readonly string[]
  ) => Promise<{ readonly target: string; readonly ends: () => Promise<Answer> }>;
}

interface Answer {
  readonly exit: number | null;
  readonly of: (check: string) => readonly Finding[];
}

function answerOf({ exit, stdout }: Ended): Answer {
  const { data } = JSON.parse(stdout) as { readonly data: { readonly checks: readonly Finding[] } };
  for (const { hint } of data.checks) expect(hint ?? '').not.toMatch(SWITCHES_OFF);
  return { exit, of: (check) => data.checks.filter((finding) => finding.check === check) };
}

const HERE: Link = { segment: 'a', four: '10.77.0.1/24', linkLocal: 'fe80::77:1/64' };
const THERE: Link = { segment: 'a', four: '10.77.0.2/24', linkLocal: 'fe80::77:2/64' };

async function on(
  links: readonly [readonly Link[], readonly Link[]],
  test: (pair: Pair) => Promise<void>,
): Promise<void> {
  const network = createNetwork();
  const world = createWorld();
  try {
    const hosts = [network.host('here', ...links[0]), network.host('there', ...links[1])] as const;
    const machines = new Map<Host, Machine>(
      hosts.map((host) => [host, world.machine(host.name, host.within)]),
    );
    const start = (at: Host, flags: readonly string[]): Running => {
      const one = (machines.get(at) as Machine).start('doctor', '--network', '--json', ...flags);
      one.hush();
      return one;
    };
    await test({
      here: hosts[0],
      there: hosts[1],
      doctor: async (at, ...flags) => answerOf(await start(at, flags).done),
      listen: async (...flags) => {
        const one = start(hosts[0], ['--listen', ...flags]);
        const [, target = ''] = await one.shown(/--reach (\S+)/);
        return { target, ends: async () => answerOf(await one.done) };
      },
    });
  } finally {
    await world.end();
    network.end();
  }
}

const together = [[HERE], [THERE]] as const;

describe.skipIf(why !== null).concurrent('auths doctor --network', { timeout: 120_000 }, () => {
  it('hears its announcement on each interface, and finds the interface without a multicast route', () =>
    on(
      [[HERE, { segment: 'b', four: '10.79.0.1/24', linkLocal: 'fe80::79:1/64' }], []],
      async ({ here, there, doctor }) => {
        here.ip('-6 route del multicast ff00::/8 dev eth1 table local');
        const [found, alone] = await Promise.all([doctor(here), doctor(there)]);
        expect(found.exit).toBe(0);
        expect(found.of('network')).toMatchObject([
          { status: 'ok', detail: expect.stringContaining('10.77.0.1') as string },
        ]);
        expect(found.of('mdns').map(({ status, detail }) => [status, detail])).toEqual([
          ['ok', 'an announcement on eth0 over IPv4 is heard back'],
          ['ok', 'an announcement on eth0 over IPv6 is heard back'],
          ['ok', 'an announcement on eth1 over IPv4 is heard back'],
          ['warning', 'no announcement on eth1 over IPv6: it has no multicast route'],
        ]);
        expect(found.of('mdns')[3]?.hint).toMatch(/auths pair --join CODE --host URL/);
        expect(found.of('port')).toMatchObject([{ status: 'ok' }]);
        expect(found.of('reach')).toMatchObject([
          { status: 'skipped', hint: 'auths doctor --network --listen' },
        ]);
        // The other one has no network at all.
        expect(alone.of('network')).toMatchObject([{ status: 'warning', hint: 'auths pair --registry URL' }]);
      },
    ));

  it('tells a firewall that lets no announcement in from one that lets none out', () =>
    on(together, async ({ here, there, doctor }) => {
      here.filter('udp dport 5353 drop');
      there.exec('nft', 'add table inet test');
      there.exec('nft', 'add chain inet test out { type filter hook output priority 0; }');
      there.exec('nft', 'add rule inet test out udp dport 5353 drop');
      const [shut, mute] = await Promise.all([doctor(here), doctor(there)]);
      for (const { status, detail } of shut.of('mdns')) {
        expect(status).toBe('warning');
        expect(detail).toMatch(/sent and not heard back: this machine drops what comes in to UDP port 5353/);
      }
      for (const { status, detail } of mute.of('mdns')) {
        expect(status).toBe('warning');
        expect(detail).toMatch(/this machine does not let UDP port 5353 out/);
      }
      expect([shut.of('mdns').length, mute.of('mdns').length]).toEqual([2, 2]);
    }));

  it('finds the port of --bind taken, and says what takes a free one', () =>
    on(together, async ({ here, doctor, listen }) => {
      await listen('--bind', '10.77.0.1:8400');
      const found = await doctor(here, '--bind', '10.77.0.1:8400');
      expect(found.exit).toBe(1);
      expect(found.of('port')).toMatchObject([
        {
          status: 'failed',
          detail: '10.77.0.1:8400 is taken by another program',
          hint: expect.stringMatching(/^auths pair --bind 10\.77\.0\.1,/) as string,
        },
      ]);
    }));

  it('says that one device reaches the other, on both, once for each check', () =>
    on(together, async ({ there, doctor, listen }) => {
      const { target, ends } = await listen();
      expect(target).toMatch(/^10\.77\.0\.1:\d+\/[0-9A-HJKMNP-TV-Z]{8}$/);
      const wrong = await doctor(there, '--reach', target.replace(/[^/]+$/, '00000000'));
      expect(wrong.exit).toBe(1);
      expect(wrong.of('reach')).toMatchObject([
        {
          status: 'failed',
          detail: expect.stringContaining('is not the listener with this check') as string,
        },
      ]);
      const found = await doctor(there, '--reach', target);
      expect(found.exit).toBe(0);
      expect(found.of('mdns')).toMatchObject([{ status: 'ok' }]);
      expect(found.of('reach')).toMatchObject([
        {
          status: 'ok',
          detail: expect.stringMatching(/10\.77\.0\.1:\d+ is reached from here, as 10\.77\.0\.2/) as string,
        },
      ]);
      const told = await ends();
      expect(told.exit).toBe(0);
      expect(told.of('reach')).toMatchObject([
        { status: 'ok', detail: expect.stringMatching(/^10\.77\.0\.2 has reached this device/) as string },
      ]);
      expect((await doctor(there, '--reach', target)).of('reach')).toMatchObject([
        { status: 'failed', detail: expect.stringContaining('the machine refuses the connection') as string },
      ]);
    }));

  it('says that one device reaches the other by a link-local address', () =>
    on(
      [[{ segment: 'a', linkLocal: 'fe80::77:1/64' }], [{ segment: 'a', linkLocal: 'fe80::77:2/64' }]],
      async ({ there, doctor, listen }) => {
        const { target, ends } = await listen();
        expect(target).toMatch(/^\[fe80::77:1\]:\d+\//);
        expect((await doctor(there, '--reach', target)).of('reach')).toMatchObject([{ status: 'ok' }]);
        expect((await ends()).exit).toBe(0);
      },
    ));

  it('says that the address works where announcements do not arrive', () =>
    on(together, async ({ there, doctor, listen }) => {
      there.filter('udp dport 5353 drop');
      const { target, ends } = await listen();
      const found = await doctor(there, '--reach', target);
      expect(found.exit).toBe(0);
      expect(found.of('mdns')).toMatchObject([
        { status: 'warning', hint: expect.stringContaining('--host URL') as string },
      ]);
      expect(found.of('reach')).toMatchObject([{ status: 'ok' }]);
      expect((await ends()).exit).toBe(0);
    }));

  it.each([
    [
      'drops',
      'meta l4proto tcp iifname "eth0" drop',
      /no answer at all; something on the way drops the call/,
    ],
    [
      'rejects',
      'meta l4proto tcp iifname "eth0" reject with tcp reset',
      /refuses the connection; .* a firewall says no in its name/,
    ],
  ])('says what a firewall that %s does to the call', (_name, rule, words) =>
    on(together, async ({ here, there, doctor, listen }) => {
      here.filter(rule);
      const { target, ends } = await listen('--timeout', '9');
      const found = await doctor(there, '--reach', target);
      expect(found.exit).toBe(1);
      expect(found.of('mdns')).toMatchObject([{ status: 'ok' }]);
      expect(found.of('reach')).toMatchObject([
        {
          status: 'failed',
          detail: expect.stringMatching(words) as string,
          hint: expect.stringContaining('--registry URL') as string,
        },
      ]);
      const told = await ends();
      expect(told.exit).toBe(1);
      expect(told.of('reach')).toMatchObject([
        { status: 'failed', detail: expect.stringContaining('nothing came in at all') as string },
      ]);
    }),
  );

  it('says that there is no way to another subnet, and that nobody has an address', () =>
    on([[HERE], [{ segment: 'a', four: '10.78.0.2/24' }]], async ({ here, there, doctor }) => {
      const [far, absent] = await Promise.all([
        doctor(there, '--reach', '10.77.0.1:8400/00000000'),
        doctor(here, '--reach', '10.77.0.99:8400/00000000'),
      ]);
      expect(far.of('reach')[0]?.detail).toMatch(/this machine has no route to that network/);
      expect(absent.of('reach')[0]?.detail).toMatch(/no device answers to that address/);
    }));
});
