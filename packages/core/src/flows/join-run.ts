/** One candidate host: offer, response, introduction, consent, attestation (docs/protocol.md, "Messages", steps 2, 4, 6, 8 and 10). */
import type { LinkRecord } from '../attestation/attestation.ts';
import { signedBytes, withSignatures } from '../attestation/sign.ts';
import { toBase64url } from '../encoding/base64url.ts';
import { toHex } from '../encoding/bytes.ts';
import { AuthsError, hasCode, isAuthsError } from '../errors.ts';
import type { DidKeri } from '../identifiers.ts';
import { expectInner, unexpected, type RatchetChannel } from '../pairing/channel.ts';
import { finishHandshake, openConfirmation, provesCode, sasOf, type JoinerRun } from '../pairing/joiner.ts';
import { verifyHost, type VerifiedHost } from '../pairing/verify-host.ts';
import { CONSENT_MS, MACHINE_MS, REASSEMBLY_BYTES } from '../pairing/limits.ts';
import type { P3 } from '../pairing/introductions.ts';
import type { InnerMessage } from '../pairing/messages.ts';
import type { JoinerRelay } from '../pairing/relay.ts';
import type { JoinInput } from '../pairing/uri.ts';
import { within } from './cancel.ts';
import { createConversation, isPeerAbort, type Conversation } from './conversation.ts';
import { insist } from './insist.ts';
import { answerOffer, type AnsweredOffer } from './join-answer.ts';
import { requireHostDevice, requireOwnLink, requireSame } from './join-attestation.ts';
import { acceptAnchored, requireKnownHost, storePending } from './join-store.ts';
import { patience, type JoinContext, type JoinResult, type JoinSas } from './join-context.ts';

/** A host that will not have this device back says so right after its introduction. */
const OBJECTION_MS = 2_000;

/** Joins at this relay. `stage.keyed` is set once the other side has proved that it knows the code. */
export async function joinAt(
  context: JoinContext,
  relay: JoinerRelay,
  input: JoinInput,
  stage: { keyed: boolean },
  timeoutMs: number,
): Promise<JoinResult> {
  const { clock, signal } = context;
  const until = clock.monotonic() + timeoutMs;
  const answered = await answerOffer(context, relay, input, until);
  const { run, sessionId } = answered;
  const { token, envelopes } = run;
  const talk = createConversation({ clock, relay, sessionId, token, envelopes, signal });
  let p3: P3;
  try {
    const confirm = await confirmation(context, relay, answered, patience(clock, until));
    stage.keyed = provesCode(run, confirm);
    p3 = openConfirmation(run, confirm);
  } catch (error) {
    // After a reject there is nobody to tell; after anything else the host may be waiting for this end.
    if (!hasCode(error, 'pairing/pake-failed')) await talk.abort(error);
    throw error;
  }
  try {
    return await converse(context, run, p3, talk);
  } catch (error) {
    await talk.abort(error);
    throw error;
  }
}

async function confirmation(
  { clock, signal }: JoinContext,
  relay: JoinerRelay,
  { run, sessionId }: AnsweredOffer,
  ms: number,
): Promise<Parameters<typeof openConfirmation>[1]> {
  return within(clock, ms, silence, signal, async (own) => {
    for (;;) {
      const body = await insist(clock, own, (call) => relay.confirmation(sessionId, run.token, call));
      if (body !== null) return body;
      await clock.sleep(100, own);
    }
  });
}

function silence(): AuthsError<'pairing/timeout'> {
  return new AuthsError('pairing/timeout', 'the host found the code but does not answer', {
    hint: 'Start again.',
  });
}

async function converse(
  context: JoinContext,
  run: JoinerRun,
  p3: P3,
  talk: Conversation,
): Promise<JoinResult> {
  const { engine, options } = context;
  const host = verifyHost(run.keys, p3, await wholeLog(p3, talk), engine);
  const { controllerDid } = host;
  if (options.expectHost !== undefined && options.expectHost !== controllerDid) {
    throw new AuthsError('pairing/host-not-expected', `the host is ${controllerDid}, not the one expected`, {
      details: { controller_did: controllerDid, expected: options.expectHost },
    });
  }
  const before = await requireKnownHost(context, host);
  try {
    return before === null
      ? await pairWith(context, run, p3, talk, host)
      : await leavePaired(context, talk, controllerDid, before);
  } catch (error) {
    if (!isPeerAbort(error) || !hasCode(error, 'pairing/forbidden')) throw error;
    // Only a host that has proved to be that identity gets here. The old key stays, under its own name.
    await context.home.deviceKey({ renew: true });
    throw new AuthsError(
      'pairing/forbidden',
      'this device was revoked by its identity; it has a new key now',
      {
        hint: 'auths pair on the host again, and join once more with its new code',
        details: { by: 'peer' },
        cause: error,
      },
    );
  }
}

/** Paired before, as far as this home knows. The host may know of a revocation, and then says so at once. */
async function leavePaired(
  { deviceDid }: JoinContext,
  talk: Conversation,
  controllerDid: DidKeri,
  link: LinkRecord,
): Promise<JoinResult> {
  try {
    await talk.next(OBJECTION_MS);
  } catch (error) {
    if (isPeerAbort(error)) throw error;
  }
  await talk.abort(conflict(controllerDid));
  return { status: 'already', controllerDid, deviceDid, deviceName: link.name, attestation: link };
}

/** Steps 4 to 10 with a host that is who it says. */
async function pairWith(
  context: JoinContext,
  run: JoinerRun,
  p3: P3,
  talk: Conversation,
  host: VerifiedHost,
): Promise<JoinResult> {
  const { callbacks, deviceDid, device, random } = context;
  const { controllerDid } = host;
  const { message3, channel } = finishHandshake(run, p3, random);
  const sas: JoinSas = {
    kind: run.offer.kind,
    sas: sasOf(run, p3, host),
    controllerDid,
    capabilities: host.capabilities,
  };
  callbacks.onSas(sas);
  await talk.send(message3);
  await talk.send(channel.seal({ t: 'ready' }));
  await requireConsent(context, sas, talk);
  const attest = expectInner(channel.open(await talk.next(CONSENT_MS + MACHINE_MS)), 'attest');
  const unsigned = requireOwnLink(context, host, attest);
  requireHostDevice(context, run, host, attest);
  const device_signature = await device.signer.sign(signedBytes(unsigned));
  await talk.send(channel.seal({ t: 'attest-signed', device_signature: toHex(device_signature) }));
  const link = withSignatures(unsigned, { identity: attest.identitySignature, device: device_signature });
  const paired = expectInner(channel.open(await talk.next(MACHINE_MS)), 'paired');
  requireSame(run, paired, link);
  await storePending(context, host, link, {
    host_static: toBase64url(host.static),
    host_device_did: attest.hostDeviceDid,
    token: toBase64url(paired.token),
    device_id: toHex(run.deviceId),
  });
  await acknowledge(talk, channel);
  await acceptAnchored(context, host, link, attest.hostDeviceDid, () => anchoredPiece(talk, channel));
  return { status: 'paired', controllerDid, deviceDid, deviceName: link.name, attestation: link };
}

/** The log from P3, or from the pieces that follow it. */
async function wholeLog(p3: P3, talk: Conversation): Promise<string> {
  if (typeof p3.kel === 'string') return p3.kel;
  let text = '';
  for (;;) {
    const piece = await talk.next(MACHINE_MS);
    if (piece.t !== 'kel' || (piece.data === '' && !piece.last)) throw unexpected();
    text += piece.data;
    if (text.length > REASSEMBLY_BYTES) {
      throw new AuthsError('pairing/payload-too-large', 'the key event log of the host is too long');
    }
    if (piece.last) return text;
  }
}

/** Before "attest-signed": y/N on a terminal, unless the QR was scanned or the host was named. */
async function requireConsent(context: JoinContext, sas: JoinSas, talk: Conversation): Promise<void> {
  const { clock, options, callbacks } = context;
  const { confirm } = callbacks;
  if (!options.ask || sas.kind === 'qr' || options.expectHost !== undefined || confirm === undefined) return;
  const answer = await talk.whileListening((own) =>
    within(
      clock,
      CONSENT_MS,
      () => unanswered('nobody answered within 120 s'),
      own,
      (inner) => confirm(sas, inner),
    ),
  );
  if (answer === null) throw unanswered('nobody is there to ask');
  if (!answer) throw new AuthsError('pairing/declined', 'you did not accept this host');
}

function unanswered(why: string): AuthsError<'pairing/confirmation-required'> {
  return new AuthsError('pairing/confirmation-required', `joining needs a confirmation: ${why}`, {
    hint: 'Name the host with --expect-host, or answer with --yes.',
  });
}

/** What was stored is kept, whether the word of it arrives or not. */
async function acknowledge(talk: Conversation, channel: RatchetChannel): Promise<void> {
  try {
    await talk.send(channel.seal({ t: 'ack' }));
  } catch (cause) {
    throw pending(cause);
  }
}

async function anchoredPiece(
  talk: Conversation,
  channel: RatchetChannel,
): Promise<Extract<InnerMessage, { readonly t: 'anchored' }>> {
  let message;
  try {
    message = await talk.next(MACHINE_MS);
  } catch (cause) {
    throw pending(cause);
  }
  return expectInner(channel.open(message), 'anchored');
}

/** Stored on both sides, not yet sealed as far as this one knows. */
function pending(cause: unknown): unknown {
  if (!isAuthsError(cause) || cause.code === 'pairing/channel-tampered' || cause.code === 'interrupted')
    return cause;
  // Revoked before it was sealed: there is nothing to wait for.
  if (isPeerAbort(cause) && cause.code === 'pairing/forbidden') return cause;
  return new AuthsError('pairing/pending', 'paired on this side, but the host has not confirmed it yet', {
    hint: 'auths pair on the host, and auths pair --join with its new code here, finish it (auths sync is not in this version yet)',
    cause,
  });
}

function conflict(controllerDid: string): AuthsError<'pairing/conflict'> {
  return new AuthsError('pairing/conflict', `this home is paired with ${controllerDid} already`);
}
