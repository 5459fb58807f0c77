import { BlockList, isIP } from 'node:net';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatIpv4, formatIpv6, isLocalAddress, parseIpv4, parseIpv6 } from '../../src/pairing/address.ts';
import { parseEndpoint } from '../../src/pairing/endpoint.ts';
import { codeOf, toHex } from '../crypto/vectors.ts';

const v4 = fc.uint8Array({ minLength: 4, maxLength: 4 });
const v6 = fc.uint8Array({ minLength: 16, maxLength: 16 });
/** Addresses with runs of zeros, where "::" has its corners. */
const sparse = fc
  .array(fc.constantFrom(0, 0, 1, 0xfe80, 0xabcd), { minLength: 8, maxLength: 8 })
  .map((groups) => Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 255])));

describe('addresses', () => {
  it('format and parse are inverse, and agree with the platform', () => {
    fc.assert(
      fc.property(v4, (bytes) => {
        expect(parseIpv4(formatIpv4(bytes))).toEqual(bytes);
      }),
    );
    fc.assert(
      fc.property(fc.oneof(v6, sparse), (bytes) => {
        const text = formatIpv6(bytes);
        expect(parseIpv6(text)).toEqual(bytes);
        expect(isIP(text)).toBe(6);
        // The URL parser writes RFC 5952, except that it never shows an IPv4 tail.
        expect(new URL(`http://[${text}]`).hostname).toBe(`[${text}]`);
      }),
      { numRuns: 500 },
    );
  });

  it('takes what node:net takes and refuses what it refuses', () => {
    const piece = fc.constantFrom(
      '0',
      '1',
      'ffff',
      'FE80',
      '::',
      ':',
      '1.2.3.4',
      '01',
      '256',
      '.',
      'g',
      '12345',
      '',
      '%eth0',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const text = pieces.join('');
        const mine = parseIpv4(text) === null ? (parseIpv6(text) === null ? 0 : 6) : 4;
        // A zone is an address to node and none to us: it means something on one machine only.
        expect([text, mine]).toEqual([text, text.includes('%') ? 0 : isIP(text)]);
      }),
      { numRuns: 3000 },
    );
    expect(toHex(parseIpv6('::ffff:192.168.1.2') ?? new Uint8Array(0))).toBe(
      '00000000000000000000ffffc0a80102',
    );
    for (const bad of [
      '1.2.3',
      '1.2.3.4.5',
      '01.2.3.4',
      '1.2.3.256',
      '0x7f.0.0.1',
      '127.1',
      ' 1.2.3.4',
      '1.2.3.4\n',
    ])
      expect(parseIpv4(bad)).toBe(null);
    for (const bad of [
      '',
      ':',
      ':::',
      '1::2::3',
      '1:2:3:4:5:6:7',
      '1:2:3:4:5:6:7:8:9',
      '1:2:3:4:5:6:7::8:9',
      'fe80::1%eth0',
      '::1 ',
      '[::1]',
      '1.2.3.4::',
    ])
      expect([bad, parseIpv6(bad)]).toEqual([bad, null]);
  });

  it('knows private, link-local and loopback, and nothing more', () => {
    const list = new BlockList();
    for (const [network, bits] of [
      ['10.0.0.0', 8],
      ['172.16.0.0', 12],
      ['192.168.0.0', 16],
      ['169.254.0.0', 16],
      ['127.0.0.0', 8],
    ] as const)
      list.addSubnet(network, bits, 'ipv4');
    for (const [network, bits] of [
      ['fe80::', 10],
      ['fc00::', 7],
      ['::1', 128],
    ] as const)
      list.addSubnet(network, bits, 'ipv6');
    const check4 = (bytes: Uint8Array) =>
      expect([formatIpv4(bytes), isLocalAddress(bytes)]).toEqual([
        formatIpv4(bytes),
        list.check(formatIpv4(bytes), 'ipv4'),
      ]);
    for (let a = 0; a < 256; a++)
      for (let b = 0; b < 256; b += a === 172 || a === 192 || a === 169 || a === 100 ? 1 : 85)
        check4(Uint8Array.of(a, b, 0, 1));
    fc.assert(
      fc.property(fc.oneof(v6, sparse), fc.nat(255), (bytes, first) => {
        for (const address of [
          bytes,
          Uint8Array.of(first, ...bytes.slice(1)),
          Uint8Array.of(0xfe, ...bytes.slice(1)),
          Uint8Array.of(0xfc | (first & 3), ...bytes.slice(1)),
        ]) {
          const mapped = address.slice(0, 12).every((byte, i) => byte === (i < 10 ? 0 : 255));
          if (!mapped)
            expect([toHex(address), isLocalAddress(address)]).toEqual([
              toHex(address),
              list.check(formatIpv6(address), 'ipv6'),
            ]);
        }
      }),
      { numRuns: 500 },
    );
    for (const [text, local] of [
      ['::1', true],
      ['::', false],
      ['::2', false],
      ['1::1', false],
      ['::ffff:10.0.0.1', true],
      ['::ffff:8.8.8.8', false],
      ['fec0::1', false],
      ['ff02::1', false],
      ['2001:db8::1', false],
    ] as const) {
      expect([text, isLocalAddress(parseIpv6(text) ?? new Uint8Array(0))]).toEqual([text, local]);
    }
    for (const text of [
      '0.0.0.0',
      '100.64.0.1',
      '100.127.255.255',
      '255.255.255.255',
      '224.0.0.251',
      '172.15.0.1',
      '172.32.0.1',
    ]) {
      expect([text, isLocalAddress(parseIpv4(text) ?? new Uint8Array(0))]).toEqual([text, false]);
    }
    for (const length of [0, 1, 3, 5, 15, 17])
      expect(isLocalAddress(new Uint8Array(length).fill(10))).toBe(false);
  });
});

describe('endpoints', () => {
  it('are written in one way', () => {
    for (const [given, origin] of [
      ['https://auths.example', 'https://auths.example'],
      ['HTTPS://Auths.Example:443', 'https://auths.example'],
      ['https://auths.example:8443', 'https://auths.example:8443'],
      ['http://127.0.0.1:80', 'http://127.0.0.1'],
      ['http://[FE80:0:0::1]:8080', 'http://[fe80::1]:8080'],
      ['http://localhost:3000', 'http://localhost:3000'],
      ['https://203.0.113.9', 'https://203.0.113.9'],
      ['https://xn--bcher-kva.example', 'https://xn--bcher-kva.example'],
    ] as const) {
      expect(parseEndpoint(given).origin).toBe(origin);
      expect(new URL(origin).origin).toBe(origin);
      expect(parseEndpoint(origin).origin).toBe(origin);
    }
    expect(parseEndpoint('http://[fe80::1]:8080')).toMatchObject({
      scheme: 'http',
      host: 'fe80::1',
      port: 8080,
    });
    expect(parseEndpoint('https://auths.example')).toMatchObject({
      host: 'auths.example',
      port: 443,
      address: null,
    });
  });

  const refused = [
    '',
    'auths.example',
    '//auths.example',
    'https:auths.example',
    'https://',
    'https:///x',
    'ftp://auths.example',
    'ws://auths.example',
    'https://auths.example/',
    'https://auths.example/v1',
    'https://auths.example?x',
    'https://auths.example#x',
    'https://auths.example\\x',
    'https://user@auths.example',
    'https://user:pass@auths.example',
    'https://@auths.example',
    'https://auths.example:',
    'https://auths.example:0',
    'https://auths.example:080',
    'https://auths.example:65536',
    'https://auths.example:99999',
    'https://auths.example:8o',
    'https://auths.example:-1',
    'https://-a.example',
    'https://a-.example',
    'https://a..example',
    'https://.example',
    'https://example.',
    'https://a_b.example',
    'https://bücher.example',
    'https://auths.example ',
    ' https://auths.example',
    'https://auths.example\n',
    'https://au\tths.example',
    'https://a%2eb.example',
    'http://2130706433',
    'http://0x7f000001',
    'http://127.1',
    'http://0177.0.0.1',
    'http://0x7f.0.0.1',
    'http://127.0.0.1.',
    'https://1.2.3',
    'https://a.0x1',
    'https://a.1',
    'http://[::1',
    'http://::1',
    'http://[::1%25lo]',
    'http://[fe80::1%eth0]',
    'http://[]',
    'http://[127.0.0.1]',
    'http://[::1]x',
    'http://8.8.8.8',
    'http://100.64.1.1',
    'http://0.0.0.0',
    'http://[2001:db8::1]',
    'http://[::]',
    'http://[::ffff:8.8.8.8]',
    'http://auths.example',
    'http://localhost.example',
    'http://sub.localhost',
    'http://10.0.0.1.evil.example',
    'http://host.local',
    `https://${'a'.repeat(64)}.example`,
    `https://${'a.'.repeat(150)}example`,
  ];
  it.each(refused)('refuses %j', (text) => {
    expect(codeOf(() => parseEndpoint(text))).toBe('pairing/malformed');
  });

  it('lets plain http go to exactly the names that were given', () => {
    const rules = { allowedNames: ['box.tail1234.ts.net', '100.64.1.1'] };
    expect(parseEndpoint('http://box.tail1234.ts.net:9', rules).host).toBe('box.tail1234.ts.net');
    expect(parseEndpoint('http://100.64.1.1:9', rules).host).toBe('100.64.1.1');
    for (const other of ['http://ts.net', 'http://x.box.tail1234.ts.net', 'http://100.64.1.2']) {
      expect(codeOf(() => parseEndpoint(other, rules))).toBe('pairing/malformed');
    }
    expect(parseEndpoint('http://anything.example', { allowedNames: 'any' }).origin).toBe(
      'http://anything.example',
    );
    expect(codeOf(() => parseEndpoint('http://any', { allowedNames: ['a'] }))).toBe('pairing/malformed');
  });

  it('never reads a host that the platform reads differently', () => {
    const part = fc.constantFrom(
      'http://',
      'https://',
      'HTTP://',
      '10.0.0.1',
      '127.1',
      'a.example',
      '@',
      ':',
      '/',
      '\\',
      '[::1]',
      '?',
      '#',
      '0x7f',
      '.',
      '80',
      '%2e',
      '\t',
    );
    fc.assert(
      fc.property(fc.array(part, { minLength: 2, maxLength: 6 }), (parts) => {
        const text = parts.join('');
        if (codeOf(() => parseEndpoint(text)) !== 'nothing') return;
        const { origin } = parseEndpoint(text);
        expect(new URL(text).origin).toBe(origin);
        expect(new URL(text).href).toBe(`${origin}/`);
      }),
      { numRuns: 5000 },
    );
  });
});
