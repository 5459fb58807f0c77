import { describe, expect, it } from 'vitest';
import {
  boundAddress,
  chooseLanAddress,
  isLocalNetwork,
  parseBind,
  urlHost,
  type InterfaceAddress,
} from '../../src/lan/addresses.ts';
import { hostRule } from '../../src/lan/host-rule.ts';

const at = (name: string, address: string, internal = false): InterfaceAddress => ({
  interface: name,
  address,
  family: address.includes(':') ? 6 : 4,
  internal,
});
const loopback = [at('lo', '127.0.0.1', true), at('lo', '::1', true)];

describe('the address of the local network', () => {
  it.each([
    [[at('eth0', '192.168.8.183')], '192.168.8.183'],
    [[at('docker0', '172.17.0.1'), at('wlan0', '10.0.0.7')], '10.0.0.7'],
    [[at('tailscale0', '100.101.102.103'), at('en0', '192.168.1.4')], '192.168.1.4'],
    [[at('en0', 'fe80::1'), at('en0', 'fd12::4'), at('en0', '10.1.1.1')], '10.1.1.1'],
    [[at('en0', 'fe80::1'), at('en0', 'fd12::4')], 'fd12::4'],
    [[at('en0', '203.0.113.5'), at('en0', 'fe80::1')], 'fe80::1'],
    [[at('en0', '169.254.3.3'), at('tun0', '10.8.0.2')], '169.254.3.3'],
    // Neighbours in carrier-grade NAT are strangers: a tailnet address is used when it is given, never by itself.
    [[at('tailscale0', '100.101.102.103')], '127.0.0.1'],
  ])('%j → %s', (addresses, expected) => {
    expect(chooseLanAddress([...loopback, ...addresses]).address).toBe(expected);
  });

  it('is loopback, and says so, when there is none, or only public ones', () => {
    expect(chooseLanAddress(loopback)).toMatchObject({ address: '127.0.0.1', loopback: true });
    expect(
      chooseLanAddress([...loopback, at('eth0', '203.0.113.5'), at('eth0', '2001:db8::5')]),
    ).toMatchObject({
      loopback: true,
    });
  });

  it('keeps the scope of a link-local address and of no other', () => {
    expect(chooseLanAddress([at('wlan0', 'fe80::42')])).toMatchObject({ scope: 'wlan0' });
    expect(chooseLanAddress([at('wlan0', 'fd00::42')])).toMatchObject({ scope: null });
  });

  it.each([
    ['10.1.2.3', true],
    ['172.15.0.1', false],
    ['172.16.0.1', true],
    ['172.31.255.255', true],
    ['172.32.0.1', false],
    ['192.168.0.1', true],
    ['192.169.0.1', false],
    ['100.63.255.255', false],
    ['100.64.0.1', false],
    ['100.128.0.1', false],
    ['169.254.1.1', true],
    ['127.9.9.9', true],
    ['8.8.8.8', false],
    ['::1', true],
    ['fd00::1', true],
    ['fc00::1', true],
    ['fe80::1%eth0', true],
    ['febf::1', true],
    ['fec0::1', false],
    ['2001:4860:4860::8888', false],
    ['10.1.2.3.evil.example', false],
    ['', false],
  ])('%s is local: %s', (address, local) => {
    expect(isLocalNetwork(address)).toBe(local);
  });
});

describe('--bind', () => {
  it.each([
    ['192.168.1.20', { address: '192.168.1.20', port: 0 }],
    ['192.168.1.20:8400', { address: '192.168.1.20', port: 8400 }],
    ['[fd00::2]', { address: 'fd00::2', port: 0 }],
    ['[fd00::2]:8400', { address: 'fd00::2', port: 8400 }],
    ['[fe80::2%eth0]:1', { address: 'fe80::2%eth0', port: 1 }],
  ])('%s', (text, expected) => {
    expect(parseBind(text)).toEqual(expected);
  });

  it.each([
    '',
    'fd00::2',
    'fd00::2:8400',
    '192.168.1.20:',
    '192.168.1.20:65536',
    '192.168.1',
    'localhost',
    '[1.2.3.4]:1',
    '[fd00::2',
    ':80',
    '1.2.3.4:80:90',
  ])('refuses %j', (text) => {
    expect(() => parseBind(text)).toThrow(expect.objectContaining({ code: 'usage/invalid' }) as Error);
  });

  it('refuses to listen everywhere, and addresses of other machines', () => {
    const own = [...loopback, at('eth0', '192.168.1.20'), at('eth0', 'fe80::2')];
    for (const address of ['0.0.0.0', '::', '0:0:0:0:0:0:0:0', '192.168.1.21']) {
      expect(() => boundAddress({ address, port: 0 }, own)).toThrow(
        expect.objectContaining({ code: 'usage/invalid' }) as Error,
      );
    }
    expect(boundAddress({ address: '192.168.1.20', port: 0 }, own)).toMatchObject({
      interface: 'eth0',
      loopback: false,
    });
    expect(boundAddress({ address: 'fe80::2%eth0', port: 0 }, own)).toMatchObject({ scope: 'eth0' });
    expect(boundAddress({ address: '127.0.0.1', port: 0 }, own)).toMatchObject({ loopback: true });
    expect(boundAddress({ address: '127.0.0.7', port: 0 }, own)).toMatchObject({
      address: '127.0.0.7',
      loopback: true,
    });
  });

  it('writes URLs without a scope', () => {
    expect(urlHost('fe80::1%eth0')).toBe('[fe80::1]');
    expect(urlHost('10.0.0.1')).toBe('10.0.0.1');
  });
});

describe('Host headers of a LAN host', () => {
  const allows = hostRule('Laptop-Ada.local', ['ada.tailnet.ts.net']);
  it.each([
    ['192.168.8.183:54688', true],
    ['127.0.0.1', true],
    ['[::1]:80', true],
    ['[fd00::2]', true],
    ['localhost:54688', true],
    ['LAPTOP-ADA:54688', true],
    ['laptop-ada.local', true],
    ['ada.tailnet.ts.net:80', true],
    ['evil.example', false],
    ['laptop-ada.evil.example', false],
    ['localhost.evil.example', false],
    ['127.0.0.1.evil.example', false],
    ['evil.example:80', false],
    ['', false],
    ['localhost@evil.example', false],
    ['[evil.example]:80', false],
  ])('%s → %s', (header, expected) => {
    expect(allows(header)).toBe(expected);
  });
});
