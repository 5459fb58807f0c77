/**
 * The envelope around everything that pairing says after the key exchange (docs/protocol.md, "Key schedule"):
 * ChaCha20-Poly1305 under the key of its direction, nonce = 00000000 || u64 seq, additional data =
 * session, direction and seq, so no envelope opens in another session, direction or place.
 */
import { chacha20poly1305 } from '@noble/ciphers/chacha.js';
import { concat, fromHex } from '../encoding/bytes.ts';
import { u32, u64 } from '../encoding/framing.ts';
import { AuthsError } from '../errors.ts';
import type { SessionId } from '../ports.ts';
import { envelopeAad } from './domains.ts';

/** j2h: from the joiner to the host; h2j: the other way. */
export type Direction = 'j2h' | 'h2j';

export interface EnvelopePlace {
  readonly sessionId: SessionId;
  readonly direction: Direction;
  /** Counts from 0 in each direction, strictly by one; the caller keeps count and never seals two contents under one. */
  readonly seq: number;
}

const BLOCK = 1024;
const TAG = 16;

/** AEAD of u32 length || data || zeros up to a multiple of 1,024: sizes tell a relay little. */
export function sealEnvelope(key: Uint8Array, place: EnvelopePlace, data: Uint8Array): Uint8Array {
  const padded = new Uint8Array(paddedLength(data.length));
  padded.set(concat(u32(data.length), data));
  return encryptEnvelope(key, place, padded);
}

/**
 * The data of an envelope made by `sealEnvelope` for exactly this place. A wrong key, place or bit, a
 * length that is not the padded one, or padding that is not zero is `pairing/channel-tampered`.
 */
export function openEnvelope(key: Uint8Array, place: EnvelopePlace, sealed: Uint8Array): Uint8Array {
  if (sealed.length < BLOCK + TAG || (sealed.length - TAG) % BLOCK !== 0) throw tampered();
  let padded: Uint8Array;
  try {
    padded = aead(key, place).decrypt(sealed);
  } catch (cause) {
    throw tampered(cause);
  }
  const length = new DataView(padded.buffer, padded.byteOffset).getUint32(0);
  if (paddedLength(length) !== padded.length) throw tampered();
  if (padded.subarray(4 + length).some((byte) => byte !== 0)) throw tampered();
  return padded.slice(4, 4 + length);
}

/** The AEAD alone, without length and padding: the form that the known answers print. */
export function encryptEnvelope(key: Uint8Array, place: EnvelopePlace, plaintext: Uint8Array): Uint8Array {
  return aead(key, place).encrypt(plaintext);
}

function aead(key: Uint8Array, place: EnvelopePlace): ReturnType<typeof chacha20poly1305> {
  const nonce = concat(new Uint8Array(4), u64(place.seq));
  const aad = envelopeAad(fromHex(place.sessionId, 16), place.direction === 'j2h' ? 0 : 1, place.seq);
  return chacha20poly1305(key, nonce, aad);
}

function paddedLength(length: number): number {
  return Math.ceil((4 + length) / BLOCK) * BLOCK;
}

function tampered(cause?: unknown): AuthsError<'pairing/channel-tampered'> {
  return new AuthsError(
    'pairing/channel-tampered',
    'a sealed message was changed on its way, or is not meant for this place',
    { cause },
  );
}
