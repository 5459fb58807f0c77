/**
 * BROKEN ON PURPOSE, for tests alone: pairing as one would first write it. The code is the name of the session, the device's
 * key arrives in the message that it signs, and the relay is believed. Its three obvious repairs are broken too:
 *   `hashed`   the session is found by the hash of the code
 *   `pake`     a password-authenticated exchange beside it, the old signature still in the clear
 *   `digits`   both screens show some digits of a hash over all keys, nothing was committed to before
 * Each attack of docs/threat-model.md on pairing succeeds against one of them.
 */
import { createHash } from 'node:crypto';
import { pureVerifyEngine, publicKeyOf, signEd25519, verifyEd25519 } from '@auths/core/crypto/ed25519';
import { x25519, x25519PublicKey } from '@auths/core/crypto/x25519';
import { concat } from '@auths/core/encoding/bytes';
import { encodeDidKey } from '@auths/core/encoding/did-key';
import { utf8 } from '@auths/core/encoding/text';
import type { Random } from '@auths/core/ports';

export const NAIVE_ALPHABET: string = '23456789ABCDEFGHJKMNPQRSTUVWXYZ';

export interface NaiveOffer {
  readonly hostPublicKey: Uint8Array;
}

/** What a joiner posts. */
export interface NaiveResponse {
  readonly devicePublicKey: Uint8Array;
  readonly signingKey: Uint8Array;
  readonly deviceDid: string;
  /** By the signing key over code, host key and device key. */
  readonly signature: Uint8Array;
}

/** A relay that finds sessions by whatever text names them, as often as anybody asks. */
export interface NaiveRelay {
  readonly offers: Map<string, NaiveOffer>;
  readonly responses: Map<string, NaiveResponse>;
}

export interface NaiveHost {
  readonly code: string;
  readonly offer: NaiveOffer;
  /** Takes what waits at the relay; resolves to the DID that it attests, null when the signature is wrong. */
  readonly accept: (response: NaiveResponse) => string | null;
  /** The secret that it believes to share with the device. */
  readonly shared: (response: NaiveResponse) => Uint8Array;
}

export function createNaiveRelay(): NaiveRelay {
  return { offers: new Map(), responses: new Map() };
}

/** Opens a session; `nameOf` says what the relay knows it by: the code itself, or its hash. */
export function naiveHost(
  relay: NaiveRelay,
  random: Random,
  {
    letters = 6,
    nameOf = (code) => code,
  }: { readonly letters?: number; readonly nameOf?: (code: string) => string } = {},
): NaiveHost {
  const code = [...random.bytes(letters)].map((byte) => NAIVE_ALPHABET.charAt(byte % 31)).join('');
  const secret = random.bytes(32);
  const offer = { hostPublicKey: x25519PublicKey(secret) };
  relay.offers.set(nameOf(code), offer);
  return {
    code,
    offer,
    accept: ({ devicePublicKey, signingKey, deviceDid, signature }) =>
      verifyEd25519(
        pureVerifyEngine,
        signingKey,
        naiveSigned(code, offer.hostPublicKey, devicePublicKey),
        signature,
      )
        ? deviceDid
        : null,
    shared: ({ devicePublicKey }) => x25519(secret, devicePublicKey),
  };
}

export interface NaiveDevice {
  readonly did: string;
  readonly seed: Uint8Array;
  readonly secret: Uint8Array;
}

export function naiveDevice(random: Random): NaiveDevice {
  const seed = random.bytes(32);
  return { did: encodeDidKey(publicKeyOf(seed)), seed, secret: random.bytes(32) };
}

/** The joiner's answer to the offer that it was shown. */
export function naiveResponse(
  { did, seed, secret }: NaiveDevice,
  code: string,
  offer: NaiveOffer,
): NaiveResponse {
  const devicePublicKey = x25519PublicKey(secret);
  return {
    devicePublicKey,
    signingKey: publicKeyOf(seed),
    deviceDid: did,
    signature: signEd25519(seed, naiveSigned(code, offer.hostPublicKey, devicePublicKey)),
  };
}

export function naiveSigned(code: string, host: Uint8Array, device: Uint8Array): Uint8Array {
  return concat(utf8(code), host, device);
}

/** The first repair: the relay is told no code. */
export function naiveHash(code: string): string {
  return createHash('sha256').update(code).digest('hex');
}

/** The third repair: what both screens show. */
export function naiveDigits(host: Uint8Array, device: Uint8Array, count: number): string {
  const hash = createHash('sha256').update(host).update(device).digest();
  return (hash.readBigUInt64BE() % 10n ** BigInt(count)).toString().padStart(count, '0');
}
