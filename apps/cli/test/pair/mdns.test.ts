import { randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { hostname, userInfo } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { loopbackAddress } from '../../src/lan/addresses.ts';
import type { Candidate } from '../../src/lan/discovery.ts';
import { createMdns } from '../../src/lan/mdns.ts';

const GROUP = '224.0.0.251';
const mdns = createMdns({ bytes: (length) => new Uint8Array(randomBytes(length)) });
const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function listener(): Promise<{ socket: Socket; heard: Buffer[] }> {
  const socket = createSocket({ type: 'udp4', reuseAddr: true });
  const heard: Buffer[] = [];
  socket.on('message', (message) => heard.push(message));
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(5353, '0.0.0.0', resolve);
  });
  socket.addMembership(GROUP, '127.0.0.1');
  socket.setMulticastInterface('127.0.0.1');
  socket.setMulticastLoopback(true);
  closers.push(() => new Promise((resolve) => socket.close(() => resolve(undefined))));
  return { socket, heard };
}

/** Does multicast on loopback come back at all on this machine? */
async function multicastWorks(): Promise<boolean> {
  try {
    const { socket, heard } = await listener();
    socket.send('probe', 5353, GROUP);
    for (let i = 0; i < 20 && heard.length === 0; i += 1) await wait(25);
    return heard.some((message) => message.toString() === 'probe');
  } catch {
    return false;
  } finally {
    for (const close of closers.splice(0)) await close();
  }
}
const works = await multicastWorks();

async function find(nameplate: string, count: number, ms: number): Promise<Candidate[]> {
  const found: Candidate[] = [];
  for await (const candidate of mdns.browse(nameplate, AbortSignal.timeout(ms))) {
    found.push(candidate);
    if (found.length === count) break;
  }
  return found;
}

const service = (nameplate: string, port: number): Parameters<typeof mdns.advertise>[0] => ({
  nameplate,
  port,
  address: loopbackAddress,
});

describe.skipIf(!works)('mDNS over real multicast', () => {
  it('finds the host of a nameplate and no other', async () => {
    const wanted = await mdns.advertise(service('Q7', 40_001));
    const other = await mdns.advertise(service('Q8', 40_002));
    closers.push(wanted.withdraw, other.withdraw);
    const found = await find('Q7', 2, 1_500);
    expect(found).toEqual([
      {
        instance: wanted.instance,
        port: 40_001,
        addresses: [{ address: '127.0.0.1', family: 4, scope: null }],
        sender: '127.0.0.1',
      },
    ]);
  });

  it('finds a host that starts later', async () => {
    const finding = find('R5', 1, 5_000);
    await wait(300);
    const late = await mdns.advertise(service('R5', 40_003));
    closers.push(late.withdraw);
    expect(await finding).toMatchObject([{ port: 40_003 }]);
  });

  it('E01 says v and np and nothing that names a person or a machine', async () => {
    const { heard } = await listener();
    const { instance, withdraw } = await mdns.advertise(service('S4', 40_004));
    closers.push(withdraw);
    await wait(200);
    const said = Buffer.concat(heard).toString('latin1');
    expect(instance).toMatch(/^[0-9a-f]{8}$/);
    expect(said).toContain(instance);
    expect(said).toContain('\u0003v=1\u0005np=S4');
    for (const secret of [hostname(), userInfo().username]) expect(said).not.toContain(secret);
  });

  it('takes the record back: nobody finds it afterwards', async () => {
    const advertisement = await mdns.advertise(service('T6', 40_005));
    expect(await find('T6', 1, 1_500)).toHaveLength(1);
    const startedAt = performance.now();
    await advertisement.withdraw();
    expect(performance.now() - startedAt).toBeLessThan(1_000);
    expect(await find('T6', 1, 1_500)).toEqual([]);
  });

  it('survives packets that are not what they seem', async () => {
    const { socket } = await listener();
    const advertisement = await mdns.advertise(service('V9', 40_006));
    closers.push(advertisement.withdraw);
    const finding = find('V9', 1, 5_000);
    const { heard } = await listener();
    await wait(200);
    const samples = [...heard];
    for (let i = 0; i < 400; i += 1) {
      const sample = Buffer.from(samples[i % Math.max(samples.length, 1)] ?? randomBytes(64));
      for (let flips = 0; flips < 4; flips += 1)
        sample[Math.floor(Math.random() * sample.length)] = randomBytes(1)[0] ?? 0;
      socket.send(i % 3 === 0 ? randomBytes(i % 200) : sample, 5353, GROUP);
    }
    expect(await finding).toHaveLength(1);
    expect(await find('V9', 1, 5_000)).toMatchObject([{ port: 40_006 }]);
  });
});

describe('mDNS where it cannot work', () => {
  it('says why', async () => {
    const nowhere = { ...loopbackAddress, interface: 'none0', address: '10.9.8.7', loopback: false };
    await expect(mdns.advertise({ nameplate: 'W2', port: 1, address: nowhere })).rejects.toThrow(/multicast/);
  });
});
