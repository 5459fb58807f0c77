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
  return (bytes.length < FEW ? null : fromAscii(bytes)) ?? fromBytes(bytes);
}

/** The same of the bytes from `start` to `end`, without a view of them where they are few. */
export function latin1At(bytes: Uint8Array, start: number, end: number): string {
  if (end - start > SHORT) return fromLatin1(bytes.subarray(start, end));
  let text = '';
  for (let i = start; i < end; i++) text += String.fromCharCode(bytes[i] as number);
  return text;
}

const SHORT = 16;

/** Below this a call of the decoder costs more than it saves. */
const FEW = 128;

/** Of ASCII, which most texts are, UTF-8 decoding makes the same, and faster. Null for anything else. */
function fromAscii(bytes: Uint8Array): string | null {
  try {
    const text = decoder.decode(bytes);
    return text.length === bytes.length ? text : null;
  } catch {
    return null;
  }
}

function fromBytes(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < bytes.length; i += 8192) {
    // Not spread: spreading walks the array by its iterator, several times slower.
    text += String.fromCharCode.apply(null, bytes.subarray(i, i + 8192) as unknown as number[]);
  }
  return text;
}
