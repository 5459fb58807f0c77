/** A host that knows the code, has a real identity, and lies after the handshake. */
import { buildLink, signedBytes, withSignatures } from '@auths/core/attestation/sign';
import type { UnsignedLink } from '@auths/core/attestation/attestation';
import { toBase64url } from '@auths/core/encoding/base64url';
import { toHex } from '@auths/core/encoding/bytes';
import { encodeDidKey } from '@auths/core/encoding/did-key';
import { fromUtf8 } from '@auths/core/encoding/text';
import { createConversation, type Conversation } from '@auths/core/flows/conversation';
import { awaitKeyed } from '@auths/core/flows/host-wait';
import { anchorPairing, sealedRecordsOf } from './anchoring.ts';
import { prefixOf } from '@auths/core/identifiers';
import type { RatchetChannel } from '@auths/core/pairing/channel';
import { revealHost, type HostChannel } from '@auths/core/pairing/host';
import { openIntroduction, type VerifiedDevice } from '@auths/core/pairing/verify-device';
import { drawHostSession } from '@auths/core/pairing/drawn-session';
import { createBodyOf, openHostSession } from '@auths/core/pairing/host-session';
import { hostDeviceProofMessage, hostProofMessage } from '@auths/core/pairing/transcript';
import { x25519PublicKey } from '@auths/core/crypto/x25519';
import { createHostRelay } from '@auths/pairing-http/client';
import { createFakeClock, drive } from '@auths/testing/fake-clock';
import { realRandom } from '@auths/testing/real-world';
import { createTestSigner, engine } from '@auths/testing/two-device-world';
import { describe, expect, it } from 'vitest';
import { createWorld, ENDPOINT, failure, scrypt, startJoin, type World } from './world.ts';

interface Stage {
  readonly world: World;
  readonly talk: Conversation;
  readonly ratchet: RatchetChannel;
  readonly device: VerifiedDevice;
  readonly channel: HostChannel;
  readonly chanId: Uint8Array;
}

/** Runs an honest host up to "ready", then `script`; resolves to the code by which the joiner ended. */
async function against(
  script: (stage: Stage) => Promise<void>,
  capabilities = ['sign_commit'],
): Promise<{ code: string; world: World }> {
  const clock = createFakeClock();
  const world = await createWorld({ clock });
  const { host } = world;
  const relay = createHostRelay(world.hostTransport, ENDPOINT);
  const session = await openHostSession(
    drawHostSession({
      random: realRandom,
      now: { monotonic: clock.monotonic(), wall: clock.now() },
      ttlSeconds: 300,
      code: 'short6',
      qr: false,
      link: false,
      controllerDid: host.controllerDid,
      signingKey: host.identity.publicKey,
      hostStatic: x25519PublicKey(host.channelSecret),
      publicKeyOf: x25519PublicKey,
    }),
    { random: realRandom, scrypt },
  );
  await relay.create(createBodyOf(session));
  const join = startJoin(world, session.slots[0]?.code?.text ?? '');
  const hosting = (async () => {
    const { sessionId, token } = session;
    const keyed = await awaitKeyed({
      clock,
      relay,
      session,
      timeoutMs: null,
      onAttempt: () => {},
      signal: undefined,
    });
    const device = openIntroduction(keyed, engine, null);
    const log = await host.log.read(prefixOf(host.controllerDid));
    if (log === null) throw new Error('no log');
    const proof = hostProofMessage(
      keyed.keys.chanId,
      x25519PublicKey(host.channelSecret),
      host.controllerDid,
      capabilities,
    );
    const channel = revealHost(
      keyed,
      device,
      {
        controllerDid: host.controllerDid,
        signingKey: host.identity.publicKey,
        channelSecret: host.channelSecret,
        capabilities,
        kel: fromUtf8(log.stream),
        tip: { sequence: 1, said: log.tip },
        proof: await host.identity.sign(proof),
      },
      realRandom,
    );
    await relay.confirm(sessionId, token, { attempt: 0, result: 'ok', ...channel.confirm });
    const talk = createConversation({
      clock,
      relay,
      sessionId,
      token,
      envelopes: keyed.envelopes,
      signal: undefined,
    });
    const ratchet = channel.finish(await talk.next(30_000));
    ratchet.open(await talk.next(30_000));
    await script({ world, talk, ratchet, device, channel, chanId: keyed.keys.chanId });
  })();
  // A script ends with the joiner: what it was still waiting for does not matter.
  hosting.catch(() => {});
  const code = await drive(clock, failure(join.done));
  return { code, world };
}

function link({ world, device }: Stage, change: Partial<UnsignedLink> = {}): UnsignedLink {
  const unsigned = buildLink({
    rid: realRandom.bytes(16),
    issuer: world.host.controllerDid,
    devicePublicKey: device.signingKey,
    capabilities: ['sign_commit'],
    name: device.name,
    issuedAt: world.clock.now(),
  });
  return { ...unsigned, ...change };
}

async function attestMessage(
  stage: Stage,
  attestation: unknown,
  members: object = {},
): Promise<Record<string, unknown>> {
  const { world, channel, chanId } = stage;
  return {
    t: 'attest',
    attestation,
    identity_signature: toHex(await world.host.identity.sign(signedBytes(attestation as UnsignedLink))),
    host_device_did: encodeDidKey(world.host.device.publicKey),
    host_device_proof: toBase64url(
      await world.host.device.sign(hostDeviceProofMessage(chanId, channel.hostStatic)),
    ),
    ...members,
  };
}

const other = createTestSigner(realRandom.bytes(32));

describe('a lying host after the handshake', () => {
  it.each([
    ['F04 more capabilities than announced', { capabilities: ['sign_commit', 'sign_release'] }],
    ['fewer capabilities', { capabilities: [] }],
    ['another name', { name: 'somebody else' }],
    ['an old time', { timestamp: '2026-02-28T23:54:59Z' }],
    ['a future time', { timestamp: '2026-03-01T00:06:00Z' }],
    [
      'another subject',
      { subject: encodeDidKey(other.publicKey), device_public_key: toHex(other.publicKey) },
    ],
    ['subject and key that differ', { device_public_key: toHex(other.publicKey) }],
    ['an unknown member', { scope: 'all' } as Partial<UnsignedLink>],
    ['another type', { type: 'extension' } as unknown as Partial<UnsignedLink>],
    ['version 2', { version: 2 } as unknown as Partial<UnsignedLink>],
  ])('attests %s: attestation-invalid, nothing is signed', async (_what, change) => {
    let signed = false;
    const { code, world } = await against(async (stage) => {
      await stage.talk.send(stage.ratchet.seal(await attestMessage(stage, link(stage, change))));
      const answer = await stage.talk.next(30_000);
      signed = answer.t === 'dr';
    });
    expect(code).toBe('pairing/attestation-invalid');
    expect(signed).toBe(false);
    expect(world.home.writes).toEqual([]);
  });

  it('attests as another issuer', async () => {
    const elsewhere = await createWorld();
    const { code } = await against(async (stage) => {
      await stage.talk.send(
        stage.ratchet.seal(await attestMessage(stage, link(stage, { issuer: elsewhere.host.controllerDid }))),
      );
    });
    expect(code).toBe('pairing/attestation-invalid');
  });

  it('signs with another key than the log names', async () => {
    const { code } = await against(async (stage) => {
      const attestation = link(stage);
      const identity_signature = toHex(await other.sign(signedBytes(attestation)));
      await stage.talk.send(
        stage.ratchet.seal(await attestMessage(stage, attestation, { identity_signature })),
      );
    });
    expect(code).toBe('pairing/attestation-invalid');
  });

  it('names a device whose key it does not hold', async () => {
    const { code, world } = await against(async (stage) => {
      const members = { host_device_did: encodeDidKey(other.publicKey) };
      await stage.talk.send(stage.ratchet.seal(await attestMessage(stage, link(stage), members)));
    });
    expect(code).toBe('pairing/host-identity-invalid');
    expect(world.home.writes).toEqual([]);
  });

  it.each([
    ['a member too many', { note: 'x' }],
    ['a signature in base64', { identity_signature: toBase64url(new Uint8Array(64)) }],
    ['another message', { t: 'paired' }],
  ])('sends %s: protocol-violation', async (_what, members) => {
    const { code, world } = await against(async (stage) => {
      await stage.talk.send(stage.ratchet.seal(await attestMessage(stage, link(stage), members)));
    });
    expect(code).toBe('pairing/protocol-violation');
    expect(world.home.writes).toEqual([]);
  });

  it.each([
    ['anchored', { t: 'anchored', events: '', records: [], last: true }],
    ['ack', { t: 'ack' }],
    ['ready', { t: 'ready' }],
  ])('says "%s" out of turn: protocol-violation', async (_what, message) => {
    const { code } = await against(async (stage) => {
      await stage.talk.send(stage.ratchet.seal(message));
    });
    expect(code).toBe('pairing/protocol-violation');
  });

  it.each([
    ['its own version of the attestation', { note: 'changed' }, {}, 'pairing/attestation-invalid'],
    ['another device id', {}, { device_id: '00'.repeat(32) }, 'pairing/protocol-violation'],
    ['a token of 31 bytes', {}, { token: toBase64url(new Uint8Array(31)) }, 'pairing/protocol-violation'],
  ])('hands over %s', async (_what, change, members, expected) => {
    const { code, world } = await against(async (stage) => {
      await handOver(stage, change, members);
    });
    expect(code).toBe(expected);
    expect(world.home.writes).toEqual([]);
  });

  it.each([
    ['no seal', 'none'],
    ['no records', 'records'],
    ['a host device that was never attested', 'device'],
  ] as const)('anchors with %s: host-identity-invalid, not paired', async (_what, lie) => {
    const { code, world } = await against(async (stage) => {
      const { host } = stage.world;
      const members =
        lie === 'device'
          ? {
              host_device_did: encodeDidKey(other.publicKey),
              host_device_proof: toBase64url(
                await other.sign(hostDeviceProofMessage(stage.chanId, stage.channel.hostStatic)),
              ),
            }
          : {};
      const record = await handOver(stage, {}, {}, members);
      await stage.talk.next(30_000).then((message) => stage.ratchet.open(message));
      const before = await host.log.read(prefixOf(host.controllerDid));
      const after = lie === 'none' ? before : (await anchorPairing(host, record)).log;
      const events = fromUtf8((after?.stream ?? new Uint8Array()).subarray(before?.stream.length ?? 0));
      const records = lie === 'records' ? [] : await sealedRecordsOf(host, lie === 'none' ? record : null);
      await stage.talk.send(stage.ratchet.seal({ t: 'anchored', events, records, last: true }));
    });
    expect(code).toBe('pairing/host-identity-invalid');
    // What was stored before "ack" stays; the log that would make it count was not taken.
    const log = await world.home.log.read(prefixOf(world.host.controllerDid));
    expect(log?.version.startsWith('2:')).toBe(true);
  });

  it('says everything right: the same script pairs', async () => {
    const { code } = await against(async (stage) => {
      const { host } = stage.world;
      const record = await handOver(stage, {}, {});
      await stage.talk.next(30_000).then((message) => stage.ratchet.open(message));
      const before = await host.log.read(prefixOf(host.controllerDid));
      const { log } = await anchorPairing(host, record);
      const events = fromUtf8(log.stream.subarray(before?.stream.length ?? 0));
      await stage.talk.send(
        stage.ratchet.seal({ t: 'anchored', events, records: await sealedRecordsOf(host, null), last: true }),
      );
    });
    expect(code).toBe('no failure');
  });

  it('sends endless nothing: ended', async () => {
    const { code } = await against(async (stage) => {
      await handOver(stage, {}, {});
      await stage.talk.next(30_000).then((message) => stage.ratchet.open(message));
      for (let i = 0; i < 5_000; i++) {
        await stage.talk.send(stage.ratchet.seal({ t: 'anchored', events: '', records: [], last: false }));
      }
    });
    expect(code).toMatch(/^pairing\/(payload-too-large|pending|protocol-violation)$/);
  });
});

/** Attests honestly (but for `attest`), takes the signature, and says "paired" with the changes. */
async function handOver(
  stage: Stage,
  change: Partial<UnsignedLink>,
  members: Readonly<Record<string, unknown>>,
  attest: object = {},
): Promise<ReturnType<typeof withSignatures>> {
  const { talk, ratchet, device, world } = stage;
  const unsigned = link(stage);
  await talk.send(ratchet.seal(await attestMessage(stage, unsigned, attest)));
  const answer = ratchet.open(await talk.next(30_000));
  if (answer.t !== 'attest-signed') throw new Error(answer.t);
  const identity = await world.host.identity.sign(signedBytes(unsigned));
  const record = withSignatures(unsigned, { identity, device: answer.deviceSignature });
  await talk.send(
    ratchet.seal({
      t: 'paired',
      device_id: toHex(device.deviceId),
      token: toBase64url(realRandom.bytes(32)),
      attestation: { ...record, ...change },
      ...members,
    }),
  );
  return record;
}
