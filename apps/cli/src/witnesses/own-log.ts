/** The log of this home's identity for whoever appends to it: with witnesses, nothing is published before they receipted. */
import { join } from 'node:path';
import { fromLatin1, latin1 } from '@auths/core/encoding/text';
import { AuthsError, hasCode } from '@auths/core/errors';
import { witnessedLog, type PendingEvents, type WitnessedLogPorts } from '@auths/core/flows/witnessed-log';
import { isSaid } from '@auths/core/identifiers';
import type { EventLog } from '@auths/core/ports';
import { exactObject, type JsonObject, type JsonValue } from '@auths/core/encoding/json';
import { corruptFile } from '@auths/key-store/atomic-file';
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

/** On the journal of the home: {v: 1, prefix, sequence, said, event, attachments}, all text. */
export function pendingEvents(home: string): PendingEvents {
  const journal = openJournal(home);
  return {
    async read(prefix) {
      const entry = await journal.read(PENDING_EVENT);
      if (entry === null) return null;
      const fields = fieldsOf(home, entry);
      const { v, sequence, said, event, attachments } = fields;
      if (
        v !== 1 ||
        typeof sequence !== 'number' ||
        typeof said !== 'string' ||
        !isSaid(said) ||
        typeof event !== 'string' ||
        typeof attachments !== 'string'
      ) {
        throw corruptFile(pathOf(home), 'it holds no event');
      }
      if (fields['prefix'] !== prefix) return null;
      return { sequence, said, event: latin1(event), attachments };
    },
    async write(prefix, { sequence, said, event, attachments }) {
      const waiting = await journal.read(PENDING_EVENT);
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

function fieldsOf(home: string, entry: JsonValue): JsonObject {
  try {
    return exactObject(entry, ['v', 'prefix', 'sequence', 'said', 'event', 'attachments']);
  } catch (cause) {
    if (!hasCode(cause, 'input/malformed')) throw cause;
    throw corruptFile(pathOf(home), 'it holds no event', cause);
  }
}

function pathOf(home: string): string {
  return join(home, 'journal', `${PENDING_EVENT}.json`);
}
