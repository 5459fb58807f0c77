/** Thresholds, commitments and witnesses over generated groups, against a plain model of the rules. */
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { signEd25519 } from '../../src/crypto/ed25519.ts';
import { encodeCesr } from '../../src/encoding/cesr.ts';
import { utf8 } from '../../src/encoding/text.ts';
import { encodeCounter, encodeIndexedSignature } from '../../src/keri/attach.ts';
import { replay } from '../../src/keri/key-state.ts';
import {
  type FramedEvent,
  body,
  key,
  next,
  nodeEngine,
  resaid,
  seed,
  signedBy,
  streamOf,
  witness,
} from './support.ts';

const dummy = '#'.repeat(44);
const list = (entries: readonly string[]): string => JSON.stringify(entries);
const hex = (n: number): string => `"${n.toString(16)}"`;

interface Rotation {
  readonly said: string;
  readonly kt: string;
  readonly k: readonly number[];
  readonly bt?: string;
  readonly br?: readonly number[];
  readonly ba?: readonly number[];
}
const rot = ({ said, kt, k, bt = '"0"', br = [], ba = [] }: Rotation): string =>
  resaid(
    `{"v":"KERI10JSON000000_","t":"rot","d":"${dummy}","i":"${said}","s":"1","p":"${said}","kt":${kt},"k":${list(k.map(key))},"nt":"1","n":["${next(999)}"],"bt":${bt},"br":${list(br.map(witness))},"ba":${list(ba.map(witness))},"a":[]}`,
  );
const couple = (event: string, n: number): string =>
  `${witness(n)}${encodeCesr('0B', signEd25519(seed(n), utf8(event)))}`;
const saidOfEvent = (event: string): string => (JSON.parse(event) as { d: string }).d;

const range = (from: number, count: number): number[] => Array.from({ length: count }, (_, i) => from + i);

it('a rotation counts signatures against kt by index and commitments against the prior nt by ondex', () => {
  const group = fc.record({
    committed: fc.integer({ min: 1, max: 5 }),
    fresh: fc.integer({ min: 0, max: 3 }),
    order: fc.array(fc.nat(), { minLength: 8, maxLength: 8 }),
    shown: fc.array(fc.boolean(), { minLength: 8, maxLength: 8 }),
    signs: fc.array(fc.constantFrom('no', 'dual', 'current', 'wrong ondex', 'bad'), {
      minLength: 8,
      maxLength: 8,
    }),
    kt: fc.nat(7),
    nt: fc.nat(7),
  });
  fc.assert(
    fc.property(group, ({ committed, fresh, order, shown, signs, kt, nt }) => {
      const commitments = range(100, committed);
      const pool = [...commitments.filter((_, i) => shown[i]), ...range(200, fresh)];
      if (pool.length === 0) return;
      const keys = pool
        .map((n, i) => [order[i] as number, n] as const)
        .sort((a, b) => a[0] - b[0] || a[1] - b[1])
        .map(([, n]) => n);
      const needed = 1 + (kt % keys.length);
      const prior = 1 + (nt % committed);
      const icp = resaid(body.icp({ n: commitments, nt: hex(prior) }));
      const said = saidOfEvent(icp);
      const event = rot({ said, kt: hex(needed), k: keys });
      const signatures: string[] = [];
      let verified = 0;
      let exposed = 0;
      keys.forEach((n, index) => {
        const how = signs[index];
        if (how === 'no') return;
        const place = commitments.indexOf(n);
        const signature = signEd25519(seed(how === 'bad' ? 777 : n), utf8(event));
        const ondex =
          how === 'current'
            ? null
            : how === 'wrong ondex'
              ? (place + 1) % (committed + 1)
              : Math.max(place, 0);
        signatures.push(encodeIndexedSignature(index, ondex, signature));
        if (how === 'bad') return;
        verified++;
        if (ondex !== null && place !== -1 && ondex === place) exposed++;
      });
      const attachments =
        signatures.length === 0 ? '' : encodeCounter('A', signatures.length) + signatures.join('');
      const verdict = replay(
        streamOf([
          { event: icp, attachments: signedBy(utf8(icp), seed(1)) },
          { event, attachments },
        ]),
        { engine: nodeEngine },
      );
      const rule =
        signatures.length === 0
          ? 'sig-missing'
          : verified === 0
            ? 'sig-invalid'
            : verified < needed
              ? 'threshold-unmet'
              : exposed === 0
                ? 'next-commitment'
                : exposed < prior
                  ? 'next-threshold-unmet'
                  : null;
      expect(verdict.rule).toBe(rule);
    }),
    { numRuns: 400 },
  );
});

it('witnesses: the list after cuts and adds, each member once, by index or by name, in the event or in receipts', () => {
  const plan = fc.record({
    before: fc.integer({ min: 0, max: 4 }),
    cut: fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }),
    add: fc.integer({ min: 0, max: 2 }),
    bt: fc.nat(6),
    how: fc.array(fc.constantFrom('no', 'index', 'name', 'both', 'receipt', 'bad', 'old index'), {
      minLength: 6,
      maxLength: 6,
    }),
  });
  fc.assert(
    fc.property(plan, ({ before, cut, add, bt, how }) => {
      const old = range(300, before);
      const br = old.filter((_, i) => cut[i]);
      const members = [...old.filter((n) => !br.includes(n)), ...range(400, add)];
      const needed = members.length === 0 ? 0 : 1 + (bt % members.length);
      const icp = resaid(body.icp({ b: old, bt: hex(before) }));
      const said = saidOfEvent(icp);
      const icpReceipts = old.map((n, i) => encodeIndexedSignature(i, i, signEd25519(seed(n), utf8(icp))));
      const event = rot({ said, kt: '"1"', k: [2], bt: hex(needed), br, ba: range(400, add) });
      const indexed: string[] = [];
      const named: string[] = [];
      const received: FramedEvent[] = [];
      let met = 0;
      members.forEach((n, index) => {
        const signature = signEd25519(seed(n), utf8(event));
        const way = how[index];
        if (way === 'index' || way === 'both') indexed.push(encodeIndexedSignature(index, index, signature));
        if (way === 'name' || way === 'both') named.push(couple(event, n));
        if (way === 'bad')
          indexed.push(encodeIndexedSignature(index, index, signEd25519(seed(n), utf8(icp))));
        if (way === 'old index' && old.indexOf(n) !== index)
          indexed.push(encodeIndexedSignature(old.indexOf(n) + 8, old.indexOf(n) + 8, signature));
        if (way === 'receipt') {
          const text = `{"v":"KERI10JSON000091_","t":"rct","d":"${saidOfEvent(event)}","i":"${said}","s":"1"}`;
          received.push({ event: text, attachments: `-CAB${couple(event, n)}` });
        }
        if (way === 'index' || way === 'both' || way === 'name' || way === 'receipt') met++;
      });
      const groups = [
        signedBy(utf8(event), seed(2)),
        indexed.length > 0 ? encodeCounter('B', indexed.length) + indexed.join('') : '',
        encodeCounter('C', named.length + 1) + named.join('') + couple(event, 55), // a stranger beside them
      ].join('');
      const first = {
        event: icp,
        attachments: signedBy(utf8(icp), seed(1)) + encodeCounter('B', before) + icpReceipts.join(''),
      };
      const rule = met >= needed ? null : 'toad-unmet';
      const messages = [first, { event, attachments: groups }];
      expect(replay(streamOf([...messages, ...received]), { engine: nodeEngine }).rule).toBe(rule);
      expect(replay(streamOf(messages), { engine: nodeEngine, receipts: streamOf(received) }).rule).toBe(
        rule,
      );
      const { state } = replay(streamOf([...messages, ...received]), { engine: nodeEngine });
      if (rule === null) expect(state?.witnesses).toEqual(members.map(witness));
    }),
    { numRuns: 200 },
  );
});

it('an ixn needs the receipts of the list in force as well', () => {
  const icp = resaid(body.icp({ b: [300, 301], bt: '"1"' }));
  const said = saidOfEvent(icp);
  const ixn = resaid(
    `{"v":"KERI10JSON000000_","t":"ixn","d":"${dummy}","i":"${said}","s":"1","p":"${said}","a":[]}`,
  );
  const first = { event: icp, attachments: `${signedBy(utf8(icp), seed(1))}-CAB${couple(icp, 301)}` };
  const bare = { event: ixn, attachments: signedBy(utf8(ixn), seed(1)) };
  expect(replay(streamOf([first, bare]), { engine: nodeEngine })).toMatchObject({
    at: 1,
    rule: 'toad-unmet',
    verdict: 'pending',
  });
  const full = { event: ixn, attachments: `${bare.attachments}-CAB${couple(ixn, 300)}` };
  expect(replay(streamOf([first, full]), { engine: nodeEngine }).verdict).toBe('accepted');
});
