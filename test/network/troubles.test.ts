/** The troubles that only a network has, each provoked on machines of its own and in the words that people read. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { execPath } from 'node:process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildPrograms, removePrograms } from '../../apps/cli/test/pair/programs.ts';
import { noNetworkBecause, type Host } from './network.ts';
import { failureOf, oneSegment, SWITCHES_OFF, type Failure, type TwoHomes } from './two-homes.ts';

const why = noNetworkBecause();
let home: TwoHomes;
const taken: ChildProcess[] = [];
const folders: string[] = [];
beforeAll(async () => {
  buildPrograms();
  if (why === null) home = await oneSegment(['four']);
}, 120_000);
afterAll(async () => {
  for (const child of taken) child.kill('SIGKILL');
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  if (why === null) await home.end();
  removePrograms();
});

let last = 9;
/** One more machine on the network of the laptop. */
function machine(): Host {
  last += 1;
  return home.network.host(`m${last}`, { segment: 'a', four: `10.77.0.${last}/24` });
}

async function joinsInVain(host: Host, ...where: readonly string[]): Promise<Failure> {
  const joiner = home.world.machine(host.name, host.within);
  const failure = failureOf(
    await joiner.run('pair', '--join', 'Z43-8JR', '--json', '--name', 'desktop', ...where),
  );
  expect(failure.hint).not.toMatch(SWITCHES_OFF);
  return failure;
}

/** A program that has UDP port 5353 for itself alone. */
async function takeMdns(host: Host): Promise<void> {
  const script = "require('node:dgram').createSocket('udp4').bind(5353, () => console.log('bound'))";
  const [program, ...argv] = [...host.within, execPath, '-e', script];
  const child = spawn(program, argv, { stdio: ['ignore', 'pipe', 'inherit'] });
  taken.push(child);
  await new Promise<void>((resolve, reject) => {
    child.stdout.once('data', () => resolve());
    child.once('exit', () => reject(new Error('could not take UDP port 5353')));
  });
}

describe
  .skipIf(why !== null)
  .concurrent('on a network, a pairing in vain says why:', { timeout: 120_000 }, () => {
    it('there is no such name', async () => {
      const failure = await joinsInVain(machine(), '--host', 'http://no-such-machine.invalid:4000');
      expect(failure).toMatchObject({ exit: 4, code: 'pairing/no-peer' });
      expect(failure.message).toContain('there is no such name');
      expect(failure.hint).toContain('use the address that the host shows instead of a name.');
    });

    it('this machine does not let the connection out', async () => {
      const host = machine();
      host.ip('route add prohibit 10.77.0.1/32');
      const failure = await joinsInVain(host, '--host', 'http://10.77.0.1:4000');
      expect(failure).toMatchObject({ exit: 4, code: 'pairing/no-peer' });
      expect(failure.message).toContain('this machine does not let the connection out');
      expect(failure.hint).toContain('a firewall or a permission on this device stands in the way.');
    });

    it('a registry behind a firewall stays silent', async () => {
      const host = machine();
      const keeper = machine();
      const registry = `http://10.77.0.${last}:3000`;
      keeper.filter('meta l4proto tcp iifname "eth0" drop');
      const failure = await joinsInVain(host, '--registry', registry);
      expect(failure).toMatchObject({ exit: 4, code: 'pairing/no-peer' });
      expect(failure.hint).toContain('Does a firewall there let that port in?');
      expect(failure.hint).toContain(
        'is auths-registry running there? Both devices need the same --registry URL',
      );
    });

    it('there is no way to the network of a registry', async () => {
      const failure = await joinsInVain(machine(), '--registry', 'http://10.99.0.1:3000');
      expect(failure).toMatchObject({ exit: 4, code: 'pairing/no-peer' });
      expect(failure.message).toContain('this machine has no route to that network');
      expect(failure.hint).toContain('Is this machine connected?');
    });

    it('another program has the port of mDNS, on the joiner', async () => {
      const host = machine();
      await takeMdns(host);
      const failure = await joinsInVain(host);
      expect(failure).toMatchObject({ exit: 4, code: 'pairing/no-peer' });
      expect(failure.message).toContain('the local network cannot be searched: ');
      expect(failure.hint).toContain('Give the address that the host shows with --host URL');
    });
  });

describe.skipIf(why !== null)(
  'on a network, the host says why it is not found:',
  { timeout: 120_000 },
  () => {
    it('the host is called by a name that it does not answer to', async () => {
      const desktop = machine();
      const folder = `/etc/netns/${desktop.within.at(-1) ?? ''}`;
      folders.push(folder);
      mkdirSync(folder, { recursive: true });
      writeFileSync(`${folder}/hosts`, '127.0.0.1 localhost\n10.77.0.1 somebody.example\n');
      const host = home.laptop.start('pair', '--json', '--no-mdns', '--yes');
      const { port } = new URL(String((await host.event('offer'))['endpoint']));
      const failure = await joinsInVain(desktop, '--host', `http://somebody.example:${port}`);
      expect(failure).toMatchObject({ exit: 4, code: 'pairing/misdirected-host' });
      expect(failure.hint).toContain(
        'the host does not answer to that name: use its address, or start it with --allow-host NAME',
      );
      host.kill('SIGINT');
      await host.done;
    });

    it('another program has the port of mDNS, on the host', async () => {
      await takeMdns(home.laptopHost);
      const host = home.laptop.start('pair', '--no-input', '--yes');
      await host.shown(/failed \(.*EADDRINUSE.*\); the other device needs --host/);
      host.kill('SIGINT');
      await host.done;
    });

    it('the host is on no local network', async () => {
      home.laptopHost.ip('link set eth0 down');
      home.laptopHost.ip('addr flush dev eth0');
      const host = home.laptop.start('pair', '--no-input', '--yes');
      await host.shown(
        /no local network was found: reachable from this machine only; name an address with --bind/,
      );
      host.kill('SIGINT');
      await host.done;
    });
  },
);
