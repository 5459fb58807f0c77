/** Random bytes that are the same in every run of a test, and that remember what was drawn. */
import type { Random } from '@auths/core/ports';

export interface FakeRandom extends Random {
  readonly draws: readonly Uint8Array[];
}

/** A splitmix64 stream. For tests alone: whoever knows the seed knows every key. */
export function createFakeRandom(seed: number): FakeRandom {
  let state = BigInt.asUintN(64, BigInt(seed) * 0x9e37_79b9_7f4a_7c15n + 1n);
  const draws: Uint8Array[] = [];
  const next = (): bigint => {
    state = BigInt.asUintN(64, state + 0x9e37_79b9_7f4a_7c15n);
    let z = state;
    z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58_476d_1ce4_e5b9n);
    z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d0_49bb_1331_11ebn);
    return z ^ (z >> 31n);
  };
  return {
    draws,
    bytes(length) {
      const out = new Uint8Array(length);
      for (let i = 0; i < length; i += 8) {
        let word = next();
        for (let j = i; j < Math.min(i + 8, length); j++) {
          out[j] = Number(word & 0xffn);
          word >>= 8n;
        }
      }
      draws.push(Uint8Array.from(out));
      return out;
    },
  };
}
