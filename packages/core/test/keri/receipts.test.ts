/** Receipts beyond the vectors: who may give one, for which event, and by which state of the giver. */
import { describe, expect, it } from 'vitest';
import { signEd25519 } from '../../src/crypto/ed25519.ts';
import { encodeCesr } from '../../src/encoding/cesr.ts';
import { type Log, logsOf } from '../../src/keri/advance.ts';
import { encodeCounter, encodeIndexedSignature, encodeSequence } from '../../src/keri/attach.ts';
import { replay } from '../../src/keri/key-state.ts';
import { type ReceiptVerdict, verifyReceipts } from '../../src/keri/receipt.ts';
import type { StoredEvent } from '../../src/ports.ts';
import { buildLog, nodeEngine, seed, some, streamOf, witness } from './support.ts';

const judged = (events: readonly StoredEvent[]): Log =>
  some(logsOf(replay(streamOf(events), { engine: nodeEngine }))[0]);
const receipted = buildLog('ir');
const log = judged(receipted);
const endorser = judged(buildLog('r', 50)); // key 50, then 51
const endorsers = new Map([[endorser.prefix as string, endorser]]);

function rct(
  at: number,
  attachments: string,
  change: Partial<{ i: string; s: string; d: string }> = {},
): Uint8Array {
  const { i = log.prefix, s = at.toString(16), d = some(receipted[at]).said } = change;
  const rest = `_","t":"rct","d":"${d}","i":"${i}","s":"${s}"}`;
  const size = (rest.length + 22).toString(16).padStart(6, '0');
  return streamOf([{ event: `{"v":"KERI10JSON${size}${rest}`, attachments }]);
}
const judge = (stream: Uint8Array): ReceiptVerdict =>
  some(verifyReceipts(stream, { engine: nodeEngine, log, endorsers })[0]);
const bytesAt = (at: number): Uint8Array => some(receipted[at]).event;
const couple = (at: number, n: number): string =>
  `-CAB${witness(n)}${encodeCesr('0B', signEd25519(seed(n), bytesAt(at)))}`;
const group = (at: number, n: number, named: { s: number; d: string }): string =>
  `-FAB${endorser.prefix}${encodeSequence(named.s)}${named.d}-AAB${encodeIndexedSignature(0, 0, signEd25519(seed(n), bytesAt(at)))}`;
const latest = (n: number): string =>
  `-HAB${endorser.prefix}${encodeCounter('A', 1)}${encodeIndexedSignature(0, 0, signEd25519(seed(n), bytesAt(1)))}`;
const establishment = (at: number): { s: number; d: string } => ({
  s: at,
  d: some(endorser.events[at]).said,
});

describe('a receipt', () => {
  it('is by a key that speaks for itself, over the bytes of the event', () => {
    expect(judge(rct(1, couple(1, 70)))).toMatchObject({
      verdict: 'accepted',
      endorsers: [witness(70)],
      witnesses: [],
    });
    expect(judge(rct(1, couple(2, 70)))).toMatchObject({ verdict: 'reject', rule: 'receipt-signature' });
    expect(judge(rct(1, couple(2, 70) + couple(1, 71)))).toMatchObject({
      verdict: 'accepted',
      endorsers: [witness(71)],
    });
    expect(judge(rct(1, ''))).toMatchObject({ verdict: 'reject', rule: 'receipt-missing' });
  });
  it('is for an event of this log', () => {
    expect(judge(rct(1, couple(1, 70), { i: endorser.prefix }))).toMatchObject({
      verdict: 'pending',
      rule: 'receipt-event-unknown',
    });
    expect(judge(rct(1, couple(1, 70), { s: 'ffffffffffffffffffff' }))).toMatchObject({
      rule: 'receipt-event-unknown',
    });
    expect(judge(rct(1, couple(1, 70), { s: '2' }))).toMatchObject({
      verdict: 'reject',
      rule: 'receipt-event-mismatch',
    });
  });
  it('of a transferable endorser holds for the establishment event that it names', () => {
    expect(judge(rct(1, group(1, 50, establishment(0)))).verdict).toBe('accepted');
    expect(judge(rct(1, group(1, 51, establishment(1)))).verdict).toBe('accepted');
    expect(judge(rct(1, group(1, 50, establishment(1))))).toMatchObject({
      verdict: 'reject',
      rule: 'receipt-signature',
    });
    for (const named of [
      { s: 0, d: establishment(1).d },
      { s: 1, d: establishment(0).d },
      { s: 7, d: establishment(1).d },
    ]) {
      expect(judge(rct(1, group(1, 51, named)))).toMatchObject({
        verdict: 'pending',
        rule: 'receipt-endorser-unknown',
      });
    }
    expect(judge(rct(1, latest(51))).verdict).toBe('accepted');
    expect(judge(rct(1, latest(50))).rule).toBe('receipt-signature');
  });
  it('is a rct message; a broken stream keeps the verdicts before the break', () => {
    expect(judge(streamOf(receipted)).rule).toBe('ilk');
    const broken = new Uint8Array([...rct(1, couple(1, 70)), 0x7b]);
    expect(
      verifyReceipts(broken, { engine: nodeEngine, log }).map(({ verdict, rule }) => [verdict, rule]),
    ).toEqual([
      ['accepted', null],
      ['reject', 'version-string'],
    ]);
  });
});
