/** did:key: `did:key:z` + base58btc(0xed 0x01 || 32 bytes) for Ed25519, the same with 0xec 0x01 for X25519. */
import { base58 } from '@scure/base';
import { AuthsError } from '../errors.ts';
import type { DidKey } from '../identifiers.ts';
import { concat, equalBytes } from './bytes.ts';
import { fromLatin1 } from './text.ts';

const ED25519_PUB = Uint8Array.of(0xed, 0x01);
const X25519_PUB = Uint8Array.of(0xec, 0x01);
const PREFIX = 'did:key:z';

export function encodeDidKey(publicKey: Uint8Array): DidKey {
  if (publicKey.length !== 32) throw new AuthsError('internal/bug', 'an Ed25519 key has 32 bytes');
  if (last !== null && equalBytes(last.publicKey, publicKey)) return last.did;
  const bytes = fromLatin1(publicKey);
  let did = encoded.get(bytes);
  if (did === undefined) {
    did = `${PREFIX}${base58.encode(concat(ED25519_PUB, publicKey))}` as DidKey;
    if (encoded.size === 64) encoded.clear();
    encoded.set(bytes, did);
  }
  last = { publicKey: publicKey.slice(), did };
  return did;
}

/** The name of an X25519 public key, `did:key:z6LS…`. It signs nothing, so it is no `DidKey`. */
export function encodeX25519Did(publicKey: Uint8Array): string {
  if (publicKey.length !== 32) throw new AuthsError('internal/bug', 'an X25519 key has 32 bytes');
  return `${PREFIX}${base58.encode(concat(X25519_PUB, publicKey))}`;
}

/** The 32 key bytes; null for anything but the one spelling of an X25519 did:key. */
export function decodeX25519Did(text: string): Uint8Array | null {
  const bytes = decodeMulticodec(text);
  return bytes !== null && isKeyOf(bytes, X25519_PUB) ? bytes.slice(2) : null;
}

/** Base58 is a long division, and a history of thousands of commits is by few keys. */
const encoded = new Map<string, DidKey>();
let last: { readonly publicKey: Uint8Array; readonly did: DidKey } | null = null;

/** The 32 key bytes. Anything but the one spelling of an Ed25519 did:key is `input/malformed`. */
export function decodeDidKey(text: string): Uint8Array {
  const bytes = decodeMulticodec(text);
  if (bytes !== null && isKeyOf(bytes, ED25519_PUB)) return bytes.slice(2);
  throw new AuthsError('input/malformed', `"${text.slice(0, 80)}" is not an Ed25519 did:key (did:key:z6Mk…)`);
}

function decodeMulticodec(text: string): Uint8Array | null {
  if (!text.startsWith(PREFIX) || text.length > 80) return null;
  try {
    return base58.decode(text.slice(PREFIX.length));
  } catch {
    return null;
  }
}

function isKeyOf(bytes: Uint8Array, codec: Uint8Array): boolean {
  return bytes.length === 34 && bytes[0] === codec[0] && bytes[1] === codec[1];
}
