import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createAnswerReader, SERVICE } from '../../src/lan/mdns-answers.ts';

const text = (...items: readonly string[]): Uint8Array[] => items.map((item) => Buffer.from(item, 'latin1'));
/** Who sent the packet. */
const FROM = '192.168.1.7';
const answer = (
  instance: string,
  {
    np = 'Z4',
    port = 4000,
    ip = '192.168.1.7',
    ttl = 120,
    txt = text('v=1', `np=${String(np)}`),
  }: Record<string, unknown> = {},
): { answers: unknown[]; additionals: unknown[] } => ({
  answers: [{ name: SERVICE, type: 'PTR', ttl, data: `${instance}.${SERVICE}` }],
  additionals: [
    { name: `${instance}.${SERVICE}`, type: 'SRV', ttl, data: { port, target: `${instance}.local` } },
    { name: `${instance}.${SERVICE}`, type: 'TXT', ttl, data: txt },
    { name: `${instance}.local`, type: String(ip).includes(':') ? 'AAAA' : 'A', ttl, data: ip },
  ],
});

describe('answers on the local network', () => {
  it('become one candidate per host, once', () => {
    const reader = createAnswerReader('Z4');
    expect(reader.read(answer('0a1b2c3d'), FROM, null)).toEqual([
      {
        instance: '0a1b2c3d',
        port: 4000,
        addresses: [{ address: '192.168.1.7', family: 4, scope: null }],
        sender: FROM,
      },
    ]);
    expect(reader.read(answer('0a1b2c3d'), FROM, null)).toEqual([]);
    expect(reader.read(answer('ffffffff', { port: 4001 }), FROM, null)).toHaveLength(1);
  });

  it('are put together from several packets, in any order', () => {
    const { answers, additionals } = answer('0a1b2c3d');
    for (const records of [[...answers, ...additionals], additionals.toReversed()]) {
      const reader = createAnswerReader('Z4');
      const found = records.flatMap((record) => reader.read({ answers: [record] }, FROM, null));
      expect(found).toHaveLength(1);
    }
  });

  it.each([
    ['another nameplate', { np: 'Z5' }],
    ['a longer nameplate', { np: 'Z43' }],
    ['another case', { np: 'z4' }],
    ['another version', { txt: text('v=2', 'np=Z4') }],
    ['no version', { txt: text('np=Z4') }],
    ['a doubled nameplate', { txt: text('v=1', 'np=Z4', 'np=Z4') }],
    ['a doubled version', { txt: text('v=1', 'v=1', 'np=Z4') }],
    ['an oversized TXT', { txt: text('v=1', 'np=Z4', 'x'.repeat(255)) }],
    ['a TXT that is no bytes', { txt: ['v=1', 'np=Z4'] }],
    ['port 0', { port: 0 }],
    ['a port beyond 65535', { port: 65_536 }],
    ['a public address', { ip: '203.0.113.7' }],
    ['a name for an address', { ip: 'evil.example' }],
    ['the end of a record', { ttl: 0 }],
  ])('with %s are passed over', (_what, options) => {
    expect(createAnswerReader('Z4').read(answer('0a1b2c3d', options), FROM, null)).toEqual([]);
  });

  it.each(['laptop-ada', '0A1B2C3', '0a1b2c3d4', 'zzzzzzzz', ''])(
    'by an instance called %j are passed over',
    (name) => {
      expect(createAnswerReader('Z4').read(answer(name), FROM, null)).toEqual([]);
    },
  );

  it('reach link-local IPv6 by the interface that they came in by', () => {
    expect(createAnswerReader('Z4').read(answer('0a1b2c3d', { ip: 'fe80::1' }), FROM, null)).toEqual([]);
    const [candidate] = createAnswerReader('Z4').read(answer('0a1b2c3d', { ip: 'fe80::1' }), FROM, 'wlan0');
    expect(candidate?.addresses).toEqual([{ address: 'fe80::1', family: 6, scope: 'wlan0' }]);
  });

  it('are tried over IPv4 first and with a scope last', () => {
    const reader = createAnswerReader('Z4');
    const { answers, additionals } = answer('0a1b2c3d', { ip: 'fe80::1' });
    const more = ['fd00::7', '10.0.0.7'].map((data) => ({
      name: '0a1b2c3d.local',
      type: data.includes(':') ? 'AAAA' : 'A',
      ttl: 120,
      data,
    }));
    const [candidate] = reader.read({ answers, additionals: [...additionals, ...more] }, FROM, 'eth0');
    expect(candidate?.addresses.map(({ address }) => address)).toEqual(['10.0.0.7', 'fd00::7', 'fe80::1']);
  });

  it('in a flood take bounded memory, and few candidates', () => {
    const reader = createAnswerReader('Z4');
    let found = 0;
    for (let i = 0; i < 5_000; i += 1)
      found += reader.read(answer(i.toString(16).padStart(8, '0')), FROM, null).length;
    expect(found).toBeLessThanOrEqual(8);
    const many = {
      answers: Array.from({ length: 10_000 }, (_, i) => answer(i.toString(16).padStart(8, 'a'))),
    };
    expect(createAnswerReader('Z4').read(many, FROM, null)).toEqual([]);
  });

  it('of one sender, however many, leave room for those of another', () => {
    const reader = createAnswerReader('Z4');
    for (let i = 0; i < 5_000; i += 1)
      reader.read(answer(i.toString(16).padStart(8, '0'), { ip: '192.168.1.66' }), '192.168.1.66', null);
    expect(reader.read(answer('0a1b2c3d'), FROM, null)).toHaveLength(1);
  });

  it('of another sender change nothing about an instance: neither port nor address, nor whether it is there', () => {
    const reader = createAnswerReader('Z4');
    const evil = { ip: '10.0.0.66', port: 666 };
    const [first] = reader.read(answer('0a1b2c3d', evil), '192.168.1.66', null);
    expect(first).toMatchObject({ sender: '192.168.1.66', port: 666 });
    expect(reader.read(answer('0a1b2c3d'), FROM, null)).toEqual([
      {
        instance: '0a1b2c3d',
        port: 4000,
        addresses: [{ address: FROM, family: 4, scope: null }],
        sender: FROM,
      },
    ]);
  });

  it('of a host that speaks over IPv4 and IPv6 are one candidate', () => {
    const reader = createAnswerReader('Z4');
    expect(reader.read(answer('0a1b2c3d'), FROM, 'eth0')).toHaveLength(1);
    expect(reader.read(answer('0a1b2c3d'), 'fe80::7%eth0', 'eth0')).toEqual([]);
  });

  it('of very many senders take bounded memory; senders of other services make room', () => {
    const reader = createAnswerReader('Z4');
    const printer = { answers: [{ name: 'printer.local', type: 'A', ttl: 120, data: '192.168.1.9' }] };
    for (let i = 0; i < 5_000; i += 1) reader.read(printer, `10.0.${i >> 8}.${i & 255}`, null);
    let found = 0;
    for (let i = 0; i < 5_000; i += 1) {
      const ip = `10.1.${i >> 8}.${i & 255}`;
      found += reader.read(answer('0a1b2c3d', { ip }), ip, null).length;
    }
    expect(found).toBe(256);
  });

  it('of any shape never throw', () => {
    const junk = fc.anything({ maxDepth: 3, withTypedArray: true });
    const record = fc.record(
      {
        name: fc.oneof(fc.constantFrom(SERVICE, `0a1b2c3d.${SERVICE}`, '0a1b2c3d.local'), junk),
        type: fc.oneof(fc.constantFrom('PTR', 'SRV', 'TXT', 'A', 'AAAA'), junk),
        ttl: fc.oneof(fc.constant(120), junk),
        data: fc.oneof(
          fc.record({ port: junk, target: junk }, { requiredKeys: [] }),
          fc.array(fc.uint8Array()),
          junk,
        ),
      },
      { requiredKeys: [] },
    );
    const packet = fc.record({
      answers: fc.oneof(fc.array(record), junk),
      additionals: fc.oneof(fc.array(record), junk),
    });
    fc.assert(
      fc.property(fc.array(packet, { maxLength: 4 }), (packets) => {
        const reader = createAnswerReader('Z4');
        for (const one of packets) reader.read(one, FROM, 'eth0');
      }),
      { numRuns: 500 },
    );
  });
});
