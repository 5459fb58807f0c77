/**
 * The two layers under which host and joiner speak once SPAKE2 has given them keys: envelopes, strictly in sequence, and
 * inside them the Double Ratchet that starts from the Noise handshake (docs/protocol.md, "Key schedule" and "Noise").
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { ratchetDecrypt, ratchetEncrypt, type RatchetState } from '../crypto/ratchet.ts';
import { openEnvelope, sealEnvelope, type Direction } from '../crypto/seal.ts';
import { fromBase64url, toBase64url } from '../encoding/base64url.ts';
import { equalBytes } from '../encoding/bytes.ts';
import { AuthsError } from '../errors.ts';
import type { Random, SessionId } from '../ports.ts';
import { encodeMessage } from './message-fields.ts';
import { parseInner, parsePlain, type InnerMessage, type PlainMessage } from './messages.ts';
import type { MessageBody } from './relay.ts';
import type { PairingKeys } from './transcript.ts';

export interface Envelopes {
  /** Seals the next message of this end. */
  seal(data: Uint8Array): MessageBody;
  /**
   * The data of the next message of the other end, or null for a byte-identical repeat of one that was opened.
   * Out of sequence: `protocol-violation`. Anything changed: `channel-tampered`.
   */
  open(message: MessageBody): Uint8Array | null;
  /** Highest seq opened; -1 at first. */
  readonly opened: number;
}

/** Envelopes of one end. Each seq is sealed once and opened once. */
export function createEnvelopes(sessionId: SessionId, keys: PairingKeys, own: Direction): Envelopes {
  const other: Direction = own === 'j2h' ? 'h2j' : 'j2h';
  const keyOf = (direction: Direction): Uint8Array => (direction === 'j2h' ? keys.envJ2h : keys.envH2j);
  const digests: Uint8Array[] = [];
  let sealed = 0;
  return {
    seal(data) {
      const seq = sealed;
      sealed += 1;
      return { seq, sealed: toBase64url(sealEnvelope(keyOf(own), { sessionId, direction: own, seq }, data)) };
    },
    open(message) {
      const bytes = decode(message.sealed);
      const digest = sha256(bytes);
      const before = digests[message.seq];
      if (before !== undefined && equalBytes(before, digest)) return null;
      if (message.seq !== digests.length) {
        throw new AuthsError('pairing/protocol-violation', 'a message came twice or out of order');
      }
      const data = openEnvelope(keyOf(other), { sessionId, direction: other, seq: message.seq }, bytes);
      digests.push(digest);
      return data;
    },
    get opened() {
      return digests.length - 1;
    },
  };
}

/** Seals a plain message. */
export function sealPlain(envelopes: Envelopes, message: PlainJson): MessageBody {
  return envelopes.seal(encodeMessage(message));
}

export type PlainJson =
  | { readonly t: 'kel'; readonly data: string; readonly last: boolean }
  | { readonly t: 'noise'; readonly msg: string }
  | { readonly t: 'dr'; readonly header: string; readonly ciphertext: string }
  | { readonly t: 'abort'; readonly error: string };

/** Opens and parses a plain message; null for a repeat. */
export function openPlain(envelopes: Envelopes, message: MessageBody): PlainMessage | null {
  const data = envelopes.open(message);
  return data === null ? null : parsePlain(data);
}

export interface RatchetChannel {
  seal(message: Readonly<Record<string, unknown>>): MessageBody;
  /** The inner message of a `dr` envelope; any other kind of envelope is `protocol-violation`. */
  open(message: PlainMessage): InnerMessage;
}

/** The ratchet inside the envelopes. A message that is refused leaves its state as it was. */
export function createRatchetChannel(
  envelopes: Envelopes,
  start: RatchetState,
  random: Random,
): RatchetChannel {
  let state = start;
  return {
    seal(message) {
      const next = ratchetEncrypt(state, encodeMessage(message));
      state = next.state;
      return sealPlain(envelopes, {
        t: 'dr',
        header: toBase64url(next.header),
        ciphertext: toBase64url(next.ciphertext),
      });
    },
    open(message) {
      if (message.t !== 'dr') throw unexpected();
      const next = ratchetDecrypt(state, message, () => random.bytes(32));
      state = next.state;
      return parseInner(next.plaintext);
    },
  };
}

/** The inner message if it is of the type that this state waits for. */
export function expectInner<T extends InnerMessage['t']>(
  message: InnerMessage,
  type: T,
): Extract<InnerMessage, { readonly t: T }> {
  if (message.t !== type) throw unexpected();
  return message as Extract<InnerMessage, { readonly t: T }>;
}

/** A message in a state that does not take it: terminal. */
export function unexpected(): AuthsError<'pairing/protocol-violation'> {
  return new AuthsError('pairing/protocol-violation', 'the other side sent a message out of turn');
}

function decode(sealed: string): Uint8Array {
  try {
    return fromBase64url(sealed);
  } catch (cause) {
    throw new AuthsError('pairing/channel-tampered', 'a sealed message is not base64url', { cause });
  }
}
