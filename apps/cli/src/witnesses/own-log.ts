/** The log of this home's identity for whoever appends to it: with witnesses, nothing is published before they receipted. */
import { fromLatin1, latin1 } from '@auths/core/encoding/text';
import { AuthsError } from '@auths/core/errors';
import { witnessedLog, type PendingEvents, type WitnessedLogPorts } from '@auths/core/flows/witnessed-log';
import { isSaid, type Said } from '@auths/core/identifiers';
import type { EventLog } from '@auths/core/ports';
import { exactObject, type JsonValue } from '@auths/core/encoding/json';
import { openJournal } from '@auths/key-store/journal';
import type { Context } from '../command.ts';
import { type Stores } from '../composition.ts';
import { verifyEngine } from '../engines.ts';
import { withHomeLock } from '../home/home-lock.ts';
import { readWitnesses } from './known-witnesses.ts';
import { askWitnesses } from './witness-client.ts';

/** Name of the journal entry of the event that waits for receipts. */
export const PENDING_EVENT = 'witnessing';

export async function ownLog(context: Context, stores: Pick<Stores, 'log'>): Promise<EventLog> {
  return witnessedLog(await witnessedLogPorts(context, stores));
}

export async function witnessedLogPorts(
  { home, clock }: Pick<Context, 'home' | 'clock'>,
  { log }: Pick<Stores, 'log'>,
): Promise<WitnessedLogPorts> {
  return {
    log,
    engine: verifyEngine,
    clock,
    pending: pendingEvents(home),
    exclusively: (action) => withHomeLock(home, PENDING_EVENT, action),
    askWitness: askWitnesses(() => readWitnesses(home)),
    timeout: (ms) => AbortSignal.timeout(ms),
  };
}

interface PendingEntry {
  readonly prefix: string;
  readonly sequence: number;
  readonly said: Said;
  readonly event: Uint8Array;
  readonly attachments: string;
}

/** On the journal of the home: {v: 1, prefix, sequence, said, event, attachments}, all text. */
function pendingEvents(home: string): PendingEvents {
  const journal = openJournal(home);
  return {
    async read(prefix) {
      const entry = await journal.read(PENDING_EVENT, parsePendingEvent);
      return entry?.prefix === prefix ? entry : null;
    },
    async write(prefix, { sequence, said, event, attachments }) {
      const waiting = await journal.read(PENDING_EVENT, parsePendingEvent);
      if (waiting !== null) throw new AuthsError('internal/bug', 'an event waits already');
      await journal.write(PENDING_EVENT, {
        v: 1,
        prefix,
        sequence,
        said,
        event: fromLatin1(event),
        attachments,
      });
    },
    async remove() {
      await journal.remove(PENDING_EVENT);
    },
  };
}

/** The entry of that event. */
export function parsePendingEvent(value: JsonValue): PendingEntry {
  const members = ['v', 'prefix', 'sequence', 'said', 'event', 'attachments'];
  const { v, prefix, sequence, said, event, attachments } = exactObject(value, members);
  if (
    v !== 1 ||
    typeof prefix !== 'string' ||
    typeof sequence !== 'number' ||
    typeof said !== 'string' ||
    !isSaid(said) ||
    typeof event !== 'string' ||
    typeof attachments !== 'string'
  ) {
    throw new AuthsError('input/malformed', 'it holds no event');
  }
  return { prefix, sequence, said, event: latin1(event), attachments };
}
