/**
 * CESR primitives in the text domain (docs/protocol.md, "CESR"): a code, then raw bytes in base64url,
 * aligned so that the whole is a multiple of four characters. One text per value: exact length, the
 * base64url alphabet only, pad bits zero.
 */
import { AuthsError } from '../errors.ts';

/** A primitive taken apart; `raw` is a fresh copy. */
export interface CesrPrimitive {
  readonly code: string;
  readonly raw: Uint8Array;
}

/** Why a text is not CESR; found as `details.rule` of the error. */
export type CesrRule = 'cesr-code' | 'cesr-length' | 'cesr-alphabet' | 'cesr-pad';

/** code → bytes of raw value. */
const RAW_SIZES: ReadonlyMap<string, number> = new Map([
  ['A', 32], // Ed25519 seed
  ['B', 32], // Ed25519 key, non-transferable
  ['D', 32], // Ed25519 key
  ['E', 32], // Blake3-256 digest
  ['M', 2],
  ['R', 5],
  ['N', 8],
  ['0A', 16], // salt, and sequence number in attachments
  ['0B', 64], // Ed25519 signature
  ['0H', 4],
  ['1AAG', 24], // date-time
  ['1AAI', 33], // P-256 key, non-transferable
  ['1AAJ', 33], // P-256 key
]);

/** Codes that exist and that this product does not speak, so that the refusal can name them. */
const UNSUPPORTED: ReadonlyMap<string, string> = new Map([
  ['C', 'an X25519 key'],
  ['F', 'a Blake2b-256 digest'],
  ['G', 'a Blake2s-256 digest'],
  ['H', 'a SHA3-256 digest'],
  ['I', 'a SHA2-256 digest'],
  ['J', 'an ECDSA secp256k1 seed'],
  ['K', 'an Ed448 seed'],
  ['Q', 'an ECDSA P-256 seed'],
  ['0C', 'an ECDSA secp256k1 signature'],
  ['0D', 'a Blake3-512 digest'],
  ['0E', 'a Blake2b-512 digest'],
  ['0F', 'a SHA3-512 digest'],
  ['0G', 'a SHA2-512 digest'],
  ['0I', 'an ECDSA P-256 signature'],
  ['1AAA', 'an ECDSA secp256k1 key'],
  ['1AAB', 'an ECDSA secp256k1 key'],
  ['1AAC', 'an Ed448 key'],
  ['1AAD', 'an Ed448 key'],
]);

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
/** Character → its six bits, 255 elsewhere. */
const SIX_BITS: Uint8Array = new Uint8Array(0x1_0000).fill(255);
for (let i = 0; i < 64; i++) SIX_BITS[ALPHABET.charCodeAt(i)] = i;

/**
 * Takes one primitive of a fixed code apart; the text must be exactly that primitive.
 * `input/malformed` with `details.rule` (a CesrRule) otherwise.
 */
export function decodeCesrFixed(text: string): CesrPrimitive {
  const code = codeAt(text, 0);
  const size = cesrSize(code);
  if (text.length !== size) {
    throw cesrFault(
      'cesr-length',
      `"${shown(text)}" has ${text.length} characters where code ${code} has ${size}`,
    );
  }
  return { code, raw: decodeTail(text, code.length, size, RAW_SIZES.get(code) as number) };
}

/** Text of a raw value under a fixed code; a wrong code or size is `internal/bug`. */
export function encodeCesr(code: string, raw: Uint8Array): string {
  const size = RAW_SIZES.get(code);
  if (size === undefined || size !== raw.length) {
    throw new AuthsError('internal/bug', `CESR code ${code} does not hold ${raw.length} bytes`);
  }
  return code + encodeTail(raw, code.length % 4);
}

/** The code that starts at `at`. Unknown, foreign or missing codes are `input/malformed`, rule cesr-code. */
export function codeAt(text: string, at: number): string {
  const first = text[at];
  if (first === undefined) throw cesrFault('cesr-length', 'the text ends where a CESR code must stand');
  const length = first === '0' ? 2 : first === '1' ? 4 : 1;
  const code = text.slice(at, at + length);
  if (RAW_SIZES.has(code)) return code;
  for (let i = 0; i < code.length; i++) {
    if (sixBits(text, at + i) === 255) {
      throw cesrFault('cesr-alphabet', `character ${i + 1} of "${shown(text.slice(at))}" is not base64url`);
    }
  }
  const foreign = UNSUPPORTED.get(code);
  throw cesrFault(
    'cesr-code',
    foreign === undefined
      ? `CESR code "${code}" is unknown`
      : `CESR code "${code}", ${foreign}, is not supported`,
  );
}

/** Characters of a whole primitive of this code. */
export function cesrSize(code: string): number {
  const raw = RAW_SIZES.get(code) as number;
  const pad = code.length % 4;
  return code.length + ((raw + pad) * 4) / 3 - pad;
}

/** Six bits of the character at `at`, or 255 when it is not of the alphabet. */
export function sixBits(text: string, at: number): number {
  return SIX_BITS[text.charCodeAt(at)] ?? 255;
}

/** The digit of a value 0..63. */
export function base64Digit(value: number): string {
  return ALPHABET[value] as string;
}

/**
 * Raw bytes from the characters `from` to `to`, after a code whose length leaves `to - from` mod 4 characters
 * to make up: those stand for zero bytes in front. Bits that belong to them must be zero (rule cesr-pad).
 */
export function decodeTail(text: string, from: number, to: number, size: number): Uint8Array {
  if (text.length < to) throw cesrFault('cesr-length', 'the text ends inside a CESR primitive');
  const raw = new Uint8Array(size);
  const pad = (4 - ((to - from) % 4)) % 4;
  // Four characters are three bytes. Written out: a cold program decodes some hundred primitives before V8 compiles this.
  let out = -pad;
  for (let i = from - pad; i < to; i += 4, out += 3) {
    const isFirst = i < from;
    const one = isFirst ? 0 : (SIX_BITS[text.charCodeAt(i)] as number);
    const two = isFirst && pad > 1 ? 0 : (SIX_BITS[text.charCodeAt(i + 1)] as number);
    const three = isFirst && pad > 2 ? 0 : (SIX_BITS[text.charCodeAt(i + 2)] as number);
    const four = SIX_BITS[text.charCodeAt(i + 3)] as number;
    if ((one | two | three | four) > 63) throw foreignCharacter(text, from, to);
    const word = (one << 18) | (two << 12) | (three << 6) | four;
    if (out >= 0) raw[out] = word >> 16;
    else if (word >> (24 - 8 * pad) !== 0)
      throw cesrFault('cesr-pad', `"${shown(text.slice(0, to))}" has pad bits that are not zero`);
    if (out >= -1) raw[out + 1] = word >> 8;
    raw[out + 2] = word;
  }
  return raw;
}

function foreignCharacter(text: string, from: number, to: number): AuthsError {
  let i = from;
  while (i < to && sixBits(text, i) < 64) i++;
  return cesrFault(
    'cesr-alphabet',
    `character ${i - from + 1} of "${shown(text.slice(from, to))}" is not base64url`,
  );
}

/** base64url of `pad` zero bytes and the raw value, without the `pad` characters in front. Together they are threes of bytes. */
export function encodeTail(raw: Uint8Array, pad: number): string {
  let text = '';
  for (let i = -pad; i < raw.length; i += 3) {
    const one = i < 0 ? 0 : (raw[i] as number);
    const two = i < -1 ? 0 : (raw[i + 1] as number);
    const word = (one << 16) | (two << 8) | (raw[i + 2] as number);
    text += base64Digit(word >> 18) + base64Digit((word >> 12) & 63);
    text += base64Digit((word >> 6) & 63) + base64Digit(word & 63);
  }
  return text.slice(pad);
}

export function cesrFault(rule: CesrRule, reason: string): AuthsError<'input/malformed'> {
  return new AuthsError('input/malformed', reason, { details: { rule } });
}

function shown(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
