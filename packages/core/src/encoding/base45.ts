/** base45 (RFC 9285): the 45 characters of a QR code's alphanumeric mode, two bytes in three characters. */
import { AuthsError } from '../errors.ts';

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:';

export function toBase45(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < bytes.length; i += 2) {
    const high = bytes[i] as number;
    const low = bytes[i + 1];
    text += low === undefined ? digits(high, 2) : digits(high * 256 + low, 3);
  }
  return text;
}

/** The bytes of a text that `toBase45` could have made. Any other character, length or value is `input/malformed`. */
export function fromBase45(text: string): Uint8Array {
  if (text.length % 3 === 1) throw malformed('its length is impossible');
  const bytes = new Uint8Array(Math.floor(text.length / 3) * 2 + (text.length % 3 === 2 ? 1 : 0));
  for (let i = 0, at = 0; i < text.length; i += 3) {
    const size = Math.min(3, text.length - i);
    let value = 0;
    for (let j = size - 1; j >= 0; j--) {
      const digit = ALPHABET.indexOf(text.charAt(i + j));
      if (digit < 0) throw malformed(`character ${i + j + 1} is not in the alphabet`);
      value = value * 45 + digit;
    }
    if (value > (size === 3 ? 0xffff : 0xff)) throw malformed(`the group at character ${i + 1} is too large`);
    if (size === 3) bytes[at++] = value >> 8;
    bytes[at++] = value & 0xff;
  }
  return bytes;
}

/** Least significant digit first. */
function digits(value: number, count: number): string {
  let text = '';
  for (let i = 0; i < count; i++, value = Math.floor(value / 45)) text += ALPHABET.charAt(value % 45);
  return text;
}

function malformed(why: string): AuthsError<'input/malformed'> {
  return new AuthsError('input/malformed', `not base45: ${why}`);
}
