/** One test a threat, first those to single events (docs/protocol.md): what is altered, and the rule that refuses it where. */
import { describe, expect, it } from 'vitest';
import { signEd25519 } from '../../src/crypto/ed25519.ts';
import { fromUtf8, utf8 } from '../../src/encoding/text.ts';
import { encodeIndexedSignature } from '../../src/keri/attach.ts';
import { type FramedEvent, body, buildLog, key, next, resaid, seed, signedBy, some } from './support.ts';
import { after, couples, judged, prefixIn, refusal, saidIn, signed, textOf, withMore } from './threat-kit.ts';

const icp = signed(body.icp(), 1);
const ixn = signed(after(icp, 1), 1);
const rot = signed(after(icp, 1, { t: 'rot' }), 2);
/** The first event with its text changed and nothing hashed or signed again. */
const touched = (change: (text: string) => string, of: FramedEvent = icp): FramedEvent => ({
  event: change(textOf(of)),
  attachments: of.attachments,
});
/** Changed, hashed and signed again by key 1: what its owner himself could not publish. */
const remade = (change: (text: string) => string): FramedEvent => signed(change(body.icp()), 1);
const inLog = (change: (text: string) => string, signer = 1): readonly FramedEvent[] => [
  icp,
  signed(change(after(icp, 1)), signer),
];

const basic = (n: number): FramedEvent => {
  const event = resaid(body.icp({ n: [n] }).replace(/"i":".*?"/, `"i":"${key(1)}"`), {
    selfAddressing: false,
  });
  return { event, attachments: signedBy(utf8(event), seed(1)) };
};

const weighted = (kt: string): ReturnType<typeof refusal> =>
  refusal([signed(body.icp({ kt, k: [1, 2] }), 1, 2)]);

describe('threats to the text of an event', () => {
  it('the untouched ones are accepted', () => {
    expect(refusal([icp, ixn])).toEqual(['accepted', null, null]);
    expect(refusal([icp, rot])).toEqual(['accepted', null, null]);
  });
  it('T01 a key swapped', () =>
    expect(refusal([touched((t) => t.replace(key(1), key(9)))])).toEqual(['reject', 0, 'said-mismatch']));
  it('T02 a commitment swapped', () =>
    expect(refusal([touched((t) => t.replace(next(2), next(9)))])).toEqual(['reject', 0, 'said-mismatch']));
  it('T03 a commitment swapped and hashed again, under the identifier of another', () => {
    const other = signed(body.icp({ n: [9] }), 1);
    const stolen = textOf(other).replace(`"i":"${prefixIn(other)}"`, `"i":"${prefixIn(icp)}"`);
    expect(refusal([{ event: stolen, attachments: signedBy(utf8(stolen), seed(1)) }])).toEqual([
      'reject',
      0,
      'prefix-mismatch',
    ]);
  });
  it('T04 an unsized or short version string', () => {
    for (const v of ['KERI10JSON', 'KERI10JSON12b_', 'KERI10JSON00012B_', 'KERI10JSON00012b', '']) {
      expect(refusal([touched((t) => t.replace(/KERI10JSON[0-9a-f]{6}_/, v))]), v).toEqual([
        'reject',
        0,
        'version-string',
      ]);
    }
  });
  it('T05 a signature inside, or any other field more', () => {
    for (const more of ['"x":"c2ln"', '"di":"E"', '"":1'])
      expect(refusal([remade((t) => t.replace(/\}$/, `,${more}}`))]), more).toEqual([
        'reject',
        0,
        'field-set',
      ]);
  });
  it('T06 c or a missing', () => {
    for (const gone of [',"c":[]', ',"a":[]'])
      expect(refusal([remade((t) => t.replace(gone, ''))]), gone).toEqual(['reject', 0, 'field-set']);
  });
  it('T07 fields in another order', () =>
    expect(refusal([remade((t) => t.replace('"c":[],"a":[]', '"a":[],"c":[]'))])).toEqual([
      'reject',
      0,
      'field-set',
    ]));
  it('T08 a declared size off by one', () => {
    for (const by of [-1, 1]) {
      const size = textOf(icp).length;
      const off = touched((t) =>
        t.replace(size.toString(16).padStart(6, '0'), (size + by).toString(16).padStart(6, '0')),
      );
      expect(refusal([off]), `${by}`).toEqual(['reject', 0, 'size-mismatch']);
    }
  });
  it('T09 white space inside, hashed again', () =>
    expect(refusal([remade((t) => t.replace('"c":[]', '"c": []'))])).toEqual(['reject', 0, 'json-compact']));
  it('T10 a label twice, the last one the thief’s', () =>
    expect(refusal([remade((t) => t.replace(/\}$/, `,"k":["${key(9)}"]}`))])).toEqual([
      'reject',
      0,
      'json-duplicate-key',
    ]));
  it('T11 the same text in another escape', () =>
    expect(refusal([remade((t) => t.replace('"a":[]', '"a":[{"d":"\\u0041"}]'))])).toEqual([
      'reject',
      0,
      'json-escape',
    ]));
  it('T12 another version in a v1 stream', () => {
    for (const v of ['KERI11JSON', 'KERI20JSON', 'KERICAACAAJSONAAKp.'])
      expect(refusal([touched((t) => t.replace('KERI10JSON', v))]), v).toEqual([
        'reject',
        0,
        'version-string',
      ]);
  });
  it('T13 an unknown type', () => {
    for (const t of ['vcp', 'ICP', 'constructor', ''])
      expect(refusal([remade((text) => text.replace('"t":"icp"', `"t":"${t}"`))]), t).toEqual([
        'reject',
        0,
        'ilk',
      ]);
  });
  it('T14 a sequence number in another form', () => {
    for (const s of ['"01"', '"A"', '"0x1"', '1'])
      expect(refusal(inLog((t) => t.replace('"s":"1"', `"s":${s}`))), s).toEqual(['reject', 1, 'sn-format']);
  });
});

describe('threats to the place of an event', () => {
  it('T15 a sequence counted in decimals leaves a gap at ten', () => {
    const log: FramedEvent[] = [icp];
    for (let s = 1; s < 10; s++) log.push(signed(after(some(log.at(-1)), s), 1));
    const [verdict, at, rule] = refusal([...log, signed(after(some(log.at(-1)), '10'), 1)]);
    expect([verdict, at, rule]).toEqual(['pending', 10, 'sn-sequence']);
    expect(refusal([...log, signed(after(some(log.at(-1)), 'a'), 1)])).toEqual(['accepted', null, null]);
  });
  it('T16 an event taken out of the middle', () => {
    const log = buildLog('iii');
    expect(refusal([some(log[0]), some(log[1]), some(log[3])])).toEqual(['pending', 2, 'sn-sequence']);
  });
  it('T17 a prior that names an older event', () =>
    expect(refusal([icp, ixn, signed(after(icp, 2), 1)])).toEqual(['reject', 2, 'prior-mismatch']));
  it('T18 an event of another identifier spliced in', () => {
    const other = signed(body.icp({ n: [7] }), 1);
    const [verdict, at, rule] = refusal([icp, signed(after(other, 1), 1)]);
    expect([verdict, at, rule]).toEqual(['reject', 1, 'prefix-foreign']);
  });
  it('T19 a log that starts with a rotation', () =>
    expect(refusal([rot])).toEqual(['pending', 0, 'first-not-inception']));
  it('T20 two inceptions of one basic prefix', () => {
    expect(refusal([basic(2)])).toEqual(['accepted', null, null]);
    expect(refusal([basic(2), basic(3)])).toEqual(['duplicity', 1, 'duplicity']);
  });
});

describe('threats to signatures', () => {
  const signature = signEd25519(seed(1), utf8(textOf(icp)));
  const bare = (attachments: string): FramedEvent => ({ event: icp.event, attachments });
  it('T21 a stranger signs', () =>
    expect(refusal([signed(body.icp(), 9)])).toEqual(['reject', 0, 'sig-invalid']));
  it('T22 no signature, or only those of others', () => {
    expect(refusal([bare('')])).toEqual(['reject', 0, 'sig-missing']);
    expect(refusal([bare(couples(icp, 5))])).toEqual(['reject', 0, 'sig-missing']);
    expect(refusal([bare(`-BAB${encodeIndexedSignature(0, 0, signature)}`)])).toEqual([
      'reject',
      0,
      'sig-missing',
    ]);
  });
  it('T23 a signature over a blanked or older form', () => {
    const blank = utf8(textOf(icp).replaceAll(saidIn(icp), '#'.repeat(44)));
    expect(refusal([bare(signedBy(blank, seed(1)))])).toEqual(['reject', 0, 'sig-invalid']);
    expect(refusal([icp, { event: ixn.event, attachments: icp.attachments }])).toEqual([
      'reject',
      1,
      'sig-invalid',
    ]);
  });
  it('T24 a bit flipped, S + L, a key of small order', () => {
    const flipped = signature.slice();
    flipped[3] = (flipped[3] as number) ^ 1;
    expect(refusal([bare(`-AAB${encodeIndexedSignature(0, 0, flipped)}`)])).toEqual([
      'reject',
      0,
      'sig-invalid',
    ]);
    const order = 2n ** 252n + 27742317777372353535851937790883648493n;
    const long = signature.slice();
    let s = order + [...signature.subarray(32)].reduceRight((sum, byte) => sum * 256n + BigInt(byte), 0n);
    for (let i = 32; i < 64; i++, s >>= 8n) long[i] = Number(s & 0xffn);
    expect(refusal([bare(`-AAB${encodeIndexedSignature(0, 0, long)}`)])).toEqual([
      'reject',
      0,
      'sig-invalid',
    ]);
    // The point of order one, which signs everything with R the identity and S zero.
    const weak = `DAAB${'A'.repeat(40)}`.replace('DAAB', 'DAEA');
    const all = new Uint8Array(64);
    all[0] = 1;
    const event = resaid(body.icp().replace(key(1), weak));
    expect(refusal([{ event, attachments: `-AAB${encodeIndexedSignature(0, 0, all)}` }])).toEqual([
      'reject',
      0,
      'sig-invalid',
    ]);
  });
  it('T25 the signatures of two events exchanged', () =>
    expect(
      refusal([
        { event: icp.event, attachments: ixn.attachments },
        { event: ixn.event, attachments: icp.attachments },
      ]),
    ).toEqual(['reject', 0, 'sig-invalid']));
  it('T26 an index outside the keys is passed over, alone or beside a good one', () => {
    const outside = encodeIndexedSignature(5, 5, signature);
    expect(refusal([bare(`-AAB${outside}`)])).toEqual(['reject', 0, 'sig-invalid']);
    expect(refusal([bare(`-AAC${outside}${encodeIndexedSignature(0, 0, signature)}`)])).toEqual([
      'accepted',
      null,
      null,
    ]);
  });
  const two = body.icp({ kt: '"2"', k: [1, 2, 3] });
  it('T27 one signature of two that are needed', () =>
    expect(refusal([signed(two, 1)])).toEqual(['pending', 0, 'threshold-unmet']));
  it('T28 one signature repeated, also under another code', () => {
    const event = resaid(two);
    const one = signEd25519(seed(1), utf8(event));
    for (const again of [
      encodeIndexedSignature(0, 0, one),
      encodeIndexedSignature(0, null, one),
      encodeIndexedSignature(0, 1, one),
    ])
      expect(refusal([{ event, attachments: `-AAC${encodeIndexedSignature(0, 0, one)}${again}` }])).toEqual([
        'pending',
        0,
        'threshold-unmet',
      ]);
  });
  it('T29 one key listed twice', () =>
    expect(refusal([signed(body.icp({ kt: '"2"', k: [1, 1] }), 1, 1)])).toEqual([
      'reject',
      0,
      'keys-duplicate',
    ]));
  it('T30 thresholds of nothing or more than there is; no keys', () => {
    expect(refusal([remade((t) => t.replace('"kt":"1"', '"kt":"0"'))])).toEqual([
      'reject',
      0,
      'threshold-invalid',
    ]);
    expect(refusal([remade((t) => t.replace('"kt":"1"', '"kt":"2"'))])).toEqual([
      'reject',
      0,
      'threshold-unsatisfiable',
    ]);
    for (const kt of ['ff', 'fffffffff', 'f'.repeat(32)])
      expect(refusal([remade((t) => t.replace('"kt":"1"', `"kt":"${kt}"`))]), kt).toEqual([
        'reject',
        0,
        'threshold-unsatisfiable',
      ]);
    expect(refusal([signed(body.icp({ k: [] }), 1)])).toEqual(['reject', 0, 'keys-empty']);
  });
  it('T31 weights that never reach one, decimals, too few or too many of them', () => {
    for (const [kt, rule] of [
      ['["1/3","1/3"]', 'threshold-invalid'],
      ['["0.5","0.5"]', 'threshold-invalid'],
      ['["1/2","3/2"]', 'threshold-invalid'],
      ['["1"]', 'threshold-unsatisfiable'],
      ['["1/2","1/2","1/2"]', 'threshold-unsatisfiable'],
    ] as const)
      expect(weighted(kt), kt).toEqual(['reject', 0, rule]);
    expect(weighted('["1/2","1/2"]')).toEqual(['accepted', null, null]);
    // Exact, however long the numbers are: one part less than a half twice is not one.
    const half = '5'.padEnd(31, '0');
    const whole = '1'.padEnd(32, '0');
    expect(weighted(`["${half}/${whole}","1/2"]`)).toEqual(['accepted', null, null]);
    expect(weighted(`["${'4'.padEnd(31, '9')}/${whole}","1/2"]`)).toEqual(['reject', 0, 'threshold-invalid']);
  });
  it('what was accepted says so about exactly these bytes', () =>
    expect(fromUtf8(some(judged([withMore(icp, '')]).events[0]).bytes)).toBe(textOf(icp)));
});
