import { randomBytes } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toBase45 } from '../../src/encoding/base45.ts';
import { parseSessionId } from '../../src/identifiers.ts';
import {
  decodeLink,
  decodeQrPayload,
  encodeLink,
  encodeQrPayload,
  isUnfinishedLink,
  parseJoinInput,
  type OutOfBand,
} from '../../src/pairing/uri.ts';
import { codeOf, hex } from '../crypto/vectors.ts';

const offer: OutOfBand = {
  endpoint: 'http://192.168.1.20:41234',
  sessionId: parseSessionId('da4dc5d4d4bab1a1db9afdfd5d4d9087'),
  secret: hex('000102030405060708090a0b0c0d0e0f'),
  hostX25519: hex('dcad28f7ce4262ae216be1b69b76f2381965e4b10c0a9d8552c1bd6e8f645f71'),
  hostCommit: hex('7b959664c5bf5603db10463d69408beb9d40a66e6dd49b3d3fea5020bbb0504a'),
  expiresAt: 1_790_000_300,
};
const PAGE = 'https://auths.example';
const link = encodeLink(offer);
const qr = encodeQrPayload(offer);
const payload = (endpoint: string) => ({ ...offer, endpoint });

/** A QR payload from its parts, so that each can be wrong. */
function rawQr(
  parts: Partial<Record<'version' | 'address' | 'sid' | 'secret' | 'rest' | 'more', string>>,
): string {
  const text = [
    parts.version ?? '01',
    parts.address ?? '04c0a80114a112',
    parts.sid ?? 'da4dc5d4d4bab1a1db9afdfd5d4d9087',
    parts.secret ?? '000102030405060708090a0b0c0d0e0f',
    parts.rest ?? `${'11'.repeat(32)}${'22'.repeat(32)}6ab13b80`,
    parts.more ?? '',
  ].join('');
  return `AUTHS:${toBase45(hex(text))}`;
}

/** What parseJoinInput says to `text`, or the word "nothing". */
function said(text: string): string {
  try {
    parseJoinInput(text);
  } catch (error) {
    return (error as Error).message;
  }
  return 'nothing';
}

const endpoints = fc.oneof(
  fc
    .tuple(
      fc.constantFrom('10.1.2.3', '192.168.0.9', '172.31.255.254', '127.0.0.1', '169.254.7.7'),
      fc.integer({ min: 1, max: 65_535 }),
    )
    .map(([host, port]) => `http://${host}${port === 80 ? '' : `:${port}`}`),
  fc
    .tuple(
      fc.constantFrom('[fe80::1]', '[::1]', '[fd00::a:b]', '[fd12:3456::9]'),
      fc.integer({ min: 81, max: 65_535 }),
    )
    .map(([host, port]) => `http://${host}:${port}`),
  fc.constantFrom(
    'https://auths.example',
    'https://a.b-c.example:8443',
    'https://203.0.113.9',
    'https://[2001:db8::1]:444',
    'http://localhost:8080',
  ),
);
const offers = fc.record({
  endpoint: endpoints,
  sessionId: fc.constant(null).map(() => parseSessionId(randomBytes(16).toString('hex'))),
  secret: fc.uint8Array({ minLength: 16, maxLength: 16 }),
  hostX25519: fc.uint8Array({ minLength: 32, maxLength: 32 }),
  hostCommit: fc.uint8Array({ minLength: 32, maxLength: 32 }),
  expiresAt: fc.integer({ min: 0, max: 0xffffffff }),
});

describe('sizes', () => {
  it('168 characters for IPv4, 186 for IPv6, and a link of 219', () => {
    expect(qr.length - 'AUTHS:'.length).toBe(162);
    expect(qr.length).toBe(168);
    expect(encodeQrPayload(payload('http://[fe80::1234:5678]:41234')).length).toBe(186);
    expect(qr).toMatch(/^[0-9A-Z $%*+\-./:]+$/);
    expect(encodeLink(payload('http://192.168.1.7:41234')).length).toBe(219);
  });
});

describe('round trips', () => {
  it('E09 every form gives the offer back, and nothing of the secret stands before the #', () => {
    fc.assert(
      fc.property(offers, (given) => {
        expect(decodeLink(encodeLink(given))).toEqual(given);
        expect(decodeLink(encodeLink(given, PAGE))).toEqual(given);
        expect(decodeQrPayload(encodeQrPayload(given))).toEqual(given);
        expect(decodeQrPayload(encodeQrPayload(given, PAGE))).toEqual(given);
        for (const text of [encodeLink(given, PAGE), encodeQrPayload(given, PAGE)]) {
          expect(text.split('#')[0]).toBe('https://auths.example/pair');
          // As a browser would hand it on: nothing in the fragment needs escaping any more.
          expect(new URL(text).href).toBe(text);
          expect(parseJoinInput(text).kind).toBe(text.includes('AUTHS:') ? 'qr' : 'link');
        }
        expect(parseJoinInput(encodeQrPayload(given))).toEqual({ kind: 'qr', offer: given });
        expect(parseJoinInput(encodeLink(given))).toEqual({ kind: 'link', offer: given });
      }),
      { numRuns: 200 },
    );
  });

  it('a page form is read with spaces and percent signs as printed, too', () => {
    for (let i = 0; i < 300; i++) {
      const given = {
        ...offer,
        secret: Uint8Array.from(randomBytes(16)),
        hostCommit: Uint8Array.from(randomBytes(32)),
      };
      expect(decodeQrPayload(`${PAGE}/pair#${encodeQrPayload(given)}`)).toEqual(given);
      // Base45 itself holds '%', '2', '0' and '5': with only its spaces escaped such a text could be read two ways.
      if (/%2[05]/.test(encodeQrPayload(given))) continue;
      const bySpaces = encodeQrPayload(given).replace(/ /g, '%20');
      expect(decodeQrPayload(`${PAGE}/pair#${bySpaces}`)).toEqual(given);
    }
  });
});

describe('links that are refused', () => {
  const change = (name: string, value: string) =>
    link.replace(new RegExp(`([?&])${name}=[^&]*`), `$1${name}=${value}`);
  const cases: Record<string, string> = {
    'another version': change('v', '2'),
    'no version': link.replace('v=1&', ''),
    'version with a zero': change('v', '01'),
    'session id missing': link.replace(/&sid=[^&]*/, ''),
    'secret doubled': `${link}&s=AAECAwQFBgcICQoLDA0ODw`,
    'unknown parameter': `${link}&y=1`,
    'unknown parameter without value': `${link}&y`,
    'empty parameter': `${link}&`,
    __proto__: `${link}&__proto__=1`,
    'secret of 15 bytes': change('s', 'AAECAwQFBgcICQoLDA0O'),
    'secret of 17 bytes': change('s', 'AAECAwQFBgcICQoLDA0ODxA'),
    'secret with tail bits': change('s', 'AAECAwQFBgcICQoLDA0ODx'),
    'secret with padding': change('s', 'AAECAwQFBgcICQoLDA0ODw=='),
    'secret in another alphabet': change('s', '++ECAwQFBgcICQoLDA0ODw'),
    'session id in upper case': change('sid', 'DA4DC5D4D4BAB1A1DB9AFDFD5D4D9087'),
    'session id of 15 bytes': change('sid', 'da4dc5d4d4bab1a1db9afdfd5d4d90'),
    'key of 31 bytes': change('k', Buffer.alloc(31, 1).toString('base64url')),
    'commit of 33 bytes': change('hc', Buffer.alloc(33, 1).toString('base64url')),
    'time with a sign': change('x', '+1790000300'),
    'time with a zero in front': change('x', '01790000300'),
    'time beyond 32 bits': change('x', '4294967296'),
    'time as text': change('x', '1e9'),
    'percent-encoded value': change('s', 'AAECAwQFBgcICQoLDA0OD%77'),
    'nothing after ?': 'auths://pair?',
    '4 kB': `${link}&z=${'a'.repeat(4096)}`,
    'another host': link.replace('auths://pair?', 'auths://pairs?'),
    'other case': link.replace('auths://', 'AUTHS://'),
  };
  for (const [name, endpoint] of Object.entries({
    'endpoint with a path': 'http://192.168.1.20:41234/x',
    'endpoint with a lone slash': 'http://192.168.1.20:41234/',
    'endpoint with a query': 'http://192.168.1.20?x',
    'endpoint with user info': 'http://user@192.168.1.20',
    'endpoint of another scheme': 'ftp://192.168.1.20',
    'plain http to the world': 'http://203.0.113.9:41234',
    'plain http to a name': 'http://evil.example',
    file: 'file:///etc/passwd',
    javascript: 'javascript:alert(1)',
    'empty endpoint': '',
  })) {
    cases[name] = change('e', Buffer.from(endpoint).toString('base64url'));
  }
  cases['endpoint that is not UTF-8'] = change('e', Buffer.from([0xff, 0xfe]).toString('base64url'));

  it.each(Object.keys(cases))('%s', (name) => {
    const text = cases[name] as string;
    expect(text).not.toBe(link);
    expect([codeOf(() => decodeLink(text)), codeOf(() => parseJoinInput(text))]).toEqual([
      'pairing/malformed',
      'pairing/malformed',
    ]);
  });

  it('takes the parameters in any order', () => {
    const [head, query] = link.split('?') as [string, string];
    expect(decodeLink(`${head}?${query.split('&').toReversed().join('&')}`)).toEqual(offer);
  });

  it('plain http to a name only when the person gave it', () => {
    const tailnet = { ...offer, endpoint: 'http://box.tail1234.ts.net:41234' };
    expect(codeOf(() => decodeLink(encodeLink(tailnet)))).toBe('pairing/malformed');
    expect(decodeLink(encodeLink(tailnet), { allowedNames: ['box.tail1234.ts.net'] })).toEqual(tailnet);
    expect(codeOf(() => decodeQrPayload(encodeQrPayload(tailnet)))).toBe('pairing/malformed');
    expect(parseJoinInput(encodeQrPayload(tailnet), { allowedNames: ['BOX.tail1234.ts.net'] })).toEqual({
      kind: 'qr',
      offer: tailnet,
    });
  });
});

describe('E08 QR codes that are refused', () => {
  const cases: Record<string, string> = {
    'version 0': rawQr({ version: '00' }),
    'version 2': rawQr({ version: '02' }),
    'address of an unknown kind': rawQr({ address: '05c0a80114a112' }),
    'port 0': rawQr({ address: '04c0a801140000' }),
    'a public IPv4 address': rawQr({ address: '04cb007109a112' }),
    'a public IPv6 address': rawQr({ address: `0620010db8${'00'.repeat(11)}01a112` }),
    'a URL that is none': rawQr({ address: '0003616263' }),
    'a URL with a path': rawQr({ address: `000b${Buffer.from('https://a/b').toString('hex')}` }),
    'a URL of no length': rawQr({ address: '0000' }),
    'a URL beyond the end': rawQr({ address: '00ff' }),
    'a secret of 15 bytes': rawQr({ secret: '000102030405060708090a0b0c0d0e' }),
    'no session id': rawQr({ sid: '' }),
    'one byte more': rawQr({ more: '00' }),
    'three bytes less': rawQr({ rest: `${'11'.repeat(32)}${'22'.repeat(32)}6a` }),
    nothing: 'AUTHS:',
    'lower case': qr.toLowerCase().replace('auths:', 'AUTHS:'),
    '4 kB': `AUTHS:${'0'.repeat(4096)}`,
    'a group too large': `${qr.slice(0, -3)}:::`,
    'one character less': qr.slice(0, -1),
    'one character more': `${qr}0`,
    'without its mark, from a page': `${PAGE}/pair#${qr.slice('AUTHS:'.length)}`,
    'from a page with user info': `https://user@auths.example/pair#${qr}`,
    'from a page on plain http': `http://auths.example/pair#${qr}`,
    'from a page of another path': `${PAGE}/x/pair#${qr}`,
    'from a page with a query': `${PAGE}/?x/pair#${qr}`,
  };

  it.each(Object.keys(cases))('%s', (name) => {
    const text = cases[name] as string;
    expect([codeOf(() => decodeQrPayload(text)), codeOf(() => parseJoinInput(text))]).toEqual([
      'pairing/malformed',
      'pairing/malformed',
    ]);
  });

  it('the raw form of these cases is a good one when nothing is wrong', () => {
    expect(decodeQrPayload(rawQr({})).endpoint).toBe('http://192.168.1.20:41234');
    expect(decodeQrPayload(rawQr({ address: '000968747470733a2f2f61' })).endpoint).toBe('https://a');
  });
});

describe('parseJoinInput', () => {
  it('takes a code, with white space around anything', () => {
    expect(parseJoinInput(' z43 8jr\r\n')).toEqual({
      kind: 'code',
      code: { kind: 'short6', text: 'Z438JR', nameplate: 'Z4' },
    });
    expect(parseJoinInput(`\n${qr}\n`)).toEqual({ kind: 'qr', offer });
    expect(parseJoinInput(`\t${link} `)).toEqual({ kind: 'link', offer });
  });

  it('explains what it was given instead', () => {
    expect(said('https://auths.example/pair')).toMatch(/the part after # is missing/);
    expect(said('did:key:z6MknxdAVnNuSGETVBUhJrM1rZoRAuqVDYQhwQt5Xper79pF')).toMatch(/identifier \(a DID\)/);
    expect(said('auths://join?x')).toMatch(/not one for pairing/);
    expect(said('')).toMatch(/not a pairing code: it is empty/);
    expect(said('hello there')).toMatch(/10 letters and digits/);
  });

  it('throws nothing but the two errors, and never quotes what it was given', () => {
    const noise = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 300 }),
      fc.string({ maxLength: 300 }).map((text) => `AUTHS:${text}`),
      fc.string({ maxLength: 300 }).map((text) => `auths://pair?${text}`),
      fc.string({ maxLength: 300 }).map((text) => `https://a/pair#${text}`),
      fc
        .tuple(fc.nat(link.length - 1), fc.string({ minLength: 1, maxLength: 1 }))
        .map(([at, c]) => link.slice(0, at) + c + link.slice(at + 1)),
      fc
        .tuple(fc.nat(qr.length - 1), fc.string({ minLength: 1, maxLength: 1 }))
        .map(([at, c]) => qr.slice(0, at) + c + qr.slice(at + 1)),
    );
    fc.assert(
      fc.property(noise, (text) => {
        try {
          parseJoinInput(text);
        } catch (error) {
          const { code, message, hint, cause } = error as {
            code: string;
            message: string;
            hint?: string;
            cause?: unknown;
          };
          expect(['pairing/malformed', 'pairing/invalid-code']).toContain(code);
          expect(cause).toBe(undefined);
          for (const shown of [message, hint ?? '']) {
            expect(shown).not.toContain('AAECAwQF');
            expect(shown).not.toContain(qr.slice(20, 26));
          }
        }
      }),
      { numRuns: 800 },
    );
  });
});

const pieces = (text: string, width: number): string[] => text.match(new RegExp(`.{1,${width}}`, 'g')) ?? [];

const broken = (text: string, width: number): string => pieces(text, width).join(`\r\n${' '.repeat(46)}`);

describe('a link that a screen has broken into lines', () => {
  const page = encodeLink(offer, PAGE);

  it.each([34, 47, 70])('is the same link, in pieces of %d', (width) => {
    expect(parseJoinInput(broken(link, width))).toEqual({ kind: 'link', offer });
    expect(parseJoinInput(broken(page, width))).toEqual({ kind: 'link', offer });
  });

  it('is unfinished up to its last character', () => {
    for (let length = 'auths://pair?'.length; length < link.length; length += 1) {
      expect([length, isUnfinishedLink(link.slice(0, length))]).toEqual([length, true]);
    }
    expect(isUnfinishedLink(link)).toBe(false);
    expect(isUnfinishedLink(page)).toBe(false);
  });

  it('and nothing else has blanks taken out of it or waits for more', () => {
    for (const text of [
      qr,
      qr.slice(0, 40),
      `${PAGE}/pair#${qr}`,
      'ABC-DEF',
      'https://auths.example',
      'auths://',
    ]) {
      expect(isUnfinishedLink(text)).toBe(false);
    }
    for (const text of [`${qr.slice(0, 30)}\n${qr.slice(30)}`, `auths: //pair?${link.slice(13)}`]) {
      expect(said(text)).not.toBe('nothing');
    }
  });
});
