/**
 * A witness (registry.md 3): it receipts the first version that it sees at (prefix, s), and never a second one, but for a
 * rotation that supersedes what it receipted. What it has receipted lies in its own log store; the receipt of an event is
 * a function of key and event, so nothing else is kept, and an answer that got lost is given again.
 */
import { concat } from '../encoding/bytes.ts';
import { AuthsError } from '../errors.ts';
import type { Prefix, Said } from '../identifiers.ts';
import { advance, logsOf, type Log } from '../keri/advance.ts';
import { storedEventOf } from '../keri/build.ts';
import { replay, type KelVerdict, type ReplayedEvent } from '../keri/key-state.ts';
import { receiptMessage, witnessAid } from '../keri/receipt-message.ts';
import { parseStream } from '../keri/stream.ts';
import type { EventLog, Signer, VerifyEngine } from '../ports.ts';
import type { DisputeStore } from './merge-log.ts';

export interface WitnessLimits {
  /** Bytes of one event, and of a whole log. */
  readonly eventBytes: number;
  readonly logBytes: number;
  readonly logEvents: number;
}

/** What a witness or a directory takes in of one identity (registry.md, roles). */
export const WITNESS_LIMITS: WitnessLimits = { eventBytes: 8_192, logBytes: 1 << 20, logEvents: 4_096 };

export interface WitnessLogPorts {
  readonly engine: VerifyEngine;
  /** The logs that this witness has receipted. */
  readonly log: EventLog;
  readonly disputes: DisputeStore;
  /** Its own, non-transferable key. */
  readonly signer: Signer;
  readonly limits: WitnessLimits;
  /** Called before the log of an identity that was not known is stored; may refuse by throwing. */
  readonly mayBegin: () => Promise<void>;
}

const ATTEMPTS = 16;

/**
 * Takes a whole log, or newest events of one that is known, and resolves to its receipt for the last event sent (rct
 * message). `kel/invalid` for what does not verify or cannot be judged without the events below, `kel/duplicity` when
 * another event was receipted at that place, `witness/stranger` when the newest event does not name this witness: then
 * nothing has changed.
 */
export async function receiptEvents(
  ports: WitnessLogPorts,
  prefix: Prefix,
  sent: Uint8Array,
): Promise<Uint8Array> {
  const last = lastOf(ports.limits, prefix, sent);
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const stored = await ports.log.read(prefix);
    const floor = stored === null ? null : seenLog(ports.engine, prefix, stored.stream);
    const theirs = shownLog(ports, prefix, floor, stored?.stream ?? null, sent);
    const event = theirs.events.find(({ said }) => said === last);
    if (event === undefined)
      throw invalid(prefix, 'sn-sequence', 'the last event sent is not the newest one');
    requireNamed(ports.signer, theirs.events.at(-1) as ReplayedEvent);
    const step = advance(floor, theirs);
    if (step.kind === 'disputed') {
      await ports.disputes.record(prefix, step.from, step.branch.map(storedEventOf));
      throw new AuthsError('kel/duplicity', `it has receipted another event ${step.from} of this log`, {
        details: { prefix, sequence: step.from },
      });
    }
    if (step.kind === 'extended' || step.kind === 'recovered') {
      if (stored === null) await ports.mayBegin();
      const added = theirs.events.slice(step.from).map(storedEventOf);
      const grown =
        step.kind === 'recovered' && stored !== null
          ? await ports.log.supersede(prefix, stored.version, step.from, added)
          : await ports.log.append(prefix, stored?.version ?? null, added);
      if (grown === null) continue;
    }
    return receipt(ports.signer, prefix, event);
  }
  throw new AuthsError('kel/conflict', 'too many writers of this log at once', { details: { prefix } });
}

/** The receipt of an event that this witness has receipted and no recovery took off since; null when there is none. */
export async function receiptFor(
  { log, engine, signer }: Pick<WitnessLogPorts, 'log' | 'engine' | 'signer'>,
  prefix: Prefix,
  said: Said,
): Promise<Uint8Array | null> {
  const stored = await log.read(prefix);
  if (stored === null) return null;
  const event = seenLog(engine, prefix, stored.stream).events.find((one) => one.said === said);
  return event === undefined || !isNamed(signer, event) ? null : receipt(signer, prefix, event);
}

async function receipt(signer: Signer, prefix: Prefix, event: ReplayedEvent): Promise<Uint8Array> {
  const { sequence, said, bytes } = event;
  return receiptMessage({ prefix, sequence, said }, witnessAid(signer.publicKey), await signer.sign(bytes));
}

function isNamed(signer: Signer, { authority }: ReplayedEvent): boolean {
  return authority.witnesses.includes(witnessAid(signer.publicKey));
}

function requireNamed(signer: Signer, event: ReplayedEvent): void {
  if (isNamed(signer, event)) return;
  throw new AuthsError('witness/stranger', `event ${event.sequence} does not name this witness`, {
    hint: 'its name is in GET /v1/witness',
  });
}

/** What it has receipted verified then: whoever receipted what since is not its business. */
function seenLog(engine: VerifyEngine, prefix: Prefix, stream: Uint8Array): Log {
  const { verdict, events, at, rule, reason } = replay(stream, { engine, witnessing: 'unasked' });
  if (verdict === 'accepted') return { prefix, events };
  throw new AuthsError(
    'storage/corrupt',
    `the log of ${prefix} here does not replay (event ${at}: ${rule}, ${reason})`,
  );
}

/** The log that the sender shows: what was sent, or that on top of what is known. */
function shownLog(
  { engine, limits }: Pick<WitnessLogPorts, 'engine' | 'limits'>,
  prefix: Prefix,
  floor: Log | null,
  known: Uint8Array | null,
  sent: Uint8Array,
): Log {
  const alone = replay(sent, { engine, witnessing: 'unasked' });
  const onTop = floor !== null && known !== null && alone.rule === 'first-not-inception';
  const judged = onTop
    ? replay(concat(known, sent), {
        engine,
        witnessing: 'unasked',
        resume: floor.events.at(-1) as ReplayedEvent,
      })
    : alone;
  // A rival of what was receipted is a branch like one that comes with the whole log.
  const log = onTop ? logsOf(judged).at(-1) : logsOf(judged)[0];
  const whole = judged.verdict === 'accepted' || (onTop && judged.conflict !== null);
  if (log === undefined || !whole) throw invalid(prefix, judged.rule, judged.reason, judged);
  if (log.prefix !== prefix) throw invalid(prefix, 'prefix-foreign', 'it is the log of another identity');
  const size = log.events.reduce((sum, event) => sum + event.end - event.offset, 0);
  if (log.events.length > limits.logEvents || size > limits.logBytes) {
    throw invalid(
      prefix,
      'bounds',
      `a log has at most ${limits.logEvents} events and ${limits.logBytes} bytes here`,
    );
  }
  return log;
}

/** SAID of the last event sent; what is too big is refused before a signature is verified. */
function lastOf(limits: WitnessLimits, prefix: Prefix, sent: Uint8Array): Said {
  const { messages, fault } = parseStream(sent, {
    maxLength: limits.logBytes,
    maxMessages: limits.logEvents,
  });
  if (fault !== null) throw invalid(prefix, fault.rule, fault.reason);
  const big = messages.find(({ size }) => size > limits.eventBytes);
  if (big !== undefined)
    throw invalid(prefix, 'bounds', `an event has at most ${limits.eventBytes} bytes here`);
  const last = messages.findLast(({ event }) => event.ilk !== 'rct');
  if (last === undefined) throw invalid(prefix, 'kel-empty', 'no event');
  return last.event.said;
}

function invalid(
  prefix: Prefix,
  rule: string | null,
  reason: string | null,
  { at }: Pick<KelVerdict, 'at'> = { at: null },
): AuthsError<'kel/invalid'> {
  return new AuthsError('kel/invalid', reason ?? 'it does not verify', {
    details: { prefix, at, rule: rule ?? 'invalid' },
  });
}
