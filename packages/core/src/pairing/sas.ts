/** What two people compare, and the fixed identities behind it (docs/protocol.md, "SAS"). */
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { concat, equalConstantTime } from '../encoding/bytes.ts';
import { normaliseCrockford, toCrockford } from '../encoding/crockford.ts';
import { lv } from '../encoding/framing.ts';
import { utf8 } from '../encoding/text.ts';
import { PAIR_LABELS } from '../crypto/domains.ts';

export interface SasInput {
  /** k_sas of `deriveKeys`. */
  readonly key: Uint8Array;
  readonly deviceNonce: Uint8Array;
  readonly hostNonce: Uint8Array;
  readonly deviceId: Uint8Array;
  readonly hostId: Uint8Array;
}

export interface PartyInput {
  /** Ed25519 public key. */
  readonly signingKey: Uint8Array;
  /** X25519 channel public key. */
  readonly static: Uint8Array;
  /** Device DID, or controller DID. */
  readonly did: string;
}

/** device_id = H(LV("auths-pair/1 device-id")||LV(device_signing_pub)||LV(device_static)||LV(device_did)), 32 bytes. */
export function deviceId(device: PartyInput): Uint8Array {
  return sha256(lv(PAIR_LABELS.deviceId, device.signingKey, device.static, device.did));
}

/** host_id: the same with "host-id", host_signing_pub, host_static and controller_did. */
export function hostId(host: PartyInput): Uint8Array {
  return sha256(lv(PAIR_LABELS.hostId, host.signingKey, host.static, host.did));
}

/** HMAC(k_sas, LV("auths-pair/1 sas")||device_nonce||host_nonce||device_id||host_id). */
export function sasMac(input: SasInput): Uint8Array {
  const { key, deviceNonce, hostNonce } = input;
  return hmac(sha256, key, concat(lv(PAIR_LABELS.sas), deviceNonce, hostNonce, input.deviceId, input.hostId));
}

/** The 40 bits that both screens show, as ZMYR-C1HG. */
export function computeSas(input: SasInput): string {
  const letters = toCrockford(sasMac(input).subarray(0, 5));
  return `${letters.slice(0, 4)}-${letters.slice(4)}`;
}

/** Whether what somebody typed is this SAS: spaces, hyphens, case and the letters O, I and L do not matter. */
export function isSameSas(typed: string, sas: string): boolean {
  const given = typed.length > 64 ? null : normaliseCrockford(typed);
  const wanted = normaliseCrockford(sas);
  return given !== null && wanted !== null && equalConstantTime(utf8(given), utf8(wanted));
}

/** The host's long-term fingerprint, for records: 130 bits of host_id in 26 letters, never shortened. */
export function hostFingerprint(host: PartyInput): string {
  return toCrockford(hostId(host)).slice(0, 26);
}
