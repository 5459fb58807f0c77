/**
 * Codes that people read and type, and the 16-byte secrets of QR codes and links (docs/protocol.md, "Codes").
 * The first letters (the nameplate) find the session and are public; the whole code is the password.
 * No error here repeats any part of what was typed.
 */
import { toBase64url } from '../encoding/base64url.ts';
import { CROCKFORD, normaliseCrockford } from '../encoding/crockford.ts';
import { AuthsError } from '../errors.ts';
import type { Random } from '../ports.ts';
import { drawUntil } from '../crypto/random.ts';

export type CodeKind = 'short6' | 'pin8' | 'code12';
export type SlotKind = CodeKind | 'qr' | 'link';

/** u8 kind of the offer (docs/protocol.md, "Messages"). */
export const KIND_IDS: Readonly<Record<SlotKind, number>> = { short6: 1, pin8: 2, code12: 3, qr: 4, link: 5 };

export interface PairingCode {
  readonly kind: CodeKind;
  /** Canonical letters without hyphens: the password. A secret. */
  readonly text: string;
  /** Public: what the relay is asked for. */
  readonly nameplate: string;
}

interface CodeForm {
  readonly alphabet: string;
  readonly length: number;
  readonly nameplate: number;
  /** Letters before each hyphen. */
  readonly group: number;
}

/** Without 0, 1, I, L and O. */
const A31 = '23456789ABCDEFGHJKMNPQRSTUVWXYZ';
const FORMS: Readonly<Record<CodeKind, CodeForm>> = {
  short6: { alphabet: A31, length: 6, nameplate: 2, group: 3 },
  pin8: { alphabet: CROCKFORD, length: 8, nameplate: 3, group: 4 },
  code12: { alphabet: CROCKFORD, length: 12, nameplate: 4, group: 4 },
};
const KINDS = ['short6', 'pin8', 'code12'] as const;

/** A new code, every letter uniform: bytes that would favour some letters are drawn again. */
export function generateCode(kind: CodeKind, random: Random): PairingCode {
  const { alphabet, length } = FORMS[kind];
  const fair = 256 - (256 % alphabet.length);
  const text = drawUntil(random, (bytes) => {
    const letters = [...bytes]
      .filter((byte) => byte < fair)
      .map((byte) => alphabet.charAt(byte % alphabet.length));
    return letters.length < length ? null : letters.slice(0, length).join('');
  });
  return codeOf(kind, text);
}

/** A new 16-byte secret for a qr or link slot. */
export function generateSecret(random: Random): Uint8Array {
  return random.bytes(16);
}

/** The canonical text of a qr or link secret, which plays the part of the code: base64url, 22 characters. */
export function secretText(secret: Uint8Array): string {
  if (secret.length !== 16) throw new AuthsError('internal/bug', 'a pairing secret has 16 bytes');
  return toBase64url(secret);
}

/**
 * The code that somebody typed; the kind is told by the length. ASCII spaces and hyphens are dropped and
 * letters become upper case; for 8 and 12 letters O is 0, I and L are 1. Else `pairing/invalid-code`, which
 * says what is wrong by position and never quotes the input.
 */
export function parseCode(typed: string): PairingCode {
  if (typed.length > 64) throw invalid('it is far too long');
  const letters = typed.replace(/[ -]/g, '');
  if (letters.length === 0) throw invalid('it is empty');
  const kind = KINDS.find((candidate) => FORMS[candidate].length === letters.length);
  if (kind === undefined) {
    throw invalid(`it has ${letters.length} letters and digits, and codes have 6, 8 or 12`);
  }
  const { alphabet } = FORMS[kind];
  const text =
    kind === 'short6'
      ? /^[0-9A-Za-z]*$/.test(letters)
        ? letters.toUpperCase()
        : null
      : normaliseCrockford(letters);
  if (text !== null && isWrittenIn(alphabet, text)) return codeOf(kind, text);
  throw invalid(whatIsWrong(kind, letters));
}

/** As it is shown: Z43-8JR, XXXX-XXXX, XXXX-XXXX-XXXX. */
export function formatCode({ kind, text }: PairingCode): string {
  const { group } = FORMS[kind];
  return (text.match(new RegExp(`.{${group}}`, 'g')) ?? []).join('-');
}

/** The kind whose nameplates look like this (2, 3 or 4 canonical letters), or null: then it is none at all. */
export function nameplateKind(nameplate: string): CodeKind | null {
  const kind = KINDS.find((candidate) => FORMS[candidate].nameplate === nameplate.length);
  if (kind === undefined) return null;
  return isWrittenIn(FORMS[kind].alphabet, nameplate) ? kind : null;
}

function codeOf(kind: CodeKind, text: string): PairingCode {
  return { kind, text, nameplate: text.slice(0, FORMS[kind].nameplate) };
}

function isWrittenIn(alphabet: string, text: string): boolean {
  return Array.from(text).every((letter) => alphabet.includes(letter));
}

function whatIsWrong(kind: CodeKind, letters: string): string {
  const { alphabet } = FORMS[kind];
  const at = Array.from(letters).findIndex((letter) => {
    if (!/^[0-9A-Za-z]$/.test(letter)) return true;
    const canonical = kind === 'short6' ? letter.toUpperCase() : normaliseCrockford(letter);
    return canonical === null || !alphabet.includes(canonical);
  });
  const place = `character ${at + 1}`;
  if (!/^[0-9A-Za-z]$/.test(Array.from(letters)[at] ?? '')) {
    return `${place} is not a letter or digit (only spaces and hyphens may stand between them)`;
  }
  return kind === 'short6'
    ? `${place} is one of 0, 1, I, L and O, which six-letter codes leave out because they look alike`
    : `${place} is a U, which codes of this length leave out`;
}

function invalid(why: string): AuthsError<'pairing/invalid-code'> {
  return new AuthsError('pairing/invalid-code', `this is not a pairing code: ${why}`, {
    hint: 'type it as the other device shows it, for example in the form XXX-XXX',
  });
}
