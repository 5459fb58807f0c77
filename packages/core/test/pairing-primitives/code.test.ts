import { createHash } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromBase45, toBase45 } from '../../src/encoding/base45.ts';
import { normaliseCrockford, toCrockford } from '../../src/encoding/crockford.ts';
import {
  formatCode,
  generateCode,
  generateSecret,
  KIND_IDS,
  nameplateKind,
  parseCode,
  secretText,
  type CodeKind,
} from '../../src/pairing/code.ts';
import { codeOf, hex, load, toHex } from '../crypto/vectors.ts';

type CodeRow =
  | { readonly op: 'encode'; readonly bytes_hex: string; readonly text: string }
  | {
      readonly op: 'normalize';
      readonly kind: CodeKind;
      readonly input: string;
      readonly canonical: string;
      readonly nameplate: string;
    }
  | {
      readonly op: 'reject';
      readonly kind: CodeKind;
      readonly input: string;
      readonly error: string;
      readonly why: string;
    };

const file = load<CodeRow>('codes-crockford.json');
const alphabets = file.alphabets as Readonly<Record<'short6' | 'crockford', string>>;
const KINDS = ['short6', 'pin8', 'code12'] as const;
const LENGTHS = { short6: 6, pin8: 8, code12: 12 };
const NAMEPLATES = { short6: 2, pin8: 3, code12: 4 };
const alphabetOf = (kind: CodeKind) => (kind === 'short6' ? alphabets.short6 : alphabets.crockford);

/** A repeatable source without the weaknesses of a small generator: SHA-256 of a counter. */
function hashed(seed: string): { bytes(length: number): Uint8Array } {
  let counter = 0;
  return {
    bytes(length) {
      const blocks = Array.from({ length: Math.ceil(length / 32) }, () =>
        createHash('sha256').update(`${seed}:${counter++}`).digest(),
      );
      return Uint8Array.from(Buffer.concat(blocks).subarray(0, length));
    },
  };
}

const ascii = (text: string) => Uint8Array.from(Buffer.from(text, 'ascii'));
/** The message that `run` throws, or the word "nothing". */
function messageOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return (error as Error).message;
  }
  return 'nothing';
}
const said = (typed: string) => messageOf(() => parseCode(typed));

describe('codes-crockford.json', () => {
  it('every row', () => {
    expect(file.vectors.length).toBe(17);
    const done = { encode: 0, normalize: 0, reject: 0 };
    for (const row of file.vectors) {
      if (row.op === 'encode') expect(toCrockford(hex(row.bytes_hex))).toBe(row.text);
      else if (row.op === 'normalize') {
        expect(parseCode(row.input)).toEqual({
          kind: row.kind,
          text: row.canonical,
          nameplate: row.nameplate,
        });
      } else expect([row.why, codeOf(() => parseCode(row.input))]).toEqual([row.why, `pairing/${row.error}`]);
      done[row.op]++;
    }
    expect(done).toEqual({ encode: 5, normalize: 6, reject: 6 });
  });
});

describe('parseCode', () => {
  it('A07 takes the spellings that people type', () => {
    for (const typed of ['z43 8jr', 'Z438JR', 'Z43-8JR', ' Z43-8JR ', '-z-4-3-8-j-r-']) {
      expect(parseCode(typed)).toEqual({ kind: 'short6', text: 'Z438JR', nameplate: 'Z4' });
    }
  });

  it('A09 refuses every other length', () => {
    for (let length = 0; length <= 64; length++) {
      const code = codeOf(() => parseCode('2'.repeat(length)));
      expect([length, code]).toEqual([
        length,
        [6, 8, 12].includes(length) ? 'nothing' : 'pairing/invalid-code',
      ]);
    }
    expect(codeOf(() => parseCode('A'.repeat(10_240)))).toBe('pairing/invalid-code');
    expect(codeOf(() => parseCode(`Z438JR${' '.repeat(10_240)}`))).toBe('pairing/invalid-code');
  });

  it('refuses every character that is not in the alphabet, in every place, and never quotes the input', () => {
    for (const kind of KINDS) {
      const length = LENGTHS[kind];
      for (let c = 0x21; c < 0x2100; c++) {
        const letter = String.fromCodePoint(c);
        const at = c % length;
        const typed = `${'7'.repeat(at)}${letter}${'7'.repeat(length - at - 1)}`;
        const upper = /^[a-z]$/.test(letter) ? letter.toUpperCase() : letter;
        const mapped = kind === 'short6' ? upper : ({ O: '0', I: '1', L: '1' }[upper] ?? upper);
        if (letter === '-') continue;
        if (alphabetOf(kind).includes(mapped)) {
          expect(parseCode(typed).text).toBe(`${'7'.repeat(at)}${mapped}${'7'.repeat(length - at - 1)}`);
          continue;
        }
        const message = said(typed);
        expect(message).toContain(`character ${at + 1} `);
        expect(message).not.toContain('77');
      }
    }
  });

  it('says what is wrong, without the code', () => {
    expect(said('Z43-8JO')).toMatch(/character 6 is one of 0, 1, I, L and O/);
    expect(said('A1B2-C3DU')).toMatch(/character 8 is a U/);
    expect(said('K7QM_3FBR9TZ')).toMatch(/character 5 is not a letter or digit/);
    expect(said('')).toMatch(/empty/);
    expect(said('Z438J')).toMatch(/5 letters and digits/);
    for (const typed of ['Z43-8JO', 'A1B2-C3DU', 'K7QM_3FBR9TZ', 'Z438J', 'QQQQQQQ']) {
      const compact = typed.replace(/[-_]/g, '');
      for (let i = 0; i + 3 <= compact.length; i++)
        expect(said(typed)).not.toContain(compact.slice(i, i + 3));
    }
  });

  it('is the identity on what formatCode shows', () => {
    for (const kind of KINDS) {
      const random = hashed(`format ${kind}`);
      for (let i = 0; i < 200; i++) {
        const code = generateCode(kind, random);
        expect(parseCode(formatCode(code))).toEqual(code);
        expect(parseCode(formatCode(code).toLowerCase().replace(/-/g, ' '))).toEqual(code);
      }
    }
    expect(formatCode(parseCode('z438jr'))).toBe('Z43-8JR');
    expect(formatCode(parseCode('A1B2C3D4'))).toBe('A1B2-C3D4');
    expect(formatCode(parseCode('K7QM3FBR9TZX'))).toBe('K7QM-3FBR-9TZX');
  });

  it('never throws anything but invalid-code', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 80 }), (typed) => {
        expect(['nothing', 'pairing/invalid-code']).toContain(codeOf(() => parseCode(typed)));
      }),
      { numRuns: 300 },
    );
  });
});

describe('A13 generateCode', () => {
  it.each(KINDS)(
    '100,000 of %s: exact alphabet, every place uniform, no more repeats than chance',
    (kind) => {
      const random = hashed(`generate ${kind}`);
      const alphabet = alphabetOf(kind);
      const length = LENGTHS[kind];
      const counts = Array.from({ length }, () => new Map<string, number>());
      const seen = new Set<string>();
      const total = 100_000;
      for (let i = 0; i < total; i++) {
        const code = generateCode(kind, random);
        expect(code.text.length).toBe(length);
        expect(code.nameplate).toBe(code.text.slice(0, NAMEPLATES[kind]));
        seen.add(code.text);
        for (const [place, letter] of Array.from(code.text).entries()) {
          const count = counts[place] as Map<string, number>;
          count.set(letter, (count.get(letter) ?? 0) + 1);
        }
      }
      const expected = total / alphabet.length;
      for (const count of counts) {
        expect([...count.keys()].sort().join('')).toBe(Array.from(alphabet).sort().join(''));
        const chi = [...count.values()].reduce((sum, n) => sum + (n - expected) ** 2 / expected, 0);
        // 30 or 31 degrees of freedom: 70 is beyond one in ten thousand; taking bytes mod 31 gives about 270.
        expect(chi).toBeLessThan(70);
      }
      const pairs = (total * (total - 1)) / 2 / alphabet.length ** length;
      expect(total - seen.size).toBeLessThanOrEqual(pairs + 6 * Math.sqrt(pairs) + 1);
    },
  );

  it('draws again instead of favouring letters', () => {
    const short = [new Uint8Array(32).fill(0xf8), Uint8Array.from({ length: 32 }, (_, i) => i)];
    expect(generateCode('short6', { bytes: () => short.shift() ?? hex('') }).text).toBe('234567');
    expect(codeOf(() => generateCode('short6', { bytes: () => new Uint8Array(32).fill(0xff) }))).toBe(
      'internal/bug',
    );
  });
});

describe('names of kinds, nameplates, secrets', () => {
  it('have the numbers of the protocol', () => {
    expect(KIND_IDS).toEqual({ short6: 1, pin8: 2, code12: 3, qr: 4, link: 5 });
  });

  it('a nameplate is 2, 3 or 4 canonical letters of its alphabet', () => {
    expect(['Z4', 'A1B', 'K7QM'].map(nameplateKind)).toEqual(['short6', 'pin8', 'code12']);
    for (const bad of [
      '',
      'Z',
      'z4',
      'Z0',
      'IL',
      'A1U',
      'A1b',
      'A-B',
      'K7QMO',
      'Z43-8JR',
      'Z438JR',
      '..',
      '%2',
      'Ａ1B',
    ]) {
      expect([bad, nameplateKind(bad)]).toEqual([bad, null]);
    }
  });

  it('a secret has 16 bytes and 22 letters', () => {
    const secret = generateSecret(hashed('secret'));
    expect(secret.length).toBe(16);
    expect(secretText(secret)).toMatch(/^[A-Za-z0-9_-]{22}$/);
    expect(toHex(Uint8Array.from(Buffer.from(secretText(secret), 'base64url')))).toBe(toHex(secret));
  });
});

describe('crockford and base45', () => {
  it('normaliseCrockford keeps canonical text and refuses what case folding could smuggle in', () => {
    expect(normaliseCrockford(alphabets.crockford)).toBe(alphabets.crockford);
    for (const bad of ['U', 'u', '\u0131', '\u017f', '\u212a', 'A\t1', 'A\n', '–'])
      expect(normaliseCrockford(bad)).toBe(null);
  });

  it('base45 gives the RFC 9285 examples', () => {
    for (const [plain, text] of [
      ['AB', 'BB8'],
      ['Hello!!', '%69 VD92EX0'],
      ['base-45', 'UJCLQE7W581'],
      ['ietf!', 'QED8WEX0'],
    ] as const) {
      expect(toBase45(ascii(plain))).toBe(text);
      expect(toHex(fromBase45(text))).toBe(toHex(ascii(plain)));
    }
  });

  it('base45 refuses what no encoder makes', () => {
    for (const bad of ['A', 'GGWX', 'GGX', ':::', '::', 'bb8', 'BB8\n', 'BBÄ', 'U+2']) {
      const valid = bad === 'U+2';
      expect([bad, codeOf(() => fromBase45(bad))]).toEqual([bad, valid ? 'nothing' : 'input/malformed']);
    }
  });

  it('base45 round trips, and each text has one meaning', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(toHex(fromBase45(toBase45(bytes)))).toBe(toHex(bytes));
      }),
    );
    fc.assert(
      fc.property(
        fc.string({
          unit: fc.constantFrom(...Array.from('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:')),
          maxLength: 30,
        }),
        (text) => {
          if (codeOf(() => fromBase45(text)) === 'nothing') expect(toBase45(fromBase45(text))).toBe(text);
        },
      ),
    );
  });
});
