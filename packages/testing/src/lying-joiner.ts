/** A joiner that knows the code and runs the protocol as it is written, but for the lie that a test gives it. */
import { createConversation, type Conversation } from '@auths/core/flows/conversation';
import { randomScalar, spake2Finish, spake2Share } from '@auths/core/crypto/spake2';
import { toBase64url } from '@auths/core/encoding/base64url';
import type { RatchetChannel } from '@auths/core/pairing/channel';
import type { PairingCode } from '@auths/core/pairing/code';
import {
  finishHandshake,
  makeResponse,
  openConfirmation,
  type JoinerRun,
  type JoiningDevice,
} from '@auths/core/pairing/joiner';
import type { P3 } from '@auths/core/pairing/introductions';
import { encodeJoin, encodeOffer, hostPartyId, joinerId } from '@auths/core/pairing/offer';
import { parseOffer, type ReceivedOffer } from '@auths/core/pairing/offer-token';
import type { ConfirmBody, JoinerRelay, ResponseBody } from '@auths/core/pairing/relay';
import { deriveW, PAIRING_AAD, type Scrypt } from '@auths/core/pairing/transcript';
import type { Clock, Random } from '@auths/core/ports';
import { resealed, type Lie } from './lies.ts';
import { createTestSigner } from './two-device-world.ts';

export interface LyingJoiner {
  readonly clock: Clock;
  readonly random: Random;
  readonly scrypt: Scrypt;
  readonly relay: JoinerRelay;
  readonly device: JoiningDevice;
}

/** A device with keys of its own. */
export function newDevice(random: Random, name: string): JoiningDevice {
  return { signer: createTestSigner(random.bytes(32)), channelSecret: random.bytes(32), name };
}

/** The offer under this code, and the password scalar for it. */
export async function findOffer(
  { relay, scrypt }: LyingJoiner,
  code: PairingCode,
): Promise<{ readonly offer: ReceivedOffer; readonly w: bigint }> {
  const offer = parseOffer(await relay.findByNameplate(code.nameplate));
  return { offer, w: await deriveW(code.text, offer.sessionId, scrypt) };
}

/** Answers the offer, with the lie in the introduction. */
export async function answer(
  joiner: LyingJoiner,
  code: PairingCode,
  lie: Lie = (text) => text,
): Promise<JoinerRun> {
  const { offer, w } = await findOffer(joiner, code);
  const run = await makeResponse(offer, w, code.text, joiner.device, joiner.random);
  await joiner.relay.respond(offer.sessionId, lyingResponse(run, lie), null);
  return run;
}

/** The response of a run with another introduction in it. */
export function lyingResponse(run: JoinerRun, lie: Lie): ResponseBody {
  const { offer, keys, response } = run;
  return { ...response, sealed: resealed(keys, offer.sessionId, 'j2h', response.sealed, lie) };
}

/** A response with a good MAC over an X25519 key that nobody need hold. */
export function responseWithKey(
  run: JoinerRun,
  w: bigint,
  deviceX25519: Uint8Array,
  random: Random,
): ResponseBody {
  const nonce = random.bytes(32);
  const scalar = randomScalar(random);
  const pA = spake2Share('joiner', w, scalar);
  const { confirmA } = spake2Finish({
    role: 'joiner',
    w,
    scalar,
    ownShare: pA,
    peerShare: run.offer.pake,
    idA: joinerId(encodeJoin(deviceX25519, nonce)),
    idB: hostPartyId(encodeOffer(run.offer)),
    aad: PAIRING_AAD,
  });
  return {
    ...run.response,
    device_x25519_pubkey: toBase64url(deviceX25519),
    device_nonce: toBase64url(nonce),
    pake_msg: toBase64url(pA),
    pake_confirm: toBase64url(confirmA),
  };
}

/** What the host says to the response. */
export async function wordOf({ relay }: LyingJoiner, run: JoinerRun): Promise<ConfirmBody> {
  for (;;) {
    const body = await relay.confirmation(run.offer.sessionId, run.token);
    if (body !== null) return body;
  }
}

export interface JoinerTalk {
  readonly p3: P3;
  readonly talk: Conversation;
  readonly ratchet: RatchetChannel;
}

/** Believes what the host says of itself, sends message 3 and "ready". */
export async function goOn(joiner: LyingJoiner, run: JoinerRun, confirm: ConfirmBody): Promise<JoinerTalk> {
  const { clock, relay, random } = joiner;
  const p3 = openConfirmation(run, confirm);
  const { sessionId } = run.offer;
  const talk = createConversation({
    clock,
    relay,
    sessionId,
    token: run.token,
    envelopes: run.envelopes,
    signal: undefined,
  });
  const { message3, channel } = finishHandshake(run, p3, random);
  await talk.send(message3);
  await talk.send(channel.seal({ t: 'ready' }));
  return { p3, talk, ratchet: channel };
}
