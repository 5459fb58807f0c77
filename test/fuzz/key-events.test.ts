/** Key event logs: streams, single events, attachments, receipts and key state notices from anybody. */
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { orderMessages } from '../../packages/core/src/commit/branches.ts';
import { concat } from '../../packages/core/src/encoding/bytes.ts';
import { fromLatin1, latin1, utf8 } from '../../packages/core/src/encoding/text.ts';
import { pureVerifyEngine, signEd25519 } from '../../packages/core/src/crypto/ed25519.ts';
import { attachSignatures, storedEventOf } from '../../packages/core/src/keri/build.ts';
import { D_AT, I_AT } from '../../packages/core/src/keri/layout.ts';
import { saidOf } from '../../packages/core/src/keri/said.ts';
import { parseAttachments } from '../../packages/core/src/keri/attachments.ts';
import { replay, replayMessages } from '../../packages/core/src/keri/key-state.ts';
import { formatNotice, noticeOf, parseNotice } from '../../packages/core/src/keri/notice.ts';
import { parseMessage } from '../../packages/core/src/keri/parse.ts';
import { verifyReceipts } from '../../packages/core/src/keri/receipt.ts';
import { parseStream } from '../../packages/core/src/keri/stream.ts';
import { parseThreshold } from '../../packages/core/src/keri/threshold.ts';
import { logsOf } from '../../packages/core/src/keri/advance.ts';
import { foldSources } from '../../packages/core/src/keri/sources.ts';
import { nodeVerifyEngine as engine } from '../../packages/key-store/src/verify-engine.ts';
import { messageOf, paperKey, type PaperIdentity } from '../../packages/testing/src/paper-identity.ts';
import { accepted, countCases, counted, fuzz, same } from './laws.ts';
import { mutatedBytes, mutatedJson, mutatedText } from './mutate.ts';
import { identities, streams } from './samples.ts';

countCases('key events');

const VERDICTS = ['accepted', 'pending', 'reject', 'duplicity'];
const signed = new Set(identities.flatMap(({ events }) => events.map(({ event }) => fromLatin1(event))));
const [lively] = identities as [PaperIdentity];

fuzz(
  'replay: a verdict for any stream, and no event stands that nobody signed',
  mutatedBytes(streams),
  1_500,
  (stream) => {
    const verdict = replay(stream, { engine });
    expect(VERDICTS).toContain(verdict.verdict);
    expect(verdict.verdict === 'accepted').toBe(verdict.rule === null && verdict.at === null);
    for (const { bytes } of verdict.events) expect(signed.has(fromLatin1(bytes))).toBe(true);
    if (verdict.verdict === 'accepted') expect(verdict.state?.sequence).toBe(verdict.events.length - 1);
  },
);

fuzz(
  'replay: honest receipts and delegators cannot be had by rubbish',
  fc.tuple(mutatedBytes(streams), mutatedBytes(streams)),
  300,
  ([receipts, delegator]) => {
    const verdict = replay(lively.stream, {
      engine,
      receipts,
      delegators: new Map([[lively.prefix, delegator]]),
    });
    expect(verdict.verdict).toBe('accepted');
    verifyReceipts(receipts, { engine, log: { prefix: lively.prefix, events: verdict.events } });
  },
);

fuzz(
  'a stream is split into the same messages however it is read',
  mutatedBytes(streams),
  2_000,
  (stream) => {
    const { messages, fault, incomplete } = parseStream(stream);
    let at = 0;
    for (const { offset, event, attachmentText } of messages) {
      expect(offset).toBe(at);
      at = offset + event.bytes.length + attachmentText.length;
      expect(same(event.bytes, stream.subarray(offset, offset + event.bytes.length))).toBe(true);
    }
    if (fault === null) expect(at).toBe(stream.length);
    if (incomplete) expect(fault).not.toBeNull();
    const framed = messages.map(({ event, attachmentText }) => ({
      event: event.bytes,
      attachments: attachmentText,
    }));
    expect(VERDICTS).toContain(replayMessages(framed, { engine }).verdict);
  },
);

const events = identities.flatMap((identity) => identity.events.map(({ event }) => event));
fuzz('events: bytes or nothing, the SAID binds them', mutatedBytes(events), 3_000, (bytes) => {
  const event = accepted(() => parseMessage(bytes));
  if (event !== null && event.ilk !== 'rct')
    expect(signed.has(fromLatin1(bytes)) && same(event.bytes, bytes)).toBe(true);
});

/** The text with its declared size and SAID made right, signed: what the holder of the key itself could publish. */
function published(text: Uint8Array, seed: Uint8Array): Uint8Array | null {
  const head = /^\{"v":"KERI10JSON[0-9a-f]{6}_","t":"(icp|rot|ixn|dip|drt)","d":".{44}","i":"(.{44})"/.exec(
    fromLatin1(text),
  );
  if (head === null || text.length > 0xffffff) return null;
  const event = Uint8Array.from(text);
  event.set(utf8(text.length.toString(16).padStart(6, '0')), '{"v":"KERI10JSON'.length);
  const fields =
    (head[1] === 'icp' || head[1] === 'dip') && head[2]?.startsWith('E') === true ? [D_AT, I_AT] : [D_AT];
  const said = saidOf(event, fields);
  for (const at of fields) event.set(utf8(said), at);
  return concat(event, latin1(attachSignatures([{ index: 0, signature: signEd25519(seed, event) }])));
}

const bodies = lively.events.map(({ event }): unknown => JSON.parse(fromLatin1(event)));
fuzz(
  'replay: events that the holder of the key signs, of any form',
  fc.tuple(mutatedJson(bodies, 3), fc.nat(lively.events.length)),
  1_000,
  ([text, before]) => {
    const sequence = Number.parseInt(/"s":"([0-9a-f]{1,2})"/.exec(fromLatin1(text))?.[1] ?? '0', 16);
    const message = published(text, paperKey(sequence >= 4 ? 2 : 1).seed);
    if (message === null) return;
    const verdict = replay(concat(...lively.events.slice(0, before).map(messageOf), message), { engine });
    expect(VERDICTS).toContain(verdict.verdict);
    expect((verdict.reason ?? '').length).toBeLessThan(600);
    if (verdict.verdict !== 'accepted') return;
    expect(verdict.state?.keys.length).toBeGreaterThan(0);
    // What was accepted is accepted again in the form in which it is stored, and by the pure engine.
    const stored = verdict.events.map((event) => messageOf(storedEventOf(event)));
    expect(replay(concat(...stored), { engine: pureVerifyEngine }).state).toEqual(verdict.state);
  },
);

const attachments = [
  ...lively.events.map((event) => event.attachments),
  `-VAX${lively.events[0]?.attachments ?? ''}`,
  `-CAB${'B'.padEnd(44, 'A')}0B${'A'.repeat(86)}`,
  `-GAB0A${'A'.repeat(22)}${lively.tip.said}`,
  `-EAB0A${'A'.repeat(22)}1AAG2026-03-01T00c00c00d000000p00c00`,
];
fuzz('attachments', mutatedText(attachments, 4), 3_000, (text) => {
  const parsed = accepted(() => parseAttachments(text));
  if (parsed === null) return;
  expect(
    parsed.controller.length + parsed.witness.length + parsed.couples.length + parsed.groups.length,
  ).toBeLessThanOrEqual(512);
  for (const { signature } of parsed.controller) expect(signature.length).toBe(64);
});

fuzz(
  'thresholds',
  mutatedJson(['1', '2', ['1/2', '1/2'], [['1/2', '1/2'], ['1']], [{ '1/2': ['1', '1'] }, '1/2']]),
  1_500,
  (input) => {
    let value: unknown;
    try {
      value = JSON.parse(Buffer.from(input).toString('utf8'));
    } catch {
      return;
    }
    for (const size of [0, 1, 2, 3]) accepted(() => parseThreshold(value, size));
  },
);

const { state } = replay(lively.stream, { engine });
const notice = formatNotice(
  noticeOf(state ?? expect.fail('the sample is sound'), '2026-03-01T00:00:00.000000+00:00'),
);
fuzz('key state notices', mutatedBytes([notice]), 1_500, (input) => {
  const read = accepted(() => parseNotice(input));
  if (read !== null) expect(same(formatNotice(read), input)).toBe(true);
});

fuzz(
  'a heap of events: honest branches are found whatever lies beside them',
  fc.array(mutatedBytes(streams, 2), { maxLength: 12 }),
  150,
  (rubbish) => {
    const honest = lively.events.map(messageOf);
    const heap = [...rubbish.filter((bytes) => parseStream(bytes).fault !== null), ...honest];
    const { branches } = orderMessages(
      lively.prefix,
      heap.map((bytes) => ({ bytes, sequence: null })),
    );
    expect(branches.some((branch) => same(branch, concat(...honest)))).toBe(true);
  },
);

fuzz(
  'folding sources never takes an event that nobody signed',
  fc.array(mutatedBytes(streams, 2), { minLength: 1, maxLength: 4 }),
  200,
  (sources) => {
    const folded = foldSources(
      sources.map((stream, i) => ({ name: `source ${i}`, logs: logsOf(replay(stream, { engine })) })),
    );
    for (const { bytes } of folded.trunk?.events ?? []) expect(signed.has(fromLatin1(bytes))).toBe(true);
  },
);

it('a stream beyond the bounds is refused before it is read', () => {
  const large: readonly (readonly [string, Uint8Array])[] = [
    ['spaces', new Uint8Array(65 << 20).fill(0x20)],
    ['braces', new Uint8Array(16 << 20).fill(0x7b)],
    ['zeros', new Uint8Array(48 << 20)],
    [
      'an event that claims all',
      concat(utf8('{"v":"KERI10JSONffffff_",'), new Uint8Array(20 << 20).fill(0x61)),
    ],
    [
      'one event and endless attachments',
      concat((lively.events[0] ?? expect.fail()).event, new Uint8Array(32 << 20).fill(0x2d)),
    ],
    ['nested lists', utf8(`{"v":"KERI10JSON00ffff_",${'['.repeat(65_000)}`)],
  ];
  for (const [name, stream] of large) {
    counted(1);
    const start = performance.now();
    expect(replay(stream, { engine }).verdict, name).toBe('reject');
    expect(performance.now() - start, name).toBeLessThan(5_000);
  }
});
