/**
 * Bytes as words that can be read aloud (proquints, arXiv:0901.4016): 16 bits are five letters, consonant vowel
 * consonant vowel consonant, 4 bits each consonant and 2 each vowel. Used for recovery words.
 */
import { AuthsError } from '../errors.ts';

const CONSONANTS = 'bdfghjklmnprstvz';
const VOWELS = 'aiou';

/** Words joined by `-`. An odd number of bytes is `internal/bug`. */
export function encodeProquint(bytes: Uint8Array): string {
  if (bytes.length % 2 !== 0) throw new AuthsError('internal/bug', 'words hold an even number of bytes');
  const words: string[] = [];
  for (let i = 0; i < bytes.length; i += 2) {
    const value = ((bytes[i] as number) << 8) | (bytes[i + 1] as number);
    words.push(
      [
        CONSONANTS[value >> 12],
        VOWELS[(value >> 10) & 3],
        CONSONANTS[(value >> 6) & 15],
        VOWELS[(value >> 4) & 3],
        CONSONANTS[value & 15],
      ].join(''),
    );
  }
  return words.join('-');
}

/** The one spelling of words as a person may type them: case, spaces and other separators do not matter. Any other letter is `input/malformed`. */
export function normaliseProquint(text: string): string {
  const letters = text.toLowerCase().replace(/[\s\-_.,]+/g, '');
  if (!/^(?:[bdfghjklmnprstvz][aiou][bdfghjklmnprstvz][aiou][bdfghjklmnprstvz])+$/.test(letters)) {
    throw new AuthsError('input/malformed', 'these are not recovery words: five letters each, like "lusab"');
  }
  return (letters.match(/.{5}/g) as string[]).join('-');
}
