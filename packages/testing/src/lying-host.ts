/** A host that knows the code, has a real identity, and runs the protocol as it is written, but for the lies that a test gives it. */
import { buildLink, signedBytes, withSignatures } from '@auths/core/attestation/sign';
import type { LinkRecord, UnsignedLink } from '@auths/core/attestation/attestation';
import { x25519PublicKey } from '@auths/core/crypto/x25519';
import { toBase64url } from '@auths/core/encoding/base64url';
import { toHex } from '@auths/core/encoding/bytes';
import { encodeDidKey } from '@auths/core/encoding/did-key';
import { fromUtf8 } from '@auths/core/encoding/text';
import { createConversation, type Conversation } from '@auths/core/flows/conversation';
import { awaitKeyed } from '@auths/core/flows/host-wait';
import { prefixOf } from '@auths/core/identifiers';
import type { RatchetChannel } from '@auths/core/pairing/channel';
import type { PairingCode } from '@auths/core/pairing/code';
import { drawHostSession } from '@auths/core/pairing/drawn-session';
import { revealHost, type HostChannel, type HostKeyed, type HostReveal } from '@auths/core/pairing/host';
import { createBodyOf, openHostSession, type HostSession } from '@auths/core/pairing/host-session';
import type { HostRelay } from '@auths/core/pairing/relay';
import { hostDeviceProofMessage, hostProofMessage, type Scrypt } from '@auths/core/pairing/transcript';
import { openIntroduction, type VerifiedDevice } from '@auths/core/pairing/verify-device';
import type { Clock, Random } from '@auths/core/ports';
import { introductionOf, resealed, type Lie, type Members } from './lies.ts';
import { engine, type TestAuthority } from './two-device-world.ts';

export interface LyingHost {
  readonly clock: Clock;
  readonly random: Random;
  readonly scrypt: Scrypt;
  readonly relay: HostRelay;
  readonly authority: TestAuthority;
  /** What it announces. */
  readonly capabilities?: readonly string[];
}

const CAPABILITIES = ['sign_commit'];

/** A session under a code of its own, or under one that it knows from elsewhere. */
export async function openSession(host: LyingHost, code: PairingCode | null = null): Promise<HostSession> {
  const { clock, random, scrypt, relay, authority } = host;
  const drawn = drawHostSession({
    random,
    now: { monotonic: clock.monotonic(), wall: clock.now() },
    ttlSeconds: 300,
    code: 'short6',
    qr: false,
    link: false,
    controllerDid: authority.controllerDid,
    signingKey: authority.identity.publicKey,
    hostStatic: x25519PublicKey(authority.channelSecret),
    publicKeyOf: x25519PublicKey,
  });
  const slots =
    code === null ? drawn.slots : [{ kind: code.kind, code, secret: null, secretText: code.text }];
  const session = await openHostSession({ ...drawn, slots }, { random, scrypt });
  await relay.create(createBodyOf(session));
  return session;
}

/** A device that proved that it knows the code, and its introduction. */
export interface Met {
  readonly keyed: HostKeyed;
  readonly device: VerifiedDevice;
  readonly p2: Members;
}

export async function awaitJoiner({ clock, relay }: LyingHost, session: HostSession): Promise<Met> {
  const keyed = await awaitKeyed({
    clock,
    relay,
    session,
    timeoutMs: null,
    onAttempt: () => {},
    signal: undefined,
  });
  const p2 = introductionOf(keyed.keys, session.sessionId, 'j2h', keyed.sealed);
  return { keyed, device: openIntroduction(keyed, engine, null), p2: JSON.parse(p2) as Members };
}

/** Says who it is, with the lie in it. `other`: what it believes of itself instead of its own. */
export async function introduce(
  host: LyingHost,
  { keyed, device }: Met,
  lie: Lie = (text) => text,
  other: Partial<HostReveal> = {},
): Promise<{ readonly channel: HostChannel; readonly talk: Conversation }> {
  const { clock, random, relay, authority, capabilities = CAPABILITIES } = host;
  const { sessionId, token } = keyed.session;
  const log = await authority.log.read(prefixOf(authority.controllerDid));
  if (log === null) throw new Error('no log');
  const proof = hostProofMessage(
    keyed.keys.chanId,
    x25519PublicKey(authority.channelSecret),
    authority.controllerDid,
    capabilities,
  );
  const channel = revealHost(
    keyed,
    device,
    {
      controllerDid: authority.controllerDid,
      signingKey: authority.identity.publicKey,
      channelSecret: authority.channelSecret,
      capabilities,
      kel: fromUtf8(log.stream),
      tip: { sequence: 1, said: log.tip },
      proof: await authority.identity.sign(proof),
      ...other,
    },
    random,
  );
  const { confirm } = channel;
  await relay.confirm(sessionId, token, {
    attempt: keyed.slot.attempt,
    result: 'ok',
    ...confirm,
    sealed: resealed(keyed.keys, sessionId, 'h2j', confirm.sealed, lie),
  });
  const { envelopes } = keyed;
  const talk = createConversation({ clock, relay, sessionId, token, envelopes, signal: undefined });
  return { channel, talk };
}

/** A host whose joiner believed it: everything after "ready" is said here. */
export interface Stage {
  readonly host: LyingHost;
  readonly talk: Conversation;
  readonly ratchet: RatchetChannel;
  readonly device: VerifiedDevice;
  readonly channel: HostChannel;
  readonly chanId: Uint8Array;
}

const PATIENCE_MS = 30_000;

/** Honest up to "ready". */
export async function untilReady(host: LyingHost, session: HostSession): Promise<Stage> {
  const met = await awaitJoiner(host, session);
  const { channel, talk } = await introduce(host, met);
  const ratchet = channel.finish(await talk.next(PATIENCE_MS));
  ratchet.open(await talk.next(PATIENCE_MS));
  return { host, talk, ratchet, device: met.device, channel, chanId: met.keyed.keys.chanId };
}

/** The link that this device should get, with the changes. */
export function linkFor({ host, device }: Stage, change: Partial<UnsignedLink> = {}): UnsignedLink {
  const unsigned = buildLink({
    rid: host.random.bytes(16),
    issuer: host.authority.controllerDid,
    devicePublicKey: device.signingKey,
    capabilities: host.capabilities ?? CAPABILITIES,
    name: device.name,
    issuedAt: host.clock.now(),
  });
  return { ...unsigned, ...change };
}

/** "attest", rightly signed, with other members where a test wants them. */
export async function attestMessage(
  { host, channel, chanId }: Stage,
  attestation: unknown,
  change: object = {},
): Promise<Record<string, unknown>> {
  const { identity, device } = host.authority;
  return {
    t: 'attest',
    attestation,
    identity_signature: toHex(await identity.sign(signedBytes(attestation as UnsignedLink))),
    host_device_did: encodeDidKey(device.publicKey),
    host_device_proof: toBase64url(await device.sign(hostDeviceProofMessage(chanId, channel.hostStatic))),
    ...change,
  };
}

/** Attests honestly (but for `attest`), takes the signature, and says "paired" with the changes. */
export async function handOver(
  stage: Stage,
  change: Partial<UnsignedLink>,
  members: Members,
  attest: object = {},
): Promise<LinkRecord> {
  const { talk, ratchet, device, host } = stage;
  const unsigned = linkFor(stage);
  await talk.send(ratchet.seal(await attestMessage(stage, unsigned, attest)));
  const answer = ratchet.open(await talk.next(PATIENCE_MS));
  if (answer.t !== 'attest-signed') throw new Error(answer.t);
  const identity = await host.authority.identity.sign(signedBytes(unsigned));
  const record = withSignatures(unsigned, { identity, device: answer.deviceSignature });
  await talk.send(
    ratchet.seal({
      t: 'paired',
      device_id: toHex(device.deviceId),
      token: toBase64url(host.random.bytes(32)),
      attestation: { ...record, ...change },
      ...members,
    }),
  );
  return record;
}
