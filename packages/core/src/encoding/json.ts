/**
 * A strict JSON reader (RFC 8259) for everything that arrives from outside and is not a KERI event:
 * doubled members, lone surrogates, `__proto__`, numbers that JavaScript would change, depth and size
 * beyond the bounds are all `input/malformed` with the JSON path. Nothing is coerced or dropped.
 */
import { AuthsError } from '../errors.ts';
import { fromUtf8, isWellFormed } from './text.ts';

export type JsonValue =
  string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue };
export type JsonObject = { readonly [key: string]: JsonValue };

export interface JsonBounds {
  /** Default 1 MiB, in bytes of UTF-8 (or characters when given a string). */
  readonly maxLength?: number;
  /** Default 32 nested arrays and objects. */
  readonly maxDepth?: number;
}

/** Up to here JSON.parse may have its way: what it makes of a hostile text takes tens of MiB. */
const SMALL = 1 << 20;
/** Values in a text that is longer: each takes many times its two or three characters. */
const MAX_VALUES = 1 << 20;

/** The parsed value; objects are plain with no `__proto__` member. */
export function parseJson(input: Uint8Array | string, bounds: JsonBounds = {}): JsonValue {
  const maxLength = bounds.maxLength ?? 1 << 20;
  if (input.length > maxLength) throw bad('$', `longer than ${maxLength} bytes`);
  const text = typeof input === 'string' ? input : fromUtf8(input);
  const maxDepth = bounds.maxDepth ?? 32;
  if (text.length > SMALL) boundShape(text, maxDepth);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new AuthsError('input/malformed', 'not valid JSON', { cause });
  }
  const fault = findFault(value, maxDepth);
  if (fault !== null) throw bad(`$${fault.path}`, fault.why);
  refuseDoubledMembers(text);
  return value as JsonValue;
}

/** `value` as an object with exactly the members named: all of `required`, any of `optional`. */
export function exactObject(
  value: unknown,
  required: readonly string[],
  optional: readonly string[] = [],
  path = '$',
): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw bad(path, 'must be an object');
  const faults: string[] = [];
  for (const name of required) if (!Object.hasOwn(value, name)) faults.push(`${path}.${name} is missing`);
  for (const name of Object.keys(value)) {
    if (faults.length === MOST_FAULTS) break;
    if (!required.includes(name) && !optional.includes(name))
      faults.push(`${path}.${short(name)} is unknown`);
  }
  if (faults.length > 0) throw new AuthsError('input/malformed', faults.join('; '), { details: { faults } });
  return value as JsonObject;
}

/** Faults that one error names. */
const MOST_FAULTS = 16;

/** A name from outside as an error may quote it. */
function short(name: string): string {
  return name.length > 40 ? `${name.slice(0, 40)}…` : name;
}

interface Fault {
  readonly path: string;
  readonly why: string;
}

/** The first value that is not allowed; its path is put together only where there is one. */
function findFault(value: unknown, depth: number): Fault | null {
  if (typeof value === 'string') return isWellFormed(value) ? null : { path: '', why: 'lone surrogate' };
  if (typeof value === 'number') {
    const inexact = !Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value));
    // -0 is written back as 0.
    return inexact || Object.is(value, -0) ? { path: '', why: 'number out of range' } : null;
  }
  if (typeof value !== 'object' || value === null) return null;
  if (depth === 0) return { path: '', why: 'nested too deeply' };
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      const fault = findFault(value[i], depth - 1);
      if (fault !== null) return { path: `[${i}]${fault.path}`, why: fault.why };
    }
    return null;
  }
  for (const [key, member] of Object.entries(value)) {
    if (key === '__proto__' || !isWellFormed(key)) return { path: '', why: 'member name not allowed' };
    const fault = findFault(member, depth - 1);
    if (fault !== null) return { path: `.${short(key)}${fault.path}`, why: fault.why };
  }
  return null;
}

/** Before JSON.parse builds it all. The text may be no JSON: then JSON.parse says so of what is left. */
function boundShape(text: string, maxDepth: number): void {
  let depth = 0;
  let values = 0;
  for (let at = 0; at < text.length; at++) {
    const char = text.charCodeAt(at);
    if (char === 0x22) at = endOfString(text, at) - 1;
    else if (char === 0x7d || char === 0x5d) depth--;
    else if (char === 0x7b || char === 0x5b || char === 0x2c) {
      if (char !== 0x2c && ++depth > maxDepth) throw bad('$', 'nested too deeply');
      if (++values > MAX_VALUES) throw bad('$', `more than ${MAX_VALUES} values`);
    }
  }
}

/**
 * JSON.parse keeps the last of two equal members, so the text itself is walked. It is known to be valid JSON here.
 * By hand: a regular expression over strings of any length can run out of stack.
 */
function refuseDoubledMembers(text: string): void {
  const open: (Set<string> | null)[] = [];
  for (let at = 0; at < text.length; at++) {
    const char = text.charCodeAt(at);
    if (char === 0x7b) open.push(new Set());
    else if (char === 0x5b) open.push(null);
    else if (char === 0x7d || char === 0x5d) open.pop();
    else if (char === 0x22) {
      const end = endOfString(text, at);
      const members = open.at(-1);
      if (isFollowedByColon(text, end) && members !== undefined && members !== null) {
        const name = JSON.parse(text.slice(at, end)) as string;
        if (members.has(name)) throw bad('$', `member "${short(name)}" is doubled`);
        members.add(name);
      }
      at = end - 1;
    }
  }
}

/** Offset after the string whose opening quote stands at `at`. */
function endOfString(text: string, at: number): number {
  let i = at + 1;
  for (; i < text.length && text.charCodeAt(i) !== 0x22; i++) if (text.charCodeAt(i) === 0x5c) i++;
  return i + 1;
}

function isFollowedByColon(text: string, at: number): boolean {
  let i = at;
  while (' \t\n\r'.includes(text.charAt(i)) && i < text.length) i++;
  return text.charCodeAt(i) === 0x3a;
}

function bad(path: string, why: string): AuthsError<'input/malformed'> {
  return new AuthsError('input/malformed', `${path}: ${why}`, { details: { path } });
}
