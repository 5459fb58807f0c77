/**
 * The host's steps of a pairing (docs/protocol.md, "Messages"), each a function from what it knows and what arrived
 * to what it says: offered → verifying → (reject) offered | keyed → channel. The flow drives them, waits and stores.
 */
import { deriveKx } from '../crypto/kx.ts';
import { createNoise } from '../crypto/noise.ts';
import { startAsBob } from '../crypto/ratchet.ts';
import { spake2Finish, type Spake2Keys } from '../crypto/spake2.ts';
import { x25519PublicKey } from '../crypto/x25519.ts';
import { fromBase64url, toBase64url } from '../encoding/base64url.ts';
import { equalBytes, equalConstantTime } from '../encoding/bytes.ts';
import { utf8 } from '../encoding/text.ts';
import { AuthsError, hasCode } from '../errors.ts';
import type { DidKeri } from '../identifiers.ts';
import type { Random } from '../ports.ts';
import {
  createEnvelopes,
  createRatchetChannel,
  unexpected,
  type Envelopes,
  type RatchetChannel,
} from './channel.ts';
import { offerOfSlot, type HostSession, type HostSlot } from './host-session.ts';
import { encodeMessage } from './message-fields.ts';
import type { PlainMessage } from './messages.ts';
import { CHUNK_BYTES, ENVELOPE_DATA } from './limits.ts';
import { encodeJoin, encodeOffer, hostPartyId, joinerId } from './offer.ts';
import type { ResponseBody } from './relay.ts';
import { computeSas, hostId } from './sas.ts';
import { deriveKeys, noisePrologue, PAIRING_AAD, ratchetRoot, type PairingKeys } from './transcript.ts';
import type { VerifiedDevice } from './verify-device.ts';

/** A response judged before anything sealed in it is touched. */
export type ResponseVerdict =
  { readonly result: 'bad-point' | 'pake-failed' } | { readonly result: 'keyed'; readonly keyed: HostKeyed };

/** After a good cA: every later failure is terminal. */
export interface HostKeyed {
  readonly session: HostSession;
  readonly slot: HostSlot;
  readonly keys: PairingKeys;
  /** cB. */
  readonly confirmB: Uint8Array;
  readonly deviceX25519: Uint8Array;
  readonly deviceNonce: Uint8Array;
  readonly envelopes: Envelopes;
  /** P2, still sealed. */
  readonly sealed: string;
}

/**
 * K = y·(pA − w·M); cA = HMAC(KcA, TT), compared in constant time. A bad point and a bad cA are the failures that
 * cost an attempt and can be tried again; a device key of small order (after a good cA) throws `weak-key`.
 */
export function judgeResponse(session: HostSession, slot: HostSlot, response: ResponseBody): ResponseVerdict {
  const deviceX25519 = fromBase64url(response.device_x25519_pubkey, 32);
  const deviceNonce = fromBase64url(response.device_nonce, 32);
  const idA = joinerId(encodeJoin(deviceX25519, deviceNonce));
  const idB = hostPartyId(encodeOffer(offerOfSlot(session, slot)));
  const pA = fromBase64url(response.pake_msg);
  const share = slot.shares[slot.attempt];
  if (share === undefined) throw new AuthsError('internal/bug', 'this slot has no attempt left');
  let pake: Spake2Keys;
  try {
    pake = spake2Finish({
      role: 'host',
      w: slot.w,
      scalar: share.scalar,
      ownShare: share.point,
      peerShare: pA,
      idA,
      idB,
      aad: PAIRING_AAD,
    });
  } catch (error) {
    if (hasCode(error, 'pairing/bad-point')) return { result: 'bad-point' };
    if (hasCode(error, 'pairing/pake-failed')) return { result: 'pake-failed' };
    throw error;
  }
  if (!equalConstantTime(pake.confirmA, fromBase64url(response.pake_confirm, 32)))
    return { result: 'pake-failed' };
  const { c2s, s2c } = deriveKx({
    role: 'server',
    secret: session.x25519Secret,
    devicePublic: deviceX25519,
    hostPublic: session.x25519Public,
  });
  const keys = deriveKeys({ Ke: pake.Ke, c2s, s2c, idA, idB, pA, pB: share.point });
  return {
    result: 'keyed',
    keyed: {
      session,
      slot,
      keys,
      confirmB: pake.confirmB,
      deviceX25519,
      deviceNonce,
      envelopes: createEnvelopes(session.sessionId, keys, 'h2j'),
      sealed: response.sealed,
    },
  };
}

/** What the host reveals of itself once a device has proved that it knows the code. */
export interface HostReveal {
  readonly controllerDid: DidKeri;
  readonly signingKey: Uint8Array;
  readonly channelSecret: Uint8Array;
  readonly capabilities: readonly string[];
  /** The whole log as CESR text, and where it ends. */
  readonly kel: string;
  readonly tip: { readonly sequence: number; readonly said: string };
  /** Ed25519 by the current identity key over `hostProofMessage`. */
  readonly proof: Uint8Array;
}

export interface HostChannel {
  /** Body of the "ok": cB and the sealed P3. */
  readonly confirm: { readonly pake_confirm: string; readonly sealed: string };
  /** True when the log was too long for P3 and follows in messages of its own. */
  readonly kelFollows: boolean;
  readonly sas: string;
  readonly hostStatic: Uint8Array;
  /** Takes Noise message 3 (`protocol-violation` for another static than announced) and starts the ratchet. */
  finish(message: PlainMessage): RatchetChannel;
}

/** Seals P3 with Noise message 2 (payload: the host's first ratchet key) and computes the SAS. */
export function revealHost(
  keyed: HostKeyed,
  device: VerifiedDevice,
  reveal: HostReveal,
  random: Random,
): HostChannel {
  const { session, keys, envelopes } = keyed;
  const hostStatic = x25519PublicKey(reveal.channelSecret);
  const noise = createNoise({
    pattern: 'XXpsk3',
    initiator: false,
    prologue: noisePrologue(keys.chanId),
    static: reveal.channelSecret,
    ephemeral: random.bytes(32),
    psk: keys.noisePsk,
  });
  if (noise.read(device.noise).length > 0) throw unexpected();
  const ratchetSecret = random.bytes(32);
  const common = {
    host_nonce: toBase64url(session.hostNonce),
    controller_did: reveal.controllerDid,
    host_signing_pubkey: toBase64url(reveal.signingKey),
    host_static_pubkey: toBase64url(hostStatic),
    capabilities: reveal.capabilities,
    proof: toBase64url(reveal.proof),
    noise: toBase64url(noise.write(x25519PublicKey(ratchetSecret))),
  };
  const whole = encodeMessage({ ...common, kel: reveal.kel });
  const kelFollows = utf8(reveal.kel).length > CHUNK_BYTES || whole.length > ENVELOPE_DATA;
  const tip = { s: reveal.tip.sequence.toString(16), said: reveal.tip.said };
  const { sealed } = envelopes.seal(kelFollows ? encodeMessage({ ...common, kel_tip: tip }) : whole);
  const sas = computeSas({
    key: keys.sas,
    deviceNonce: keyed.deviceNonce,
    hostNonce: session.hostNonce,
    deviceId: device.deviceId,
    hostId: hostId({ signingKey: reveal.signingKey, static: hostStatic, did: reveal.controllerDid }),
  });
  return {
    confirm: { pake_confirm: toBase64url(keyed.confirmB), sealed },
    kelFollows,
    sas,
    hostStatic,
    finish(message) {
      if (message.t !== 'noise') throw unexpected();
      if (noise.read(message.msg).length > 0) throw unexpected();
      if (noise.remoteStatic === null || !equalBytes(noise.remoteStatic, device.static)) {
        throw new AuthsError(
          'pairing/protocol-violation',
          'the device speaks with another key than it announced',
        );
      }
      const { k1, k2 } = noise.split();
      const root = ratchetRoot(k1, k2, noise.hash);
      return createRatchetChannel(envelopes, startAsBob(root, keys.chanId, ratchetSecret), random);
    },
  };
}
