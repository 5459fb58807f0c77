/**
 * A device asks to belong to an identity, in one file that may be carried by hand (docs/protocol.md, "Two files"). It
 * holds the link that the device wants, already signed by it, so that the identity has only to sign and seal, or not to.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import type { UnsignedLink } from '../attestation/attestation.ts';
import { parseUnsignedRecord } from '../attestation/attestation.ts';
import { signedBytes } from '../attestation/sign.ts';
import { REQUEST_LABELS, requestBytes } from '../crypto/domains.ts';
import { isStrongKey, verifyEd25519 } from '../crypto/ed25519.ts';
import { fromBase64url, toBase64url } from '../encoding/base64url.ts';
import { equalBytes, fromHex, toHex } from '../encoding/bytes.ts';
import { toCrockford } from '../encoding/crockford.ts';
import { lv } from '../encoding/framing.ts';
import { jcs } from '../encoding/jcs.ts';
import { exactObject, parseJson } from '../encoding/json.ts';
import { utf8 } from '../encoding/text.ts';
import { parseTime } from '../encoding/time.ts';
import { AuthsError, isAuthsError } from '../errors.ts';
import type { Signer, VerifyEngine } from '../ports.ts';
import { readCarried } from './carried-file.ts';

/** Bytes of a request. */
export const MAX_REQUEST = 16_384;
/** A request is carried by hand, so it may be days old; clocks of machines without a network are off. */
const OLDEST_MS = 7 * 86_400_000;
const AHEAD_MS = 86_400_000;

/** A request whose signatures verify. */
export interface DeviceRequest {
  readonly link: UnsignedLink;
  /** 32 bytes, the Ed25519 key of the link. */
  readonly signingKey: Uint8Array;
  /** X25519 channel public key, 32 bytes. */
  readonly static: Uint8Array;
  /** Over the link, 64 bytes. */
  readonly deviceSignature: Uint8Array;
  /** SHA-256 of the file. */
  readonly hash: Uint8Array;
}

/** The file: JCS and a final newline. */
export async function makeRequest(
  device: Signer,
  channelPublicKey: Uint8Array,
  link: UnsignedLink,
): Promise<Uint8Array> {
  const body = {
    v: 1,
    type: 'device-request',
    link,
    device_static: toBase64url(channelPublicKey),
    device_signature: toHex(await device.sign(signedBytes(link))),
  };
  const proof = await device.sign(requestBytes(jcs(body)));
  return utf8(`${jcs({ ...body, proof: toHex(proof) })}\n`);
}

/**
 * Reads and verifies. `input/malformed` for anything but exactly what the holder of the device key has signed,
 * `pairing/weak-key`, `storage/version` for a newer one, `pairing/session-expired` and `pairing/clock-skew` by its date
 * against `now` (epoch ms); null: the date was judged before.
 */
export function parseRequest(bytes: Uint8Array, engine: VerifyEngine, now: number | null): DeviceRequest {
  return readCarried(bytes, () => readRequest(bytes, engine, now), bad);
}

function readRequest(bytes: Uint8Array, engine: VerifyEngine, now: number | null): DeviceRequest {
  const { link, staticText, signature, proof, body } = membersOf(bytes);
  const signingKey = fromHex(link.device_public_key, 32);
  if (!isStrongKey(signingKey)) {
    throw new AuthsError(
      'pairing/weak-key',
      'the device asks with an Ed25519 key that anyone could sign for',
    );
  }
  const deviceSignature = fromHex(signature, 64);
  if (
    !verifyEd25519(engine, signingKey, signedBytes(link), deviceSignature) ||
    !verifyEd25519(engine, signingKey, requestBytes(jcs(body)), fromHex(proof, 64))
  )
    throw bad('its signatures are not by the key that it names');
  if (now !== null) requireRecent(link.timestamp, now);
  return { link, signingKey, static: fromBase64url(staticText, 32), deviceSignature, hash: sha256(bytes) };
}

function requireRecent(timestamp: string, now: number): void {
  const at = parseTime(timestamp);
  if (at < now - OLDEST_MS) {
    throw new AuthsError(
      'pairing/session-expired',
      `this request was made on ${timestamp}, more than a week ago`,
      {
        hint: 'make a new one on the device: auths devices request FILE',
      },
    );
  }
  if (at > now + AHEAD_MS) {
    throw new AuthsError('pairing/clock-skew', `this request is dated ${timestamp}, which is to come`, {
      hint: 'set the clock of the device, and make a new one there',
    });
  }
}

/**
 * What both screens show, 80 bits in 16 letters: whoever carries the file sees it long before it is compared, so the 40
 * bits of a pairing over a network, which nobody can search for beforehand, would not do.
 */
export function requestFingerprint(bytes: Uint8Array): string {
  const letters = toCrockford(sha256(lv(REQUEST_LABELS.fingerprint, bytes)).subarray(0, 10));
  return (letters.match(/.{4}/g) ?? []).join('-');
}

function membersOf(bytes: Uint8Array): {
  readonly link: UnsignedLink;
  readonly staticText: string;
  readonly signature: string;
  readonly proof: string;
  readonly body: Readonly<Record<string, unknown>>;
} {
  const value = parseJson(bytes, { maxLength: MAX_REQUEST });
  const version = typeof value === 'object' && value !== null && 'v' in value ? value['v'] : null;
  if (typeof version === 'number' && version !== 1) {
    throw new AuthsError('storage/version', `this request has version ${version}`, {
      hint: 'use a newer auths',
      details: { path: 'request', version },
    });
  }
  if (typeof value === 'object' && value !== null && 'type' in value && value['type'] !== 'device-request')
    throw bad('it is no request of a device');
  const members = ['v', 'type', 'link', 'device_static', 'device_signature', 'proof'];
  const { proof, ...body } = exactObject(value, members);
  const { v, type, link, device_static: staticText, device_signature: signature } = body;
  if (!equalBytes(utf8(`${jcs(value)}\n`), bytes)) throw bad('it was written by something else than auths');
  if (v !== 1 || type !== 'device-request') throw bad('it is no request of a device');
  if (typeof staticText !== 'string' || typeof signature !== 'string' || typeof proof !== 'string') {
    throw bad('a member has the wrong type');
  }
  return { link: linkOf(link), staticText, signature, proof, body };
}

function linkOf(value: unknown): UnsignedLink {
  try {
    const record = parseUnsignedRecord(value);
    if (record.type === 'link') return record;
  } catch (error) {
    if (!isAuthsError(error)) throw error;
    throw bad(error.message);
  }
  throw bad('what it asks for is no link');
}

function bad(why: string): AuthsError<'input/malformed'> {
  return new AuthsError('input/malformed', `this request is refused: ${why}`, {
    hint: 'carry the file over once more, or make a new one on the device: auths devices request FILE',
  });
}
