/** What `auths doctor --network` takes and refuses, on this machine alone. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loopbackAddress } from '../src/lan/addresses.ts';
import {
  createCheck,
  parseReach,
  proofOf,
  reachName,
  reachText,
  scopesOf,
} from '../src/doctor/reach-address.ts';
import { listenForReach, REACH_PATH } from '../src/doctor/reach-listener.ts';
import { buildPrograms, createWorld, removePrograms, type Ended, type World } from './pair/programs.ts';

let world: World;
let other: Server;
let taken = 0;
beforeAll(async () => {
  buildPrograms();
  world = createWorld();
  // Something that is not auths has a port.
  other = createServer((_request, response) => response.end('{"v":1,"proof":"made up"}'));
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  taken = (other.address() as AddressInfo).port;
}, 120_000);
afterAll(async () => {
  other.close();
  await world.end();
  removePrograms();
});

interface Finding {
  readonly check: string;
  readonly status: string;
  readonly detail: string;
  readonly hint: string | null;
}

function checksOf({ stdout }: Ended): readonly Finding[] {
  return (JSON.parse(stdout) as { readonly data: { readonly checks: readonly Finding[] } }).data.checks;
}

describe.concurrent('auths doctor --network', { timeout: 60_000 }, () => {
  it('finds the port taken', async () => {
    const ended = await world
      .machine('port')
      .run('doctor', '--network', '--bind', `127.0.0.1:${taken}`, '--json');
    expect(ended.exit).toBe(1);
    expect(checksOf(ended).find(({ check }) => check === 'port')).toMatchObject({
      status: 'failed',
      detail: `127.0.0.1:${taken} is taken by another program`,
    });
  });

  it('is not deceived by a program that answers in place of the listener', async () => {
    const ended = await world
      .machine('deceived')
      .run('doctor', '--reach', `127.0.0.1:${taken}/00000000`, '--json');
    expect(ended.exit).toBe(1);
    expect(checksOf(ended).find(({ check }) => check === 'reach')).toMatchObject({ status: 'failed' });
  });

  it('shows on stderr what to type on the other device, also under --json; Ctrl+C ends it', async () => {
    const one = world
      .machine('shown')
      .start('doctor', '--network', '--listen', '--bind', '127.0.0.1', '--json');
    await one.shown(/auths doctor --network --reach 127\.0\.0\.1:\d+\/\w{8}/);
    one.kill('SIGINT');
    expect((await one.done).exit).toBe(130);
  });

  it.each([
    ['both sides at once', ['--listen', '--reach', '127.0.0.1:1/00000000']],
    ['a time without a wait', ['--timeout', '5']],
    ['no time', ['--listen', '--timeout', '0']],
    ['an address without a check', ['--reach', '127.0.0.1:8400']],
    ['a check with a letter that no check has', ['--reach', '127.0.0.1:8400/UUUUUUUU']],
    ['an address without a port', ['--reach', '127.0.0.1/00000000']],
    ['a name', ['--reach', 'laptop:8400/00000000']],
    ['an address of another machine', ['--bind', '10.255.255.1:8400']],
    ['every address', ['--bind', '0.0.0.0:8400']],
  ])('refuses %s before it does anything', async (_name, flags) => {
    const { exit, stdout } = await world.machine('refused').run('doctor', '--network', '--json', ...flags);
    expect(exit).toBe(2);
    expect((JSON.parse(stdout) as { error: { code: string; hint: string } }).error).toMatchObject({
      code: 'usage/invalid',
      hint: expect.stringMatching(/auths doctor|--bind|--reach|its addresses are/) as string,
    });
  });
});

describe('an address to be reached', () => {
  it.each([
    ['10.77.0.1:41233/7Q2M9XKD', { address: '10.77.0.1', port: 41_233, check: '7Q2M9XKD' }],
    [' http://10.77.0.1:41233/7q2m-9xkd', { address: '10.77.0.1', port: 41_233, check: '7Q2M9XKD' }],
    ['[fe80::1%eth0]:8400/oil00000', { address: 'fe80::1%eth0', port: 8_400, check: '01100000' }],
  ])('is read as %s', (typed, read) => {
    expect(parseReach(typed)).toEqual(read);
  });

  it('is what is shown', () => {
    const check = createCheck({ bytes: (length) => new Uint8Array(length).fill(255) });
    expect(parseReach(reachText(loopbackAddress, 8_400, check))).toEqual({
      address: '127.0.0.1',
      port: 8_400,
      check,
    });
  });

  it('is called by every interface only where it is link-local and names none', () => {
    expect(scopesOf('10.77.0.1', ['eth0', 'eth1'])).toEqual([null]);
    expect(scopesOf('fd77::1', ['eth0'])).toEqual([null]);
    expect(scopesOf('fe80::1', ['eth0', 'eth1'])).toEqual(['eth0', 'eth1']);
    expect(scopesOf('fe80::1%eth1', ['eth0', 'eth1'])).toEqual(['eth1']);
  });

  it('is announced under a name that no code has and that does not hold the check', () => {
    expect(reachName('7Q2M9XKD')).toMatch(/^reach-[0-9a-f]{8}$/);
    expect(reachName('7Q2M9XKD')).not.toBe(reachName('7Q2M9XKE'));
  });
});

describe('a listener', () => {
  it('answers its check alone, and remembers who called with another', async () => {
    const listener = await listenForReach(loopbackAddress, 0, '7Q2M9XKD');
    try {
      const called = listener.called(30_000, new AbortController().signal);
      const get = async (path: string, method = 'GET'): Promise<readonly [number, unknown]> => {
        const response = await fetch(`${listener.endpoint}${path}`, { method });
        return [response.status, await response.json()];
      };
      expect(await get('/health')).toEqual([404, { v: 1 }]);
      expect(await get(`${REACH_PATH}7Q2M9XKE`)).toEqual([404, { v: 1 }]);
      expect(await get(`${REACH_PATH}7Q2M9XKD`, 'POST')).toEqual([404, { v: 1 }]);
      expect([...listener.strangers]).toEqual(['127.0.0.1']);
      expect(await get(`${REACH_PATH}7Q2M9XKD`)).toEqual([
        200,
        { v: 1, proof: proofOf('7Q2M9XKD'), from: '127.0.0.1' },
      ]);
      expect(await called).toBe('127.0.0.1');
    } finally {
      await listener.close();
    }
  });
});
