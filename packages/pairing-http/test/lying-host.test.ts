/** A host that knows the code, has a real identity, and lies after the handshake. */
import type { UnsignedLink } from '@auths/core/attestation/attestation';
import { signedBytes } from '@auths/core/attestation/sign';
import { toBase64url } from '@auths/core/encoding/base64url';
import { toHex } from '@auths/core/encoding/bytes';
import { encodeDidKey } from '@auths/core/encoding/did-key';
import { fromUtf8 } from '@auths/core/encoding/text';
import { prefixOf } from '@auths/core/identifiers';
import { hostDeviceProofMessage } from '@auths/core/pairing/transcript';
import { createHostRelay } from '@auths/pairing-http/client';
import { createFakeClock, drive } from '@auths/testing/fake-clock';
import {
  attestMessage,
  handOver,
  linkFor,
  openSession,
  untilReady,
  type Stage,
} from '@auths/testing/lying-host';
import { realRandom } from '@auths/testing/real-world';
import { createTestSigner } from '@auths/testing/two-device-world';
import { describe, expect, it } from 'vitest';
import { anchorPairing, sealedRecordsOf } from './anchoring.ts';
import { createWorld, ENDPOINT, failure, scrypt, startJoin, type World } from './world.ts';

/** Runs an honest host up to "ready", then `script`; resolves to the code by which the joiner ended. */
async function against(script: (stage: Stage) => Promise<void>): Promise<{ code: string; world: World }> {
  const clock = createFakeClock();
  const world = await createWorld({ clock });
  const relay = createHostRelay(world.hostTransport, ENDPOINT);
  const host = { clock, random: realRandom, scrypt, relay, authority: world.host };
  const session = await openSession(host);
  const join = startJoin(world, session.slots[0]?.code?.text ?? '');
  // A script ends with the joiner: what it was still waiting for does not matter.
  untilReady(host, session)
    .then(script)
    .catch(() => {});
  return { code: await drive(clock, failure(join.done)), world };
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
      await stage.talk.send(stage.ratchet.seal(await attestMessage(stage, linkFor(stage, change))));
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
        stage.ratchet.seal(
          await attestMessage(stage, linkFor(stage, { issuer: elsewhere.host.controllerDid })),
        ),
      );
    });
    expect(code).toBe('pairing/attestation-invalid');
  });

  it('signs with another key than the log names', async () => {
    const { code } = await against(async (stage) => {
      const attestation = linkFor(stage);
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
      await stage.talk.send(stage.ratchet.seal(await attestMessage(stage, linkFor(stage), members)));
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
      await stage.talk.send(stage.ratchet.seal(await attestMessage(stage, linkFor(stage), members)));
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
      const host = stage.host.authority;
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
      const host = stage.host.authority;
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
