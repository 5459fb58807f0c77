/**
 * The identifiers, each as a branded type with its parser and its guard.
 * Parsers throw `input/malformed` naming what is wrong and where; guards never throw.
 */
import { AuthsError } from './errors.ts';
import { decodeCesrFixed } from './encoding/cesr.ts';
import { decodeDidKey } from './encoding/did-key.ts';

declare const brand: unique symbol;
type Branded<T, B extends string> = T & { readonly [brand]: B };

/** 44 characters of CESR: code E (Blake3-256 digest), D or B (Ed25519 key). */
export type Prefix = Branded<string, 'Prefix'>;
/** 44 characters of CESR with code E: the Blake3-256 digest of an event or record. */
export type Said = Branded<string, 'Said'>;
/** `did:keri:` + a prefix. Case-sensitive. */
export type DidKeri = Branded<`did:keri:${string}`, 'DidKeri'>;
/** `did:key:z6Mk…`: multibase base58btc of 0xed01 and 32 bytes of Ed25519 public key. */
export type DidKey = Branded<`did:key:${string}`, 'DidKey'>;
/** 32 lower-case hex digits (16 random bytes). */
export type SessionId = Branded<string, 'SessionId'>;

function malformed(what: string, why: string): AuthsError<'input/malformed'> {
  return new AuthsError('input/malformed', `${what}: ${why}`);
}

/** An AID prefix: E, D or B with correct CESR length and pad bits. */
export function parsePrefix(text: string): Prefix {
  const code = text[0];
  if (code !== 'E' && code !== 'D' && code !== 'B') {
    throw malformed(`"${text.slice(0, 60)}" is not an identifier prefix`, 'it must start with E, D or B');
  }
  decodeCesrFixed(text);
  return text as Prefix;
}

export function isPrefix(text: string): text is Prefix {
  return succeeds(() => parsePrefix(text));
}

/** A SAID: code E with correct CESR length and pad bits. */
export function parseSaid(text: string): Said {
  if (text[0] !== 'E') throw malformed(`"${text.slice(0, 60)}" is not a SAID`, 'it must start with E');
  decodeCesrFixed(text);
  return text as Said;
}

export function isSaid(text: string): text is Said {
  return succeeds(() => parseSaid(text));
}

export function parseDidKeri(text: string): DidKeri {
  if (!text.startsWith('did:keri:')) {
    throw malformed(`"${text.slice(0, 80)}" is not a did:keri`, 'it must start with did:keri:');
  }
  parsePrefix(text.slice('did:keri:'.length));
  return text as DidKeri;
}

export function isDidKeri(text: string): text is DidKeri {
  return succeeds(() => parseDidKeri(text));
}

export function didKeriOf(prefix: Prefix): DidKeri {
  return `did:keri:${prefix}` as DidKeri;
}

export function prefixOf(did: DidKeri): Prefix {
  return did.slice('did:keri:'.length) as Prefix;
}

export function parseDidKey(text: string): DidKey {
  decodeDidKey(text);
  return text as DidKey;
}

export function isDidKey(text: string): text is DidKey {
  return succeeds(() => parseDidKey(text));
}

export function parseSessionId(text: string): SessionId {
  if (!/^[0-9a-f]{32}$/.test(text)) {
    throw malformed('session id', 'it must be 32 lower-case hex digits');
  }
  return text as SessionId;
}

export function isSessionId(text: string): text is SessionId {
  return succeeds(() => parseSessionId(text));
}

function succeeds(parse: () => unknown): boolean {
  try {
    parse();
    return true;
  } catch {
    return false;
  }
}
