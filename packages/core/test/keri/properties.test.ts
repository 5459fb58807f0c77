/** Laws of the log, over generated plans and damage. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { equalBytes } from '../../src/encoding/bytes.ts';
import { decodeCesrFixed, encodeCesr } from '../../src/encoding/cesr.ts';
import { isWellFormed, utf8 } from '../../src/encoding/text.ts';
import { encodeIndexedSignature } from '../../src/keri/attach.ts';
import { parseAttachments } from '../../src/keri/attachments.ts';
import { replay, replayMessages } from '../../src/keri/key-state.ts';
import { parseNotice } from '../../src/keri/notice.ts';
import { parseStream } from '../../src/keri/stream.ts';
import { isSatisfied, parseThreshold } from '../../src/keri/threshold.ts';
import { verifyReceipts } from '../../src/keri/receipt.ts';
import { logsOf } from '../../src/keri/advance.ts';
import { isAuthsError } from '../../src/errors.ts';
import { buildLog, loadVectors, nodeEngine, streamOf, some } from './support.ts';

const plan = fc.array(fc.constantFrom('i', 'r'), { maxLength: 8 }).map((kinds) => kinds.join(''));

describe('builders and replay', () => {
  it('what the builders make is accepted, and says what was built', () => {
    fc.assert(
      fc.property(plan, fc.integer({ min: 1, max: 500 }), fc.string(), (kinds, base, note) => {
        const clean = isWellFormed(note) ? note : 'x';
        const log = buildLog(kinds, base, clean);
        const verdict = replay(streamOf(log), { engine: nodeEngine });
        expect(verdict.verdict).toBe('accepted');
        expect(verdict.events.map(({ said }) => said)).toEqual(log.map(({ said }) => said));
        for (const event of verdict.events.slice(1))
          expect((event.seals[0] as { note: string }).note).toBe(clean);
        expect(replayMessages(log, { engine: nodeEngine }).state).toEqual(verdict.state);
      }),
      { numRuns: 60 },
    );
  });

  it('no byte of an accepted log can change and be accepted with other content', () => {
    const stream = streamOf(buildLog('irri'));
    const before = replay(stream, { engine: nodeEngine });
    fc.assert(
      fc.property(fc.nat(stream.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const damaged = stream.slice();
        damaged[at] = (damaged[at] as number) ^ change;
        const after = replay(damaged, { engine: nodeEngine });
        // No byte means nothing: each is hashed, signed or strict CESR. One pair means the same where no
        // commitment is exposed: signature codes A and B.
        if (after.verdict === 'accepted') {
          expect([stream[at], damaged[at]]).toEqual([0x41, 0x42]);
          expect(after.state).toEqual(before.state);
        }
        for (const event of after.events) expect(event.said).toBe(before.events[event.sequence]?.said);
      }),
      { numRuns: 1500 },
    );
  });

  it('every single byte of one inception, every bit', () => {
    const stream = streamOf(buildLog(''));
    for (let at = 0; at < stream.length; at++) {
      for (let bit = 0; bit < 8; bit++) {
        const damaged = stream.slice();
        damaged[at] = (damaged[at] as number) ^ (1 << bit);
        expect(replay(damaged, { engine: nodeEngine }).verdict).not.toBe('accepted');
      }
    }
  });

  it('every cut of a stream is incomplete or a shorter log, never another one', () => {
    const log = buildLog('ir');
    const stream = streamOf(log);
    const full = replay(stream, { engine: nodeEngine });
    for (let end = 0; end < stream.length; end++) {
      const cut = stream.subarray(0, end);
      const read = parseStream(cut);
      const boundary = full.events.some((event) => event.end === end) || end === 0;
      const bare = full.events.some((event) => event.offset + event.size === end);
      expect([end, read.incomplete]).toEqual([end, !boundary && !bare]);
      const verdict = replay(cut, { engine: nodeEngine });
      expect(verdict.verdict === 'accepted').toBe(boundary && end > 0);
      expect(verdict.events.map(({ said }) => said)).toEqual(
        log.slice(0, verdict.events.length).map(({ said }) => said),
      );
    }
  });

  it('events left out, doubled or moved never give another accepted log', () => {
    const log = buildLog('iriri');
    const saids = log.map(({ said }) => said);
    fc.assert(
      fc.property(fc.array(fc.nat(log.length - 1), { maxLength: 9 }), (order) => {
        const verdict = replay(streamOf(order.map((i) => log[i] as (typeof log)[number])), {
          engine: nodeEngine,
        });
        expect(verdict.events.map(({ said }) => said)).toEqual(saids.slice(0, verdict.events.length));
      }),
    );
  });
});

const everything = (bytes: Uint8Array): void => {
  const verdict = replay(bytes, {
    engine: nodeEngine,
    receipts: bytes,
    delegators: { x: bytes },
    resume: { sequence: 1, said: 'E' as never },
  });
  expect(['accepted', 'pending', 'reject', 'duplicity']).toContain(verdict.verdict);
  parseStream(bytes);
  const [log] = logsOf(verdict);
  if (log !== undefined) verifyReceipts(bytes, { engine: nodeEngine, log });
};

const refuses = (act: () => unknown): void => {
  try {
    act();
  } catch (error) {
    expect(isAuthsError(error) && error.code).toBe('input/malformed');
  }
};

describe('never throws', () => {
  const streams = ['14-negative', '07-witnesses', '09-delegation', '06-weighted-threshold'].flatMap((file) =>
    loadVectors(file)
      .filter((vector) => vector['messages']?.length > 0)
      .map((vector) => streamOf(vector['messages'])),
  );
  it('on random bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), everything));
  });
  it('on text that looks like events', () => {
    const token = fc.constantFrom(
      '{"v":"KERI10JSON0000',
      '12b_"',
      ',"t":"icp"',
      '{',
      '}',
      '[',
      ']',
      ',',
      '"',
      '-AAB',
      '-V',
      'E',
      '\\u',
      '"d":',
      '0',
      '\u00e9',
      '"k":[',
      'KERI',
      ':',
      '-0V',
    );
    fc.assert(fc.property(fc.array(token, { maxLength: 40 }), (tokens) => everything(utf8(tokens.join('')))));
  });
  it('on damaged vectors', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...streams),
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        fc.nat(),
        (stream, damage, cut) => {
          const bytes = stream.slice(0, stream.length - (cut % 50));
          for (const [at, value] of damage) bytes[at % bytes.length] = value;
          everything(bytes);
        },
      ),
      { numRuns: 400 },
    );
  });
  it('on framed messages with any text', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ event: fc.uint8Array(), attachments: fc.string({ unit: 'binary' }) })),
        (messages) => {
          expect(replayMessages(messages, { engine: nodeEngine }).verdict).toBe('reject');
        },
      ),
    );
  });
  it('readers of smaller things refuse with input/malformed only', () => {
    fc.assert(
      fc.property(fc.string(), fc.jsonValue(), (text, value) => {
        refuses(() => decodeCesrFixed(text));
        refuses(() => parseAttachments(text));
        refuses(() => parseThreshold(value, 2));
        refuses(() => parseNotice(utf8(JSON.stringify(value))));
      }),
      { numRuns: 500 },
    );
  });
  it('is linear on hostile sizes', () => {
    const started = performance.now();
    everything(utf8('{'.repeat(300_000)));
    everything(utf8(`{"v":"KERI10JSON00ffff_","t":"icp",${'['.repeat(65_000)}${'x'.repeat(65_000)}`));
    everything(utf8('-AAB'.repeat(50_000)));
    const [icp] = buildLog('');
    everything(streamOf(Array.from({ length: 5000 }, () => ({ event: some(icp).event, attachments: '' }))));
    parseThreshold(Array.from({ length: 128 }, (_, i) => `1/${999_999_900 - i}`).concat('1'), 129);
    expect(performance.now() - started).toBeLessThan(4000);
  });
});

describe('text forms', () => {
  it('CESR: one text per value', () => {
    const codes: readonly (readonly [string, number])[] = [
      ['A', 32],
      ['B', 32],
      ['D', 32],
      ['E', 32],
      ['0A', 16],
      ['0B', 64],
      ['1AAG', 24],
      ['1AAI', 33],
      ['M', 2],
      ['0H', 4],
      ['R', 5],
      ['N', 8],
    ];
    fc.assert(
      fc.property(fc.constantFrom(...codes), fc.infiniteStream(fc.nat(255)), ([code, size], stream) => {
        const raw = Uint8Array.from({ length: size }, () => stream.next().value as number);
        const text = encodeCesr(code, raw);
        expect(text.length % 4).toBe(0);
        const read = decodeCesrFixed(text);
        expect(read.code).toBe(code);
        expect(equalBytes(read.raw, raw)).toBe(true);
        for (const other of [`${text}A`, text.slice(0, -1), `${text}AAAA`, text.replace(/.$/, '=')]) {
          expect(() => decodeCesrFixed(other)).toThrow();
        }
      }),
    );
  });
  it('indexed signatures at every place', () => {
    fc.assert(
      fc.property(
        fc.nat(4095),
        fc.option(fc.nat(4095)),
        fc.uint8Array({ minLength: 64, maxLength: 64 }),
        (index, ondex, signature) => {
          const text = encodeIndexedSignature(index, ondex, signature);
          const [read] = parseAttachments(`-AAB${text}`).controller;
          expect(read).toMatchObject({ index, ondex });
          expect(equalBytes(some(read).signature, signature)).toBe(true);
          expect(some(read).code).toBe(
            `${index < 64 && (ondex === null || ondex === index) ? '' : '2'}${ondex === null ? 'B' : 'A'}`,
          );
        },
      ),
    );
  });
});

describe('thresholds are exact', () => {
  it('ten tenths are one, nine are not', () => {
    const tenths = parseThreshold(
      Array.from({ length: 10 }, () => '1/10'),
      10,
    );
    const all = [...Array(10).keys()];
    expect(isSatisfied(tenths, new Set(all))).toBe(true);
    for (const missing of all)
      expect(isSatisfied(tenths, new Set(all.filter((i) => i !== missing)))).toBe(false);
  });
  it('n parts of 1/n need all n', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), (n) => {
        const threshold = parseThreshold(
          Array.from({ length: n }, () => `1/${n}`),
          n,
        );
        expect(isSatisfied(threshold, new Set(Array(n).keys()))).toBe(true);
        expect(isSatisfied(threshold, new Set(Array(n - 1).keys()))).toBe(false);
      }),
    );
  });
  it('clauses partition the keys in order; nested weights need their inner sum first', () => {
    const clauses = parseThreshold(
      [
        ['1/2', '1/2'],
        ['1', '1'],
      ],
      4,
    );
    expect(
      [
        [0, 1, 2],
        [0, 1, 3],
        [0, 2, 3],
        [0, 1],
        [2, 3],
      ].map((at) => isSatisfied(clauses, new Set(at))),
    ).toEqual([true, true, false, false, false]);
    const nested = parseThreshold([{ '1/2': ['1', '1'] }, '1/2', { '1/2': ['1/2', '1/2', '1/2'] }], 6);
    const cases: readonly (readonly [readonly number[], boolean])[] = [
      [[0, 2], true],
      [[1, 2], true],
      [[2], false],
      [[0, 1], false],
      [[2, 3], false],
      [[2, 3, 5], true],
      [[0, 3, 4], true],
      [[0, 3], false],
    ];
    for (const [at, met] of cases) expect([at, isSatisfied(nested, new Set(at))]).toEqual([at, met]);
  });
  it('inner weights must be able to reach one, and a nested weight is one entry', () => {
    for (const value of [
      [{ '1/2': ['1/2'] }, '1/2', '1/2'],
      [{ '1': ['1/3', '1/3'] }, '1'],
      [{ '1': ['1'], '1/2': ['1', '1'] }],
      [{ '1': ['1'], '1/2': ['1'] }, '1', '1'],
      [{ '1': '1' }, '1', '1'],
      [{}, '1', '1', '1'],
    ]) {
      expect(() => parseThreshold(value, 3)).toThrow(/weight/);
    }
    expect(parseThreshold([{ '1/2': ['1/2', '1/2'] }, '1/2'], 3).size).toBe(3);
  });
  it('positions out of range count for nothing, and zero is never satisfied', () => {
    expect(isSatisfied(parseThreshold('2', 2), new Set([0, 2, 5, -1]))).toBe(false);
    expect(isSatisfied(parseThreshold('0', 0), new Set([0]))).toBe(false);
  });
});
