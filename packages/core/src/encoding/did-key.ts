/** did:key for Ed25519: `did:key:z` + base58btc(0xed 0x01 || 32 bytes). */
import { base58 } from '@scure/base';
import { AuthsError } from '../errors.ts';
import type { DidKey } from '../identifiers.ts';
import { concat } from './bytes.ts';
import { fromLatin1 } from './text.ts';

const ED25519_PUB = Uint8Array.of(0xed, 0x01);
const PREFIX = 'did:key:z';

export function encodeDidKey(publicKey: Uint8Array): DidKey {
  if (publicKey.length !== 32) throw new AuthsError('internal/bug', 'an Ed25519 key has 32 bytes');
  const bytes = fromLatin1(publicKey);
  let did = encoded.get(bytes);
  if (did === undefined) {
    did = `${PREFIX}${base58.encode(concat(ED25519_PUB, publicKey))}` as DidKey;
    if (encoded.size === 64) encoded.clear();
    encoded.set(bytes, did);
  }
  return did;
}

/** Base58 is a long division, and a history of thousands of commits is by few keys. */
const encoded = new Map<string, DidKey>();

/** The 32 key bytes. Anything but the one spelling of an Ed25519 did:key is `input/malformed`. */
export function decodeDidKey(text: string): Uint8Array {
  if (!text.startsWith(PREFIX) || text.length > 80) throw malformed(text);
  let bytes: Uint8Array;
  try {
    bytes = base58.decode(text.slice(PREFIX.length));
  } catch (cause) {
    throw malformed(text, cause);
  }
  if (bytes.length !== 34 || bytes[0] !== 0xed || bytes[1] !== 0x01) throw malformed(text);
  return bytes.slice(2);
}

function malformed(text: string, cause?: unknown): AuthsError<'input/malformed'> {
  return new AuthsError(
    'input/malformed',
    `"${text.slice(0, 80)}" is not an Ed25519 did:key (did:key:z6Mk…)`,
    {
      cause,
    },
  );
}
