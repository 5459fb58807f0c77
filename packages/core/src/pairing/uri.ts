/** Everything that a joiner may be given to type, paste or scan: a code, a QR code's text, a link. */
import { AuthsError } from '../errors.ts';
import { parseCode, type PairingCode } from './code.ts';
import type { EndpointRules } from './endpoint.ts';
import { decodeLink } from './link.ts';
import type { OutOfBand } from './out-of-band.ts';
import { decodeQrPayload } from './qr-payload.ts';

export { decodeLink, encodeLink } from './link.ts';
export { decodeQrPayload, encodeQrPayload } from './qr-payload.ts';
export type { OutOfBand } from './out-of-band.ts';

export type JoinInput =
  | { readonly kind: 'code'; readonly code: PairingCode }
  | { readonly kind: 'qr' | 'link'; readonly offer: OutOfBand };

/** With white space around it. */
const MOST_CHARACTERS = 4_096;
const LINK = 'auths://pair?';
/** Of unix seconds, until the year 2286. */
const TIME_DIGITS = 10;

/**
 * What `text` is, without surrounding white space; a link also without the blanks and line breaks that a screen has put
 * into it. `pairing/invalid-code` or `pairing/malformed` says what
 * it looks like and what is wrong with it, and never quotes it: any of the three forms holds a secret.
 */
export function parseJoinInput(text: string, rules: EndpointRules = {}): JoinInput {
  // Looking for blanks at the end costs the square of the blanks within; what is this long is nothing that we print.
  const given = text.length > MOST_CHARACTERS ? text : trimmed(text);
  if (given.startsWith('AUTHS:')) return { kind: 'qr', offer: decodeQrPayload(given, rules) };
  const link = linkIn(given);
  if (link !== null) return { kind: 'link', offer: decodeLink(link, rules) };
  if (/^https?:/i.test(given)) return parsePageLink(given, rules);
  if (/^auths:/i.test(given)) {
    throw malformed(
      'this starts like an auths link but is not one for pairing',
      'paste the whole link, starting with auths://pair?',
    );
  }
  if (/^did:/i.test(given)) {
    throw malformed(
      'this is an identifier (a DID), not a pairing code',
      'run "auths pair" on the other device and use the code that it shows',
    );
  }
  return { kind: 'code', code: parseCode(given) };
}

/** True for the beginning of a link whose rest stands on lines that follow. */
export function isUnfinishedLink(text: string, rules: EndpointRules = {}): boolean {
  const link = text.length > MOST_CHARACTERS ? null : linkIn(trimmed(text));
  if (link === null) return false;
  // Our own links end with the time, which a break may have cut.
  const time = /[?&#]x=(\d*)$/.exec(link)?.[1];
  if (time !== undefined) return time.length < TIME_DIGITS;
  try {
    decodeLink(link, rules);
    return false;
  } catch {
    return true;
  }
}

function trimmed(text: string): string {
  return text.replace(/^[ \t\r\n]+|[ \t\r\n]+$/g, '');
}

/** The link that `given` is, in one piece; null when it is none. A QR code's text may hold blanks of its own. */
function linkIn(given: string): string | null {
  if (!given.startsWith(LINK) && !/^https?:/i.test(given)) return null;
  const link = given.length > MOST_CHARACTERS ? given : given.replace(/[ \t\r\n]+/g, '');
  if (link.startsWith(LINK)) return link;
  return link.includes('/pair#') && !link.includes('/pair#AUTHS:') ? link : null;
}

function parsePageLink(given: string, rules: EndpointRules): JoinInput {
  if (given.includes('/pair#AUTHS:')) return { kind: 'qr', offer: decodeQrPayload(given, rules) };
  throw malformed(
    'this web address holds no pairing secret: the part after # is missing',
    'paste the whole link; some programs cut it at the #',
  );
}

function malformed(message: string, hint: string): AuthsError<'pairing/malformed'> {
  return new AuthsError('pairing/malformed', message, { hint });
}
