/** One test a threat, those to whole logs: rotations, witnesses, forks, delegation, size (docs/protocol.md). */
import { describe, expect, it } from 'vitest';
import { signEd25519 } from '../../src/crypto/ed25519.ts';
import { utf8 } from '../../src/encoding/text.ts';
import { encodeIndexedSignature } from '../../src/keri/attach.ts';
import { advance, type Log, logsOf } from '../../src/keri/advance.ts';
import { digest } from '../../src/keri/said.ts';
import {
  type FramedEvent,
  body,
  buildLog,
  key,
  keyOf,
  next,
  resaid,
  seed,
  signedBy,
  some,
  streamOf,
  witness,
} from './support.ts';
import {
  after,
  couple,
  couples,
  judged,
  prefixIn,
  rctText,
  refusal,
  saidIn,
  signed,
  withMore,
} from './threat-kit.ts';

const icp = signed(body.icp(), 1);
const rotation = (fields: Parameters<typeof after>[2], ...signers: readonly number[]): FramedEvent =>
  signed(after(icp, 1, { t: 'rot', ...fields }), ...signers);
const at = (event: string, signer: number, index: number, ondex: number | null): string =>
  encodeIndexedSignature(index, ondex, signEd25519(seed(signer), utf8(event)));

const first = (text: string): ReturnType<typeof refusal> => refusal([signed(text, 1)]);

const logOf = (messages: readonly FramedEvent[]): Log => some(logsOf(judged(messages))[0]);

describe('threats to rotations', () => {
  it('T32 a stolen current key rotates to the thief’s', () =>
    expect(refusal([icp, rotation({ k: [9] }, 1)])).toEqual(['reject', 1, 'sig-invalid']));
  it('T33 a rotation to a key that was never committed to', () =>
    expect(refusal([icp, rotation({ k: [9] }, 9)])).toEqual(['pending', 1, 'next-commitment']));
  it('T34 the committed key is shown and does not sign', () => {
    const event = resaid(after(icp, 1, { t: 'rot', k: [9, 2] }));
    expect(refusal([icp, { event, attachments: `-AAB${at(event, 9, 0, 0)}` }])).toEqual([
      'pending',
      1,
      'next-commitment',
    ]);
  });
  it('T35 the old key signs the rotation', () =>
    expect(refusal([icp, rotation({ k: [2] }, 1)])).toEqual(['reject', 1, 'sig-invalid']));
  it('T36 a wrong other index, or codes that expose nothing', () => {
    const event = resaid(after(icp, 1, { t: 'rot' }));
    for (const ondex of [1, null])
      expect(refusal([icp, { event, attachments: `-AAB${at(event, 2, 0, ondex)}` }])).toEqual([
        'pending',
        1,
        'next-commitment',
      ]);
  });
  it('T37 one of two committed keys', () => {
    const two = signed(body.icp({ n: [2, 3], nt: '"2"' }), 1);
    const event = resaid(after(two, 1, { t: 'rot', k: [2] }));
    expect(refusal([two, { event, attachments: `-AAB${at(event, 2, 0, 0)}` }])).toEqual([
      'pending',
      1,
      'next-threshold-unmet',
    ]);
    const held = resaid(after(two, 1, { t: 'rot', k: [9, 3, 2] }));
    const both = `-AAC${at(held, 3, 1, 1)}${at(held, 2, 2, 0)}`;
    expect(refusal([two, { event: held, attachments: both }])).toEqual(['accepted', null, null]);
  });
  it('T38 a commitment over the raw bytes of a key', () => {
    const raw = digest(keyOf(2));
    const inception = signed(body.icp().replace(next(2), raw), 1);
    expect(refusal([inception, signed(after(inception, 1, { t: 'rot' }), 2)])).toEqual([
      'pending',
      1,
      'next-commitment',
    ]);
  });
  it('T39 a next threshold of nothing', () =>
    expect(refusal([signed(body.icp({ nt: '"0"' }), 1)])).toEqual(['reject', 0, 'threshold-invalid']));
  it('T40 an event after the end, and after an inception that commits to nothing', () => {
    const end = rotation({ nt: '"0"', n: [] }, 2);
    expect(refusal([icp, end])).toEqual(['accepted', null, null]);
    expect(refusal([icp, end, signed(after(end, 2), 2)])).toEqual(['reject', 2, 'abandoned']);
    const closed = signed(body.icp({ nt: '"0"', n: [] }), 1);
    expect(refusal([closed, signed(after(closed, 1), 1)])).toEqual(['reject', 1, 'nontransferable']);
  });
  it('T41 an ixn where only establishment is allowed', () => {
    const only = signed(body.icp().replace('"c":[]', '"c":["EO"]'), 1);
    expect(refusal([only, signed(after(only, 1), 1)])).toEqual(['reject', 1, 'est-only']);
  });
  it('T42 a basic prefix that is not its key', () => {
    const event = resaid(body.icp().replace(/"i":".*?"/, `"i":"${key(9)}"`), { selfAddressing: false });
    expect(refusal([{ event, attachments: signedBy(utf8(event), seed(1)) }])).toEqual([
      'reject',
      0,
      'prefix-mismatch',
    ]);
  });
});

describe('threats to CESR', () => {
  it('T43 plain base64url of the raw bytes', () => {
    // The first text character after the code carries bits that CESR keeps at zero.
    const plain = `D${Buffer.from(new Uint8Array(32).fill(255)).toString('base64url')}`;
    const [verdict, place, rule] = refusal([signed(body.icp().replace(key(1), plain), 1)]);
    expect([verdict, place, rule]).toEqual(['reject', 0, 'cesr-pad']);
  });
  it('T44 characters after a key', () =>
    expect(refusal([signed(body.icp().replace(key(1), `${key(1)}AAAA`), 1)])).toEqual([
      'reject',
      0,
      'cesr-length',
    ]));
  it('T45 attachments cut, counted wrong, padded, or foreign', () => {
    const good = icp.attachments;
    for (const [bad, rule] of [
      [good.slice(0, -4), 'cesr-length'],
      [good.replace('-AAB', '-AAC'), 'cesr-length'],
      [`${good}AAAA`, 'counter-code'],
      [good.replace('-AAB', '-DAB'), 'counter-code'],
      [`${good}\n`, 'counter-code'],
    ] as const)
      expect(refusal([{ event: icp.event, attachments: bad }]), `${bad.slice(0, 8)} ${rule}`).toEqual([
        'reject',
        0,
        rule,
      ]);
    // Counted short: the second of two signatures is no group.
    const two = signed(body.icp({ kt: '"2"', k: [1, 2] }), 1, 2);
    expect(refusal([{ event: two.event, attachments: two.attachments.replace('-AAC', '-AAB') }])).toEqual([
      'reject',
      0,
      'counter-code',
    ]);
  });
});

describe('threats to witnesses', () => {
  const watched = signed(body.icp({ b: [5, 6, 7], bt: '"2"' }), 1);
  const enough = withMore(watched, couples(watched, 5, 6));
  const change = (fields: Parameters<typeof after>[2]): readonly [string, number | null, string | null] =>
    refusal([enough, signed(after(watched, 1, { t: 'rot', bt: '"1"', ...fields }), 2)]);
  it('T46 too few receipts: one, one twice, a stranger’s, one of another event, one over the receipt itself', () => {
    expect(refusal([enough])).toEqual(['accepted', null, null]);
    for (const more of [
      couples(watched, 5),
      couples(watched, 5, 5),
      couples(watched, 5, 8),
      `-CAC${couple(watched, 5)}${couple(icp, 6)}`,
      `-CAC${couple(watched, 5)}${couple(rctText(watched), 6)}`,
    ])
      expect(refusal([withMore(watched, more)])).toEqual(['pending', 0, 'toad-unmet']);
    const rct = { event: rctText(watched), attachments: couples(watched, 5, 7) };
    expect(refusal([watched], { receipts: streamOf([rct]) })).toEqual(['accepted', null, null]);
  });
  it('T47 an ixn without receipts', () =>
    expect(refusal([enough, signed(after(watched, 1), 1)])).toEqual(['pending', 1, 'toad-unmet']));
  it('T48 receipts by the places of the list before the rotation', () => {
    const event = resaid(after(watched, 1, { t: 'rot', bt: '"2"', br: [witness(5)], ba: [witness(8)] }));
    const place = (n: number, index: number): string => at(event, n, index, index);
    const rot = (witnesses: string): FramedEvent => ({
      event,
      attachments: `-AAB${at(event, 2, 0, 0)}-BAC${witnesses}`,
    });
    // The list is now 6, 7, 8.
    expect(refusal([enough, rot(place(6, 1) + place(7, 2))])).toEqual(['pending', 1, 'toad-unmet']);
    expect(refusal([enough, rot(place(6, 0) + place(7, 1))])).toEqual(['accepted', null, null]);
  });
  it('T49 thresholds out of range; members double, transferable, cut or added wrongly', () => {
    expect(first(body.icp({ b: [5], bt: '"2"' }))).toEqual(['reject', 0, 'toad-range']);
    expect(first(body.icp({ b: [5], bt: '"0"' }))).toEqual(['reject', 0, 'toad-range']);
    expect(first(body.icp({ b: [5, 5], bt: '"1"' }))).toEqual(['reject', 0, 'witness-duplicate']);
    expect(first(body.icp({ b: [5], bt: '"1"' }).replace(witness(5), key(5)))).toEqual([
      'reject',
      0,
      'witness-code',
    ]);
    expect(change({ br: [witness(8)] })).toEqual(['reject', 1, 'witness-cut']);
    expect(change({ br: [witness(5), witness(5)] })).toEqual(['reject', 1, 'witness-cut']);
    expect(change({ ba: [witness(5)] })).toEqual(['reject', 1, 'witness-add']);
    expect(change({ br: [witness(5)], ba: [witness(5)] })).toEqual(['reject', 1, 'witness-add']);
    expect(change({ ba: [witness(8), witness(8)] })).toEqual(['reject', 1, 'witness-add']);
    expect(change({ ba: [key(8)] })).toEqual(['reject', 1, 'witness-code']);
    expect(change({ bt: '"4"' })).toEqual(['reject', 1, 'toad-range']);
  });
});

describe('threats by forks', () => {
  const log = [icp, signed(after(icp, 1), 1)];
  const tip = some(log[1]);
  it('T50 two ixn, or two rotations, at one place', () => {
    expect(refusal([...log, signed(after(icp, 1, { a: '[{"x":1}]' }), 1)])).toEqual([
      'duplicity',
      2,
      'duplicity',
    ]);
    expect(refusal([icp, rotation({}, 2), rotation({ n: [4] }, 2)])).toEqual(['duplicity', 2, 'duplicity']);
  });
  it('T51 a rotation at or below the last establishment event', () => {
    const rot = rotation({}, 2);
    const later = signed(after(rot, 2, { t: 'rot', k: [3], n: [4] }), 3);
    expect(refusal([icp, rot, later, rotation({ n: [8] }, 2)])).toEqual(['duplicity', 3, 'duplicity']);
    expect(refusal([icp, rot, signed(after(rot, 2), 2), rotation({ n: [8] }, 2)])).toEqual([
      'duplicity',
      3,
      'duplicity',
    ]);
  });
  it('T52 a recovery with a wrong prior; the old key after a recovery', () => {
    const wrong = signed(after(tip, 1, { t: 'rot' }), 2);
    expect(refusal([...log, wrong])).toEqual(['reject', 2, 'prior-mismatch']);
    const recovery = rotation({}, 2);
    expect(refusal([...log, recovery])).toEqual(['accepted', null, null]);
    expect(refusal([...log, recovery, signed(after(recovery, 2), 1)])).toEqual(['reject', 3, 'sig-invalid']);
    expect(refusal([...log, recovery, signed(after(tip, 2), 1)])).toEqual(['reject', 3, 'prior-mismatch']);
    // What the recovery took off, shown once more, is a repeat; beside it, another of its kind is a rival.
    expect(refusal([...log, recovery, tip])).toEqual(['accepted', null, null]);
    expect(refusal([...log, recovery, signed(after(icp, 1, { a: '[{"x":2}]' }), 1)])).toEqual([
      'duplicity',
      3,
      'duplicity',
    ]);
  });
});

describe('threats to delegation, and by shape and size', () => {
  it('T53 no seal, a wrong one, a delegator that forbids it, a rot for a drt', () => {
    const delegator = signed(body.icp(), 1);
    const dip = signed(
      body
        .icp({ k: [11], n: [12] })
        .replace('"t":"icp"', '"t":"dip"')
        .replace(/\}$/, `,"di":"${prefixIn(delegator)}"}`),
      11,
    );
    const seal = (d: string): FramedEvent =>
      signed(after(delegator, 1, { a: `[{"i":"${prefixIn(dip)}","s":"0","d":"${d}"}]` }), 1);
    const under = (
      kel: readonly FramedEvent[],
      more: readonly FramedEvent[] = [],
    ): readonly [string, number | null, string | null] =>
      refusal([dip, ...more], { delegators: { [prefixIn(some(kel[0]))]: streamOf(kel) } });
    expect(under([delegator, seal(saidIn(dip))])).toEqual(['accepted', null, null]);
    expect(refusal([dip])).toEqual(['pending', 0, 'delegator-missing']);
    expect(under([delegator])).toEqual(['pending', 0, 'delegation-seal-missing']);
    expect(under([delegator, seal(saidIn(icp))])).toEqual(['pending', 0, 'delegation-seal-missing']);
    const rot = signed(after(dip, 1, { t: 'rot', k: [12], n: [13] }), 12);
    expect(under([delegator, seal(saidIn(dip))], [rot])).toEqual(['reject', 1, 'ilk-delegation']);
    // The rotation of a delegate needs its own seal, at its own place.
    const drt = signed(after(dip, 1, { t: 'drt', k: [12], n: [13] }), 12);
    const sealing = (prior: FramedEvent, s: number, place: string, d: string): FramedEvent =>
      signed(after(prior, s, { a: `[{"i":"${prefixIn(dip)}","s":"${place}","d":"${d}"}]` }), 1);
    const above = [delegator, seal(saidIn(dip))];
    const last = some(above[1]);
    expect(under([...above, sealing(last, 2, '1', saidIn(drt))], [drt])).toEqual(['accepted', null, null]);
    for (const [place, d] of [
      ['0', saidIn(drt)],
      ['2', saidIn(drt)],
      ['1', saidIn(dip)],
    ] as const)
      expect(under([...above, sealing(last, 2, place, d)], [drt]), `${place} ${d}`).toEqual([
        'pending',
        1,
        'delegation-seal-missing',
      ]);
    expect(under(above, [drt])).toEqual(['pending', 1, 'delegation-seal-missing']);
    expect(refusal([icp, signed(after(icp, 1, { t: 'drt' }), 2)])).toEqual(['reject', 1, 'ilk-delegation']);
    const closed = signed(body.icp().replace('"c":[]', '"c":["DND"]'), 1);
    const child = signed(
      body
        .icp({ k: [11], n: [12] })
        .replace('"t":"icp"', '"t":"dip"')
        .replace(/\}$/, `,"di":"${prefixIn(closed)}"}`),
      11,
    );
    const allowed = signed(
      after(closed, 1, { a: `[{"i":"${prefixIn(child)}","s":"0","d":"${saidIn(child)}"}]` }),
      1,
    );
    expect(refusal([child], { delegators: { [prefixIn(closed)]: streamOf([closed, allowed]) } })).toEqual([
      'reject',
      0,
      'delegation-forbidden',
    ]);
  });
  it('T54 labels that JavaScript would move or lose do not change what is hashed', () => {
    const seals = '[{"2":"b","1":"a","__proto__":{"i":"x"}}]';
    const event = signed(after(icp, 1, { a: seals }), 1);
    expect(refusal([icp, event])).toEqual(['accepted', null, null]);
    const moved = {
      event: (event.event as string).replace('"2":"b","1":"a"', '"1":"a","2":"b"'),
      attachments: event.attachments,
    };
    expect(refusal([icp, moved])).toEqual(['reject', 1, 'said-mismatch']);
  });
  it('T55 huge, deep, endless; receipts for nothing; a shorter or forked log offered later', () => {
    expect(refusal([icp, signed(after(icp, 1, { a: `["${'x'.repeat(70_000)}"]` }), 1)])).toEqual([
      'reject',
      1,
      'bounds',
    ]);
    expect(refusal([icp, signed(after(icp, 1, { a: `${'['.repeat(40)}${']'.repeat(40)}` }), 1)])).toEqual([
      'reject',
      1,
      'bounds',
    ]);
    expect(refusal([signed(body.icp({ k: Array.from({ length: 1000 }, (_, i) => i + 1) }), 1)])).toEqual([
      'reject',
      0,
      'bounds',
    ]);
    const other = signed(body.icp({ n: [8] }), 1);
    const stray = Array.from({ length: 50 }, () => ({
      event: rctText(other),
      attachments: couples(other, 5),
    }));
    expect(judged([icp], { receipts: streamOf(stray) }).state?.sequence).toBe(0);
    const grown = logOf(buildLog('iri'));
    expect(advance(grown, logOf(buildLog('i'))).kind).toBe('unchanged');
    expect(advance(grown, logOf(buildLog('ii'))).kind).toBe('disputed');
  });
});
