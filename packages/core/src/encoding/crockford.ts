/** Crockford's base 32: what people read aloud and type (docs/protocol.md, "Codes"). */
import { base32crockford } from '@scure/base';

export const CROCKFORD: string = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** Five bits a letter, most significant first, zero bits at the end where the length is no multiple of five; no padding. */
export function toCrockford(bytes: Uint8Array): string {
  return base32crockford.encode(bytes);
}

/**
 * Typed text in canonical letters: ASCII spaces and hyphens go, letters become upper case, O is 0, I and
 * L are 1. Null when any other character is there (U too, and letters outside ASCII that an upper-casing
 * would turn into ASCII ones).
 */
export function normaliseCrockford(typed: string): string | null {
  if (!/^[0-9A-TV-Za-tv-z -]*$/.test(typed)) return null;
  return typed.replace(/[ -]/g, '').toUpperCase().replace(/O/g, '0').replace(/[IL]/g, '1');
}
