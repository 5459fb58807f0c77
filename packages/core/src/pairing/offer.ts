/** What the host publishes and what the joiner answers, as the bytes that both sides bind (docs/protocol.md, "Messages"). */
import { hkdf } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { concat, fromHex } from '../encoding/bytes.ts';
import { lv, u64, u8 } from '../encoding/framing.ts';
import { utf8 } from '../encoding/text.ts';
import { AuthsError } from '../errors.ts';
import type { SessionId } from '../identifiers.ts';
import { PAIR_LABELS } from '../crypto/domains.ts';
import { KIND_IDS, type SlotKind } from './code.ts';

/** The public half of one slot at one attempt. */
export interface Offer {
  readonly sessionId: SessionId;
  readonly kind: SlotKind;
  /** 0, 1 or 2. */
  readonly attempt: number;
  /** Empty for qr and link. */
  readonly nameplate: string;
  /** 32 bytes. */
  readonly hostX25519: Uint8Array;
  /** 32 bytes. */
  readonly hostCommit: Uint8Array;
  /** Unix seconds. */
  readonly expiresAt: number;
}

export interface HostCommitInput {
  readonly sessionId: SessionId;
  /** 32 bytes, fresh for each session, revealed only in P3. */
  readonly hostNonce: Uint8Array;
  /** The host's long-term X25519 channel key. */
  readonly hostStatic: Uint8Array;
  readonly controllerDid: string;
  /** Current Ed25519 key of the KEL. */
  readonly hostSigningKey: Uint8Array;
}

/** offer = LV("auths-pair/1 offer")||LV(session_id)||u8 kind||u8 attempt||LV(nameplate)||LV(host_x25519)||LV(host_commit)||u64 expires_at. */
export function encodeOffer(offer: Offer): Uint8Array {
  requireLength(offer.hostX25519, 32, 'host_x25519');
  requireLength(offer.hostCommit, 32, 'host_commit');
  return concat(
    lv(PAIR_LABELS.offer, fromHex(offer.sessionId, 16)),
    u8(KIND_IDS[offer.kind]),
    u8(offer.attempt),
    lv(offer.nameplate, offer.hostX25519, offer.hostCommit),
    u64(offer.expiresAt),
  );
}

/** join = LV("auths-pair/1 join")||LV(device_x25519)||LV(device_nonce32). */
export function encodeJoin(deviceX25519: Uint8Array, deviceNonce: Uint8Array): Uint8Array {
  requireLength(deviceX25519, 32, 'device_x25519');
  requireLength(deviceNonce, 32, 'device_nonce');
  return lv(PAIR_LABELS.join, deviceX25519, deviceNonce);
}

/** idA = "auths-pair/1 joiner"||H(join): the joiner's name in SPAKE2. */
export function joinerId(join: Uint8Array): Uint8Array {
  return concat(utf8(PAIR_LABELS.joiner), sha256(join));
}

/** idB = "auths-pair/1 host"||H(offer): the host's name in SPAKE2, which binds every field of the offer. */
export function hostPartyId(offer: Uint8Array): Uint8Array {
  return concat(utf8(PAIR_LABELS.host), sha256(offer));
}

/** H(LV("auths-pair/1 commit")||LV(session_id)||LV(host_nonce)||LV(host_static)||LV(controller_did)||LV(host_signing_pub)): fixes the host's identity before it knows who answers. */
export function hostCommit(input: HostCommitInput): Uint8Array {
  requireLength(input.hostNonce, 32, 'host_nonce');
  requireLength(input.hostStatic, 32, 'host_static');
  requireLength(input.hostSigningKey, 32, 'host_signing_pub');
  return sha256(
    lv(
      PAIR_LABELS.commit,
      fromHex(input.sessionId, 16),
      input.hostNonce,
      input.hostStatic,
      input.controllerDid,
      input.hostSigningKey,
    ),
  );
}

/** HKDF(secret, salt session_id, info "auths-pair/1 claim", 32): shows the relay that a joiner holds the qr or link, without the 16 raw bytes. */
export function claimKey(secret: Uint8Array, sessionId: SessionId): Uint8Array {
  requireLength(secret, 16, 'the secret');
  return hkdf(sha256, secret, fromHex(sessionId, 16), utf8(PAIR_LABELS.claim), 32);
}

function requireLength(bytes: Uint8Array, length: number, name: string): void {
  // A short field would not make two inputs alike (all are length-prefixed); it would be a mistake of ours.
  if (bytes.length !== length) throw new AuthsError('internal/bug', `${name} has ${length} bytes`);
}
