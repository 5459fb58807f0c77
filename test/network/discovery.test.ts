/** Two machines of one network find each other and pair, whatever kind of addresses the network has. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildPrograms, removePrograms } from '../../apps/cli/test/pair/programs.ts';
import { qrLines, readQr } from '../../apps/cli/test/pair/read-qr.ts';
import { noNetworkBecause } from './network.ts';
import {
  DUAL,
  expectPaired,
  FOUR,
  join,
  oneSegment,
  startHost,
  type Families,
  type TwoHomes,
} from './two-homes.ts';

const why = noNetworkBecause();
if (why !== null) process.stderr.write(`network tests are skipped: ${why}\n`);

beforeAll(buildPrograms, 120_000);
afterAll(removePrograms);

async function on(families: Families, test: (home: TwoHomes) => Promise<void>): Promise<void> {
  const home = await oneSegment(families);
  try {
    await test(home);
  } finally {
    await home.end();
  }
}

const networks: readonly (readonly [string, Families, RegExp])[] = [
  ['IPv4 only', ['four'], /^http:\/\/10\.77\.0\.1:\d+$/],
  ['IPv6 with unique-local addresses', ['six', 'linkLocal'], /^http:\/\/\[fd77::1\]:\d+$/],
  ['IPv6 with link-local addresses only', ['linkLocal'], /^http:\/\/\[fe80::77:1\]:\d+$/],
  ['both', DUAL, /^http:\/\/10\.77\.0\.1:\d+$/],
];

describe.skipIf(why !== null)('two machines on one network', { timeout: 180_000 }, () => {
  it.each(networks)('with %s pair by the code alone, found by mDNS', (_name, families, address) =>
    on(families, async (home) => {
      const host = startHost(home);
      const offer = await host.event('offer');
      expect(offer['endpoint']).toMatch(address);
      const joiner = join(home, offer['code']);
      expect((await joiner.event('offer'))['endpoint']).toBe(offer['endpoint']);
      await expectPaired(home, host, joiner);
    }),
  );

  it.each(networks.slice(1, 3))('with %s pair by the QR code alone, without mDNS', (_name, families) =>
    on(families, async (home) => {
      const host = startHost(home, '--no-mdns');
      const offer = await host.event('offer');
      await expectPaired(home, host, join(home, offer['uri']));
      expect(host.events()).toContainEqual(
        expect.objectContaining({ event: 'joined', kind: 'qr', confirm: 'none' }),
      );
    }),
  );

  it('pair by the QR code that the screen draws', () =>
    on(FOUR, async (home) => {
      const host = home.laptop.start('pair', '--no-mdns', '--yes');
      await host.shown(/Ctrl\+C cancels/);
      const payload = readQr(qrLines(host.stderr()), 'blank');
      expect(payload).toMatch(/^AUTHS:/);
      await expectPaired(home, host, join(home, payload));
    }));

  it.each([
    ['10.77.0.1', FOUR, ''],
    ['a link-local address', ['linkLocal'] as const, ''],
    ['a link-local address with its zone', ['linkLocal'] as const, '%eth0'],
  ])('pair by code and %s typed by hand', (_name, families, zone) =>
    on(families, async (home) => {
      const host = startHost(home, '--no-mdns');
      const offer = await host.event('offer');
      const address = String(offer['endpoint']).replace(']', `${zone}]`);
      await expectPaired(home, host, join(home, offer['code'], '--host', address));
    }),
  );
});
