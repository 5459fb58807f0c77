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

/**
 * What `text` is, without surrounding white space. `pairing/invalid-code` or `pairing/malformed` says what
 * it looks like and what is wrong with it, and never quotes it: any of the three forms holds a secret.
 */
export function parseJoinInput(text: string, rules: EndpointRules = {}): JoinInput {
  // Looking for blanks at the end costs the square of the blanks within; what is this long is nothing that we print.
  const given = text.length > MOST_CHARACTERS ? text : text.replace(/^[ \t\r\n]+|[ \t\r\n]+$/g, '');
  if (given.startsWith('AUTHS:')) return { kind: 'qr', offer: decodeQrPayload(given, rules) };
  if (given.startsWith('auths://pair?')) return { kind: 'link', offer: decodeLink(given, rules) };
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

function parsePageLink(given: string, rules: EndpointRules): JoinInput {
  if (given.includes('/pair#AUTHS:')) return { kind: 'qr', offer: decodeQrPayload(given, rules) };
  if (given.includes('/pair#')) return { kind: 'link', offer: decodeLink(given, rules) };
  throw malformed(
    'this web address holds no pairing secret: the part after # is missing',
    'paste the whole link; some programs cut it at the #',
  );
}

function malformed(message: string, hint: string): AuthsError<'pairing/malformed'> {
  return new AuthsError('pairing/malformed', message, { hint });
}
