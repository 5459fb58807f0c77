/** Length-prefixed concatenation: LV(x) = u32be(len(x)) || x, the framing of every signed and hashed input. */
import { AuthsError } from '../errors.ts';
import { concat } from './bytes.ts';
import { utf8 } from './text.ts';

/** LV of each part, joined. Strings are UTF-8. */
export function lv(...parts: readonly (Uint8Array | string)[]): Uint8Array {
  return concat(
    ...parts.map((part) => {
      const bytes = typeof part === 'string' ? utf8(part) : part;
      return concat(u32(bytes.length), bytes);
    }),
  );
}

export function u8(value: number): Uint8Array {
  if (!Number.isInteger(value) || value < 0 || value > 0xff) throw outOfRange('u8', value);
  return Uint8Array.of(value);
}

/** Big-endian. */
export function u32(value: number): Uint8Array {
  if (!Number.isInteger(value) || value < 0 || value > 0xffffffff) throw outOfRange('u32', value);
  const out = new Uint8Array(4);
  new DataView(out.buffer).setUint32(0, value);
  return out;
}

/** Big-endian. */
export function u64(value: number | bigint): Uint8Array {
  const big = typeof value === 'number' && !Number.isSafeInteger(value) ? -1n : BigInt(value);
  if (big < 0n || big > 0xffffffffffffffffn) throw outOfRange('u64', value);
  const out = new Uint8Array(8);
  new DataView(out.buffer).setBigUint64(0, big);
  return out;
}

function outOfRange(type: string, value: number | bigint): AuthsError {
  return new AuthsError('internal/bug', `${value} does not fit ${type}`);
}
