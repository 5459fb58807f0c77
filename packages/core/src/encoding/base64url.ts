/** base64url without padding, canonical only (RFC 4648 section 5): one text per byte string, no tail bits. */
import { base64urlnopad } from '@scure/base';
import { AuthsError } from '../errors.ts';

export function toBase64url(bytes: Uint8Array): string {
  return base64urlnopad.encode(bytes);
}

/** Bytes of a canonical text, of exactly `length` bytes when given. Else `input/malformed`. */
export function fromBase64url(text: string, length?: number): Uint8Array {
  let bytes: Uint8Array;
  try {
    if (!/^[A-Za-z0-9_-]*$/.test(text)) throw new Error('alphabet');
    bytes = base64urlnopad.decode(text);
  } catch (cause) {
    throw new AuthsError('input/malformed', 'not canonical base64url', { cause });
  }
  if (length !== undefined && bytes.length !== length) {
    throw new AuthsError('input/malformed', `base64url of ${bytes.length} bytes where ${length} are needed`);
  }
  return bytes;
}
