/** A witness receipts one version of each event, whoever asks it, in whatever order. */
import { Buffer } from 'node:buffer';
import { array, assert, asyncProperty, integer } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createMemoryLog } from '../../../testing/src/memory-stores.ts';
import { keyOfSeed, messageOf, type PaperKey } from '../../../testing/src/paper-identity.ts';
import { pureVerifyEngine, signEd25519 } from '../../src/crypto/ed25519.ts';
import { concat } from '../../src/encoding/bytes.ts';
import { isAuthsError } from '../../src/errors.ts';
import {
  WITNESS_LIMITS,
  receiptEvents,
  receiptFor,
  type WitnessLogPorts,
} from '../../src/flows/witness-log.ts';
import {
  incept,
  interact,
  nextDigestOf,
  rotate,
  storedEvent,
  type BuiltEvent,
  type WitnessChange,
} from '../../src/keri/build.ts';
import { replay } from '../../src/keri/key-state.ts';
import { verifyReceipts } from '../../src/keri/receipt.ts';
import { witnessAid } from '../../src/keri/receipt-message.ts';
import { type Message, parseStream } from '../../src/keri/stream.ts';
import type { StoredEvent } from '../../src/ports.ts';

const key = (n: number): PaperKey => keyOfSeed(new Uint8Array(32).fill(n));
const owner = [10, 11, 12, 13].map(key);
const own = key(90);
const aid = witnessAid(own.publicKey);

function signed(built: BuiltEvent, by: PaperKey): StoredEvent {
  return storedEvent(built, [{ index: 0, signature: signEd25519(by.seed, built.event) }]);
}

const icp = incept({
  key: (owner[0] as PaperKey).publicKey,
  nextDigest: nextDigestOf((owner[1] as PaperKey).publicKey),
});
const { prefix } = icp;
const inception = signed(icp, owner[0] as PaperKey);

/** The rotation number `n` at `sequence` on `prior`. */
function rotation(n: number, sequence: number, prior: StoredEvent, witnesses?: WitnessChange): StoredEvent {
  const by = owner[n] as PaperKey;
  return signed(
    rotate({
      prefix,
      sequence,
      prior: prior.said,
      key: by.publicKey,
      nextDigest: nextDigestOf((owner[n + 1] as PaperKey).publicKey),
      witnesses: witnesses ?? { cut: [], add: [], threshold: 1 },
    }),
    by,
  );
}

function seals(mark: string, sequence: number, prior: StoredEvent, by = owner[1] as PaperKey): StoredEvent {
  return signed(interact({ prefix, sequence, prior: prior.said, seals: [{ mark }] }), by);
}

const named = rotation(1, 1, inception, { cut: [], add: [aid], threshold: 1 });
const first = seals('first', 2, named);
const other = seals('other', 2, named);
const later = seals('later', 3, first);
const recovery = rotation(2, 2, named);
const stream = (...events: readonly StoredEvent[]): Uint8Array => concat(...events.map(messageOf));

interface Kit {
  readonly ports: WitnessLogPorts;
  readonly disputed: string[];
}

function witness(by: PaperKey = own, mayBegin: () => Promise<void> = () => Promise.resolve()): Kit {
  const disputed: string[] = [];
  const ports: WitnessLogPorts = {
    engine: pureVerifyEngine,
    log: createMemoryLog(),
    disputes: {
      record: (_prefix, from, branch) => {
        disputed.push(`${from}:${branch.map(({ said }) => said).join()}`);
        return Promise.resolve(true);
      },
    },
    signer: { publicKey: by.publicKey, sign: (message) => Promise.resolve(signEd25519(by.seed, message)) },
    limits: WITNESS_LIMITS,
    mayBegin,
  };
  return { ports, disputed };
}

async function codeOf(answer: Promise<unknown>): Promise<string> {
  try {
    await answer;
    return 'receipted';
  } catch (error) {
    if (!isAuthsError(error)) throw error;
    const rule = error.details['rule'];
    return typeof rule === 'string' ? `${error.code} ${rule}` : error.code;
  }
}

describe('a witness', () => {
  it('receipts a whole log and then each event by itself; a verifier counts what it answers', async () => {
    const { ports } = witness();
    const answer = await receiptEvents(ports, prefix, stream(inception, named));
    const { events } = replay(concat(stream(inception, named), answer), { engine: pureVerifyEngine });
    expect(events.map(({ receipts }) => receipts.length)).toEqual([0, 1]);
    const next = await receiptEvents(ports, prefix, stream(first));
    const log = {
      prefix,
      events: replay(stream(inception, named, first), { engine: pureVerifyEngine, witnessing: 'unasked' })
        .events,
    };
    expect(verifyReceipts(next, { engine: pureVerifyEngine, log })).toMatchObject([
      { verdict: 'accepted', witnesses: [aid], event: { said: first.said } },
    ]);
    // Asked again, by whoever lost the answer.
    expect(await receiptEvents(ports, prefix, stream(first))).toEqual(next);
    expect(await receiptEvents(ports, prefix, stream(inception, named, first))).toEqual(next);
    expect(await receiptFor(ports, prefix, first.said)).toEqual(next);
    expect(await receiptFor(ports, prefix, other.said)).toBeNull();
  });

  it('never receipts a second version, alone, with its log, or with more on top of it', async () => {
    for (const rival of [
      stream(other),
      stream(inception, named, other),
      stream(other, seals('more', 3, other)),
    ]) {
      const { ports, disputed } = witness();
      await receiptEvents(ports, prefix, stream(inception, named, first));
      expect(await codeOf(receiptEvents(ports, prefix, rival))).toMatch(
        /^kel\/(?:duplicity|invalid sn-sequence)$/,
      );
      expect(disputed.length).toBeLessThanOrEqual(1);
      expect(await receiptFor(ports, prefix, other.said)).toBeNull();
      expect(await codeOf(receiptEvents(ports, prefix, stream(later)))).toBe('receipted');
    }
  });

  it('receipts the rotation that supersedes what it receipted, and nothing of the old branch after it', async () => {
    const { ports } = witness();
    await receiptEvents(ports, prefix, stream(inception, named, first, later));
    expect(await codeOf(receiptEvents(ports, prefix, stream(recovery)))).toBe('receipted');
    for (const gone of [stream(later), stream(first), stream(inception, named, first, later)])
      expect(await codeOf(receiptEvents(ports, prefix, gone))).toMatch(
        /^kel\/(?:duplicity|invalid prior-mismatch)$/,
      );
    // A rotation is final: a second one at its place, by the same commitment, is a rival.
    const rival = signed(
      rotate({
        prefix,
        sequence: 2,
        prior: named.said,
        key: (owner[2] as PaperKey).publicKey,
        nextDigest: nextDigestOf(key(77).publicKey),
        witnesses: { cut: [], add: [], threshold: 1 },
      }),
      owner[2] as PaperKey,
    );
    expect(await codeOf(receiptEvents(ports, prefix, stream(rival)))).toBe('kel/duplicity');
    expect(await receiptFor(ports, prefix, recovery.said)).not.toBeNull();
  });

  it.each<readonly [string, () => Uint8Array, string]>([
    ['an event without those below it', () => stream(first), 'kel/invalid first-not-inception'],
    ['a log that names nobody', () => stream(inception), 'witness/stranger'],
    ['nothing', () => new Uint8Array(0), 'kel/invalid kel-empty'],
    ['no stream', () => Buffer.from('hello'), 'kel/invalid'],
    [
      'a foreign log',
      () =>
        messageOf(
          signed(incept({ key: key(5).publicKey, nextDigest: nextDigestOf(key(6).publicKey) }), key(5)),
        ),
      'kel/invalid prefix-foreign',
    ],
    [
      'an event signed by another key',
      () => stream(inception, named, seals('x', 2, named, key(66))),
      'kel/invalid sig-invalid',
    ],
    ['a gap', () => stream(inception, named, later), 'kel/invalid'],
    [
      'an event that is too big',
      () => stream(inception, named, seals('x'.repeat(8_300), 2, named)),
      'kel/invalid bounds',
    ],
  ])('refuses %s and keeps nothing', async (_name, sent, code) => {
    const { ports } = witness();
    expect(await codeOf(receiptEvents(ports, prefix, sent()))).toContain(code);
    expect(await ports.log.list()).toEqual([]);
  });

  it('takes in no more events than its limits, however they come', async () => {
    const { ports } = witness();
    const small = { ...ports, limits: { ...WITNESS_LIMITS, logEvents: 3 } };
    await receiptEvents(small, prefix, stream(inception, named, first));
    expect(await codeOf(receiptEvents(small, prefix, stream(later)))).toBe('kel/invalid bounds');
    expect(await codeOf(receiptEvents(small, prefix, stream(inception, named, first, later)))).toContain(
      'kel/invalid',
    );
  });

  it('asks once before it begins a log, and stores nothing when it may not', async () => {
    let asked = 0;
    const { ports } = witness(own, () => {
      asked += 1;
      return asked === 1 ? Promise.reject(new Error('no')) : Promise.resolve();
    });
    await expect(receiptEvents(ports, prefix, stream(inception, named))).rejects.toThrow('no');
    expect(await ports.log.list()).toEqual([]);
    await receiptEvents(ports, prefix, stream(inception, named));
    await receiptEvents(ports, prefix, stream(first));
    expect(asked).toBe(2);
  });

  it('whatever is sent in whatever order, also at once: one version at each place, but for recoveries', async () => {
    const pieces = [
      stream(inception, named),
      stream(first),
      stream(other),
      stream(later),
      stream(recovery),
      stream(inception, named, first, later),
      stream(inception, named, other),
      stream(inception, named, recovery),
      stream(seals('after', 3, recovery, owner[2])),
    ];
    const sent = array(array(integer({ min: 0, max: pieces.length - 1 }), { minLength: 1, maxLength: 3 }), {
      maxLength: 8,
    });
    let receipted = 0;
    await assert(
      asyncProperty(sent, async (rounds) => {
        const { ports } = witness();
        const seconds = new Set<string>();
        let recovered = false;
        for (const round of rounds) {
          const before = recovered;
          const answers = await Promise.allSettled(
            round.map((piece) => receiptEvents(ports, prefix, pieces[piece] as Uint8Array)),
          );
          for (const answer of answers) {
            if (answer.status === 'rejected') {
              if (!isAuthsError(answer.reason)) throw answer.reason;
              continue;
            }
            receipted += 1;
            const { said } = (parseStream(answer.value).messages[0] as Message).event;
            if (said === recovery.said) recovered = true;
            if (said !== first.said && said !== other.said) continue;
            expect(before).toBe(false);
            seconds.add(said);
          }
        }
        expect(seconds.size).toBeLessThanOrEqual(1);
      }),
      { numRuns: 60 },
    );
    expect(receipted).toBeGreaterThan(60);
  });
});
