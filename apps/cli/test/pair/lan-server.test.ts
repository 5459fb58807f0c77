import { request } from 'node:http';
import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { LAN_LIMITS } from '@auths/core/pairing/limits';
import { createMemoryLimiter } from '@auths/pairing-http/memory-limiter';
import { createMemorySessions } from '@auths/pairing-http/memory-sessions';
import { chooseLanAddress, loopbackAddress, type LanAddress } from '../../src/lan/addresses.ts';
import { createNeighbourTransport } from '../../src/lan/http-transport.ts';
import { interfaceAddresses } from '../../src/lan/interfaces.ts';
import { startLanServer, type LanServer } from '../../src/lan/server.ts';
import { systemClock } from '../../src/world.ts';

const servers: LanServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

async function start(
  address: LanAddress,
  options: { port?: number; allowHosts?: readonly string[] } = {},
): Promise<LanServer> {
  const server = await startLanServer({
    pairing: {
      store: createMemorySessions({ clock: systemClock, limits: LAN_LIMITS }),
      limiter: createMemoryLimiter({ clock: systemClock, limits: LAN_LIMITS }),
      limits: LAN_LIMITS,
      clock: systemClock,
      mayCreate: 'local',
    },
    address,
    port: options.port ?? 0,
    hostName: 'laptop',
    allowHosts: options.allowHosts ?? [],
  });
  servers.push(server);
  return server;
}

const reaches = (host: string, port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host, port });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
const statusFor = (port: number, host: string): Promise<number> =>
  new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port, path: '/health', headers: { host } }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    })
      .once('error', reject)
      .end();
  });

const lan = chooseLanAddress(interfaceAddresses());
const linkLocal = interfaceAddresses().find(({ address }) => address.startsWith('fe80:'));

describe('the server of a LAN host', () => {
  it('listens on loopback and says ok to anyone who asks for its health', async () => {
    const { endpoint, port } = await start(loopbackAddress);
    expect(endpoint).toBe(`http://127.0.0.1:${port}`);
    const response = await fetch(`${endpoint}/health`);
    expect([response.status, await response.text()]).toEqual([200, 'ok']);
    expect(response.headers.get('access-control-allow-origin')).toBeNull();
  });

  it.skipIf(lan.loopback)(
    'E04 listens on its address and on loopback, and on no other of this machine',
    async () => {
      const { port } = await start(lan);
      const expected = new Set([lan.address, '127.0.0.1']);
      for (const { address, family, interface: name } of interfaceAddresses()) {
        const host = address.startsWith('fe80:') ? `${address}%${name}` : address;
        expect([address, family, await reaches(host, port)]).toEqual([
          address,
          family,
          expected.has(address),
        ]);
      }
    },
  );

  it.skipIf(linkLocal === undefined)(
    'can be reached over link-local IPv6 by the transport for neighbours',
    async () => {
      const scope = linkLocal?.interface ?? '';
      const address: LanAddress = {
        address: linkLocal?.address ?? '',
        family: 6,
        interface: scope,
        scope,
        loopback: false,
      };
      const { port } = await start(address);
      const transport = createNeighbourTransport({ address: address.address, family: 6, scope }, port);
      const answer = await transport.send({ method: 'GET', path: '/v1/pairing/sessions/by-code/ZZ' });
      expect(answer).toMatchObject({ status: 404, body: { error: 'not-found' } });
    },
  );

  it('opens no session for anyone else', async () => {
    const { endpoint } = await start(loopbackAddress);
    const response = await fetch(`${endpoint}/v1/pairing/sessions`, { method: 'POST', body: '{}' });
    expect(response.status).toBe(403);
  });

  it('D09 refuses Host headers that a rebound name would carry', async () => {
    const { port } = await start(loopbackAddress, { allowHosts: ['laptop.tailnet.ts.net'] });
    expect(await statusFor(port, `127.0.0.1:${port}`)).toBe(200);
    expect(await statusFor(port, `laptop.local:${port}`)).toBe(200);
    expect(await statusFor(port, 'laptop.tailnet.ts.net')).toBe(200);
    expect(await statusFor(port, 'evil.example')).toBe(421);
    expect(await statusFor(port, `evil.example:${port}`)).toBe(421);
  });

  it('takes the port that was asked for, and says when it is taken', async () => {
    const { port } = await start(loopbackAddress);
    await expect(start(loopbackAddress, { port })).rejects.toMatchObject({ code: 'network/unreachable' });
  });

  it('is gone within a second although a client keeps its connection open', async () => {
    const { port, close } = await start(loopbackAddress);
    const socket = connect({ host: '127.0.0.1', port });
    await new Promise((resolve) => socket.once('connect', resolve));
    socket.write('GET /health HTTP/1.1\r\n');
    const startedAt = performance.now();
    await close();
    expect(performance.now() - startedAt).toBeLessThan(1_000);
    expect(await reaches('127.0.0.1', port)).toBe(false);
    socket.destroy();
  });
});

describe('the transport for neighbours', () => {
  it('says that nobody is there', async () => {
    const { port, close } = await start(loopbackAddress);
    await close();
    const transport = createNeighbourTransport({ address: '127.0.0.1', family: 4, scope: null }, port);
    await expect(transport.send({ method: 'GET', path: '/health' })).rejects.toMatchObject({
      code: 'network/unreachable',
    });
  });
});
