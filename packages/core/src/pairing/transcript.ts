/** The keys of one pairing: from the code to w, and from everything said to the session keys (docs/protocol.md, "Password scalar", "Key schedule", "Noise and ratchet"). */
import { expand, extract, hkdf } from '@noble/hashes/hkdf.js';
import { scrypt as nobleScrypt } from '@noble/hashes/scrypt.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { concat, fromHex } from '../encoding/bytes.ts';
import { lv } from '../encoding/framing.ts';
import { utf8 } from '../encoding/text.ts';
import { AuthsError } from '../errors.ts';
import type { SessionId } from '../identifiers.ts';
import { CHANNEL_LABELS, PAIR_LABELS } from '../crypto/domains.ts';
import { P256_ORDER } from '../crypto/spake2.ts';

export {
  bindingMessage,
  createSessionMessage,
  deviceProofMessage,
  hostDeviceProofMessage,
  hostProofMessage,
} from '../crypto/domains.ts';

export interface ScryptParameters {
  readonly N: number;
  readonly r: number;
  readonly p: number;
  readonly dkLen: number;
}

/** RFC 7914. node:crypto's is faster than the one built in, and runs beside the caller; both give the same bytes. */
export type Scrypt = (
  password: Uint8Array,
  salt: Uint8Array,
  parameters: ScryptParameters,
) => Uint8Array | Promise<Uint8Array>;

export const PASSWORD_SCRYPT: ScryptParameters = { N: 2 ** 14, r: 8, p: 1, dkLen: 64 };

/** The additional data of the key exchange: the one suite there is. */
export const PAIRING_AAD: Uint8Array = utf8(PAIR_LABELS.suite);

export interface KeyInput {
  /** 16 bytes from SPAKE2. */
  readonly Ke: Uint8Array;
  /** From crypto_kx. */
  readonly c2s: Uint8Array;
  readonly s2c: Uint8Array;
  readonly idA: Uint8Array;
  readonly idB: Uint8Array;
  readonly pA: Uint8Array;
  readonly pB: Uint8Array;
}

/** Each 32 bytes. */
export interface PairingKeys {
  readonly envJ2h: Uint8Array;
  readonly envH2j: Uint8Array;
  readonly noisePsk: Uint8Array;
  /** k_sas. */
  readonly sas: Uint8Array;
  /** Public name of this run, bound into proofs, Noise and ratchet. */
  readonly chanId: Uint8Array;
}

/**
 * w = OS2IP(scrypt(code, "auths-pair/1 w"||session_id, N = 2^14, r = 8, p = 1, 64 bytes)) mod n.
 * `secret` is the canonical text of a code, or of a qr or link secret. w = 0 is `pairing/pake-failed`.
 */
export async function deriveW(
  secret: string,
  sessionId: SessionId,
  scrypt: Scrypt = nobleScrypt,
): Promise<bigint> {
  const salt = concat(utf8(PAIR_LABELS.password), fromHex(sessionId, 16));
  let value = 0n;
  for (const byte of await scrypt(utf8(secret), salt, PASSWORD_SCRYPT)) value = (value << 8n) | BigInt(byte);
  const w = value % P256_ORDER;
  if (w === 0n) throw new AuthsError('pairing/pake-failed', 'this code cannot be used in this session');
  return w;
}

/** keys = HKDF-Expand(PRK, "auths-pair/1 "||label, 32) for the five labels. */
export function deriveKeys(input: KeyInput): PairingKeys {
  const prk = deriveMasterKey(input);
  const key = (label: string) => expand(sha256, prk, utf8(PAIR_LABELS.key + label), 32);
  return {
    envJ2h: key('env j2h'),
    envH2j: key('env h2j'),
    noisePsk: key('noise psk'),
    sas: key('sas'),
    chanId: key('chan id'),
  };
}

/** PRK = HKDF-Extract(salt, Ke||c2s||s2c). */
export function deriveMasterKey(input: KeyInput): Uint8Array {
  return extract(sha256, concat(input.Ke, input.c2s, input.s2c), deriveSalt(input));
}

/** salt = H("auths-pair/1 salt"||LV(idA)||LV(idB)||LV(pA)||LV(pB)). */
export function deriveSalt({ idA, idB, pA, pB }: KeyInput): Uint8Array {
  return sha256(concat(utf8(PAIR_LABELS.salt), lv(idA, idB, pA, pB)));
}

/** LV("auths-pair/1 noise")||LV(chan_id). */
export function noisePrologue(chanId: Uint8Array): Uint8Array {
  return lv(PAIR_LABELS.noise, chanId);
}

/** HKDF(ikm = k1||k2, salt = h, info "auths-pair/1 dr-root", 32), from the finished Noise handshake. */
export function ratchetRoot(k1: Uint8Array, k2: Uint8Array, handshakeHash: Uint8Array): Uint8Array {
  return hkdf(sha256, concat(k1, k2), handshakeHash, utf8(PAIR_LABELS.ratchetRoot), 32);
}

/** HKDF(token, salt H(host_static||device_static), "auths-chan/1 psk", 32): what the allow-list keeps in place of the token (docs/protocol.md, "Noise and ratchet"). */
export function channelPsk(token: Uint8Array, hostStatic: Uint8Array, deviceStatic: Uint8Array): Uint8Array {
  return hkdf(sha256, token, sha256(concat(hostStatic, deviceStatic)), utf8(CHANNEL_LABELS.psk), 32);
}
