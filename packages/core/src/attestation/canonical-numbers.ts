/**
 * The signatures of a record cover its value, in the canonical text of that (JCS): members may come in any order, but a
 * number has one spelling. 1.0 and 1e0 are another text than 1, though the same number in JavaScript.
 */
import { fromLatin1 } from '../encoding/text.ts';
import { AuthsError } from '../errors.ts';

/** Refuses, as `input/malformed`, a number that JCS would write otherwise. The bytes are known to be JSON. */
export function requireCanonicalNumbers(json: Uint8Array): void {
  for (let at = 0; at < json.length; at++) {
    if (json[at] === QUOTE) at = endOfString(json, at);
    else if (startsNumber(json[at])) {
      let end = at + 1;
      while (startsNumber(json[end]) || IN_NUMBER.has(json[end])) end++;
      const text = fromLatin1(json.subarray(at, end));
      if (String(Number(text)) !== text)
        throw new AuthsError(
          'input/malformed',
          `the number ${text.slice(0, 40)} is not in its canonical form`,
        );
      at = end - 1;
    }
  }
}

const QUOTE = 0x22;
/** Plus, point, E and e. */
const IN_NUMBER: ReadonlySet<number | undefined> = new Set([0x2b, 0x2e, 0x45, 0x65]);

/** Offset of the closing quote. */
function endOfString(json: Uint8Array, at: number): number {
  let end = at + 1;
  for (; end < json.length && json[end] !== QUOTE; end++) if (json[end] === 0x5c) end++;
  return end;
}

function startsNumber(char: number | undefined): boolean {
  return char !== undefined && (char === 0x2d || (char >= 0x30 && char <= 0x39));
}
