/**
 * The host after a good cA (docs/protocol.md, "Messages", steps 3 to 9): who is it, does a person agree, attest, store
 * before saying "paired", anchor after "ack". Every failure here is terminal and grants nothing.
 */
import type { LinkRecord } from '../attestation/attestation.ts';
import { buildLink, signedBytes, withSignatures } from '../attestation/sign.ts';
import { verifyEd25519 } from '../crypto/verify-ed25519.ts';
import { x25519PublicKey } from '../crypto/x25519.ts';
import { toBase64url } from '../encoding/base64url.ts';
import { toHex } from '../encoding/bytes.ts';
import { encodeDidKey } from '../encoding/did-key.ts';
import { fromUtf8 } from '../encoding/text.ts';
import { AuthsError } from '../errors.ts';
import { expectInner, sealPlain } from '../pairing/channel.ts';
import { revealHost, type HostChannel, type HostKeyed } from '../pairing/host.ts';
import { openIntroduction, type VerifiedDevice } from '../pairing/verify-device.ts';
import { COMPLETION_MS, CONSENT_MS, MACHINE_MS } from '../pairing/limits.ts';
import { kelPieces } from '../pairing/pieces.ts';
import { hostDeviceProofMessage, hostProofMessage } from '../pairing/transcript.ts';
import type { CancelSignal, StoredLog } from '../ports.ts';
import { createConversation, type Conversation } from './conversation.ts';
import { insist } from './insist.ts';
import { anchorAgreed } from './finish-pairings.ts';
import { announce, handOver, type GrantPorts, type Talk } from './host-hand-over.ts';
import { requireNotRevoked, requireNotRotated, requireStillAuthority } from './host-authority.ts';
import { readOwnLog } from './seal-records.ts';
import type { DidKey } from '../identifiers.ts';

export interface GrantOptions {
  /** Sorted. */
  readonly capabilities: readonly string[];
  /** How long the device's link holds; for ever when absent. */
  readonly deviceExpiresInMs?: number;
  readonly expectDevice?: DidKey;
}

const AGAIN = 'auths pair';

/** The device that stands at the door. */
export interface JoinedDevice {
  readonly device: VerifiedDevice;
  readonly sas: string;
}

/** Resolves when a person, or the rule, lets the device in; rejects with why not. */
export type Admit = (joined: JoinedDevice, signal: CancelSignal) => Promise<void>;

export interface Granted {
  readonly device: VerifiedDevice;
  readonly link: LinkRecord;
}

/** Steps 3 to 9. Tells the other end when it gives up; the caller ends the session. */
export async function grant(
  ports: GrantPorts,
  options: GrantOptions,
  keyed: HostKeyed,
  admit: Admit,
  signal: CancelSignal | undefined,
): Promise<Granted> {
  const { relay, clock } = ports;
  const { sessionId, token } = keyed.session;
  const until = clock.monotonic() + COMPLETION_MS;
  const abort = { attempt: keyed.slot.attempt, result: 'abort' } as const;
  let opened: { readonly device: VerifiedDevice; readonly channel: HostChannel; readonly log: StoredLog };
  try {
    opened = await reveal(ports, options, keyed);
    const ok = { attempt: keyed.slot.attempt, result: 'ok', ...opened.channel.confirm } as const;
    await insist(clock, signal, (own) => relay.confirm(sessionId, token, ok, own));
  } catch (error) {
    await relay.confirm(sessionId, token, abort).catch(() => {});
    throw error;
  }
  const { envelopes } = keyed;
  const talk = createConversation({ clock, relay, sessionId, token, envelopes, signal });
  try {
    return await converse(ports, options, keyed, opened, talk, admit, until);
  } catch (error) {
    await talk.abort(error);
    throw error;
  }
}

/** Step 3: opens P2, proves the identity over this channel. */
async function reveal(
  ports: GrantPorts,
  options: GrantOptions,
  keyed: HostKeyed,
): Promise<{ readonly device: VerifiedDevice; readonly channel: HostChannel; readonly log: StoredLog }> {
  const { host, engine, random } = ports;
  const device = openIntroduction(keyed, engine, options.expectDevice ?? null);
  const { log, verdict } = await readOwnLog({ log: host.log, engine }, host.controllerDid);
  const tip = verdict.events.at(-1);
  if (tip === undefined) throw new AuthsError('internal/bug', 'an accepted log has events');
  requireNotRotated(host, verdict, AGAIN);
  const hostStatic = x25519PublicKey(host.channelSecret);
  const proof = hostProofMessage(keyed.keys.chanId, hostStatic, host.controllerDid, options.capabilities);
  const channel = revealHost(
    keyed,
    device,
    {
      controllerDid: host.controllerDid,
      signingKey: host.identity.publicKey,
      channelSecret: host.channelSecret,
      capabilities: options.capabilities,
      kel: fromUtf8(log.stream),
      tip,
      proof: await host.identity.sign(proof),
    },
    random,
  );
  return { device, channel, log };
}

async function converse(
  ports: GrantPorts,
  options: GrantOptions,
  keyed: HostKeyed,
  opened: { readonly device: VerifiedDevice; readonly channel: HostChannel; readonly log: StoredLog },
  talk: Conversation,
  admit: Admit,
  until: number,
): Promise<Granted> {
  const { clock } = ports;
  const { device, channel, log } = opened;
  const within = (ms: number): number => Math.min(ms, until - clock.monotonic());
  if (channel.kelFollows) {
    for (const piece of kelPieces(fromUtf8(log.stream))) await talk.send(sealPlain(keyed.envelopes, piece));
  }
  await requireNotRevoked(ports, device.did);
  const ratchet = channel.finish(await talk.next(within(MACHINE_MS)));
  expectInner(ratchet.open(await talk.next(within(MACHINE_MS))), 'ready');
  await talk.whileListening((own) => admit({ device, sas: channel.sas }, own));
  const link = await attest(ports, options, {
    keyed,
    channel,
    device,
    talk,
    ratchet,
    ms: within(CONSENT_MS + MACHINE_MS),
  });
  const journal = await handOver(ports, {
    keyed,
    channel,
    device,
    talk,
    ratchet,
    link,
    ms: within(MACHINE_MS),
  });
  // From here on nothing takes the grant back: the device has stored it and said so.
  await ports.host.devices.acknowledge(journal.session_id);
  const anchored = await anchorAgreed(ports, { ...journal, acknowledged: true });
  await announce(ports, ratchet, talk, log, anchored);
  return { device, link };
}

/** Steps 5 to 7a: the identity signs, then the device; both over the same bytes. */
async function attest(ports: GrantPorts, options: GrantOptions, on: Talk): Promise<LinkRecord> {
  const { host, clock, random, engine } = ports;
  const { device, channel, keyed, talk, ratchet } = on;
  // A person was asked meanwhile, and another process may have rotated, or revoked this device or the one at the door.
  await requireStillAuthority(ports, AGAIN);
  await requireNotRevoked(ports, device.did);
  const issuedAt = clock.now();
  const unsigned = buildLink({
    rid: random.bytes(16),
    issuer: host.controllerDid,
    devicePublicKey: device.signingKey,
    capabilities: options.capabilities,
    name: device.name,
    issuedAt,
    ...(options.deviceExpiresInMs === undefined ? {} : { expiresAt: issuedAt + options.deviceExpiresInMs }),
  });
  const message = signedBytes(unsigned);
  const identity = await host.identity.sign(message);
  const deviceProof = await host.device.sign(hostDeviceProofMessage(keyed.keys.chanId, channel.hostStatic));
  await talk.send(
    ratchet.seal({
      t: 'attest',
      attestation: unsigned,
      identity_signature: toHex(identity),
      host_device_did: encodeDidKey(host.device.publicKey),
      host_device_proof: toBase64url(deviceProof),
    }),
  );
  const answer = expectInner(ratchet.open(await talk.next(on.ms)), 'attest-signed');
  if (!verifyEd25519(engine, device.signingKey, message, answer.deviceSignature)) {
    throw new AuthsError('pairing/invalid-signature', 'the device did not sign its attestation');
  }
  return withSignatures(unsigned, { identity, device: answer.deviceSignature });
}
