/**
 * The log of an identity whose events want receipts before anybody may see them (keri.md 8). An event that a witness may
 * have seen can never be replaced by another, so it is kept before the first one is asked, and `read` finishes it:
 *   1. the signed event, as pending     from here on this event and no other
 *   2. the witnesses are asked          until enough have answered
 *   3. the log: event and receipts      one compare-and-swap, the commit point
 *   4. the pending event goes
 */
import { concat } from '../encoding/bytes.ts';
import { latin1 } from '../encoding/text.ts';
import { AuthsError } from '../errors.ts';
import type { Prefix } from '../identifiers.ts';
import { storedEventOf } from '../keri/build.ts';
import { replay, type ReplayedEvent } from '../keri/key-state.ts';
import type { EventLog, StoredEvent, StoredLog, VerifyEngine } from '../ports.ts';
import { collectReceipts, type WitnessPorts } from './collect-receipts.ts';

/** Where the event waits that witnesses may have seen and the log does not hold yet. At most one for an identity. */
export interface PendingEvents {
  read(prefix: Prefix): Promise<StoredEvent | null>;
  /** Durable when it resolves. */
  write(prefix: Prefix, event: StoredEvent): Promise<void>;
  /** Nothing to do is no error. */
  remove(prefix: Prefix): Promise<void>;
}

export interface WitnessedLogPorts extends WitnessPorts {
  readonly log: EventLog;
  readonly engine: VerifyEngine;
  readonly pending: PendingEvents;
  /** Between processes: two events of one log are never shown to witnesses at once. */
  readonly exclusively: <T>(action: () => Promise<T>) => Promise<T>;
}

/**
 * The same log for whoever appends to it: `append` and `supersede` take one event, and ask its witnesses first; `read`
 * finishes what an earlier run began. Both are `witness/unmet` while too few answer; the event waits then.
 */
export function witnessedLog(ports: WitnessedLogPorts): EventLog {
  const { log, pending } = ports;
  const write = async (
    prefix: Prefix,
    expected: string | null,
    events: readonly StoredEvent[],
    plain: () => Promise<StoredLog | null>,
  ): Promise<StoredLog | null> => {
    const [event] = events;
    if (expected === null || event === undefined) return plain();
    const stored = await log.read(prefix);
    if (stored?.version !== expected) return null;
    const step = stepOf(ports.engine, stored, event);
    if (step === null) throw new AuthsError('internal/bug', 'an event that does not fit its own log');
    if (step.event.authority.witnesses.length === 0) return plain();
    if (events.length > 1)
      throw new AuthsError('internal/bug', 'witnesses are asked for one event at a time');
    return ports.exclusively(async () => {
      // Whatever waited is another writer's: the caller builds its event anew on top of it.
      if ((await settle(ports, prefix)) || (await log.read(prefix))?.version !== expected) return null;
      await pending.write(prefix, event);
      return finish(ports, stored, event);
    });
  };
  return {
    async read(prefix) {
      if ((await pending.read(prefix)) !== null) await ports.exclusively(() => settle(ports, prefix));
      return log.read(prefix);
    },
    list: () => log.list(),
    append: (prefix, expected, events) =>
      write(prefix, expected, events, () => log.append(prefix, expected, events)),
    supersede: (prefix, expected, from, events) =>
      write(prefix, expected, events, () => log.supersede(prefix, expected, from, events)),
  };
}

/** Gives up the event that waits: only before a rotation that can take its place (`requireReplaceable`). False when none waits. */
export async function dropPending(
  ports: Pick<WitnessedLogPorts, 'pending' | 'exclusively'>,
  prefix: Prefix,
): Promise<boolean> {
  return ports.exclusively(async () => {
    if ((await ports.pending.read(prefix)) === null) return false;
    await ports.pending.remove(prefix);
    return true;
  });
}

/** True when an event waited: it is on the log now, or can never be. */
async function settle(ports: WitnessedLogPorts, prefix: Prefix): Promise<boolean> {
  const event = await ports.pending.read(prefix);
  if (event === null) return false;
  const stored = await ports.log.read(prefix);
  if (stored !== null) await finish(ports, stored, event);
  return true;
}

/** Null when the log has gone another way meanwhile. */
async function finish(
  ports: WitnessedLogPorts,
  stored: StoredLog,
  waiting: StoredEvent,
): Promise<StoredLog | null> {
  const { log, pending } = ports;
  const { prefix, version } = stored;
  const step = stepOf(ports.engine, stored, waiting);
  let grown: StoredLog | null = null;
  if (step?.kind === 'there') grown = stored;
  else if (step !== null) {
    const { event, before } = step;
    const receipts = await collectReceipts(ports, prefix, event, before);
    const whole = storedEventOf({ ...event, receipts });
    grown =
      step.kind === 'next'
        ? await log.append(prefix, version, [whole])
        : await log.supersede(prefix, version, event.sequence, [whole]);
    // Another writer came first: what the event is to the log now, the next look tells.
    if (grown === null) return null;
  }
  await pending.remove(prefix);
  return grown;
}

interface Step {
  readonly kind: 'there' | 'next' | 'recovery';
  readonly event: ReplayedEvent;
  /** The events below it, as stored. */
  readonly before: Uint8Array;
}

/** What a signed event is to the log, receipts aside; null when it fits nowhere. */
export function stepOf(
  engine: VerifyEngine,
  { stream, tip }: StoredLog,
  { sequence, said, event, attachments }: StoredEvent,
): Step | null {
  const judged = replay(concat(stream, event, latin1(attachments)), {
    engine,
    witnessing: 'unasked',
    // The log as stored was judged by whoever built on it.
    resume: { sequence: sequence - 1, said: tip },
  });
  const found = judged.events[sequence];
  const below = judged.events[sequence - 1];
  if (found?.said !== said || below === undefined) return null;
  const kind = found.offset < stream.length ? 'there' : judged.superseded.length > 0 ? 'recovery' : 'next';
  return { kind, event: found, before: stream.subarray(0, below.end) };
}
