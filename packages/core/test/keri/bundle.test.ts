/** The identity bundle and rotation flow in memory. */
import { describe, expect, it } from 'vitest';
import { createSigner } from '../../../key-store/src/signer.ts';
import { nodeVerifyEngine } from '../../../key-store/src/verify-engine.ts';
import { concat } from '../../src/encoding/bytes.ts';
import { latin1 } from '../../src/encoding/text.ts';
import { makeBundle, parseBundle } from '../../src/flows/identity-bundle.ts';
import { fitOfSeed } from '../../src/flows/rotate-keys.ts';
import { incept, interact, nextDigestOf, rotate, storedEvent } from '../../src/keri/build.ts';
import { replay } from '../../src/keri/key-state.ts';

const seed = (fill: number): Uint8Array => new Uint8Array(32).fill(fill);
const [first, second, third] = [1, 2, 3].map((fill) => createSigner(seed(fill))) as [
  ReturnType<typeof createSigner>,
  ReturnType<typeof createSigner>,
  ReturnType<typeof createSigner>,
];

async function message(built: ReturnType<typeof incept>, by: typeof first): Promise<Uint8Array> {
  const { event, attachments } = storedEvent(built, [{ index: 0, signature: await by.sign(built.event) }]);
  return concat(event, latin1(attachments));
}

const icp = incept({ key: first.publicKey, nextDigest: nextDigestOf(second.publicKey) });
const rot = rotate({
  prefix: icp.prefix,
  sequence: 1,
  prior: icp.said,
  key: second.publicKey,
  nextDigest: nextDigestOf(third.publicKey),
});
const stream = concat(await message(icp, first), await message(rot, second));
const bundle = await makeBundle(second, {
  prefix: icp.prefix,
  createdAt: Date.UTC(2026, 0, 2),
  stream,
  records: [],
  remotes: ['/srv/identity.git'],
  registry: null,
});

describe('an identity bundle', () => {
  it('reads back, and no byte of it may change', () => {
    const parsed = parseBundle(bundle, nodeVerifyEngine);
    expect(parsed).toMatchObject({
      prefix: icp.prefix,
      createdAt: '2026-01-02T00:00:00Z',
      remotes: ['/srv/identity.git'],
    });
    for (let at = 0; at < bundle.length; at++) {
      const changed = bundle.slice();
      changed[at] = (changed[at] as number) ^ (1 + (at % 7));
      expect(() => parseBundle(changed, nodeVerifyEngine), `byte ${at}`).toThrow();
    }
    expect(() => parseBundle(bundle.subarray(0, -1), nodeVerifyEngine)).toThrow();
    expect(() => parseBundle(concat(bundle, latin1('\n')), nodeVerifyEngine)).toThrow();
  });

  it('is signed by the key in force, not by one that was rotated out', async () => {
    const old = await makeBundle(first, {
      prefix: icp.prefix,
      createdAt: 0,
      stream,
      records: [],
      remotes: [],
      registry: null,
    });
    expect(() => parseBundle(old, nodeVerifyEngine)).toThrow(/key in force/);
  });
});

describe('a rotated-out key', () => {
  it('neither appends to the log nor rotates it', async () => {
    const more = interact({ prefix: icp.prefix, sequence: 2, prior: rot.said, seals: [] });
    const appended = replay(concat(stream, await message(more, first)), { engine: nodeVerifyEngine });
    expect(appended.verdict).not.toBe('accepted');
    const again = rotate({
      prefix: icp.prefix,
      sequence: 2,
      prior: rot.said,
      key: first.publicKey,
      nextDigest: nextDigestOf(first.publicKey),
    });
    expect(
      replay(concat(stream, await message(again, first)), { engine: nodeVerifyEngine }).verdict,
    ).not.toBe('accepted');
  });

  it('is told from the next one, the current one and a stranger’s', () => {
    const fit = (by: typeof first): string => fitOfSeed(nodeVerifyEngine, stream, by.publicKey);
    expect([fit(third), fit(second), fit(first), fit(createSigner(seed(9)))]).toEqual([
      'fits',
      'current',
      'foreign',
      'foreign',
    ]);
  });
});
