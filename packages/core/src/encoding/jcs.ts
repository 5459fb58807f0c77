/** Canonical JSON (RFC 8785) by json-canon, behind a guard: only plain JSON values, no surprises. */
import canonicalize from 'json-canon';
import { AuthsError } from '../errors.ts';
import { isWellFormed } from './text.ts';

/** The canonical text. `undefined`, functions, cycles, non-finite numbers, lone surrogates, foreign prototypes: `internal/bug`. */
export function jcs(value: unknown): string {
  guard(value, '$', 32);
  return canonicalize(value);
}

function guard(value: unknown, path: string, depth: number): void {
  if (depth === 0) throw refuse(path, 'nested too deeply or cyclic');
  switch (typeof value) {
    case 'string':
      if (!isWellFormed(value)) throw refuse(path, 'lone surrogate');
      return;
    case 'number':
      if (!Number.isFinite(value)) throw refuse(path, 'not a finite number');
      return;
    case 'boolean':
      return;
    case 'object': {
      if (value === null) return;
      if (Array.isArray(value)) {
        // A hole reads as undefined, which is refused below.
        for (let i = 0; i < value.length; i++) guard(value[i], `${path}[${i}]`, depth - 1);
        return;
      }
      const prototype: unknown = Object.getPrototypeOf(value);
      if (prototype !== Object.prototype && prototype !== null) throw refuse(path, 'not a plain object');
      for (const [key, member] of Object.entries(value)) {
        if (!isWellFormed(key)) throw refuse(path, 'lone surrogate in a member name');
        guard(member, `${path}.${key}`, depth - 1);
      }
      return;
    }
    default:
      throw refuse(path, `${typeof value} is not JSON`);
  }
}

function refuse(path: string, why: string): AuthsError<'internal/bug'> {
  return new AuthsError('internal/bug', `cannot canonicalise ${path}: ${why}`);
}
