/** base64 with padding, canonical only (RFC 4648 section 4): one text per byte string, no tail bits. */
import { AuthsError } from '../errors.ts';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const FOREIGN = 255;
/** Character → its six bits. */
const SIX_BITS: Uint8Array = new Uint8Array(256).fill(FOREIGN);
for (let i = 0; i < 64; i++) SIX_BITS[ALPHABET.charCodeAt(i)] = i;

export function toBase64(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < bytes.length; i += 3) {
    const word = ((bytes[i] as number) << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
    text += digit(word >> 18) + digit((word >> 12) & 63);
    text += i + 1 < bytes.length ? digit((word >> 6) & 63) : '=';
    text += i + 2 < bytes.length ? digit(word & 63) : '=';
  }
  return text;
}

/** Bytes of a canonical text; anything else is `input/malformed`. */
export function fromBase64(text: string): Uint8Array {
  if (text.length % 4 !== 0) throw notCanonical();
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const digits = text.length - padding;
  const bytes = new Uint8Array((text.length / 4) * 3 - padding);
  let word = 0;
  // The last step may write beyond the end, which an array of bytes ignores.
  for (let i = 0, out = 0; i < text.length; i += 4, out += 3) {
    // Written out: half the time of a call for each digit.
    const one = SIX_BITS[text.charCodeAt(i)] ?? FOREIGN;
    const two = SIX_BITS[text.charCodeAt(i + 1)] ?? FOREIGN;
    const three = i + 2 < digits ? (SIX_BITS[text.charCodeAt(i + 2)] ?? FOREIGN) : 0;
    const four = i + 3 < digits ? (SIX_BITS[text.charCodeAt(i + 3)] ?? FOREIGN) : 0;
    if ((one | two | three | four) > 63) throw notCanonical();
    word = (one << 18) | (two << 12) | (three << 6) | four;
    bytes[out] = word >> 16;
    bytes[out + 1] = word >> 8;
    bytes[out + 2] = word;
  }
  if ((word & ((1 << (8 * padding)) - 1)) !== 0) throw notCanonical();
  return bytes;
}

function digit(value: number): string {
  return ALPHABET[value] as string;
}

function notCanonical(): AuthsError<'input/malformed'> {
  return new AuthsError('input/malformed', 'not canonical base64');
}
