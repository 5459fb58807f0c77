/** Asking the witnesses of an event for their receipts, all at once, until enough have answered (keri.md 8). */
import { concat } from '../encoding/bytes.ts';
import { latin1 } from '../encoding/text.ts';
import { AuthsError, isAuthsError } from '../errors.ts';
import type { Prefix } from '../identifiers.ts';
import { storedEventOf } from '../keri/build.ts';
import type { ReplayedEvent } from '../keri/key-state.ts';
import { judgeReceipts, countReceipts } from '../keri/signatures.ts';
import type { WitnessReceipt } from '../keri/state.ts';
import { parseStream } from '../keri/stream.ts';
import type { CancelSignal, Clock, VerifyEngine } from '../ports.ts';

/**
 * Shows a CESR stream to the witness of that AID and resolves to what it answers, rct messages. `kel/invalid` where it
 * cannot judge the stream by itself (an event without those below it), `kel/duplicity` where it holds another event,
 * `network/unreachable` where nobody answers or nobody knows where that witness is.
 */
export type AskWitness = (
  witness: string,
  prefix: Prefix,
  stream: Uint8Array,
  signal: CancelSignal,
) => Promise<Uint8Array>;

export interface WitnessPorts {
  readonly engine: VerifyEngine;
  readonly clock: Pick<Clock, 'sleep'>;
  readonly askWitness: AskWitness;
  /** A signal that aborts by itself after so many milliseconds. */
  readonly timeout: (ms: number) => CancelSignal;
}

/** A witness that has not answered by then counts as absent. */
const ANSWER_MS = 10_000;
/** Once enough have answered, the others have this long, so that as many as can be go along with the event. */
const GRACE_MS = 500;

/**
 * The receipts of an event, by its witnesses' places. `before` is the log below it: a witness that lacks some of it is
 * given all. `witness/unmet` says of each one that did not receipt why.
 */
export async function collectReceipts(
  ports: WitnessPorts,
  prefix: Prefix,
  event: ReplayedEvent,
  before: Uint8Array,
): Promise<readonly WitnessReceipt[]> {
  const { witnesses, witnessThreshold } = event.authority;
  const { event: bytes, attachments } = storedEventOf({ ...event, receipts: [] });
  const alone = concat(bytes, latin1(attachments));
  const whole = concat(before, alone);
  const found: WitnessReceipt[] = [];
  const absent = new Map<string, string>();
  const signal = ports.timeout(ANSWER_MS);
  const ask = async (witness: string): Promise<void> => {
    try {
      const answer = await ports.askWitness(witness, prefix, alone, signal).catch((error: unknown) => {
        if (!isAuthsError(error) || error.code !== 'kel/invalid') throw error;
        return ports.askWitness(witness, prefix, whole, signal);
      });
      const receipt = receiptOf(ports.engine, answer, event, witness);
      if (receipt === null) absent.set(witness, 'its answer holds no receipt of this event by it');
      else found.push(receipt);
    } catch (error) {
      if (!isAuthsError(error)) throw error;
      absent.set(witness, error.message);
    }
  };
  await enough(ports, witnesses.map(ask), () => found.length >= witnessThreshold);
  const receipts = found.toSorted((a, b) => a.index - b.index);
  if (judgeReceipts(receipts, event.authority) === null) return receipts;
  const reasons = [...absent].map(([witness, why]) => `${witness}: ${why}`);
  throw new AuthsError(
    'witness/unmet',
    `event ${event.sequence} needs ${witnessThreshold} of ${witnesses.length} witnesses and ${receipts.length} answered; ${reasons.join('; ')}`,
    {
      hint: 'run the same command again when they answer; if some are gone for good: auths id rotate --cut-witness AID',
      details: {
        sequence: event.sequence,
        needed: witnessThreshold,
        receipts: receipts.length,
        absent: [...absent.keys()],
      },
    },
  );
}

/** Resolves when all have ended, or soon after there are enough. A failure that is a bug rejects. */
async function enough(
  { clock }: Pick<WitnessPorts, 'clock'>,
  asked: readonly Promise<void>[],
  isEnough: () => boolean,
): Promise<void> {
  const all = Promise.all(asked);
  await new Promise<void>((resolve, reject) => {
    all.then(() => resolve(), reject);
    for (const one of asked)
      one.then(
        () => {
          if (isEnough()) clock.sleep(GRACE_MS).then(resolve, reject);
        },
        () => undefined,
      );
  });
}

/** The receipt by this witness in an answer; whatever else the answer holds counts for nothing. */
function receiptOf(
  engine: VerifyEngine,
  answer: Uint8Array,
  event: ReplayedEvent,
  witness: string,
): WitnessReceipt | null {
  const { messages } = parseStream(answer, { maxLength: MAX_ANSWER, maxMessages: MAX_RECEIPTS });
  const own = messages.filter(({ event: { ilk, said } }) => ilk === 'rct' && said === event.said);
  const counted = countReceipts(
    engine,
    event.bytes,
    own.map(({ attachments }) => attachments),
    event.authority,
  );
  return counted.find(({ index }) => event.authority.witnesses[index] === witness) ?? null;
}

const MAX_ANSWER = 4 << 20;
const MAX_RECEIPTS = 8_192;
