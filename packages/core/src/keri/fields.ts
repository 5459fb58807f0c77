/** Readers of single event fields. Each starts at the value's first character and moves the cursor behind it. */
import { decodeCesrFixed, sixBits } from '../encoding/cesr.ts';
import { type Rule, refuse } from './rules.ts';
import { skipArray, skipString, skipValue } from './scan.ts';

/** A place in a text of one byte per character (or pure ASCII), so that offsets are byte offsets too. */
export interface Cursor {
  readonly text: string;
  at: number;
}

/** Keys, witnesses, digests per list: ours, not KERI's. */
export const MAX_LIST = 128;
const QUOTE = 0x22;
const SEEDLESS: ReadonlySet<string> = new Set(['B', 'D', 'E']);

/**
 * One 44-character identifier whose code is in `codes`. A well-formed one of another code fails with `wrongCode`;
 * anything else with its CESR rule, or field-type when it is no string.
 */
export function readIdentifier(cursor: Cursor, codes: string, wrongCode: Rule): string {
  const { text, at } = cursor;
  if (text.charCodeAt(at) !== QUOTE) throw refuse('field-type', 'an identifier must be a string');
  const value = text.slice(at + 1, at + 45);
  if (text.charCodeAt(at + 45) === QUOTE && isAligned(value)) {
    if (!codes.includes(value.charAt(0))) throw refuse(wrongCode, `"${value}" has code ${value.charAt(0)}`);
    cursor.at = at + 46;
    return value;
  }
  const whole = text.slice(at + 1, skipString(text, at) - 1);
  const { code } = decodeCesrFixed(whole);
  throw refuse(wrongCode, `code ${code} cannot stand here`);
}

/** A list of identifiers, at most 128. Doubled entries fail with `doubled`. */
export function readIdentifiers(
  cursor: Cursor,
  codes: string,
  wrongCode: Rule,
  doubled: Rule,
): readonly string[] {
  const { text } = cursor;
  if (text.charCodeAt(cursor.at) !== 0x5b) throw refuse('field-type', 'must be a list');
  const list: string[] = [];
  if (text.charCodeAt(++cursor.at) === 0x5d) {
    cursor.at++;
    return list;
  }
  for (;;) {
    if (list.length === MAX_LIST) throw refuse('bounds', `a list of more than ${MAX_LIST}`);
    list.push(readIdentifier(cursor, codes, wrongCode));
    const char = text.charCodeAt(cursor.at++);
    if (char === 0x5d) break;
    if (char !== 0x2c) throw refuse('json-syntax', `unexpected character at ${cursor.at - 1}`);
  }
  if (list.length > 1 && new Set(list).size !== list.length)
    throw refuse(doubled, 'an entry stands twice in a list');
  return list;
}

/**
 * A sequence number: lower-case hex text without leading zeros, at most 2^128 - 1. Above 2^53 the number is only
 * approximate, which is enough to see that it is out of order. Rule sn-format.
 */
export function readSequence(cursor: Cursor): number {
  const { text, at } = cursor;
  const end = text.charCodeAt(at) === QUOTE ? text.indexOf('"', at + 1) : -1;
  const hex = end > at && end - at <= 33 ? text.slice(at + 1, end) : '';
  if (!/^(?:0|[1-9a-f][0-9a-f]*)$/.test(hex)) {
    throw refuse('sn-format', 's must be lower-case hex text without leading zeros');
  }
  cursor.at = end + 1;
  return Number.parseInt(hex, 16);
}

/** The JSON value of a threshold: text, a plain integer or a list; its meaning is judged later. */
export function readThreshold(cursor: Cursor): unknown {
  const { text, at } = cursor;
  if (text.startsWith('"1"', at)) {
    cursor.at = at + 3;
    return '1';
  }
  cursor.at = skipValue(text, at);
  const json = text.slice(at, cursor.at);
  // 1.0 is another text than 1, though the same number in JavaScript.
  if (!/^["[]|^[0-9]+$/.test(json))
    throw refuse('threshold-invalid', 'a threshold is text, an integer or a list of weights');
  return JSON.parse(json);
}

/** A span of the text. */
export type Span = readonly [from: number, to: number];

/** Where a list of free values lies: traits, seals. What it holds is read from the bytes, which may not be ASCII. */
export function readList(cursor: Cursor): Span {
  const { text, at } = cursor;
  if (text.charCodeAt(at) !== 0x5b) throw refuse('field-type', 'must be a list');
  cursor.at = text.charCodeAt(at + 1) === 0x5d ? at + 2 : skipArray(text, at);
  return [at, cursor.at];
}

/** True for 44 characters of code B, D or E whose alphabet and pad bits are right. */
function isAligned(value: string): boolean {
  if (value.length !== 44 || !SEEDLESS.has(value.charAt(0)) || sixBits(value, 1) > 15) return false;
  let seen = 0;
  for (let i = 2; i < 44; i++) seen |= sixBits(value, i);
  return seen < 64;
}
