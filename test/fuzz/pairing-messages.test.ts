/** What the other end of a pairing says inside its envelopes, the envelopes, the handshake and the ratchet. */
import * as fc from 'fast-check';
import { expect } from 'vitest';
import { buildLink } from '../../packages/core/src/attestation/sign.ts';
import { createNoise } from '../../packages/core/src/crypto/noise.ts';
import {
  ratchetDecrypt,
  ratchetEncrypt,
  startAsAlice,
  startAsBob,
} from '../../packages/core/src/crypto/ratchet.ts';
import { openEnvelope, sealEnvelope } from '../../packages/core/src/crypto/seal.ts';
import { spake2Finish, spake2Share } from '../../packages/core/src/crypto/spake2.ts';
import { x25519PublicKey } from '../../packages/core/src/crypto/x25519.ts';
import { toBase64url } from '../../packages/core/src/encoding/base64url.ts';
import { toHex } from '../../packages/core/src/encoding/bytes.ts';
import { fromUtf8, utf8 } from '../../packages/core/src/encoding/text.ts';
import { parseSessionId } from '../../packages/core/src/identifiers.ts';
import { parseP2, parseP3 } from '../../packages/core/src/pairing/introductions.ts';
import { parseInner, parsePlain } from '../../packages/core/src/pairing/messages.ts';
import { anchoredPieces, kelPieces } from '../../packages/core/src/pairing/pieces.ts';
import { didOf, PAPER_TIME, type PaperIdentity } from '../../packages/testing/src/paper-identity.ts';
import { accepted, countCases, fuzz, outcomeOf, same } from './laws.ts';
import { mutatedBytes, mutatedJson } from './mutate.ts';
import { device, identities, records } from './samples.ts';

countCases('pairing messages');

const [lively] = identities as [PaperIdentity];
const b64 = (length: number, fill = 7): string => toBase64url(new Uint8Array(length).fill(fill));

const p2 = {
  device_signing_pubkey: b64(32),
  device_did: didOf(device),
  device_static_pubkey: b64(32),
  device_name: 'laptop',
  signature: b64(64),
  proof: b64(64),
  noise: b64(48),
};
const p3 = {
  host_nonce: b64(32),
  controller_did: lively.did,
  host_signing_pubkey: b64(32),
  host_static_pubkey: b64(32),
  kel: fromUtf8(lively.stream).slice(0, 4_000),
  capabilities: ['sign_commit', 'sign_tag'],
  proof: b64(64),
  noise: b64(96),
};
const { kel: _kel, ...withoutKel } = p3;
const link = buildLink({
  rid: new Uint8Array(16),
  issuer: lively.did,
  devicePublicKey: device.publicKey,
  capabilities: ['sign_commit'],
  name: 'laptop',
  issuedAt: PAPER_TIME,
});
const record: unknown = JSON.parse(fromUtf8(records[0] as Uint8Array));
const plain = [
  { t: 'kel', data: 'abc', last: true },
  { t: 'noise', msg: b64(64) },
  { t: 'dr', header: b64(40), ciphertext: b64(80) },
  { t: 'abort', error: 'declined' },
];
const inner = [
  { t: 'ready' },
  { t: 'ack' },
  {
    t: 'attest',
    attestation: link,
    identity_signature: toHex(new Uint8Array(64)),
    host_device_did: didOf(device),
    host_device_proof: b64(64),
  },
  { t: 'attest-signed', device_signature: toHex(new Uint8Array(64)) },
  { t: 'paired', device_id: toHex(new Uint8Array(32)), token: b64(32), attestation: record },
  { t: 'anchored', events: 'xyz', records: [record], last: false },
];

for (const [name, samples, parse] of [
  ['P2', [p2], parseP2],
  ['P3', [p3, { ...withoutKel, kel_tip: { s: '1f', said: lively.tip.said } }], parseP3],
  ['plain messages', plain, parsePlain],
  ['ratchet messages', inner, parseInner],
] as const) {
  fuzz(`${name}: parsed whole or refused as the protocol says`, mutatedJson(samples), 2_000, (input) => {
    const outcome = outcomeOf<unknown>(() => parse(input));
    if (outcome.kind === 'refused')
      expect(outcome.error.code).toMatch(/^pairing\/(?:protocol-violation|attestation-invalid)$/);
    else expect(input.length).toBeLessThanOrEqual(16_384);
  });
}

const session = parseSessionId('0f'.repeat(16));
const key = new Uint8Array(32).fill(3);
const place = { sessionId: session, direction: 'j2h', seq: 5 } as const;
const envelope = sealEnvelope(key, place, utf8('{"t":"ack"}'));
fuzz(
  'envelopes: only the one that was sealed opens',
  mutatedBytes([envelope, sealEnvelope(key, { ...place, seq: 6 }, utf8('x'))]),
  1_500,
  (input) => {
    const opened = accepted(() => openEnvelope(key, place, input));
    if (opened !== null) expect(same(input, envelope)).toBe(true);
  },
);
fuzz('envelopes give back any data', fc.uint8Array({ maxLength: 4_000 }), 100, (data) => {
  expect(same(openEnvelope(key, place, sealEnvelope(key, place, data)), data)).toBe(true);
});

const channel = new Uint8Array(32).fill(1);
const root = new Uint8Array(32).fill(2);
const bobSecret = new Uint8Array(32).fill(9);
const bob = startAsBob(root, channel, bobSecret);
let alice = startAsAlice(root, channel, x25519PublicKey(bobSecret), new Uint8Array(32).fill(8));
const sent = Array.from({ length: 4 }, (_, i) => {
  const message = ratchetEncrypt(alice, utf8(`message ${i}`));
  alice = message.state;
  return message;
});
const fresh = (): Uint8Array => new Uint8Array(32).fill(4);
fuzz(
  'ratchet: a forged message changes nothing, a real one opens once',
  fc.array(
    fc.tuple(
      mutatedBytes(
        sent.map(({ header }) => header),
        2,
      ),
      mutatedBytes(
        sent.map(({ ciphertext }) => ciphertext),
        2,
      ),
      fc.nat(3),
    ),
    { maxLength: 6 },
  ),
  150,
  (forged) => {
    let state = bob;
    for (const [header, ciphertext, real] of forged) {
      const before = state;
      const outcome = outcomeOf(() => ratchetDecrypt(state, { header, ciphertext }, fresh));
      if (outcome.kind === 'accepted') {
        const known = sent.find((one) => same(one.header, header) && same(one.ciphertext, ciphertext));
        expect(known).toBeDefined();
        state = outcome.value.state;
      } else expect(state).toBe(before);
      expect(state.stored.size).toBeLessThanOrEqual(1_024);
      const message = sent[real] ?? expect.fail();
      const honest = outcomeOf(() => ratchetDecrypt(state, message, fresh));
      if (honest.kind === 'accepted') {
        expect(fromUtf8(honest.value.plaintext)).toBe(`message ${real}`);
        state = honest.value.state;
        expect(outcomeOf(() => ratchetDecrypt(state, message, fresh)).kind).toBe('refused');
      }
    }
  },
);

const handshake = (initiator: boolean): ReturnType<typeof createNoise> =>
  createNoise({
    pattern: 'XXpsk3',
    initiator,
    prologue: utf8('fuzz'),
    static: new Uint8Array(32).fill(initiator ? 11 : 12),
    ephemeral: new Uint8Array(32).fill(initiator ? 13 : 14),
    psk: new Uint8Array(32).fill(15),
  });
const transcript = ((): readonly Uint8Array[] => {
  const [one, two] = [handshake(true), handshake(false)];
  const first = one.write();
  two.read(first);
  const second = two.write();
  one.read(second);
  return [first, second, one.write()];
})();
fuzz(
  'Noise: a forged message is refused and the real one is still taken',
  fc.tuple(mutatedBytes(transcript, 3), fc.nat(2)),
  250,
  ([forged, turn]) => {
    const [one, two] = [handshake(true), handshake(false)];
    const steps: readonly (readonly [ReturnType<typeof createNoise>, ReturnType<typeof createNoise>])[] = [
      [one, two],
      [two, one],
      [one, two],
    ];
    for (const [i, [writer, reader]] of steps.entries()) {
      const message = writer.write();
      // The first message has no secret in it: another valid one is a handshake with somebody else.
      if (i === turn && i > 0 && !same(forged, message))
        expect(outcomeOf(() => reader.read(forged)).kind).toBe('refused');
      if (i === turn && i === 0) outcomeOf(() => handshake(false).read(forged));
      reader.read(message);
    }
    expect(one.finished && two.finished && same(one.hash, two.hash)).toBe(true);
  },
);

const w = 12_345n;
const share = spake2Share('joiner', w, 678n);
const hostShare = spake2Share('host', w, 910n);
function finish(peerShare: Uint8Array): ReturnType<typeof spake2Finish> {
  const parties = { idA: utf8('a'), idB: utf8('b'), aad: utf8('c') };
  return spake2Finish({ role: 'host', w, scalar: 910n, ownShare: hostShare, peerShare, ...parties });
}
fuzz(
  'SPAKE2: any peer share is a point of the curve or refused',
  mutatedBytes([share], 2),
  60,
  (peerShare) => {
    const keys = accepted(() => finish(peerShare));
    if (keys !== null && !same(peerShare, share)) expect(same(keys.Ke, finish(share).Ke)).toBe(false);
  },
);

fuzz(
  'long logs are cut into pieces that fit and join again',
  fc.tuple(fc.string({ unit: 'grapheme', maxLength: 30_000 }), fc.nat(6)),
  40,
  ([text, count]) => {
    const kel = text;
    expect(
      kelPieces(kel)
        .map(({ data }) => data)
        .join(''),
    ).toBe(kel);
    const some = Array.from({ length: count }, () => record);
    const pieces = anchoredPieces(kel, some);
    expect(pieces.map(({ events }) => events).join('')).toBe(kel);
    expect(pieces.flatMap((piece) => piece.records)).toEqual(some);
    for (const piece of pieces) expect(utf8(JSON.stringify(piece)).length).toBeLessThanOrEqual(8_192);
  },
);
