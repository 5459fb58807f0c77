/** Rules beyond the vectors: where this product is stricter than keripy, where it is looser on import, and variants of each threat. */
import { describe, expect, it } from 'vitest';
import { signEd25519 } from '../../src/crypto/ed25519.ts';
import { encodeCesr } from '../../src/encoding/cesr.ts';
import { fromUtf8, utf8 } from '../../src/encoding/text.ts';
import { encodeCounter, encodeIndexedSignature, encodeSequence } from '../../src/keri/attach.ts';
import { attachSignatures, interact, nextDigestOf, rotate } from '../../src/keri/build.ts';
import { type KelVerdict, replay } from '../../src/keri/key-state.ts';
import {
  type FramedEvent,
  body,
  buildLog,
  key,
  keyOf,
  next,
  nodeEngine,
  resaid,
  seed,
  signedBy,
  streamOf,
  witness,
  some,
} from './support.ts';

const run = (messages: readonly FramedEvent[], more: object = {}): KelVerdict =>
  replay(streamOf(messages), { engine: nodeEngine, ...more });
const refusal = ({ verdict, at, rule }: KelVerdict): unknown => [verdict, at, rule];
/** One inception text, changed, hashed again and signed by seed 1. */
const changed = (change: (text: string) => string, ...seeds: Uint8Array[]): FramedEvent => {
  const event = resaid(change(body.icp()));
  return { event, attachments: signedBy(utf8(event), ...(seeds.length === 0 ? [seed(1)] : seeds)) };
};

const SEED = encodeCesr('A', new Uint8Array(32));

describe('nine places stricter than keripy', () => {
  it('1 an index counts once, under whatever codes it signs', () => {
    const event = resaid(body.icp({ kt: '"2"', k: [1, 2, 3] }));
    for (const [ondex, index] of [
      [null, 0],
      [1, 0],
      [0, 0],
    ] as const) {
      const attachments = signedBy(utf8(event), [seed(1), 0, 0], [seed(1), index, ondex]);
      expect(refusal(run([{ event, attachments }]))).toEqual(['pending', 0, 'threshold-unmet']);
    }
    expect(
      run([{ event, attachments: signedBy(utf8(event), [seed(1), 0, null], [seed(3), 2, 2]) }]).verdict,
    ).toBe('accepted');
  });
  it('2 duplicate keys in k, and duplicate digests in n', () => {
    expect(refusal(run([changed(() => body.icp({ kt: '"2"', k: [1, 1] }), seed(1), seed(1))]))).toEqual([
      'reject',
      0,
      'keys-duplicate',
    ]);
    expect(refusal(run([changed(() => body.icp({ nt: '"2"', n: [2, 2] }))]))).toEqual([
      'reject',
      0,
      'next-duplicate',
    ]);
  });
  it('3 s with leading zeros, upper case, 0x, as a number, empty, signed or too long', () => {
    const [icp] = buildLog('');
    for (const s of [
      '"01"',
      '"A"',
      '"0x1"',
      '1',
      '""',
      '"-1"',
      '" 1"',
      '"1 "',
      `"1${'0'.repeat(32)}"`,
      'null',
      '"1.0"',
      '"１"',
    ]) {
      const event = resaid(body.ixn(some(icp), 1).replace('"s":"1"', `"s":${s}`));
      expect(refusal(run([some(icp), { event, attachments: signedBy(utf8(event), seed(1)) }]))).toEqual([
        'reject',
        1,
        'sn-format',
      ]);
    }
  });
  it('4 trailing characters in k, n, b', () => {
    for (const field of ['k', 'n', 'b'] as const) {
      const text = body.icp({ b: [5], bt: '"1"' });
      const at = text.indexOf('"', text.indexOf(`"${field}":["`) + field.length + 5);
      for (const extra of ['AAAA', 'A', '\\u0000', 'é']) {
        const event = resaid(text.slice(0, at) + extra + text.slice(at));
        const verdict = run([{ event, attachments: signedBy(utf8(event), seed(1)) }]);
        expect([verdict.verdict, verdict.at]).toEqual(['reject', 0]);
        expect(verdict.rule).toMatch(/^(cesr-length|cesr-alphabet|json-escape)$/);
      }
    }
  });
  it('5 transferable witness codes', () => {
    expect(
      refusal(
        run([changed((text) => text.replace('"b":[]', `"b":["${key(5)}"]`).replace('"bt":"0"', '"bt":"1"'))]),
      ),
    ).toEqual(['reject', 0, 'witness-code']);
  });
  it('6 fewer (or more) weights than keys', () => {
    for (const kt of ['["1"]', '["1","1","1"]', '[["1"],["1","0"]]']) {
      expect(refusal(run([changed(() => body.icp({ kt, k: [1, 2] }), seed(1), seed(2))]))).toEqual([
        'reject',
        0,
        'threshold-unsatisfiable',
      ]);
    }
  });
  it('7 nt above the number of digests, or zero with digests', () => {
    expect(refusal(run([changed(() => body.icp({ nt: '"2"' }))]))).toEqual([
      'reject',
      0,
      'threshold-unsatisfiable',
    ]);
    expect(refusal(run([changed(() => body.icp({ nt: '"0"' }))]))).toEqual([
      'reject',
      0,
      'threshold-invalid',
    ]);
    expect(refusal(run([changed(() => body.icp({ nt: '0' }))]))).toEqual(['reject', 0, 'threshold-invalid']);
    expect(refusal(run([changed(() => body.icp({ nt: '"1"', n: [] }))]))).toEqual([
      'reject',
      0,
      'threshold-unsatisfiable',
    ]);
  });
  it('8 drt in a log that is not delegated', () => {
    const [icp, rot] = buildLog('r');
    const event = resaid(fromUtf8(some(rot).event).replace('"t":"rot"', '"t":"drt"'));
    expect(refusal(run([some(icp), { event, attachments: signedBy(utf8(event), seed(2)) }]))).toEqual([
      'reject',
      1,
      'ilk-delegation',
    ]);
  });
  it('9 standard base64 in identifiers, signatures and counts', () => {
    const plus = changed((text) => text.replace(key(1), key(1).replace(/.$/, '+')));
    expect(refusal(run([plus]))).toEqual(['reject', 0, 'cesr-alphabet']);
    const slash = changed((text) => text.replace(key(1), key(1).replace(/.$/, '/')));
    expect(refusal(run([slash]))).toEqual(['reject', 0, 'cesr-alphabet']);
    const [icp] = buildLog('');
    expect(
      refusal(run([{ event: some(icp).event, attachments: some(icp).attachments.replace('-VAX', '-V+X') }])),
    ).toEqual(['reject', 0, 'cesr-alphabet']);
  });
});

describe('two places looser, on import only', () => {
  it('integer kt, nt, bt; the state shows text', () => {
    const verdict = run([changed(() => body.icp({ kt: '1', nt: '1', bt: '0' }))]);
    expect(verdict.verdict).toBe('accepted');
    expect(verdict.state).toMatchObject({ threshold: '1', nextThreshold: '1', witnessThreshold: 0 });
    for (const kt of ['-1', '1.0', '1e0', '2', 'true', 'null'])
      expect(run([changed(() => body.icp({ kt }))]).verdict).toBe('reject');
  });
  it('B-coded keys inside an E-prefixed identifier', () => {
    const verdict = run([changed((text) => text.replaceAll(key(1), witness(1)))]);
    expect(verdict.verdict).toBe('accepted');
    expect(verdict.state?.transferable).toBe(true);
  });
});

describe('text form', () => {
  const cases: readonly (readonly [string, string, (text: string) => string])[] = [
    ['a space after a comma', 'json-compact', (text) => text.replace('"a":[]', '"a": []')],
    ['a line feed inside a list', 'json-compact', (text) => text.replace('"c":[]', '"c":[\n]')],
    ['a label in another escape', 'json-escape', (text) => text.replace('"kt"', '"\\u006bt"')],
    ['a needless escape in a seal', 'json-escape', (text) => text.replace('"a":[]', '"a":[{"x":"\\u0041"}]')],
    ['an escaped slash', 'json-escape', (text) => text.replace('"a":[]', '"a":[{"x":"\\/"}]')],
    ['upper-case hex in an escape', 'json-escape', (text) => text.replace('"a":[]', '"a":[{"x":"\\u001F"}]')],
    ['\\u000a for \\n', 'json-escape', (text) => text.replace('"a":[]', '"a":[{"x":"\\u000a"}]')],
    ['an escaped surrogate', 'json-escape', (text) => text.replace('"a":[]', '"a":[{"x":"\\ud800"}]')],
    ['a raw control character', 'json-syntax', (text) => text.replace('"a":[]', '"a":[{"x":"\u0001"}]')],
    [
      'a label twice in a seal',
      'json-duplicate-key',
      (text) => text.replace('"a":[]', '"a":[{"x":1,"y":{"z":1,"z":1}}]'),
    ],
    [
      'the same label once more as the last field',
      'json-duplicate-key',
      (text) => text.replace(/\}$/, ',"k":["x"]}'),
    ],
    [
      'a number that reads back differently',
      'json-number',
      (text) => text.replace('"a":[]', '"a":[{"x":1.50}]'),
    ],
    ['minus zero', 'json-number', (text) => text.replace('"a":[]', '"a":[{"x":-0}]')],
    ['a number with leading zeros', 'json-number', (text) => text.replace('"a":[]', '"a":[{"x":01}]')],
    ['NaN', 'json-syntax', (text) => text.replace('"a":[]', '"a":[{"x":NaN}]')],
    ['a trailing comma', 'json-syntax', (text) => text.replace('"a":[]', '"a":[{"x":1},]')],
    ['a comment', 'json-syntax', (text) => text.replace('"a":[]', '"a":[/**/]')],
    ['a seal list that is an object', 'field-type', (text) => text.replace('"a":[]', '"a":{}')],
    ['k as text', 'field-type', (text) => text.replace(/"k":\["(.*?)"\]/, '"k":"$1"')],
    ['n as null', 'field-type', (text) => text.replace(/"n":\[.*?\]/, '"n":null')],
    ['traits that are no text', 'field-type', (text) => text.replace('"c":[]', '"c":[1]')],
    ['an unknown type', 'ilk', (text) => text.replace('"t":"icp"', '"t":"xip"')],
    ['a prototype label for a type', 'ilk', (text) => text.replace('"t":"icp"', '"t":"__proto__"')],
    ['a v2 inception', 'version-string', (text) => text.replace('KERI10JSON', 'KERI20JSON')],
    ['CBOR', 'version-string', (text) => text.replace('KERI10JSON', 'KERI10CBOR')],
    ['another protocol', 'version-string', (text) => text.replace('KERI10JSON', 'ACDC10JSON')],
    ['an unknown digest', 'cesr-code', (text) => text.replace(/"n":\["E/, '"n":["F')],
    ['a digest where a key must stand', 'key-code', (text) => text.replace(key(1), next(1))],
    ['a key where a digest must stand', 'digest-code', (text) => text.replace(next(2), key(2))],
    ['a P-256 key', 'key-code', (text) => text.replace(key(1), encodeCesr('1AAJ', new Uint8Array(33)))],
    ['a fractional bt', 'threshold-invalid', (text) => text.replace('"bt":"0"', '"bt":["1/2","1/2"]')],
    ['bt without witnesses', 'toad-range', (text) => text.replace('"bt":"0"', '"bt":"1"')],
    [
      'weights nested twice',
      'threshold-invalid',
      (text) => text.replace('"kt":"1"', '"kt":[{"1":[{"1":["1"]}]}]'),
    ],
    ['129 keys', 'bounds', () => body.icp({ k: Array.from({ length: 129 }, (_, i) => i + 1) })],
    [
      'a seal of depth 40',
      'bounds',
      (text) => text.replace('"a":[]', `"a":${'['.repeat(40)}${']'.repeat(40)}`),
    ],
    ['a di in an icp', 'field-set', (text) => text.replace(/\}$/, `,"di":"${next(9)}"}`)],
  ];
  it.each(cases)('%s: %s', (_what, rule, change) => {
    expect(refusal(run([changed(change)]))).toEqual(['reject', 0, rule]);
  });

  it('keeps foreign seals whose labels JavaScript would reorder or lose', () => {
    const seals =
      '[{"2":"b","1":"a","__proto__":{"x":1},"constructor":null},["list"],"text",12345678901234567890123,1.5,-2e-07,1e+16,true,null]';
    const message = changed((text) => text.replace('"a":[]', `"a":${seals}`));
    const verdict = run([message]);
    expect(verdict.verdict).toBe('accepted');
    expect(fromUtf8(some(verdict.events[0]).bytes)).toContain(seals);
    const first = some(verdict.events[0]).seals[0] as object;
    expect(Object.hasOwn(first, '__proto__')).toBe(true);
    expect((first as { x?: unknown }).x).toBeUndefined();
  });

  it('is exact about UTF-8', () => {
    const good = changed((text) =>
      text.replace('"a":[]', '"a":[{"note":"é 鍵 \u{1f511}"}]').replace('"c":[]', '"c":["ü"]'),
    );
    const verdict = run([good]);
    expect(verdict.state?.traits).toEqual(['ü']);
    expect(verdict.events[0]?.seals).toEqual([{ note: 'é 鍵 \u{1f511}' }]);
    const bytes = utf8(good.event as string).slice();
    bytes[bytes.indexOf(0xc3, bytes.length - 40)] = 0xff;
    expect(refusal(run([{ event: bytes, attachments: good.attachments }]))).toEqual(['reject', 0, 'utf8']);
  });

  it('bounds an event and a stream', () => {
    const big = changed((text) => text.replace('"a":[]', `"a":["${'x'.repeat(70_000)}"]`));
    expect(refusal(run([big]))).toEqual(['reject', 0, 'bounds']);
    for (const size of ['000000', '000001', '000018']) {
      const still = { event: `{"v":"KERI10JSON${size}_","t":"icp"}`, attachments: '' };
      expect(refusal(run([still, still]))).toEqual(['reject', 0, 'size-mismatch']);
    }
    const log = buildLog('iii');
    expect(refusal(run(log, { bounds: { maxMessages: 2 } }))).toEqual(['reject', 2, 'bounds']);
    expect(refusal(run(log, { bounds: { maxLength: 100 } }))).toEqual(['reject', 0, 'bounds']);
    const [icp] = buildLog('');
    const many = encodeCounter('A', 600) + encodeIndexedSignature(0, 0, new Uint8Array(64)).repeat(600);
    expect(refusal(run([{ event: some(icp).event, attachments: many }]))).toEqual(['reject', 0, 'bounds']);
  });
});

describe('attachments', () => {
  const [icp] = buildLog('');
  const signature = signEd25519(seed(1), some(icp).event);
  const A = encodeIndexedSignature(0, 0, signature);
  const attach = (attachments: string): KelVerdict => run([{ event: some(icp).event, attachments }]);
  it.each<readonly [string, string]>([
    ['bare -A', `-AAB${A}`],
    ['a frame', `-VAX-AAB${A}`],
    ['a big frame', `-0VAAAAX-AAB${A}`],
    ['two frames', `-VAX-AAB${A}-VAX-AAB${A}`],
    ['an empty group beside it', `-BAA-AAB${A}`],
    [
      'first-seen couples and hints beside it',
      `-EAB${encodeSequence(3)}1AAG2026-01-02T03c04c05d123456p00c00-AAB${A}-GAB${encodeSequence(1)}${some(icp).said}`,
    ],
    ['code B', `-AAB${encodeIndexedSignature(0, null, signature)}`],
    ['code 2A', `-AAB2AAAAA${A.slice(2)}`],
    ['code 2B', `-AAB2BAAAA${A.slice(2)}`],
    ['an index out of range beside it', `-AAC${encodeIndexedSignature(7, 7, signature)}${A}`],
    [
      'a bad signature for the same index before it',
      `-AAC${encodeIndexedSignature(0, 0, new Uint8Array(64).fill(1))}${A}`,
    ],
  ])('accepts %s', (_what, attachments) => expect(attach(attachments).verdict).toBe('accepted'));
  it.each<readonly [string, string, string]>([
    ['2B with a second index', 'cesr-pad', `-AAB2BAAAB${A.slice(2)}`],
    ['a not indexed signature in -A', 'cesr-code', `-AAB0B${A.slice(2)}`],
    ['a frame in a frame', 'counter-code', `-VAY-VAX-AAB${A}`],
    ['a frame longer than the text', 'cesr-length', `-VAY-AAB${A}`],
    ['a frame that cuts a group', 'attachment-trailing', `-VAW-AAB${A}`],
    ['-D, whose meaning is disputed', 'counter-code', `-DAB${A}`],
    ['a big group other than -0V', 'counter-code', `-0AAAAAB${A}`],
    ['lower-case code', 'counter-code', `-aAB${A}`],
    ['a genus code', 'counter-code', `-_AAABAA-AAB${A}`],
    ['a line feed after the group', 'counter-code', `-AAB${A}\n`],
    ['half a counter', 'cesr-length', `-AAB${A}-A`],
    [
      'a -F group without signatures',
      'cesr-length',
      `-AAB${A}-FAB${some(icp).said}${encodeSequence(0)}${some(icp).said}`,
    ],
    [
      'a -F group that holds no -A',
      'counter-code',
      `-AAB${A}-FAB${some(icp).said}${encodeSequence(0)}${some(icp).said}-BAA`,
    ],
    ['a couple with a digest for a key', 'cesr-code', `-AAB${A}-CAB${some(icp).said}0B${A.slice(2)}`],
    // A and B are letters of the codes 0A, 1AAG and 0B, and codes of their own.
    ['a couple with a key for a signature', 'cesr-code', `-AAB${A}-CAB${witness(5)}${witness(5)}`],
    ['a first-seen couple with a seed for a number', 'cesr-code', `-AAB${A}-EAB${SEED}1AAG${'A'.repeat(32)}`],
    ['a first-seen couple with a seed for a date', 'cesr-code', `-AAB${A}-EAB${encodeSequence(0)}${SEED}`],
    ['a seal source with a seed for a number', 'cesr-code', `-AAB${A}-GAB${SEED}${some(icp).said}`],
    [
      'a seal source triple with a seed for a number',
      'cesr-code',
      `-AAB${A}-IAB${some(icp).said}${SEED}${some(icp).said}`,
    ],
    [
      'a -F group with a seed for a number',
      'cesr-code',
      `-AAB${A}-FAB${some(icp).said}${SEED}${some(icp).said}-AAB${A}`,
    ],
    [
      'an ondex on another key as the only signature',
      'sig-invalid',
      `-AAB${encodeIndexedSignature(1, 0, signature)}`,
    ],
  ])('refuses %s: %s', (_what, rule, attachments) =>
    expect(refusal(attach(attachments))).toEqual(['reject', 0, rule]),
  );
});

describe('numbers and fractions of any size', () => {
  const nine = '100000000';
  it.each<readonly [string, string, string, string]>([
    ['kt', '"kt":"1"', `"kt":"${nine}"`, 'threshold-unsatisfiable'],
    ['kt of 128 bits', '"kt":"1"', `"kt":"${'f'.repeat(32)}"`, 'threshold-unsatisfiable'],
    ['kt of 4000 bits', '"kt":"1"', `"kt":"${'f'.repeat(1000)}"`, 'threshold-unsatisfiable'],
    ['kt as an integer', '"kt":"1"', '"kt":99999999999999999999', 'threshold-unsatisfiable'],
    ['nt', '"nt":"1"', `"nt":"${nine}"`, 'threshold-unsatisfiable'],
    ['bt', '"bt":"0"', `"bt":"${nine}"`, 'toad-range'],
    ['kt with a leading zero', '"kt":"1"', '"kt":"0000000001"', 'threshold-invalid'],
  ])('%s', (_what, from, to, rule) =>
    expect(refusal(run([changed((text) => text.replace(from, to))]))).toEqual(['reject', 0, rule]),
  );
  it('weights that miss one by less than a float can tell are told apart', () => {
    const half = 10n ** 30n;
    const pair = (a: bigint, b: bigint): FramedEvent =>
      changed(
        () => body.icp({ kt: `["${a}/${2n * half}","${b}/${2n * half}"]`, k: [1, 2] }),
        seed(1),
        seed(2),
      );
    expect(run([pair(half, half)]).verdict).toBe('accepted');
    expect(refusal(run([pair(half, half - 1n)]))).toEqual(['reject', 0, 'threshold-invalid']);
  });
});

const basicPrefix = (text: string): FramedEvent => {
  const event = resaid(text.replace(/"i":".*?"/, `"i":"${key(1)}"`), { selfAddressing: false });
  return { event, attachments: signedBy(utf8(event), seed(1)) };
};

describe('the log', () => {
  it('a basic prefix has one key and threshold one', () => {
    expect(run([basicPrefix(body.icp())]).verdict).toBe('accepted');
    expect(refusal(run([basicPrefix(body.icp({ k: [1, 2] }))]))).toEqual(['reject', 0, 'prefix-mismatch']);
    expect(refusal(run([basicPrefix(body.icp({ k: [2] }))]))).toEqual(['reject', 0, 'prefix-mismatch']);
    expect(refusal(run([basicPrefix(body.icp({ kt: '["1"]' }))]))).toEqual(['reject', 0, 'prefix-mismatch']);
  });

  it('a key that signs twice exposes its commitment with the signature that says so', () => {
    const [icp, rot] = buildLog('r');
    const attachments = signedBy(some(rot).event, [seed(2), 0, null], [seed(2), 0, 0]);
    expect(run([some(icp), { event: some(rot).event, attachments }]).verdict).toBe('accepted');
  });

  it('takes a repeat of any accepted event, also of a superseded one, and signatures or receipts that come later', () => {
    const log = buildLog('iir');
    expect(run([...log, some(log[1]), some(log[0])]).state).toMatchObject({ sequence: 3, firstSeen: 3 });
    const event = resaid(body.icp({ kt: '"2"', k: [1, 2] }));
    const first = { event, attachments: signedBy(utf8(event), [seed(1), 0, 0]) };
    const second = { event, attachments: signedBy(utf8(event), [seed(2), 1, 1]) };
    expect(run([first, second]).verdict).toBe('accepted');
    expect(refusal(run([first, first]))).toEqual(['pending', 0, 'threshold-unmet']);
  });

  it('a signature of a receipt message is no controller signature', () => {
    const event = resaid(body.icp({ kt: '"2"', k: [1, 2] }));
    const said = JSON.parse(event).d as string;
    const text = `{"v":"KERI10JSON000091_","t":"rct","d":"${said}","i":"${said}","s":"0"}`;
    const rct = { event: text, attachments: signedBy(utf8(event), [seed(2), 1, 1]) };
    const first = { event, attachments: signedBy(utf8(event), [seed(1), 0, 0]) };
    expect(refusal(run([first, rct]))).toEqual(['pending', 0, 'threshold-unmet']);
    expect(refusal(run([first], { receipts: streamOf([rct]) }))).toEqual(['pending', 0, 'threshold-unmet']);
  });

  it('recovers at any ixn after the last establishment event, and numbers what was seen', () => {
    const stolen = buildLog('riii');
    for (const at of [2, 3, 4]) {
      const recovery = rotate({
        prefix: some(stolen[0]).said as never,
        sequence: at,
        prior: some(stolen[at - 1]).said,
        key: keyOf(3),
        nextDigest: nextDigestOf(keyOf(4)),
      });
      const verdict = run([
        ...stolen,
        {
          event: recovery.event,
          attachments: attachSignatures([{ index: 0, signature: signEd25519(seed(3), recovery.event) }]),
        },
      ]);
      expect(verdict).toMatchObject({
        verdict: 'accepted',
        state: { sequence: at, said: recovery.said, firstSeen: 5 },
      });
      expect(verdict.superseded.map(({ sequence }) => sequence)).toEqual([2, 3, 4].slice(at - 2));
      expect(verdict.events.map(({ sequence }) => sequence)).toEqual([...verdict.events.keys()]);
      const old = some(stolen[at]);
      const after = run([
        ...stolen,
        {
          event: recovery.event,
          attachments: attachSignatures([{ index: 0, signature: signEd25519(seed(3), recovery.event) }]),
        },
        old,
      ]);
      expect(after.verdict).toBe('accepted'); // a repeat of what is already known to be superseded
    }
  });

  it('needs the commitment for a recovery, and calls a rival without valid signatures no duplicity', () => {
    const log = buildLog('ii');
    const at = { prefix: some(log[0]).said as never, sequence: 1, prior: some(log[0]).said };
    const thief = rotate({ ...at, key: keyOf(66), nextDigest: nextDigestOf(keyOf(67)) });
    expect(
      refusal(run([...log, { event: thief.event, attachments: signedBy(thief.event, seed(66)) }])),
    ).toEqual(['pending', 3, 'next-commitment']);
    const rival = interact({ ...at, seals: [{ d: some(log[0]).said }] });
    expect(
      refusal(run([...log, { event: rival.event, attachments: signedBy(rival.event, seed(66)) }])),
    ).toEqual(['reject', 3, 'sig-invalid']);
    const verdict = run([...log, { event: rival.event, attachments: signedBy(rival.event, seed(1)) }]);
    expect(refusal(verdict)).toEqual(['duplicity', 3, 'duplicity']);
    expect(verdict.conflict?.said).toBe(rival.said);
    expect(verdict.state?.sequence).toBe(2);
  });

  it('shows a rival of the abandoning rotation as duplicity, and nothing after it', () => {
    const [icp] = buildLog('');
    const at = { prefix: some(icp).said as never, sequence: 1, prior: some(icp).said, key: keyOf(2) };
    const end = rotate({ ...at, nextDigest: null });
    const rival = rotate({ ...at, nextDigest: nextDigestOf(keyOf(3)) });
    const ended = [some(icp), { event: end.event, attachments: signedBy(end.event, seed(2)) }];
    expect(run(ended).state).toMatchObject({ abandoned: true, transferable: true });
    expect(
      refusal(run([...ended, { event: rival.event, attachments: signedBy(rival.event, seed(2)) }])),
    ).toEqual(['duplicity', 2, 'duplicity']);
    const later = interact({ prefix: some(icp).said as never, sequence: 2, prior: end.said, seals: [] });
    expect(
      refusal(run([...ended, { event: later.event, attachments: signedBy(later.event, seed(2)) }])),
    ).toEqual(['reject', 2, 'abandoned']);
  });

  it('refuses a rotation whose threshold only counts the old keys, and a dip without a self-addressing prefix', () => {
    const basic = body
      .icp()
      .replaceAll('#'.repeat(44), '#'.repeat(44))
      .replace('"t":"icp"', '"t":"dip"')
      .replace(/\}$/, `,"di":"${next(9)}"}`);
    const text = basic.replace(/"i":".*?"/, `"i":"${key(1)}"`);
    const event = resaid(text, { selfAddressing: false });
    expect(refusal(run([{ event, attachments: signedBy(utf8(event), seed(1)) }]))).toEqual([
      'reject',
      0,
      'prefix-code',
    ]);
  });

  it('never believes a delegator that is not valid itself, nor one of another prefix', () => {
    const delegator = buildLog('');
    const text = body
      .icp()
      .replace('"t":"icp"', '"t":"dip"')
      .replace(/\}$/, `,"di":"${some(delegator[0]).said}"}`);
    const event = resaid(text, { selfAddressing: true });
    const said = JSON.parse(event).d as string;
    const dip = { event, attachments: signedBy(utf8(event), seed(1)) };
    const seal = { prefix: some(delegator[0]).said as never, sequence: 1, prior: some(delegator[0]).said };
    const good = interact({ ...seal, seals: [{ i: said, s: '0', d: said }] });
    const sealed = [some(delegator[0]), { event: good.event, attachments: signedBy(good.event, seed(1)) }];
    const withLog = (log: readonly FramedEvent[]): unknown =>
      refusal(run([dip], { delegators: { [some(delegator[0]).said]: streamOf(log) } }));
    expect(withLog(sealed)).toEqual(['accepted', null, null]);
    expect(
      withLog([some(delegator[0]), { event: good.event, attachments: signedBy(good.event, seed(2)) }]),
    ).toEqual(['pending', 0, 'delegator-invalid']);
    expect(withLog(buildLog('i', 40))).toEqual(['pending', 0, 'delegator-invalid']);
    for (const shape of [
      { s: '0', i: said, d: said },
      { i: said, s: '0', d: said, x: 1 },
      { i: said, s: 0, d: said },
      { d: said },
    ]) {
      const near = interact({ ...seal, seals: [shape] });
      expect(
        withLog([some(delegator[0]), { event: near.event, attachments: signedBy(near.event, seed(1)) }]),
      ).toEqual(['pending', 0, 'delegation-seal-missing']);
    }
    expect(run([dip], { delegators: new Map([['__proto__', streamOf(sealed)]]) }).rule).toBe(
      'delegator-missing',
    );
  });
});

const counting = (): { engine: typeof nodeEngine; calls: number } => {
  const counter = {
    calls: 0,
    engine: {
      verify: (...args: Parameters<typeof nodeEngine.verify>): boolean => {
        counter.calls++;
        return nodeEngine.verify(...args);
      },
    },
  };
  return counter;
};

describe('resume from a known tip', () => {
  const log = buildLog('irirriii');
  const stream = streamOf(log);
  it('checks only what lies after it', () => {
    const counter = counting();
    const full = replay(stream, { engine: nodeEngine });
    const resumed = replay(stream, {
      engine: counter.engine,
      resume: { sequence: 5, said: some(log[5]).said },
    });
    expect(resumed).toEqual(full);
    expect(counter.calls).toBe(3);
  });
  it('checks everything when the log does not lead straight to it', () => {
    for (const resume of [
      { sequence: 5, said: some(log[4]).said },
      { sequence: 99, said: some(log[8]).said },
      { sequence: -1, said: some(log[8]).said },
    ]) {
      const counter = counting();
      expect(replay(stream, { engine: counter.engine, resume }).verdict).toBe('accepted');
      expect(counter.calls).toBe(9);
    }
    const forged = [...log.slice(0, 8), { ...some(log[8]), attachments: some(log[7]).attachments }];
    expect(
      refusal(
        replay(streamOf(forged), { engine: nodeEngine, resume: { sequence: 8, said: some(log[7]).said } }),
      ),
    ).toEqual(['reject', 8, 'sig-invalid']);
    const rival = interact({
      prefix: some(log[0]).said as never,
      sequence: 7,
      prior: some(log[6]).said,
      seals: [],
    });
    const messy = streamOf([
      ...log.slice(0, 8),
      { event: rival.event, attachments: signedBy(rival.event, seed(99)) },
      some(log[8]),
    ]);
    expect(
      refusal(replay(messy, { engine: nodeEngine, resume: { sequence: 8, said: some(log[8]).said } })),
    ).toEqual(['reject', 8, 'sig-invalid']);
  });
});

it('leaves the bytes that it is given alone, Buffers too (their slice is a view)', () => {
  const stream = Buffer.from(streamOf(buildLog('irr')));
  const before = stream.toString('latin1');
  const { verdict, events } = replay(stream, { engine: nodeEngine });
  expect(verdict).toBe('accepted');
  expect(stream.toString('latin1')).toBe(before);
  for (const { bytes } of events) expect(bytes.constructor).toBe(Uint8Array);
});
