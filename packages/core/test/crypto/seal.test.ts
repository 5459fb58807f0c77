import { chacha20poly1305 } from '@noble/ciphers/chacha.js';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encryptEnvelope, openEnvelope, sealEnvelope, type EnvelopePlace } from '../../src/crypto/seal.ts';
import { parseSessionId } from '../../src/identifiers.ts';
import { codeOf, flip, hex, load, seeded, toHex } from './vectors.ts';

const place: EnvelopePlace = {
  sessionId: parseSessionId('da4dc5d4d4bab1a1db9afdfd5d4d9087'),
  direction: 'j2h',
  seq: 7,
};
const key = new Uint8Array(32).fill(3);

describe('ChaCha20-Poly1305', () => {
  it('answers every Wycheproof row as stated', () => {
    const { vectors } = load<
      Record<'key' | 'iv' | 'aad' | 'msg' | 'ct' | 'tag' | 'result', string> & { tcId: number }
    >('wycheproof-chacha20poly1305.json');
    expect(vectors.length).toBe(34);
    for (const row of vectors) {
      let opened: string | null = null;
      try {
        opened = toHex(
          chacha20poly1305(hex(row.key), hex(row.iv), hex(row.aad)).decrypt(hex(row.ct + row.tag)),
        );
      } catch {
        // refused
      }
      expect([row.tcId, opened]).toEqual([row.tcId, row.result === 'valid' ? row.msg : null]);
    }
  });
});

describe('envelopes', () => {
  it('open in their place, with sizes that are multiples of 1,024 and a tag', () => {
    const sizes: [number, number][] = [
      [0, 1024],
      [1, 1024],
      [1020, 1024],
      [1021, 2048],
      [2044, 2048],
      [2045, 3072],
      [8192, 9216],
    ];
    for (const [length, padded] of sizes) {
      const data = seeded(length + 1)(length);
      const sealed = sealEnvelope(key, place, data);
      expect([length, sealed.length]).toEqual([length, padded + 16]);
      expect(toHex(openEnvelope(key, place, sealed))).toBe(toHex(data));
    }
  });

  it('round trip, and any flipped bit, cut or added byte is channel-tampered', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 3000 }),
        fc.nat(),
        fc.integer({ min: 1, max: 2000 }),
        (data, n, cut) => {
          const sealed = sealEnvelope(key, place, data);
          expect(toHex(openEnvelope(key, place, sealed))).toBe(toHex(data));
          const changed = [
            flip(sealed, n % (sealed.length * 8)),
            sealed.slice(0, Math.max(0, sealed.length - cut)),
            Uint8Array.of(...sealed, 0),
            Uint8Array.of(...sealed, ...new Uint8Array(1024)),
          ];
          for (const bytes of changed)
            expect(codeOf(() => openEnvelope(key, place, bytes))).toBe('pairing/channel-tampered');
        },
      ),
      { numRuns: 60 },
    );
  });

  it('open in no other session, direction or place, and under no other key', () => {
    const sealed = sealEnvelope(key, place, hex('aabb'));
    const elsewhere: EnvelopePlace[] = [
      { ...place, direction: 'h2j' },
      { ...place, seq: 8 },
      { ...place, seq: 0 },
      { ...place, sessionId: parseSessionId('da4dc5d4d4bab1a1db9afdfd5d4d9088') },
    ];
    for (const other of elsewhere)
      expect(codeOf(() => openEnvelope(key, other, sealed))).toBe('pairing/channel-tampered');
    expect(codeOf(() => openEnvelope(flip(key, 0), place, sealed))).toBe('pairing/channel-tampered');
  });

  it('a genuine key with wrong length or padding inside is refused as well', () => {
    const inside = (change: (plain: Uint8Array) => void, size = 1024) => {
      const plain = new Uint8Array(size);
      plain[3] = 2;
      change(plain);
      return encryptEnvelope(key, place, plain);
    };
    expect(
      toHex(
        openEnvelope(
          key,
          place,
          inside(() => {}),
        ),
      ),
    ).toBe('0000');
    const cases = {
      'padding not zero': inside((plain) => (plain[1023] = 1)),
      'padding not zero at its start': inside((plain) => (plain[6] = 1)),
      'length beyond the end': inside((plain) => plain.set([0, 0, 3, 253])),
      'length of 4 GiB': inside((plain) => plain.set([255, 255, 255, 255])),
      'more padding than needed': inside(() => {}, 2048),
      'no multiple of 1,024': encryptEnvelope(key, place, new Uint8Array(1000)),
      empty: encryptEnvelope(key, place, new Uint8Array(0)),
    };
    for (const [name, sealed] of Object.entries(cases)) {
      expect([name, codeOf(() => openEnvelope(key, place, sealed))]).toEqual([
        name,
        'pairing/channel-tampered',
      ]);
    }
  });
});
