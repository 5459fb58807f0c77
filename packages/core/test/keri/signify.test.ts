/**
 * Interoperability with signify-ts 0.3.0, the KERI library of the WebOfTrust tools: what we build is byte-equal to
 * what it builds for the same keys, and each side accepts the other's signatures.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import {
  Diger,
  MtrDex,
  Saider,
  Serder,
  Siger,
  Signer,
  Verfer,
  d,
  incept as signifyIncept,
  interact as signifyInteract,
  messagize,
  ready,
  rotate as signifyRotate,
} from 'signify-ts';
import { publicKeyOf, signEd25519 } from '../../src/crypto/ed25519.ts';
import { encodeCesr } from '../../src/encoding/cesr.ts';
import { concat } from '../../src/encoding/bytes.ts';
import { fromUtf8, utf8 } from '../../src/encoding/text.ts';
import { parseAttachments } from '../../src/keri/attachments.ts';
import { attachSignatures, incept, interact, nextDigestOf, rotate } from '../../src/keri/build.ts';
import { replay } from '../../src/keri/key-state.ts';
import { parseStream } from '../../src/keri/stream.ts';
import { keyOf, nodeEngine, seed } from './support.ts';

beforeAll(async () => {
  await ready();
});

const SEEDS = [11, 12, 13, 300];
const qb64 = (n: number): string => encodeCesr('D', keyOf(n));
const commitment = (n: number): string => new Diger({ code: MtrDex.Blake3_256 }, utf8(qb64(n))).qb64;
const data = [
  { d: 'EFhvBwBh2K864Rs_eZeRvgTCIkWpIIsqTsTZiz185I6E' },
  { note: 'Grüße, 鍵 "quoted" \\ \n tab\t' },
];

describe.each(SEEDS)('events of key %i', (n) => {
  const ours = incept({ key: keyOf(n), nextDigest: nextDigestOf(keyOf(n + 1)) });
  const theirs = (): Serder =>
    signifyIncept({
      keys: [qb64(n)],
      ndigs: [commitment(n + 1)],
      isith: '1',
      nsith: '1',
      toad: '0',
      code: MtrDex.Blake3_256,
      intive: false,
    });

  it('commits to the next key with the same digest', () => {
    expect(nextDigestOf(keyOf(n + 1))).toBe(commitment(n + 1));
  });

  it('incept is byte-equal, with and without seals', () => {
    expect(fromUtf8(ours.event)).toBe(theirs().raw);
    expect(ours.said).toBe(theirs().sad['d']);
    const sealed = incept({ key: keyOf(n), nextDigest: nextDigestOf(keyOf(n + 1)), seals: data });
    const signify = signifyIncept({
      keys: [qb64(n)],
      ndigs: [commitment(n + 1)],
      isith: '1',
      nsith: '1',
      toad: '0',
      code: MtrDex.Blake3_256,
      intive: false,
      data: [data[0] as object],
    });
    const plain = incept({
      key: keyOf(n),
      nextDigest: nextDigestOf(keyOf(n + 1)),
      seals: [data[0] as { d: string }],
    });
    expect(fromUtf8(plain.event)).toBe(signify.raw);
    expect(new Saider({ qb64: sealed.said }, JSON.parse(fromUtf8(sealed.event))).qb64).toBe(sealed.said);
  });

  it('interact is byte-equal at any sequence', () => {
    for (const sequence of [1, 9, 10, 15, 16, 255, 4096]) {
      const built = interact({
        prefix: ours.prefix,
        sequence,
        prior: ours.said,
        seals: [data[0] as { d: string }],
      });
      const signify = signifyInteract({
        pre: ours.prefix,
        dig: ours.said,
        sn: sequence,
        data: [data[0]],
        version: undefined,
        kind: undefined,
      });
      expect(fromUtf8(built.event)).toBe(signify.raw);
    }
  });

  it('rotate is byte-equal, with and without seals, whatever "intive" is', () => {
    // With witnesses signify's default writes bt as an integer: vector signify-integer-bt.
    for (const seals of [[], [data[0] as { d: string }]]) {
      for (const intive of [true, false]) {
        const at = { prefix: ours.prefix, sequence: 1, prior: ours.said };
        const built = rotate({ ...at, key: keyOf(n + 1), nextDigest: nextDigestOf(keyOf(n + 2)), seals });
        const options = {
          pre: ours.prefix,
          dig: ours.said,
          sn: 1,
          keys: [qb64(n + 1)],
          ndigs: [commitment(n + 2)],
          toad: 0,
        };
        expect(fromUtf8(built.event)).toBe(
          signifyRotate({ ...options, isith: '1', nsith: '1', data: seals, intive }).raw,
        );
      }
    }
  });

  it("signify's Verfer accepts our signatures and we accept its Signer's", () => {
    const verfer = new Verfer({ qb64: qb64(n) });
    expect(verfer.verify(signEd25519(seed(n), ours.event), ours.event)).toBe(true);
    const signer = new Signer({ raw: seed(n), transferable: true });
    expect(signer.verfer.qb64).toBe(encodeCesr('D', publicKeyOf(seed(n))));
    const siger = signer.sign(ours.event, 0) as Siger;
    const message = concat(ours.event, utf8(`-AAB${siger.qb64}`));
    expect(replay(message, { engine: nodeEngine }).verdict).toBe('accepted');
    expect(siger.qb64).toBe(
      attachSignatures([{ index: 0, signature: signEd25519(seed(n), ours.event) }]).slice(8),
    );
  });
});

it('signify reads every attachment of a log that we write, and we read its messagize', () => {
  const first = incept({ key: keyOf(11), nextDigest: nextDigestOf(keyOf(12)) });
  const second = rotate({
    prefix: first.prefix,
    sequence: 1,
    prior: first.said,
    key: keyOf(12),
    nextDigest: nextDigestOf(keyOf(13)),
  });
  const stream = streamOf([
    [first.event, 11],
    [second.event, 12],
  ]);
  expect(replay(stream, { engine: nodeEngine }).verdict).toBe('accepted');
  for (const [i, { event, attachmentText }] of parseStream(stream).messages.entries()) {
    const text = attachmentText.slice(4); // the -V counter
    const siger = new Siger({ qb64: text.slice(4) });
    const verfer = new Verfer({ qb64: qb64(11 + i) });
    expect(verfer.verify(siger.raw, event.bytes)).toBe(true);
  }
  const serder = new Serder(JSON.parse(fromUtf8(first.event)));
  const signer = new Signer({ raw: seed(11), transferable: true });
  const siger = signer.sign(utf8(serder.raw), 0) as Siger;
  for (const pipelined of [false, true]) {
    const message = messagize(serder, [siger], undefined, undefined, undefined, pipelined);
    expect(replay(message, { engine: nodeEngine })).toMatchObject({
      verdict: 'accepted',
      state: { said: first.said },
    });
    expect(parseAttachments(d(message).slice(first.event.length)).controller).toHaveLength(1);
  }
});

function streamOf(events: readonly (readonly [Uint8Array, number])[]): Uint8Array {
  return concat(
    ...events.flatMap(([event, n]) => [
      event,
      utf8(attachSignatures([{ index: 0, signature: signEd25519(seed(n), event) }])),
    ]),
  );
}
