/**
 * The talk of two keyed ends over a relay: sends with repeats that a relay knows how to ignore, receives in
 * order, hears an abort while waiting for a person, and says one when it gives up.
 */
import {
  AuthsError,
  hasCode,
  isAuthsError,
  sanitise,
  type ErrorCode,
  type PairingErrorName,
} from '../errors.ts';
import { unexpected, sealPlain, type Envelopes } from '../pairing/channel.ts';
import { parsePlain, type PlainMessage } from '../pairing/messages.ts';
import type { MessageBody, MessageRelay } from '../pairing/relay.ts';
import type { CancelSignal, Clock, SessionId } from '../ports.ts';
import { race, throwIfCancelled, within } from './cancel.ts';
import { insist, silence } from './insist.ts';

/** A relay that answers at once with nothing must not be asked in a tight circle. */
const PAUSE_MS = 100;
/** More messages than a session may hold at once are not queued. */
const MAX_QUEUED = 1_024;

export interface Conversation {
  /** Delivers a sealed message to the relay. What the other end said before it ended the session is the error then. */
  send(message: MessageBody): Promise<void>;
  /** The next plain message; an abort of the other end throws its error. Nothing for `ms`: `timeout`. */
  next(ms: number): Promise<PlainMessage>;
  /** Waits for `question` while listening; what arrives is queued for `next`, an abort or a cancelled session ends the wait. */
  whileListening<T>(question: (signal: CancelSignal) => Promise<T>): Promise<T>;
  /** Tells the other end, as well as it can be told, that this one gives up. */
  abort(error: unknown): Promise<void>;
}

export interface ConversationInput {
  readonly clock: Clock;
  readonly relay: MessageRelay;
  readonly sessionId: SessionId;
  /** ht or jt. */
  readonly token: Uint8Array;
  readonly envelopes: Envelopes;
  readonly signal: CancelSignal | undefined;
}

export function createConversation(input: ConversationInput): Conversation {
  const { clock, relay, sessionId, token, envelopes, signal } = input;
  const queue: PlainMessage[] = [];

  /** Polls once and queues what came. */
  async function poll(own: CancelSignal | undefined): Promise<void> {
    const after = Math.max(0, envelopes.opened);
    const messages = await insist(clock, own, (call) => relay.receive(sessionId, token, after, call));
    // A wait that lost its race must not take messages from the one that won.
    throwIfCancelled(own);
    for (const message of messages) {
      const data = envelopes.open(message);
      if (data === null) continue;
      const plain = parsePlain(data);
      if (plain.t === 'abort') throw peerAborted(plain.error);
      if (queue.length >= MAX_QUEUED) throw unexpected();
      queue.push(plain);
    }
    if (messages.length === 0) await clock.sleep(PAUSE_MS, own);
  }

  async function arrival(own: CancelSignal): Promise<PlainMessage> {
    for (;;) {
      const first = queue.shift();
      if (first !== undefined) return first;
      await poll(own);
    }
  }

  /** The reason for the end of a session, where the other end said it before it ended the session; else `ended`. */
  async function reasonOf(ended: unknown): Promise<unknown> {
    try {
      await poll(signal);
    } catch (error) {
      if (isPeerAbort(error)) return error;
    }
    return ended;
  }

  return {
    async send(message) {
      try {
        await insist(clock, signal, (own) => relay.send(sessionId, token, message, own));
      } catch (error) {
        throw hasCode(error, 'pairing/cancelled') ? await reasonOf(error) : error;
      }
    },
    next: (ms) => within(clock, ms, silence, signal, arrival),
    whileListening: (question) =>
      race(signal, [
        question,
        async (own) => {
          for (;;) await poll(own);
        },
      ]),
    async abort(error) {
      if (isPeerAbort(error)) return;
      try {
        const message = sealPlain(envelopes, { t: 'abort', error: abortName(error) });
        // Without the flow's signal: this is what is said after Ctrl+C.
        await within(clock, 2_000, silence, undefined, (own) => relay.send(sessionId, token, message, own));
      } catch {
        // Nobody hears it: the session is gone, which tells the other end as well.
      }
    },
  };
}

const ABORT_NAMES: ReadonlySet<string> = new Set<PairingErrorName>([
  'unsupported-version',
  'forbidden',
  'timeout',
  'conflict',
  'session-expired',
  'cancelled',
  'confirmation-required',
  'pake-failed',
  'channel-tampered',
  'commit-mismatch',
  'host-key-mismatch',
  'weak-key',
  'invalid-signature',
  'did-mismatch',
  'host-identity-invalid',
  'attestation-invalid',
  'sas-mismatch',
  'device-not-expected',
  'protocol-violation',
  'clock-skew',
  'declined',
  'host-not-expected',
]);

/** The name that the other end is told: our own reasons that are not of the protocol are `cancelled`. */
function abortName(error: unknown): string {
  const code = isAuthsError(error) ? error.code : '';
  const name = code.startsWith('pairing/') ? code.slice('pairing/'.length) : '';
  return ABORT_NAMES.has(name) ? name : 'cancelled';
}

function peerAborted(name: string): AuthsError {
  const known = ABORT_NAMES.has(name);
  const code: ErrorCode = known ? `pairing/${name as PairingErrorName}` : 'pairing/protocol-violation';
  return new AuthsError(
    code,
    `the other device ended the pairing: ${known ? (WORDS[name] ?? name) : sanitise(name).slice(0, 40)}`,
    {
      details: { by: 'peer' },
    },
  );
}

const WORDS: Readonly<Record<string, string>> = {
  forbidden: 'this device was revoked there',
  declined: 'it was declined there',
  cancelled: 'it was cancelled there',
  timeout: 'it waited too long',
  conflict: 'it is paired already, or belongs to another identity',
  'confirmation-required': 'nobody confirmed it there',
  'sas-mismatch': 'the codes compared there were not the same',
  'channel-tampered': 'a message was changed on its way',
  'host-not-expected': 'it expected another identity',
  'device-not-expected': 'another device was expected there',
};

/** True for an error that the other end announced; it needs no answer. */
export function isPeerAbort(error: unknown): boolean {
  return isAuthsError(error) && error.details['by'] === 'peer';
}
