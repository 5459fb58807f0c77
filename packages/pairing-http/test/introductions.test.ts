/** Ends that know the code and lie: whatever P2 and P3 can say wrong, each by its own error. */
import { randomBytes } from 'node:crypto';
import { openEnvelope } from '@auths/core/crypto/seal';
import { deriveKx } from '@auths/core/crypto/kx';
import { randomScalar, spake2Finish } from '@auths/core/crypto/spake2';
import { encodeDidKey } from '@auths/core/encoding/did-key';
import { fromUtf8 } from '@auths/core/encoding/text';
import { judgeResponse, revealHost, type HostKeyed, type HostReveal } from '@auths/core/pairing/host';
import { openIntroduction } from '@auths/core/pairing/verify-device';
import { drawHostSession } from '@auths/core/pairing/drawn-session';
import {
  createBodyOf,
  offerOfSlot,
  openHostSession,
  type HostSession,
  type HostSlot,
} from '@auths/core/pairing/host-session';
import {
  finishHandshake,
  makeResponse,
  openConfirmation,
  sasOf,
  type JoinerRun,
} from '@auths/core/pairing/joiner';
import { verifyHost } from '@auths/core/pairing/verify-host';
import { encodeJoin, encodeOffer, hostPartyId, joinerId } from '@auths/core/pairing/offer';
import { checkOffer, parseOffer, type ReceivedOffer } from '@auths/core/pairing/offer-token';
import type { ConfirmBody, ResponseBody } from '@auths/core/pairing/relay';
import { createSession, offerOf } from '@auths/core/pairing/session';
import { bindingMessage, deriveKeys, hostProofMessage, PAIRING_AAD } from '@auths/core/pairing/transcript';
import { x25519PublicKey } from '@auths/core/crypto/x25519';
import { prefixOf } from '@auths/core/identifiers';
import { members as changed, resealed } from '@auths/testing/lies';
import { lyingResponse as lyingResponseOf, responseWithKey } from '@auths/testing/lying-joiner';
import { realClock, realRandom } from '@auths/testing/real-world';
import {
  createAuthority,
  createTestSigner,
  engine,
  type TestAuthority,
} from '@auths/testing/two-device-world';
import { describe, expect, it } from 'vitest';
import { flipped } from './middle.ts';
import { scrypt } from './world.ts';

const b64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');

interface Scene {
  readonly host: TestAuthority;
  readonly session: HostSession;
  readonly slot: HostSlot;
  readonly offer: ReceivedOffer;
  readonly run: JoinerRun;
  readonly reveal: HostReveal;
}

async function scene(): Promise<Scene> {
  const host = await createAuthority(realClock, realRandom);
  const now = { monotonic: 0, wall: Date.now() };
  const session = await openHostSession(
    drawHostSession({
      random: realRandom,
      now,
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
  const [slot] = session.slots;
  if (slot === undefined) throw new Error('no slot');
  const relay = createSession(createBodyOf(session), 'a', now);
  const [relaySlot] = relay.slots;
  if (relaySlot === undefined) throw new Error('no slot');
  const offer = parseOffer({
    session_id: session.sessionId,
    status: 'pending',
    ttl_seconds: 300,
    token: offerOf(relay, relaySlot),
  });
  const device = {
    signer: createTestSigner(realRandom.bytes(32)),
    channelSecret: realRandom.bytes(32),
    name: 'desktop',
  };
  const run = await makeResponse(offer, slot.w, slot.secretText, device, realRandom);
  const log = await host.log.read(prefixOf(host.controllerDid));
  if (log === null) throw new Error('no log');
  const capabilities = ['sign_commit'];
  const proof = hostProofMessage(
    run.keys.chanId,
    x25519PublicKey(host.channelSecret),
    host.controllerDid,
    capabilities,
  );
  return {
    host,
    session,
    slot,
    offer,
    run,
    reveal: {
      controllerDid: host.controllerDid,
      signingKey: host.identity.publicKey,
      channelSecret: host.channelSecret,
      capabilities,
      kel: fromUtf8(log.stream),
      tip: { sequence: 1, said: log.tip },
      proof: await host.identity.sign(proof),
    },
  };
}

function keyed({ session, slot }: Scene, response: ResponseBody): HostKeyed {
  const verdict = judgeResponse(session, slot, response);
  if (verdict.result !== 'keyed') throw new Error(verdict.result);
  return verdict.keyed;
}

function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : String(error);
  }
  return 'no failure';
}

function lyingResponse(on: Scene, change: (text: string) => string): ResponseBody {
  return lyingResponseOf(on.run, change);
}

function lyingP2(on: Scene, members: Readonly<Record<string, unknown>>): ResponseBody {
  return lyingResponse(on, changed(members));
}

function introduce(
  on: Scene,
  response: ResponseBody,
  expectDevice: ReturnType<typeof encodeDidKey> | null = null,
): string {
  return codeOf(() => openIntroduction(keyed(on, response), engine, expectDevice));
}

/** The same for P3: the honest one, opened and changed. */
function lyingConfirm(
  on: Scene,
  change: (text: string) => string,
  reveal: Partial<HostReveal> = {},
): ConfirmBody {
  const held = keyed(on, on.run.response);
  const device = openIntroduction(held, engine, null);
  const { confirm } = revealHost(held, device, { ...on.reveal, ...reveal }, realRandom);
  const sealed = resealed(on.run.keys, on.session.sessionId, 'h2j', confirm.sealed, change);
  return { attempt: 0, result: 'ok', ...confirm, sealed };
}

function lyingP3(
  on: Scene,
  members: Readonly<Record<string, unknown>>,
  reveal: Partial<HostReveal> = {},
): ConfirmBody {
  return lyingConfirm(on, changed(members), reveal);
}

function meet(on: Scene, confirm: ConfirmBody): string {
  return codeOf(() => {
    const p3 = openConfirmation(on.run, confirm);
    const host = verifyHost(on.run.keys, p3, typeof p3.kel === 'string' ? p3.kel : '', engine);
    finishHandshake(on.run, p3, realRandom);
    return sasOf(on.run, p3, host);
  });
}

describe('the device introduces itself', () => {
  it('honestly', async () => {
    const on = await scene();
    expect(introduce(on, on.run.response)).toBe('no failure');
    expect(introduce(on, on.run.response, on.run.deviceDid)).toBe('no failure');
  });

  it.each([
    ['another code', (on: Scene) => bindingMessage('Z438JR', on.offer.hostX25519, x25519Of(on))],
    [
      'another host key',
      (on: Scene) => bindingMessage(on.slot.secretText, new Uint8Array(32).fill(9), x25519Of(on)),
    ],
    [
      'another device key',
      (on: Scene) => bindingMessage(on.slot.secretText, on.offer.hostX25519, new Uint8Array(32).fill(9)),
    ],
    [
      'the code with its hyphen',
      (on: Scene) =>
        bindingMessage(
          `${on.slot.secretText.slice(0, 3)}-${on.slot.secretText.slice(3)}`,
          on.offer.hostX25519,
          x25519Of(on),
        ),
    ],
  ])('B18 with a signature over %s: invalid-signature', async (_what, message) => {
    const on = await scene();
    const signer = createTestSigner(realRandom.bytes(32));
    const keys = { device_signing_pubkey: b64(signer.publicKey), device_did: encodeDidKey(signer.publicKey) };
    const signature = b64(await signer.sign(message(on)));
    expect(introduce(on, lyingP2(on, { ...keys, signature }))).toBe('pairing/invalid-signature');
  });

  it('B18 with somebody else’s key, signature or proof', async () => {
    const on = await scene();
    const other = createTestSigner(realRandom.bytes(32));
    const keys = { device_signing_pubkey: b64(other.publicKey), device_did: encodeDidKey(other.publicKey) };
    for (const lie of [keys, { signature: b64(randomBytes(64)) }, { proof: b64(randomBytes(64)) }]) {
      expect(introduce(on, lyingP2(on, lie))).toBe('pairing/invalid-signature');
    }
    // A proof for another channel key would bind the token to a key that nobody holds.
    expect(
      introduce(on, lyingP2(on, { device_static_pubkey: b64(x25519PublicKey(realRandom.bytes(32))) })),
    ).toBe('pairing/invalid-signature');
  });

  it('B19 with another DID than its key: did-mismatch', async () => {
    const on = await scene();
    const other = encodeDidKey(createTestSigner(realRandom.bytes(32)).publicKey);
    for (const device_did of [other, `${on.run.deviceDid} `, '', 'did:web:example.org']) {
      expect(introduce(on, lyingP2(on, { device_did }))).toBe('pairing/did-mismatch');
    }
  });

  it('C05 with a key that signs for anyone: weak-key', async () => {
    const on = await scene();
    for (const key of [
      new Uint8Array(32),
      Uint8Array.of(1, ...new Uint8Array(31)),
      new Uint8Array(32).fill(0xff),
    ]) {
      expect(introduce(on, lyingP2(on, { device_signing_pubkey: b64(key) }))).toBe('pairing/weak-key');
    }
  });

  it('with a member too many, too few, twice, or of another type: protocol-violation', async () => {
    const on = await scene();
    const lies: readonly ((text: string) => string)[] = [
      (text) => JSON.stringify({ ...(JSON.parse(text) as object), capabilities: ['sign_release'] }),
      (text) => text.replace(/"proof":"[^"]*",?/, ''),
      (text) => text.replace('{', '{"device_name":"x",'),
      (text) => text.replace(/"device_name":"[^"]*"/, '"device_name":7'),
      (text) => text.replace(/"signature":"/, '"signature":"A'),
      (text) => `${text} x`,
      () => '[]',
      () => '',
    ];
    for (const lie of lies) expect(introduce(on, lyingResponse(on, lie))).toBe('pairing/protocol-violation');
  });

  it('with a name that would break the screen: cleaned', async () => {
    const on = await scene();
    const name = `\u001b[2Jevil\n[Y/n] y\u202e ${'x'.repeat(3_000)}`;
    const device = openIntroduction(keyed(on, lyingP2(on, { device_name: name })), engine, null);
    expect(device.name.length).toBeLessThanOrEqual(64);
    // eslint-disable-next-line no-control-regex -- that is what must be gone
    expect(device.name).not.toMatch(/[\u0000-\u001f\u202e]/);
  });

  it('F03 as another device than expected: device-not-expected', async () => {
    const on = await scene();
    const other = encodeDidKey(createTestSigner(realRandom.bytes(32)).publicKey);
    expect(introduce(on, on.run.response, other)).toBe('pairing/device-not-expected');
  });

  it.each([
    ['zero', '00'.repeat(32)],
    ['one', `01${'00'.repeat(31)}`],
    ['order 8', 'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800'],
    ['order 8, the other', '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157'],
    ['p − 1', `ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f`],
    ['p', `edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f`],
    ['p + 1', `eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f`],
  ])('C04 with an X25519 key of small order (%s) and a good MAC: weak-key, terminal', async (_what, hex) => {
    const on = await scene();
    const deviceX25519 = new Uint8Array(Buffer.from(hex, 'hex'));
    const response = responseWithKey(on.run, on.slot.w, deviceX25519, realRandom);
    expect(codeOf(() => judgeResponse(on.session, on.slot, response))).toBe('pairing/weak-key');
    // With a bad MAC the key is never looked at: that costs an attempt only.
    const wrongMac = { ...response, pake_confirm: flipped(response.pake_confirm) };
    expect(judgeResponse(on.session, on.slot, wrongMac)).toEqual({ result: 'pake-failed' });
  });

  it('C06 with a MAC that is wrong in one bit, first or last', async () => {
    const on = await scene();
    const mac = new Uint8Array(Buffer.from(on.run.response.pake_confirm, 'base64url'));
    for (const at of [0, 31]) {
      const other = Uint8Array.from(mac);
      other[at] = (other[at] ?? 0) ^ 1;
      const response = { ...on.run.response, pake_confirm: b64(other) };
      expect(judgeResponse(on.session, on.slot, response)).toEqual({ result: 'pake-failed' });
    }
  });
});

function x25519Of(on: Scene): Uint8Array {
  return new Uint8Array(Buffer.from(on.run.response.device_x25519_pubkey, 'base64url'));
}

describe('the host introduces itself', () => {
  it('honestly, and both compute one SAS', async () => {
    const on = await scene();
    const held = keyed(on, on.run.response);
    const channel = revealHost(held, openIntroduction(held, engine, null), on.reveal, realRandom);
    const p3 = openConfirmation(on.run, { attempt: 0, result: 'ok', ...channel.confirm });
    const host = verifyHost(on.run.keys, p3, p3.kel as string, engine);
    expect(sasOf(on.run, p3, host)).toBe(channel.sas);
  });

  it('B07 with anything that does not open its commitment: commit-mismatch', async () => {
    const other = createTestSigner(realRandom.bytes(32));
    for (const lie of [
      { host_nonce: b64(randomBytes(32)) },
      { host_static_pubkey: b64(x25519PublicKey(realRandom.bytes(32))) },
      { controller_did: 'did:keri:EXq5YqaL6L48pf0fu7IUhL0JRaU2_RxFP0AL43wYn148' },
      { host_signing_pubkey: b64(other.publicKey) },
    ]) {
      const on = await scene();
      expect(meet(on, lyingP3(on, lie))).toBe('pairing/commit-mismatch');
    }
  });

  it('B20 with a proof by another key, over other capabilities or another channel: host-identity-invalid', async () => {
    const on = await scene();
    const other = createTestSigner(realRandom.bytes(32));
    const proof = hostProofMessage(
      on.run.keys.chanId,
      x25519PublicKey(on.host.channelSecret),
      on.host.controllerDid,
      ['sign_commit'],
    );
    expect(meet(on, lyingP3(on, { proof: b64(await other.sign(proof)) }))).toBe(
      'pairing/host-identity-invalid',
    );
    const more = await scene();
    expect(meet(more, lyingP3(more, { capabilities: ['sign_commit', 'sign_release'] }))).toBe(
      'pairing/host-identity-invalid',
    );
    const elsewhere = await scene();
    const away = hostProofMessage(
      new Uint8Array(32),
      x25519PublicKey(elsewhere.host.channelSecret),
      elsewhere.host.controllerDid,
      ['sign_commit'],
    );
    expect(
      meet(elsewhere, lyingP3(elsewhere, { proof: b64(await elsewhere.host.identity.sign(away)) })),
    ).toBe('pairing/host-identity-invalid');
  });

  it('B20 with a log that does not verify, is cut, or is somebody else’s: host-identity-invalid', async () => {
    const stranger = await scene();
    for (const change of [
      (kel: string) => kel.replace(/-AAB../, '-AABxx'),
      (kel: string) => kel.slice(0, -4),
      (kel: string) => `${kel}{`,
      (kel: string) => kel.replace('"kt":"1"', '"kt":"0"'),
      () => '',
      () => stranger.reveal.kel,
      () => 'Ä\u0000',
    ]) {
      const on = await scene();
      expect(meet(on, lyingP3(on, { kel: change(on.reveal.kel) }))).toBe('pairing/host-identity-invalid');
    }
  });

  it('as a controller that is none', async () => {
    const on = await scene();
    const controllerDid = 'did:keri:EXq5YqaL6L48pf0fu7IUhL0JRaU2_RxFP0AL43wYn148';
    // Committed from the start, so that only the identifier is wrong.
    const session = await openHostSession(
      drawHostSession({
        random: realRandom,
        now: { monotonic: 0, wall: Date.now() },
        ttlSeconds: 300,
        code: 'short6',
        qr: false,
        link: false,
        controllerDid,
        signingKey: on.host.identity.publicKey,
        hostStatic: x25519PublicKey(on.host.channelSecret),
        publicKeyOf: x25519PublicKey,
      }),
      { random: realRandom, scrypt },
    );
    const [slot] = session.slots;
    if (slot === undefined) throw new Error('no slot');
    const offer = {
      ...offerOfSlot(session, slot),
      pake: slot.shares[0]?.point ?? new Uint8Array(),
      ttlSeconds: 300,
    };
    const device = {
      signer: createTestSigner(realRandom.bytes(32)),
      channelSecret: realRandom.bytes(32),
      name: 'x',
    };
    const run = await makeResponse(offer, slot.w, slot.secretText, device, realRandom);
    const lying: Scene = {
      ...on,
      session,
      slot,
      run,
      reveal: { ...on.reveal, controllerDid: controllerDid as never },
    };
    expect(meet(lying, lyingP3(lying, {}))).toBe('pairing/host-identity-invalid');
  });

  it('with members too many, too few or twice, or unsorted capabilities: protocol-violation', async () => {
    const lies: readonly ((text: string) => string)[] = [
      (text) => text.replace(/"proof":"[^"]*",?/, ''),
      (text) => text.replace('{', '{"suite":"seed",'),
      (text) => text.replace('{', '{"proof":"x",'),
      (text) => JSON.stringify({ ...(JSON.parse(text) as object), kel_tip: { s: '1', said: 'E' } }),
      (text) => text.replace('"capabilities":["sign_commit"]', '"capabilities":["sign_tag","sign_commit"]'),
      (text) =>
        text.replace('"capabilities":["sign_commit"]', '"capabilities":["sign_commit","sign_commit"]'),
      (text) => text.replace('"capabilities":["sign_commit"]', '"capabilities":"sign_commit"'),
    ];
    for (const lie of lies) {
      const on = await scene();
      expect(meet(on, lyingConfirm(on, lie))).toBe('pairing/protocol-violation');
    }
  });

  it('with a Noise message that is not its own: nothing is sent after it', async () => {
    const on = await scene();
    expect(
      meet(
        on,
        lyingConfirm(on, (text) =>
          text.replace(/"noise":"(.)/, (_all, c: string) => `"noise":"${c === 'A' ? 'B' : 'A'}`),
        ),
      ),
    ).toMatch(/^pairing\/(channel-tampered|weak-key)$/);
  });

  it('speaking with another static key than the committed one: refused before message 3', async () => {
    const on = await scene();
    const held = keyed(on, on.run.response);
    const device = openIntroduction(held, engine, null);
    // Noise and proof by another key; only host_static_pubkey is the committed one.
    const other = realRandom.bytes(32);
    const { confirm } = revealHost(held, device, { ...on.reveal, channelSecret: other }, realRandom);
    const committed = { host_static_pubkey: b64(x25519PublicKey(on.host.channelSecret)) };
    const { keys } = on.run;
    const sealed = resealed(keys, on.session.sessionId, 'h2j', confirm.sealed, changed(committed));
    expect(meet(on, { attempt: 0, result: 'ok', ...confirm, sealed })).toBe('pairing/protocol-violation');
  });
});

describe('what the relay alone can learn', () => {
  it('B16 no key follows from code, shares and everything public', async () => {
    const on = await scene();
    // With the code, but neither x nor y: the best that the library can compute is with a scalar of one's own.
    const scalar = randomScalar(realRandom);
    const idA = joinerId(
      encodeJoin(x25519Of(on), new Uint8Array(Buffer.from(on.run.response.device_nonce, 'base64url'))),
    );
    const idB = hostPartyId(encodeOffer(on.offer));
    const pA = new Uint8Array(Buffer.from(on.run.response.pake_msg, 'base64url'));
    const { Ke } = spake2Finish({
      role: 'host',
      w: on.slot.w,
      scalar,
      ownShare: on.offer.pake,
      peerShare: pA,
      idA,
      idB,
      aad: PAIRING_AAD,
    });
    const own = realRandom.bytes(32);
    const { c2s, s2c } = deriveKx({
      role: 'server',
      secret: own,
      devicePublic: x25519Of(on),
      hostPublic: on.offer.hostX25519,
    });
    const keys = deriveKeys({ Ke, c2s, s2c, idA, idB, pA, pB: on.offer.pake });
    const place = { sessionId: on.session.sessionId, direction: 'j2h', seq: 0 } as const;
    const sealed = new Uint8Array(Buffer.from(on.run.response.sealed, 'base64url'));
    expect(codeOf(() => openEnvelope(keys.envJ2h, place, sealed))).toBe('pairing/channel-tampered');
  });

  it('an offer is judged against what was typed or scanned', async () => {
    const on = await scene();
    const expected = {
      kind: 'short6',
      nameplate: on.offer.nameplate,
      sessionId: null,
      hostX25519: null,
      hostCommit: null,
    } as const;
    expect(codeOf(() => checkOffer(on.offer, expected, Date.now()))).toBe('no failure');
    expect(codeOf(() => checkOffer(on.offer, expected, Date.now() + 601_000))).toBe('pairing/clock-skew');
    expect(codeOf(() => checkOffer(on.offer, expected, Date.now() - 330_000))).toBe('pairing/clock-skew');
    expect(codeOf(() => checkOffer(on.offer, expected, Date.now() + 590_000))).toBe('no failure');
    expect(codeOf(() => checkOffer(on.offer, expected, Date.now() - 290_000))).toBe('no failure');
  });
});
