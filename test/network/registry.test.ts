/** A registry on a machine between two subnets, and what is said where its address is not the right one. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { buildPrograms, removePrograms } from '../../apps/cli/test/pair/programs.ts';
import { noNetworkBecause, type Host } from './network.ts';
import {
  expectNothingGranted,
  expectPaired,
  failureOf,
  join,
  SWITCHES_OFF,
  twoHomes,
  type TwoHomes,
} from './two-homes.ts';

const why = noNetworkBecause();
const URL = 'http://10.77.0.254:3000';
beforeAll(buildPrograms, 120_000);
afterAll(removePrograms);

let home: TwoHomes;
let between: Host;
beforeEach(async () => {
  if (why !== null) return;
  home = await twoHomes([{ segment: 'a', four: '10.77.0.1/24' }], [{ segment: 'b', four: '10.78.0.2/24' }]);
  between = home.network.host(
    'between',
    { segment: 'a', four: '10.77.0.254/24' },
    { segment: 'b', four: '10.78.0.254/24' },
  );
  // It carries between the subnets, so that both use one address.
  between.exec('sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward');
  home.laptopHost.ip('route add default via 10.77.0.254');
  home.desktopHost.ip('route add default via 10.78.0.254');
  await home.world.registry(['--bind', '0.0.0.0:3000'], {}, between.within);
});
afterEach(() => home.end());

const LOCALHOST = /localhost means this machine only: from another device use the address/;

describe.skipIf(why !== null)('a registry between two subnets', { timeout: 240_000 }, () => {
  it('pairs a device of the other one, by code and by QR code', async () => {
    const host = home.laptop.start('pair', '--registry', URL, '--json');
    const offer = await host.event('offer');
    const joiner = join(home, offer['code'], '--registry', URL);
    expect(await host.event('joined')).toMatchObject({ confirm: 'type' });
    host.say(String((await joiner.event('sas'))['sas']));
    await expectPaired(home, host, joiner);
    const again = home.laptop.start('pair', '--registry', URL, '--json');
    const tablet = home.world.machine('tablet', home.desktopHost.within);
    const scanned = await tablet.run('pair', '--join', String((await again.event('offer'))['uri']), '--json');
    expect([scanned.exit, (await again.done).exit]).toEqual([0, 0]);
  });

  it('is not on the joiner: localhost, a wrong port and a wrong address have their words', async () => {
    const host = home.laptop.start('pair', '--registry', URL, '--json');
    const offer = await host.event('offer');
    const tried: readonly (readonly [string, RegExp, RegExp])[] = [
      ['http://localhost:3000', /localhost:3000 cannot be reached: the machine refuses/, LOCALHOST],
      [
        'http://10.77.0.254:3001',
        /:3001 cannot be reached: the machine refuses/,
        /auths-registry running there\?.*same --registry URL/,
      ],
      [
        'http://10.78.0.77:3000',
        /10\.78\.0\.77:3000 cannot be reached: no device answers/,
        /curl http:\/\/10\.78\.0\.77:3000\/health/,
      ],
    ];
    for (const [registry, message, hint] of tried) {
      const failure = failureOf(await join(home, offer['code'], '--registry', registry).done);
      expect(failure).toMatchObject({ exit: 4, code: 'pairing/no-peer' });
      expect(failure.message).toMatch(message);
      expect(failure.hint).toMatch(hint);
      expect(failure.hint).not.toMatch(SWITCHES_OFF);
    }
    host.kill('SIGINT');
    await host.done;
    await expectNothingGranted(home);
  });

  it('is not on the host either: localhost has its words there', async () => {
    const failure = failureOf(await home.laptop.run('pair', '--registry', 'http://localhost:3000', '--json'));
    expect(failure).toMatchObject({ exit: 4, code: 'network/unreachable' });
    expect(failure.message).toMatch(/localhost:3000 cannot be reached: the machine refuses/);
    expect(failure.hint).toMatch(LOCALHOST);
    await expectNothingGranted(home);
  });

  it('on the machine of the host: localhost works there, and the screen says that it does nowhere else', async () => {
    const keeper = home.world.machine('keeper', between.within);
    await keeper.data('init', '--name', 'keeper', '--git', 'none');
    const { device_did } = await home.desktop.data('key', 'create');
    const host = keeper.start(
      'pair',
      '--registry',
      'http://localhost:3000',
      '--expect-device',
      String(device_did),
    );
    await host.shown(/localhost means this machine only: another device needs the address/);
    const [, code = ''] = await host.shown(/auths pair --join (\S+)/);
    const failure = failureOf(await join(home, code, '--registry', 'http://localhost:3000').done);
    expect(failure.hint).toMatch(LOCALHOST);
    host.kill('SIGINT');
    expect((await host.done).exit).toBe(130);
  });
});
