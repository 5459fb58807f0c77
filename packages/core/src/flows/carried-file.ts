/** What carrying does to a file of JSON, in words: it is cut off, saved by an editor, or another file. */
import { hasCode, type AuthsError } from '../errors.ts';

/** Runs `read`; whatever finds the bytes malformed without saying what to do next goes through `refuse`. */
export function readCarried<T>(
  bytes: Uint8Array,
  read: () => T,
  refuse: (why: string) => AuthsError<'input/malformed'>,
): T {
  try {
    return read();
  } catch (error) {
    if (!hasCode(error, 'input/malformed') || error.hint !== undefined) throw error;
    throw refuse(whyOf(bytes, error.message));
  }
}

function whyOf(bytes: Uint8Array, message: string): string {
  if (bytes.length === 0) return 'it is empty';
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf)
    return 'it begins with a byte order mark, which an editor or a mail program has put there';
  if (bytes[0] !== 0x7b) return 'it is another kind of file';
  return message === 'not valid JSON' ? 'it is cut off, or was changed on the way' : message;
}
