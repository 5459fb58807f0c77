/**
 * A strict scanner for the JSON text of events (docs/protocol.md, "Event text"): the one text that Python's
 * `json.dumps(…, separators=(",", ":"), ensure_ascii=False)` would write again. No white space, no other escape
 * than the necessary one, no doubled label, no number that reads back differently. It works on the received text
 * and never builds a value, so nothing can be reordered or lost.
 */
import { refuse } from './rules.ts';

const MAX_DEPTH = 32;

/** Offset after the value that starts at `at`. Anything not canonical throws a rule json-*; deeper than 32, bounds. */
export function skipValue(text: string, at: number, depth: number = MAX_DEPTH): number {
  const char = text.charCodeAt(at);
  if (char === 0x22) return skipString(text, at);
  if (char === 0x7b) return skipObject(text, at, depth);
  if (char === 0x5b) return skipArray(text, at, depth);
  if (char === 0x2d || (char >= 0x30 && char <= 0x39)) return skipNumber(text, at);
  for (const word of ['true', 'false', 'null']) if (text.startsWith(word, at)) return at + word.length;
  throw unexpected(text, at);
}

/** Offset after the string whose opening quote stands at `at`. */
export function skipString(text: string, at: number): number {
  if (text.charCodeAt(at) !== 0x22) throw unexpected(text, at);
  for (let i = at + 1; ; i++) {
    const char = text.charCodeAt(i);
    if (char === 0x22) return i + 1;
    if (char === 0x5c) i = skipEscape(text, i);
    else if (!(char >= 0x20)) throw unexpected(text, i);
  }
}

/** Offset after the array at `at`. */
export function skipArray(text: string, at: number, depth: number = MAX_DEPTH): number {
  if (text.charCodeAt(at) !== 0x5b) throw unexpected(text, at);
  if (depth === 0) throw tooDeep();
  if (text.charCodeAt(at + 1) === 0x5d) return at + 2;
  for (let i = at + 1; ; i++) {
    i = skipValue(text, i, depth - 1);
    const char = text.charCodeAt(i);
    if (char === 0x5d) return i + 1;
    if (char !== 0x2c) throw unexpected(text, i);
  }
}

/** Offset after the object at `at`; doubled labels are refused by comparing their canonical text. */
export function skipObject(text: string, at: number, depth: number = MAX_DEPTH): number {
  if (text.charCodeAt(at) !== 0x7b) throw unexpected(text, at);
  if (depth === 0) throw tooDeep();
  if (text.charCodeAt(at + 1) === 0x7d) return at + 2;
  let labels: Set<string> | null = null;
  let first: string | null = null;
  for (let i = at + 1; ; i++) {
    const end = skipString(text, i);
    const label = text.slice(i, end);
    if (first === null) first = label;
    else {
      labels ??= new Set([first]);
      if (labels.has(label))
        throw refuse('json-duplicate-key', `label ${label.slice(0, 40)} appears twice in one object`);
      labels.add(label);
    }
    if (text.charCodeAt(end) !== 0x3a) throw unexpected(text, end);
    i = skipValue(text, end + 1, depth - 1);
    const char = text.charCodeAt(i);
    if (char === 0x7d) return i + 1;
    if (char !== 0x2c) throw unexpected(text, i);
  }
}

/** Offset of the last character of the escape at `at`. */
function skipEscape(text: string, at: number): number {
  if ('"\\bfnrt'.includes(text.charAt(at + 1)) && at + 1 < text.length) return at + 1;
  const hex = /^u00[01][0-9a-f]$/.exec(text.slice(at + 1, at + 6));
  // \b \t \n \f \r have their short forms; only the other control characters are written in hex.
  if (hex !== null && !['u0008', 'u0009', 'u000a', 'u000c', 'u000d'].includes(hex[0])) return at + 5;
  throw refuse('json-escape', `an escape at character ${at} that the canonical form does not use`);
}

function skipNumber(text: string, at: number): number {
  let end = at;
  while ('+-.0123456789eE'.includes(text.charAt(end)) && end < text.length) end++;
  const digits = text.slice(at, end);
  const canonical =
    digits.length <= 400 &&
    (/^(?:0|-?[1-9][0-9]*)$/.test(digits) || (/[.e]/.test(digits) && digits === pythonFloat(digits)));
  if (!canonical)
    throw refuse('json-number', `"${digits.slice(0, 40)}" is not how the number is written canonically`);
  return end;
}

/** Python's `repr` of the float: the shortest digits that read back, an exponent below 1e-4 and from 1e16 on. */
function pythonFloat(text: string): string {
  const value = Number(text);
  if (!Number.isFinite(value)) return 'not finite';
  const sign = value < 0 || Object.is(value, -0) ? '-' : '';
  const [mantissa, power] = Math.abs(value).toExponential().split('e') as [string, string];
  const exponent = Number(power);
  if (exponent < -4 || exponent >= 16) {
    return `${sign}${mantissa}e${exponent < 0 ? '-' : '+'}${Math.abs(exponent).toString().padStart(2, '0')}`;
  }
  const digits = mantissa.replace('.', '');
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, '0');
  return `${sign}${whole}.${digits.slice(exponent + 1) || '0'}`;
}

function unexpected(text: string, at: number): Error {
  const char = text.charAt(at);
  if (char === ' ' || char === '\n' || char === '\r' || char === '\t') {
    return refuse('json-compact', `white space at character ${at}; events are written without any`);
  }
  if (char === '') return refuse('size-mismatch', 'the declared size ends inside the event');
  return refuse('json-syntax', `unexpected character at ${at}`);
}

function tooDeep(): Error {
  return refuse('bounds', `nested deeper than ${MAX_DEPTH}`);
}
