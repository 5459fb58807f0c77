/**
 * The joiner's steps of a pairing (docs/protocol.md, "Messages"): offered → responded → keyed → channel. It sends one
 * guess per response and checks the host before it shows anything.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { deriveKx } from '../crypto/kx.ts';
import { createNoise, type Noise } from '../crypto/noise.ts';
import { startAsAlice } from '../crypto/ratchet.ts';
import { randomScalar, spake2Finish, spake2Share } from '../crypto/spake2.ts';
import { x25519PublicKey } from '../crypto/x25519.ts';
import { fromBase64url, toBase64url } from '../encoding/base64url.ts';
import { equalBytes, equalConstantTime } from '../encoding/bytes.ts';
import { encodeDidKey } from '../encoding/did-key.ts';
import { AuthsError } from '../errors.ts';
import type { DidKey } from '../identifiers.ts';
import type { Random, Signer } from '../ports.ts';
import {
  createEnvelopes,
  createRatchetChannel,
  sealPlain,
  unexpected,
  type Envelopes,
  type RatchetChannel,
} from './channel.ts';
import { parseP3, type P3 } from './introductions.ts';
import { encodeMessage } from './message-fields.ts';
import { encodeJoin, encodeOffer, hostCommit, hostPartyId, joinerId } from './offer.ts';
import type { ReceivedOffer } from './offer-token.ts';
import type { ConfirmBody, MessageBody, ResponseBody } from './relay.ts';
import { computeSas, deviceId, hostId } from './sas.ts';
import {
  bindingMessage,
  deriveKeys,
  deviceProofMessage,
  noisePrologue,
  PAIRING_AAD,
  ratchetRoot,
  type PairingKeys,
} from './transcript.ts';
import type { VerifiedHost } from './verify-host.ts';

/** The device that joins. */
export interface JoiningDevice {
  readonly signer: Signer;
  readonly channelSecret: Uint8Array;
  readonly name: string;
}

/** After a response was made: one guess, spent when it is sent. */
export interface JoinerRun {
  readonly response: ResponseBody;
  /** jt, 32 bytes. */
  readonly token: Uint8Array;
  readonly offer: ReceivedOffer;
  readonly keys: PairingKeys;
  /** cB as it has to be. */
  readonly confirmB: Uint8Array;
  readonly deviceNonce: Uint8Array;
  readonly deviceDid: DidKey;
  readonly deviceId: Uint8Array;
  readonly envelopes: Envelopes;
  readonly noise: Noise;
}

/**
 * pA = w·M + x·P, K = x·(pB − w·N), cA, the keys, and the sealed P2. A pB that is no point is `bad-point`, a host
 * key of small order `weak-key`, K at infinity `pake-failed`; nothing was sent then.
 */
export async function makeResponse(
  offer: ReceivedOffer,
  w: bigint,
  secretText: string,
  device: JoiningDevice,
  random: Random,
): Promise<JoinerRun> {
  const x25519Secret = random.bytes(32);
  const deviceX25519 = x25519PublicKey(x25519Secret);
  const deviceNonce = random.bytes(32);
  const token = random.bytes(32);
  const scalar = randomScalar(random);
  const idA = joinerId(encodeJoin(deviceX25519, deviceNonce));
  const idB = hostPartyId(encodeOffer(offer));
  const pA = spake2Share('joiner', w, scalar);
  const pake = spake2Finish({
    role: 'joiner',
    w,
    scalar,
    ownShare: pA,
    peerShare: offer.pake,
    idA,
    idB,
    aad: PAIRING_AAD,
  });
  const { c2s, s2c } = deriveKx({
    role: 'client',
    secret: x25519Secret,
    devicePublic: deviceX25519,
    hostPublic: offer.hostX25519,
  });
  const keys = deriveKeys({ Ke: pake.Ke, c2s, s2c, idA, idB, pA, pB: offer.pake });
  const deviceStatic = x25519PublicKey(device.channelSecret);
  const deviceDid = encodeDidKey(device.signer.publicKey);
  const noise = createNoise({
    pattern: 'XXpsk3',
    initiator: true,
    prologue: noisePrologue(keys.chanId),
    static: device.channelSecret,
    ephemeral: random.bytes(32),
    psk: keys.noisePsk,
  });
  const envelopes = createEnvelopes(offer.sessionId, keys, 'j2h');
  const p2 = encodeMessage({
    device_signing_pubkey: toBase64url(device.signer.publicKey),
    device_did: deviceDid,
    device_static_pubkey: toBase64url(deviceStatic),
    device_name: device.name,
    signature: toBase64url(
      await device.signer.sign(bindingMessage(secretText, offer.hostX25519, deviceX25519)),
    ),
    proof: toBase64url(await device.signer.sign(deviceProofMessage(keys.chanId, deviceStatic, deviceDid))),
    noise: toBase64url(noise.write()),
  });
  const response: ResponseBody = {
    v: 1,
    kind: offer.kind,
    attempt: offer.attempt,
    device_x25519_pubkey: toBase64url(deviceX25519),
    device_nonce: toBase64url(deviceNonce),
    pake_msg: toBase64url(pA),
    pake_confirm: toBase64url(pake.confirmA),
    sealed: envelopes.seal(p2).sealed,
    joiner_token_hash: toBase64url(sha256(token)),
  };
  return {
    response,
    token,
    offer,
    keys,
    confirmB: pake.confirmB,
    deviceNonce,
    deviceDid,
    envelopes,
    noise,
    deviceId: deviceId({ signingKey: device.signer.publicKey, static: deviceStatic, did: deviceDid }),
  };
}

/**
 * P3, when the host says ok with a good cB and its nonce and keys open host_commit. reject and a bad cB:
 * `pake-failed`; abort: `cancelled`, which proves nothing but that the relay said so; `commit-mismatch`.
 */
export function openConfirmation(run: JoinerRun, confirm: ConfirmBody): P3 {
  if (confirm.attempt !== run.offer.attempt) throw unexpected();
  if (confirm.result === 'abort') {
    throw new AuthsError('pairing/cancelled', 'ended by the other side or the relay');
  }
  if (confirm.result !== 'ok' || !provesCode(run, confirm)) throw wrongCode(run);
  const data = run.envelopes.open({ seq: 0, sealed: confirm.sealed });
  if (data === null) throw unexpected();
  const p3 = parseP3(data);
  const commit = hostCommit({
    sessionId: run.offer.sessionId,
    hostNonce: p3.hostNonce,
    hostStatic: p3.hostStatic,
    controllerDid: p3.controllerDid,
    hostSigningKey: p3.hostSigningKey,
  });
  if (!equalBytes(commit, run.offer.hostCommit)) {
    throw new AuthsError(
      'pairing/commit-mismatch',
      'the host is not the one that it committed to be before you answered',
      {
        hint: 'Somebody may stand in between. Start again with a new code.',
      },
    );
  }
  return p3;
}

/** Whether this can only come from somebody who knows the code: cB is good. */
export function provesCode(run: JoinerRun, confirm: ConfirmBody): boolean {
  if (confirm.result !== 'ok' || confirm.attempt !== run.offer.attempt) return false;
  return equalConstantTime(run.confirmB, fromBase64url(confirm.pake_confirm, 32));
}

function wrongCode(run: JoinerRun): AuthsError<'pairing/pake-failed'> {
  return new AuthsError('pairing/pake-failed', 'wrong code, or someone in between', {
    hint: 'Check the code on the other device. If it was right, someone may be answering in its place.',
    details: { attempts_left: 2 - run.offer.attempt },
  });
}

/** The SAS that both screens show. */
export function sasOf(run: JoinerRun, p3: P3, host: VerifiedHost): string {
  return computeSas({
    key: run.keys.sas,
    deviceNonce: run.deviceNonce,
    hostNonce: p3.hostNonce,
    deviceId: run.deviceId,
    hostId: hostId({ signingKey: host.signingKey, static: host.static, did: host.controllerDid }),
  });
}

/** Message 3 and the ratchet. Another static than the one announced (and committed) ends it before message 3. */
export function finishHandshake(
  run: JoinerRun,
  p3: P3,
  random: Random,
): { readonly message3: MessageBody; readonly channel: RatchetChannel } {
  const { noise, keys, envelopes } = run;
  const hostRatchet = noise.read(p3.noise);
  if (hostRatchet.length !== 32) throw unexpected();
  if (noise.remoteStatic === null || !equalBytes(noise.remoteStatic, p3.hostStatic)) {
    throw new AuthsError('pairing/protocol-violation', 'the host speaks with another key than it announced');
  }
  const message3 = sealPlain(envelopes, { t: 'noise', msg: toBase64url(noise.write()) });
  const { k1, k2 } = noise.split();
  const state = startAsAlice(ratchetRoot(k1, k2, noise.hash), keys.chanId, hostRatchet, random.bytes(32));
  return { message3, channel: createRatchetChannel(envelopes, state, random) };
}
