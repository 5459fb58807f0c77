/** UTF-8 text and bytes. Both classes exist in every browser and in Node; core's `types` is empty, so they are declared. */
import { AuthsError } from '../errors.ts';

interface Encoder {
  encode(text: string): Uint8Array;
}
interface Decoder {
  decode(bytes: Uint8Array): string;
}
declare const TextEncoder: new () => Encoder;
declare const TextDecoder: new (
  label: string,
  options: { readonly fatal: boolean; readonly ignoreBOM: boolean },
) => Decoder;

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** UTF-8 bytes of a well-formed string; a lone surrogate is `input/malformed` (it has no UTF-8 form). */
export function utf8(text: string): Uint8Array {
  if (!isWellFormed(text)) throw new AuthsError('input/malformed', 'text holds a lone surrogate');
  return encoder.encode(text);
}

/** Strict UTF-8 decoding: bad sequences are `input/malformed`, a byte order mark is kept as a character. */
export function fromUtf8(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw new AuthsError('input/malformed', 'not valid UTF-8', { cause });
  }
}

/** True when the text has no lone surrogate. (String.prototype.isWellFormed is ES2024.) */
export function isWellFormed(text: string): boolean {
  return !/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/.test(text);
}

/** One byte per character; characters above 0xff are `input/malformed`. */
export function latin1(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0xff) throw new AuthsError('input/malformed', `character ${i} is not a single byte`);
    bytes[i] = code;
  }
  return bytes;
}

/** The reverse of `latin1`: never fails. */
export function fromLatin1(bytes: Uint8Array): string {
  try {
    // Of ASCII, which nearly everything is, UTF-8 decoding makes the same, and faster.
    const text = decoder.decode(bytes);
    if (text.length === bytes.length) return text;
  } catch {
    // Not UTF-8 somewhere, and so not ASCII.
  }
  let text = '';
  for (let i = 0; i < bytes.length; i += 8192) {
    // Not spread: spreading walks the array by its iterator, several times slower.
    text += String.fromCharCode.apply(null, bytes.subarray(i, i + 8192) as unknown as number[]);
  }
  return text;
}
