import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { nodeVerifyEngine, pooledVerifyEngine } from '../src/verify-engine.ts';

describe('the engine on the thread pool', () => {
  it('says what the other one says, whatever the order of keys', async () => {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    const key = new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }).subarray(12));
    const cases = Array.from({ length: 70 }, (_, at) => {
      const message = new Uint8Array(randomBytes(at * 7));
      const signature = new Uint8Array(sign(null, message, privateKey));
      if (at % 3 === 1) signature[at % 64] = (signature[at % 64] as number) ^ 1;
      return { key: at % 5 === 4 ? new Uint8Array(randomBytes(32)) : key, message, signature };
    });
    const expected = cases.map(({ key: by, message, signature }) =>
      nodeVerifyEngine.verify(by, message, signature),
    );
    expect(expected).toEqual(cases.map((_, at) => at % 3 !== 1 && at % 5 !== 4));
    const later = pooledVerifyEngine.verifyLater?.bind(pooledVerifyEngine) ?? (() => Promise.resolve(null));
    for (let rounds = 0; rounds < 3; rounds++)
      expect(await Promise.all(cases.map((one) => later(one.key, one.message, one.signature)))).toEqual(
        expected,
      );
    expect(await later(key.subarray(1), new Uint8Array(), new Uint8Array(64))).toBe(false);
    expect(await later(key, new Uint8Array(), new Uint8Array(63))).toBe(false);
  });

  it('keeps no key that changes in the hands of its caller', () => {
    const pairs = [generateKeyPairSync('ed25519'), generateKeyPairSync('ed25519')] as const;
    const [first, second] = pairs.map(
      ({ publicKey }) => new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }).subarray(12)),
    ) as [Uint8Array, Uint8Array];
    const message = new Uint8Array(randomBytes(40));
    const signature = new Uint8Array(sign(null, message, pairs[0].privateKey));
    const changing = first.slice();
    expect(nodeVerifyEngine.verify(changing, message, signature)).toBe(true);
    changing.set(second);
    expect(nodeVerifyEngine.verify(changing, message, signature)).toBe(false);
    expect(nodeVerifyEngine.verify(first, message, signature)).toBe(true);
  });
});
