/** What a link and a QR code carry besides the relay (docs/protocol.md, "Links and QR codes"), and what reading either has in common. */
import { AuthsError, isAuthsError } from '../errors.ts';
import type { SessionId } from '../identifiers.ts';
import { parseEndpoint } from './endpoint.ts';

/** What a joiner needs, and what it checks the offer against. */
export interface OutOfBand {
  /** Origin: `http://192.168.1.20:41234`, `https://auths.example`. */
  readonly endpoint: string;
  readonly sessionId: SessionId;
  /** 16 bytes. */
  readonly secret: Uint8Array;
  /** 32 bytes, k. */
  readonly hostX25519: Uint8Array;
  /** 32 bytes, hc. */
  readonly hostCommit: Uint8Array;
  /** Unix seconds. */
  readonly expiresAt: number;
}

/** Between the origin of a join page and what no server sees. */
export const PAGE = '/pair#';
const MOST_CHARACTERS = 1024;

/** What follows `<origin>/pair#`. */
export function pageFragment(text: string): string {
  const at = requireShort(text).indexOf(PAGE);
  if (at < 0) throw new AuthsError('input/malformed', 'it has no /pair# part');
  parseEndpoint(text.slice(0, at));
  return text.slice(at + PAGE.length);
}

/** `text` itself, refused when no link or QR code is that long. */
export function requireShort(text: string): string {
  if (text.length > MOST_CHARACTERS) throw new AuthsError('input/malformed', 'it is far too long');
  return text;
}

/** What `parse` gives; whatever it refuses becomes one `pairing/malformed` that quotes nothing of the input. */
export function asMalformed<T>(what: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!isAuthsError(error)) throw error;
    // Without the cause: it may quote what it was given.
    throw new AuthsError('pairing/malformed', `${what}: ${error.message}`, {
      hint: 'Take the whole of it from the other screen once more, or type the code there: auths pair --join CODE',
    });
  }
}
