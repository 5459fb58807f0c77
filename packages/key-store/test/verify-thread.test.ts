import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { nodeVerifyEngine } from '../src/verify-engine.ts';
import { threadedVerifyEngine } from '../src/verify-thread.ts';

describe('the engine with a thread of its own', () => {
  it('says what the other one says, without its thread and with it', async () => {
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
    expect(new Set(expected)).toEqual(new Set([true, false]));
    const engine = threadedVerifyEngine();
    const round = (): Promise<readonly (boolean | undefined)[]> =>
      Promise.all(cases.map(async (one) => engine.verifyLater?.(one.key, one.message, one.signature)));
    expect(await round()).toEqual(expected);
    engine.prepare?.(1000);
    for (let rounds = 0; rounds < 3; rounds++) expect(await round()).toEqual(expected);
    expect(await engine.verifyLater?.(key.subarray(1), new Uint8Array(), new Uint8Array(64))).toBe(false);
    expect(await engine.verifyLater?.(key, new Uint8Array(), new Uint8Array(63))).toBe(false);
  });
});
