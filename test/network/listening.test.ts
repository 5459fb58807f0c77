/** Where a LAN host listens and for how long, and what it leaves on the network when it ends. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { buildPrograms, removePrograms, type Running } from '../../apps/cli/test/pair/programs.ts';
import { noNetworkBecause, type Host } from './network.ts';
import { thirdMachine, type Tasks, type ThirdMachine } from './third-machine.ts';
import { expectPaired, failureOf, join, startHost, twoHomes, type TwoHomes } from './two-homes.ts';

const why = noNetworkBecause();
let machine: ThirdMachine;
let third: Tasks;
beforeAll(async () => {
  buildPrograms();
  machine = await thirdMachine();
}, 120_000);
afterAll(() => {
  removePrograms();
  machine.remove();
});

let home: TwoHomes;
let outsider: Host;
beforeEach(async () => {
  third = machine.tasks();
  if (why !== null) return;
  home = await twoHomes(
    [
      { segment: 'a', four: '10.77.0.1/24', six: 'fd77::1/64', linkLocal: 'fe80::77:1/64' },
      { segment: 'b', four: '10.79.0.1/24' },
    ],
    [{ segment: 'a', four: '10.77.0.2/24' }],
  );
  outsider = home.network.host('outsider', { segment: 'b', four: '10.79.0.9/24' });
});
afterEach(async () => {
  await third.stop();
  await home.end();
});

const portOf = (endpoint: unknown): number => Number(new URL(String(endpoint)).port);
/** One second, and what looking twenty times a second on a busy machine adds. */
const ONE_SECOND = 1_500;

async function watched(
  host: Running,
): Promise<{ offer: Readonly<Record<string, unknown>>; port: number; watch: Running }> {
  const offer = await host.event('offer');
  const port = portOf(offer['endpoint']);
  const watch = third.start(home.desktopHost, { do: 'watch', host: '10.77.0.1', port });
  await watch.event('open');
  return { offer, port, watch };
}

describe.skipIf(why !== null)('a host with two interfaces', { timeout: 180_000 }, () => {
  it('E04 listens on the chosen address and on loopback, and is heard on that interface only', async () => {
    const ears = [
      third.start(home.desktopHost, { do: 'listen', own: '10.77.0.2' }),
      third.start(outsider, { do: 'listen', own: '10.79.0.9' }),
    ];
    for (const ear of ears) await ear.event('ready');
    const host = startHost(home, '--bind', '10.77.0.1');
    const { port, watch } = await watched(host);
    const listening = home.laptopHost
      .exec('ss', '-Hltn')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => line.trim().split(/\s+/)[3]);
    expect(listening).toHaveLength(2);
    expect(new Set(listening)).toEqual(new Set([`10.77.0.1:${port}`, `127.0.0.1:${port}`]));
    const outside = third.start(outsider, { do: 'watch', host: '10.79.0.1', port });
    await outside.event('closed');
    const inside = third.start(home.laptopHost, { do: 'watch', host: '127.0.0.1', port });
    await inside.event('open');
    const heard = await ears[0]?.event('heard');
    expect(JSON.stringify(heard)).toContain('v=1');
    // Ctrl+C: the record is taken back, the port closed.
    const at = Date.now();
    host.kill('SIGINT');
    const closed = await watch.event('closed');
    expect(Number(closed['at']) - at).toBeLessThan(ONE_SECOND);
    expect((await host.done).exit).toBe(130);
    const words = ears[0]?.events().filter(({ event }) => event === 'heard') ?? [];
    const last = words.at(-1)?.['records'] as readonly { readonly ttl: number }[];
    expect(last.length).toBeGreaterThan(0);
    expect(last.every(({ ttl }) => ttl === 0)).toBe(true);
    expect(ears[1]?.events().filter(({ event }) => event === 'heard')).toEqual([]);
  });

  it('E04 closes within a second of pairing', async () => {
    const host = startHost(home, '--bind', '10.77.0.1');
    const { offer, watch } = await watched(host);
    const joiner = join(home, offer['code']);
    await joiner.event('paired');
    const at = Date.now();
    const closed = await watch.event('closed');
    expect(Number(closed['at']) - at).toBeLessThan(ONE_SECOND);
    await expectPaired(home, host, joiner);
  });

  it('E04 closes within a second of its end of life', async () => {
    const host = startHost(home, '--bind', '10.77.0.1', '--expiry', '30');
    const { watch } = await watched(host);
    await host.event('error');
    const at = Date.now();
    const closed = await watch.event('closed');
    expect(Number(closed['at']) - at).toBeLessThan(ONE_SECOND);
    expect(failureOf(await host.done)).toMatchObject({ exit: 5, code: 'pairing/session-expired' });
  });
});
