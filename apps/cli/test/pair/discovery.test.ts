/** Two processes that find each other by multicast alone. */
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { hostname, userInfo } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { loopbackAddress } from '../../src/lan/addresses.ts';
import { createMdns } from '../../src/lan/mdns.ts';
import { buildPrograms, createWorld, removePrograms, type World } from './programs.ts';

beforeAll(buildPrograms, 120_000);
afterAll(removePrograms);

let world: World;
const closers: (() => unknown)[] = [];
afterEach(async () => {
  await world.end();
  for (const close of closers.splice(0)) await close();
});

/** Does multicast on loopback come back on this machine? */
async function multicastWorks(): Promise<boolean> {
  const socket = createSocket({ type: 'udp4', reuseAddr: true });
  try {
    const heard: Buffer[] = [];
    socket.on('message', (message) => heard.push(message));
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.bind(5353, '0.0.0.0', resolve);
    });
    socket.addMembership('224.0.0.251', '127.0.0.1');
    socket.setMulticastInterface('127.0.0.1');
    socket.send('probe', 5353, '224.0.0.251');
    for (let i = 0; i < 20 && heard.length === 0; i += 1) await wait(25);
    return heard.length > 0;
  } catch {
    return false;
  } finally {
    socket.close();
  }
}
const works = await multicastWorks();
const mdns = createMdns({ bytes: (length) => new Uint8Array(randomBytes(length)) });

/** Somebody who answers on the network for a nameplate that is not his. */
async function impostor(nameplate: string): Promise<{ asked: () => number }> {
  let asked = 0;
  const server: Server = createServer((_request, response) => {
    asked += 1;
    response.writeHead(404, { 'content-type': 'application/problem+json' });
    response.end(
      JSON.stringify({
        type: 'urn:auths:error:not-found',
        title: 'x',
        status: 404,
        error: 'not-found',
        message: 'x',
      }),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const { withdraw } = await mdns.advertise({ nameplate, port, address: loopbackAddress });
  closers.push(withdraw, () => new Promise((resolve) => server.close(resolve)));
  return { asked: () => asked };
}

describe.skipIf(!works)('auths pair over mDNS', () => {
  it('finds the host without any address', async () => {
    world = createWorld();
    const [laptop, desktop] = [world.machine('laptop'), world.machine('desktop')];
    await laptop.data('init', '--name', 'laptop', '--git', 'none');
    const host = laptop.start('pair', '--json', '--bind', '127.0.0.1', '--yes');
    const offer = await host.event('offer');
    const joiner = await desktop.run('pair', '--join', String(offer['code']), '--json');
    expect(joiner.exit).toBe(0);
    expect((await host.done).exit).toBe(0);
    expect(await desktop.data('whoami')).toMatchObject({ device_status: 'active' });
  });

  it('E01 says v, np and a random name to everybody, and nothing that is secret or names anybody', async () => {
    const socket = createSocket({ type: 'udp4', reuseAddr: true });
    closers.push(() => socket.close());
    const heard: Buffer[] = [];
    socket.on('message', (message) => heard.push(message));
    await new Promise<void>((resolve) => socket.bind(5353, '0.0.0.0', resolve));
    socket.addMembership('224.0.0.251', '127.0.0.1');
    world = createWorld();
    const laptop = world.machine('laptop');
    const { controller_did } = await laptop.data('init', '--name', 'adas-laptop', '--git', 'none');
    const host = laptop.start('pair', '--json', '--bind', '127.0.0.1', '--link');
    const offer = await host.event('offer');
    const code = String(offer['code']).replace('-', '');
    const txt = `\u0003v=1\u0005np=${code.slice(0, 2)}`;
    const said = (): string => Buffer.concat(heard).toString('latin1');
    for (let i = 0; i < 80 && !said().includes(txt); i += 1) await wait(50);
    host.kill('SIGINT');
    await host.done;
    expect(said()).toContain(txt);
    expect(said()).toMatch(/\u0008[0-9a-f]{8}\u000b_auths-pair/);
    const link = String(offer['link']);
    const secrets = [
      code,
      offer['code'],
      offer['session_id'],
      /s=([^&]+)/.exec(link)?.[1],
      controller_did,
      'adas',
    ];
    for (const secret of [...secrets, hostname(), userInfo().username])
      expect(said().toLowerCase().includes(String(secret).toLowerCase())).toBe(false);
  });

  it('E02 tries the next answer when one is not the host, and says so', async () => {
    world = createWorld();
    const [laptop, desktop] = [world.machine('laptop'), world.machine('desktop')];
    await laptop.data('init', '--name', 'laptop', '--git', 'none');
    const host = laptop.start('pair', '--json', '--bind', '127.0.0.1', '--yes', '--no-mdns');
    const offer = await host.event('offer');
    const nameplate = String(offer['code']).slice(0, 2);
    const { asked } = await impostor(nameplate);
    const joiner = desktop.start('pair', '--join', String(offer['code']));
    joiner.hush();
    await joiner.shown(/is not the host/);
    const port = Number(new URL(String(offer['endpoint'])).port);
    const { withdraw } = await mdns.advertise({ nameplate, port, address: loopbackAddress });
    closers.push(withdraw);
    expect((await joiner.done).exit).toBe(0);
    expect(asked()).toBeGreaterThan(0);
    expect((await host.done).exit).toBe(0);
  });

  it('ends with no-peer, 4, when nobody answers, and names the ways that are left', async () => {
    world = createWorld();
    const desktop = world.machine('desktop');
    const joiner = await desktop.run('pair', '--join', 'Z43-8JR', '--json', '--timeout', '2');
    expect(joiner.exit).toBe(4);
    expect(joiner.stdout).toContain('"pairing/no-peer"');
    expect(joiner.stdout).toMatch(/--host.*--registry/);
  });
});
