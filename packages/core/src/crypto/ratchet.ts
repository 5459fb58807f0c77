/**
 * The Double Ratchet auths-dr/1 (docs/protocol.md, "Noise and ratchet"), without header encryption. Alice is the joiner.
 *   KDF_RK(rk, dh) = HKDF(salt rk, ikm dh, "auths-dr/1 rk", 64) = rk' || ck
 *   mk = HMAC(ck, 01), ck' = HMAC(ck, 02); key || nonce = HKDF(salt 32 zeros, ikm mk, "auths-dr/1 mk", 44)
 *   header = ratchet key 32 || u32 pn || u32 n; additional data = chan_id || header
 * States are values: a message that is refused leaves the caller with the state it had, and no ratchet
 * key is drawn for it.
 */
import { chacha20poly1305 } from '@noble/ciphers/chacha.js';
import { hkdf } from '@noble/hashes/hkdf.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { concat, equalBytes, toHex } from '../encoding/bytes.ts';
import { u32 } from '../encoding/framing.ts';
import { utf8 } from '../encoding/text.ts';
import { AuthsError } from '../errors.ts';
import { RATCHET_LABELS } from './domains.ts';
import { x25519, x25519PublicKey } from './x25519.ts';

/** Most messages that may be missing in one chain before the one that arrives. */
export const SKIP_LIMIT = 256;
/** Most keys kept for late messages, over all chains. */
export const STORED_LIMIT = 1024;

export interface RatchetState {
  /** chan_id, bound into every message. */
  readonly chanId: Uint8Array;
  readonly rootKey: Uint8Array;
  /** Own ratchet private key. */
  readonly ownSecret: Uint8Array;
  readonly ownPublic: Uint8Array;
  readonly peerPublic: Uint8Array | null;
  readonly sending: Uint8Array | null;
  readonly receiving: Uint8Array | null;
  /** Number of the next message to send, of the next to receive, and length of the sending chain before this one. */
  readonly sent: number;
  readonly received: number;
  readonly previous: number;
  /** Message keys of messages not seen yet, by "<ratchet key hex>:<n>". */
  readonly stored: ReadonlyMap<string, Uint8Array>;
}

export interface RatchetMessage {
  /** 40 bytes. */
  readonly header: Uint8Array;
  readonly ciphertext: Uint8Array;
}

/** The joiner's start: it knows the host's ratchet key from Noise message 2 and can send at once. */
export function startAsAlice(
  root: Uint8Array,
  chanId: Uint8Array,
  hostRatchetPublic: Uint8Array,
  ownSecret: Uint8Array,
): RatchetState {
  const [rootKey, sending] = deriveRoot(root, x25519(ownSecret, hostRatchetPublic));
  return { ...start(chanId, rootKey, ownSecret), peerPublic: hostRatchetPublic, sending };
}

/** The host's start: it can send only after it has received. */
export function startAsBob(root: Uint8Array, chanId: Uint8Array, ownSecret: Uint8Array): RatchetState {
  return start(chanId, root, ownSecret);
}

/**
 * The next message and the state after it. `pairing/protocol-violation` before the host has received
 * anything; `pairing/session-expired` after 2^32 messages in one chain: the peers then shake hands anew.
 */
export function ratchetEncrypt(
  state: RatchetState,
  plaintext: Uint8Array,
): RatchetMessage & { readonly state: RatchetState } {
  if (state.sending === null) {
    throw new AuthsError(
      'pairing/protocol-violation',
      'nothing can be sent before the first message arrived',
    );
  }
  if (state.sent > 0xffffffff) {
    throw new AuthsError('pairing/session-expired', 'this channel has carried all the messages it may', {
      hint: 'connect again',
    });
  }
  const header = concat(state.ownPublic, u32(state.previous), u32(state.sent));
  const [sending, messageKey] = step(state.sending);
  const ciphertext = cipher(messageKey, state.chanId, header).encrypt(plaintext);
  return { header, ciphertext, state: { ...state, sending, sent: state.sent + 1 } };
}

/**
 * The plaintext of a message and the state after it; late messages open once. Anything changed, repeated
 * or too far ahead is `pairing/channel-tampered`. `freshSecret` gives 32 random bytes and is called only
 * after the message has proved genuine, at most once.
 */
export function ratchetDecrypt(
  state: RatchetState,
  { header, ciphertext }: RatchetMessage,
  freshSecret: () => Uint8Array,
): { readonly plaintext: Uint8Array; readonly state: RatchetState } {
  const { key, previous, number } = parseHeader(header);
  const name = `${toHex(key)}:${number}`;
  const late = state.stored.get(name);
  if (late !== undefined) {
    const plaintext = open(late, state.chanId, header, ciphertext);
    const stored = new Map(state.stored);
    stored.delete(name);
    return { plaintext, state: { ...state, stored } };
  }
  const turns = state.peerPublic === null || !equalBytes(key, state.peerPublic);
  const turned = turns ? turnReceiving(skipTo(state, previous), key) : state;
  const ready = skipTo(turned, number);
  if (ready.receiving === null || number < ready.received) throw tampered();
  const [receiving, messageKey] = step(ready.receiving);
  const plaintext = open(messageKey, state.chanId, header, ciphertext);
  const next = { ...ready, receiving, received: number + 1 };
  return { plaintext, state: turns ? turnSending(next, freshSecret()) : next };
}

function start(chanId: Uint8Array, rootKey: Uint8Array, ownSecret: Uint8Array): RatchetState {
  return {
    chanId,
    rootKey,
    ownSecret,
    ownPublic: x25519PublicKey(ownSecret),
    peerPublic: null,
    sending: null,
    receiving: null,
    sent: 0,
    received: 0,
    previous: 0,
    stored: new Map(),
  };
}

/** Stores the keys of messages received.. number − 1 of the current receiving chain. */
function skipTo(state: RatchetState, number: number): RatchetState {
  if (state.receiving === null || state.peerPublic === null || number <= state.received) return state;
  const missing = number - state.received;
  if (missing > SKIP_LIMIT || state.stored.size + missing > STORED_LIMIT) throw tampered();
  const stored = new Map(state.stored);
  const peer = toHex(state.peerPublic);
  let receiving = state.receiving;
  for (let n = state.received; n < number; n++) {
    const [next, messageKey] = step(receiving);
    stored.set(`${peer}:${n}`, messageKey);
    receiving = next;
  }
  return { ...state, receiving, received: number, stored };
}

/** The first half of a turn: a receiving chain on the peer's new key. */
function turnReceiving(state: RatchetState, peerPublic: Uint8Array): RatchetState {
  let dh: Uint8Array;
  try {
    dh = x25519(state.ownSecret, peerPublic);
  } catch (cause) {
    // Nothing has authenticated this key yet: a weak one is a forged header like any other.
    throw tampered(cause);
  }
  const [rootKey, receiving] = deriveRoot(state.rootKey, dh);
  return { ...state, rootKey, peerPublic, receiving, received: 0 };
}

/** The second half: an own new key and a sending chain on it. */
function turnSending(state: RatchetState, ownSecret: Uint8Array): RatchetState {
  const [rootKey, sending] = deriveRoot(state.rootKey, x25519(ownSecret, state.peerPublic as Uint8Array));
  const ownPublic = x25519PublicKey(ownSecret);
  return { ...state, rootKey, ownSecret, ownPublic, sending, previous: state.sent, sent: 0 };
}

function deriveRoot(rootKey: Uint8Array, dh: Uint8Array): readonly [Uint8Array, Uint8Array] {
  const both = hkdf(sha256, dh, rootKey, utf8(RATCHET_LABELS.rootKey), 64);
  return [both.slice(0, 32), both.slice(32)];
}

/** [next chain key, message key]. */
function step(chain: Uint8Array): readonly [Uint8Array, Uint8Array] {
  return [hmac(sha256, chain, Uint8Array.of(2)), hmac(sha256, chain, Uint8Array.of(1))];
}

function cipher(
  messageKey: Uint8Array,
  chanId: Uint8Array,
  header: Uint8Array,
): ReturnType<typeof chacha20poly1305> {
  const keys = hkdf(sha256, messageKey, new Uint8Array(32), utf8(RATCHET_LABELS.messageKey), 44);
  return chacha20poly1305(keys.subarray(0, 32), keys.subarray(32), concat(chanId, header));
}

function open(
  messageKey: Uint8Array,
  chanId: Uint8Array,
  header: Uint8Array,
  ciphertext: Uint8Array,
): Uint8Array {
  try {
    return cipher(messageKey, chanId, header).decrypt(ciphertext);
  } catch (cause) {
    throw tampered(cause);
  }
}

function parseHeader(header: Uint8Array): { key: Uint8Array; previous: number; number: number } {
  if (header.length !== 40) throw tampered();
  const view = new DataView(header.buffer, header.byteOffset);
  return {
    key: Uint8Array.from(header.subarray(0, 32)),
    previous: view.getUint32(32),
    number: view.getUint32(36),
  };
}

function tampered(cause?: unknown): AuthsError<'pairing/channel-tampered'> {
  return new AuthsError(
    'pairing/channel-tampered',
    'a channel message was changed, repeated or is too far ahead',
    {
      cause,
    },
  );
}
