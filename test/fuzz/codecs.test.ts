/** Texts that stand for values: one spelling each, so what is accepted is written back as it came. */
import * as fc from 'fast-check';
import { expect } from 'vitest';
import { fromBase45, toBase45 } from '../../packages/core/src/encoding/base45.ts';
import { fromBase64url, toBase64url } from '../../packages/core/src/encoding/base64url.ts';
import { fromHex, toHex } from '../../packages/core/src/encoding/bytes.ts';
import { decodeCesrFixed, encodeCesr } from '../../packages/core/src/encoding/cesr.ts';
import { normaliseCrockford, toCrockford } from '../../packages/core/src/encoding/crockford.ts';
import { decodeDidKey, encodeDidKey } from '../../packages/core/src/encoding/did-key.ts';
import { parseDuration } from '../../packages/core/src/encoding/duration.ts';
import { jcs } from '../../packages/core/src/encoding/jcs.ts';
import { parseJson } from '../../packages/core/src/encoding/json.ts';
import { encodeProquint, normaliseProquint } from '../../packages/core/src/encoding/proquint.ts';
import { fromUtf8, utf8 } from '../../packages/core/src/encoding/text.ts';
import { formatTime, parseTime } from '../../packages/core/src/encoding/time.ts';
import { parseDidKeri, parsePrefix, parseSaid, parseSessionId } from '../../packages/core/src/identifiers.ts';
import { accepted, countCases, fuzz, same } from './laws.ts';
import { mutatedBytes, mutatedJson, mutatedText, noise } from './mutate.ts';
import { device, identities, records } from './samples.ts';

countCases('codecs');

const bytes = fc.uint8Array({ maxLength: 120 });
const samplesOf = (encode: (bytes: Uint8Array) => string): readonly string[] =>
  [0, 1, 2, 3, 16, 32, 33, 64].map((length) =>
    encode(Uint8Array.from({ length }, (_, i) => (i * 37 + 11) & 255)),
  );

/** What a strict decoder accepts is exactly what its encoder writes. */
function bijective(
  name: string,
  encode: (bytes: Uint8Array) => string,
  decode: (text: string) => Uint8Array,
  samples = samplesOf(encode),
): void {
  fuzz(`${name}: accepted texts are the ones that are written`, mutatedText(samples, 3), 1_500, (text) => {
    const value = accepted(() => decode(text));
    if (value !== null) expect(encode(value)).toBe(text);
  });
}

bijective('base64url', toBase64url, (text) => fromBase64url(text));
bijective('hex', toHex, (text) => fromHex(text));
bijective('base45', toBase45, fromBase45);
bijective('did:key', (key) => encodeDidKey(key), decodeDidKey, [encodeDidKey(device.publicKey)]);

fuzz('base64url, hex and base45 give every byte string back', bytes, 500, (value) => {
  expect(fromBase64url(toBase64url(value))).toEqual(value);
  expect(fromHex(toHex(value))).toEqual(value);
  expect(fromBase45(toBase45(value))).toEqual(value);
});

const CODES: readonly (readonly [string, number])[] = [
  ['A', 32],
  ['B', 32],
  ['D', 32],
  ['E', 32],
  ['M', 2],
  ['R', 5],
  ['N', 8],
  ['0A', 16],
  ['0B', 64],
  ['0H', 4],
  ['1AAG', 24],
  ['1AAI', 33],
  ['1AAJ', 33],
];
const primitives = CODES.map(([code, size]) => encodeCesr(code, new Uint8Array(size).fill(0xa7)));
fuzz('CESR primitives: one text for each value', mutatedText(primitives, 3), 3_000, (text) => {
  const primitive = accepted(() => decodeCesrFixed(text));
  if (primitive !== null) expect(encodeCesr(primitive.code, primitive.raw)).toBe(text);
});

const identifiers = [
  ...primitives,
  ...identities.flatMap(({ did, prefix, tip }) => [did, prefix, tip.said as string]),
  'ab'.repeat(16),
];
fuzz('identifiers are accepted as they are or not at all', mutatedText(identifiers, 3), 2_000, (text) => {
  for (const parse of [parsePrefix, parseSaid, parseDidKeri, parseSessionId]) {
    const value = accepted(() => parse(text));
    if (value !== null) expect(value).toBe(text);
  }
});

fuzz(
  'crockford letters: normal form is stable and in the alphabet',
  mutatedText(['Z43-8JR', 'oil0-1234', toCrockford(new Uint8Array(17))], 4),
  1_000,
  (text) => {
    const normal = normaliseCrockford(text);
    if (normal === null) return;
    expect(normal).toMatch(/^[0-9A-HJKMNP-TV-Z]*$/);
    expect(normaliseCrockford(normal)).toBe(normal);
  },
);

fuzz(
  'recovery words: normal form is stable',
  mutatedText([encodeProquint(new Uint8Array(32).fill(9)), 'lusab babad'], 3),
  1_000,
  (text) => {
    const words = accepted(() => normaliseProquint(text));
    if (words === null) return;
    expect(normaliseProquint(words)).toBe(words);
    expect(words).toMatch(/^[a-z]{5}(?:-[a-z]{5})*$/);
  },
);

const times = [
  '2026-03-01T00:00:00Z',
  '0000-01-01T00:00:00Z',
  '9999-12-31T23:59:59Z',
  '2024-02-29T12:00:00Z',
];
fuzz('times: one spelling for each instant', mutatedText(times, 2), 2_000, (text) => {
  const ms = accepted(() => parseTime(text));
  if (ms === null) return;
  expect(formatTime(ms)).toBe(text);
  expect(new Date(ms).toISOString()).toBe(text.replace('Z', '.000Z'));
});
fuzz(
  'times of any instant read back',
  fc.integer({ min: -62_167_219_200, max: 253_402_300_799 }),
  500,
  (seconds) => {
    expect(parseTime(formatTime(seconds * 1_000))).toBe(seconds * 1_000);
  },
);
fuzz(
  'durations are bounded',
  mutatedText(['90d', '12h', '30m', '45s', '36525d', '9999999999d'], 3),
  800,
  (text) => {
    const ms = accepted(() => parseDuration(text));
    if (ms !== null) expect(ms > 0 && ms <= 36_525 * 86_400_000).toBe(true);
  },
);

fuzz(
  'UTF-8: strict, and written back as it came',
  fc.oneof(mutatedBytes([utf8('grüße 😀 \ufeff x')]), noise),
  1_500,
  (input) => {
    const text = accepted(() => fromUtf8(input));
    if (text !== null) expect(same(utf8(text), input)).toBe(true);
  },
);

const documents = [
  ...records.slice(0, 3).map((record): unknown => JSON.parse(fromUtf8(record))),
  { a: [1, 2.5, null, true, { b: 'ü' }], '10': 1, '9': 2, é: '' },
  [],
  'text',
];
fuzz(
  'JSON: what is accepted is what JSON says, nothing dropped or changed',
  mutatedJson(documents),
  2_500,
  (input) => {
    const value = accepted(() => parseJson(input));
    if (value === null) return;
    const text = fromUtf8(input);
    expect(JSON.stringify(value)).toBe(JSON.stringify(JSON.parse(text)));
    const canonical = jcs(value);
    expect(parseJson(canonical)).toEqual(value);
    expect(jcs(parseJson(canonical))).toBe(canonical);
    // As many members in the value as names in the text: none was doubled.
    expect(membersOf(value)).toBe(namesIn(text));
  },
);
fuzz(
  'JSON bounds hold',
  fc.record({ depth: fc.integer({ min: 1, max: 200_000 }), open: fc.constantFrom('[', '{"a":') }),
  60,
  ({ depth, open }) => {
    const close = open === '[' ? ']' : '}';
    const value = accepted(() =>
      parseJson(`${open.repeat(depth)}${open === '[' ? '' : '0'}${close.repeat(depth)}`, {
        maxLength: 16 << 20,
      }),
    );
    expect(value !== null).toBe(depth <= 32);
  },
);

function membersOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  const own = Array.isArray(value) ? 0 : Object.keys(value).length;
  return own + Object.values(value).reduce((sum: number, member) => sum + membersOf(member), 0);
}

/** Strings that a colon follows, by a tokeniser of its own. */
function namesIn(text: string): number {
  return [...text.matchAll(/"(?:[^"\\]|\\.)*"(?=\s*(.)?)/gs)].filter(([, next]) => next === ':').length;
}
