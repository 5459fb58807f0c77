/**
 * The Noise handshake XX with any psk modifiers, over X25519 and ChaCha20-Poly1305 (Noise revision 34).
 *   XX:  -> e    <- e, ee, s, es    -> s, se      psk0 before the first message, pskN at the end of message N
 * A read that fails changes nothing, so a forged message cannot spoil the handshake for the real one.
 */
import { concat } from '../encoding/bytes.ts';
import { AuthsError } from '../errors.ts';
import { startSymmetric, type NoiseHash, type Symmetric } from './noise-symmetric.ts';
import { x25519, x25519PublicKey } from './x25519.ts';

export interface NoiseOptions {
  /** `XX`, `XXpsk3`, `XXpsk0+psk3`, … */
  readonly pattern: string;
  /** Default SHA256, the one that auths uses. */
  readonly hash?: NoiseHash;
  readonly initiator: boolean;
  readonly prologue: Uint8Array;
  /** Own long-term X25519 private key. */
  readonly static: Uint8Array;
  /** Fresh X25519 private key, never used in another handshake. */
  readonly ephemeral: Uint8Array;
  /** One 32-byte key for each psk modifier in order; or, for a responder that learns only in message 3 who is there, a function of the peer's static key. */
  readonly psk?: Uint8Array | readonly Uint8Array[] | ((remoteStatic: Uint8Array) => Uint8Array);
}

export interface Noise {
  /** The next message, with `payload` inside. Out of turn is `internal/bug`. */
  write(payload?: Uint8Array): Uint8Array;
  /** The payload of the peer's next message. Anything changed is `pairing/channel-tampered`, a small-order key `pairing/weak-key`, more than 65,535 bytes `pairing/payload-too-large`. */
  read(message: Uint8Array): Uint8Array;
  /** After the last message: k1 encrypts from initiator to responder, k2 back. */
  split(): { readonly k1: Uint8Array; readonly k2: Uint8Array };
  /** h: the handshake hash so far; final after the last message. */
  readonly hash: Uint8Array;
  /** The peer's static key once its message was read. */
  readonly remoteStatic: Uint8Array | null;
  readonly finished: boolean;
}

export const NOISE_MESSAGE_LIMIT = 65_535;

type Token = 'e' | 's' | 'ee' | 'es' | 'se' | 'psk';

/** Every read and write works on a copy and puts it in place only when nothing failed. */
interface State {
  symmetric: Symmetric;
  turn: number;
  psksUsed: number;
  remoteEphemeral: Uint8Array | null;
  remoteStatic: Uint8Array | null;
}

/** A handshake at its start. A pattern, key or psk that does not fit is `internal/bug`. */
export function createNoise(options: NoiseOptions): Noise {
  const { initiator, prologue } = options;
  const { messages, pskCount } = parsePattern(options.pattern);
  const name = `Noise_${options.pattern}_25519_ChaChaPoly_${options.hash ?? 'SHA256'}`;
  requirePsks(options, pskCount);
  const ephemeralPublic = x25519PublicKey(options.ephemeral);
  const staticPublic = x25519PublicKey(options.static);
  let state: State = {
    symmetric: startSymmetric(name, options.hash ?? 'SHA256').mixHash(prologue),
    turn: 0,
    psksUsed: 0,
    remoteEphemeral: null,
    remoteStatic: null,
  };

  const tokensOf = (writing: boolean): readonly Token[] => {
    const tokens = messages[state.turn];
    const mine = (state.turn % 2 === 0) === initiator;
    if (tokens === undefined || mine !== writing) {
      throw new AuthsError('internal/bug', 'a handshake message out of turn');
    }
    return tokens;
  };

  return {
    write(payload = new Uint8Array(0)) {
      const tokens = tokensOf(true);
      const next = { ...state, turn: state.turn + 1 };
      const parts: Uint8Array[] = [];
      for (const token of tokens) {
        if (token === 'e') {
          next.symmetric = mixEphemeral(next.symmetric, ephemeralPublic, pskCount);
          parts.push(ephemeralPublic);
        } else if (token === 's') parts.push(seal(next, staticPublic));
        else mixToken(next, token, options);
      }
      parts.push(seal(next, payload));
      const message = concat(...parts);
      if (message.length > NOISE_MESSAGE_LIMIT) throw tooLarge();
      state = next;
      return message;
    },

    read(message) {
      const tokens = tokensOf(false);
      if (message.length > NOISE_MESSAGE_LIMIT) throw tooLarge();
      const next = { ...state, turn: state.turn + 1 };
      // A copy, also of a Buffer, whose slices would be views into memory of the caller.
      let rest = new Uint8Array(message);
      const take = (length: number): Uint8Array => {
        if (rest.length < length) throw tampered();
        const taken = rest.subarray(0, length);
        rest = rest.subarray(length);
        return taken;
      };
      for (const token of tokens) {
        if (token === 'e') {
          next.remoteEphemeral = take(32);
          next.symmetric = mixEphemeral(next.symmetric, next.remoteEphemeral, pskCount);
        } else if (token === 's') {
          next.remoteStatic = open(next, take(next.symmetric.sealedLength(32)));
        } else mixToken(next, token, options);
      }
      const payload = open(next, rest);
      state = next;
      return payload;
    },

    split() {
      if (state.turn < messages.length) throw new AuthsError('internal/bug', 'the handshake is not finished');
      return state.symmetric.split();
    },

    get hash() {
      return Uint8Array.from(state.symmetric.h);
    },
    get remoteStatic() {
      return state.remoteStatic === null ? null : Uint8Array.from(state.remoteStatic);
    },
    get finished() {
      return state.turn >= messages.length;
    },
  };
}

/** With any psk in the pattern, e is mixed into the key as well (Noise 9.2). */
function mixEphemeral(symmetric: Symmetric, e: Uint8Array, pskCount: number): Symmetric {
  const mixed = symmetric.mixHash(e);
  return pskCount > 0 ? mixed.mixKey(e) : mixed;
}

function seal(state: State, plaintext: Uint8Array): Uint8Array {
  const { symmetric, bytes } = state.symmetric.encryptAndHash(plaintext);
  state.symmetric = symmetric;
  return bytes;
}

function open(state: State, sealed: Uint8Array): Uint8Array {
  const opened = state.symmetric.decryptAndHash(sealed);
  if (opened === null) throw tampered();
  state.symmetric = opened.symmetric;
  return opened.bytes;
}

/** ee, es, se: the first letter is the initiator's key, the second the responder's. psk: MixKeyAndHash. */
function mixToken(state: State, token: 'ee' | 'es' | 'se' | 'psk', options: NoiseOptions): void {
  if (token === 'psk') {
    state.symmetric = state.symmetric.mixKeyAndHash(pskFor(options, state));
    state.psksUsed += 1;
    return;
  }
  const [ours, theirs] = options.initiator ? [token[0], token[1]] : [token[1], token[0]];
  const remote = theirs === 'e' ? state.remoteEphemeral : state.remoteStatic;
  if (remote === null) throw new AuthsError('internal/bug', 'a handshake key is not known yet');
  const own = ours === 'e' ? options.ephemeral : options.static;
  state.symmetric = state.symmetric.mixKey(x25519(own, remote));
}

function pskFor({ psk }: NoiseOptions, { psksUsed, remoteStatic }: State): Uint8Array {
  let key: Uint8Array | undefined;
  if (typeof psk === 'function') key = remoteStatic === null ? undefined : psk(remoteStatic);
  else key = psk instanceof Uint8Array ? psk : psk?.[psksUsed];
  if (key?.length !== 32) throw new AuthsError('internal/bug', 'a pre-shared key of 32 bytes is missing');
  return key;
}

function requirePsks({ psk }: NoiseOptions, count: number): void {
  if (typeof psk === 'function') return;
  const keys = psk === undefined ? [] : psk instanceof Uint8Array ? [psk] : psk;
  if (keys.length !== count || keys.some((key) => key.length !== 32)) {
    throw new AuthsError('internal/bug', `the handshake needs ${count} pre-shared keys of 32 bytes`);
  }
}

function parsePattern(pattern: string): { messages: Token[][]; pskCount: number } {
  const messages: Token[][] = [['e'], ['e', 'ee', 's', 'es'], ['s', 'se']];
  if (!/^XX(?:psk[0-3](?:\+psk[0-3])*)?$/.test(pattern)) {
    throw new AuthsError('internal/bug', 'this handshake pattern is not supported');
  }
  const places = [...pattern.matchAll(/psk(\d)/g)].map((found) => Number(found[1]));
  for (const place of places) {
    if (place === 0) (messages[0] as Token[]).unshift('psk');
    else (messages[place - 1] as Token[]).push('psk');
  }
  return { messages, pskCount: places.length };
}

function tampered(): AuthsError<'pairing/channel-tampered'> {
  return new AuthsError(
    'pairing/channel-tampered',
    'a handshake message was changed, or the keys do not match',
  );
}

function tooLarge(): AuthsError<'pairing/payload-too-large'> {
  return new AuthsError(
    'pairing/payload-too-large',
    `a handshake message is limited to ${NOISE_MESSAGE_LIMIT} bytes`,
  );
}
