/** Byte arrays: joining, comparing, hex. */
import { AuthsError } from '../errors.ts';

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return concatAll(parts);
}

/** The same for a list of any length: arguments live on the stack, and a list from outside may hold more than fit there. */
export function concatAll(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const out = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** Equality whose time depends on the lengths only; for MACs, tokens and anything secret. */
export function equalConstantTime(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= (a[i] as number) ^ (b[i] as number);
  return difference === 0;
}

/** Plain equality for public bytes. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return equalConstantTime(a, b);
}

const HEX = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, '0'));

/** Lower-case hex. */
export function toHex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += HEX[byte];
  return text;
}

/** Strict: lower-case, even, and of exactly `length` bytes when given. Else `input/malformed`. */
export function fromHex(text: string, length?: number): Uint8Array {
  if (!/^(?:[0-9a-f]{2})*$/.test(text)) {
    throw new AuthsError('input/malformed', 'not lower-case hex');
  }
  if (length !== undefined && text.length !== length * 2) {
    throw new AuthsError('input/malformed', `hex of ${text.length / 2} bytes where ${length} are needed`);
  }
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(text.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}

/** Overwrites a secret. JavaScript may hold other copies; this shortens the life of this one. */
export function wipe(...secrets: readonly Uint8Array[]): void {
  for (const secret of secrets) secret.fill(0);
}
