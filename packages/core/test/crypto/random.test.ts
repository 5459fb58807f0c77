import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { drawUntil, guardedRandom } from '../../src/crypto/random.ts';
import { randomScalar } from '../../src/crypto/spake2.ts';
import { codeOf, toHex } from './vectors.ts';

const system = { bytes: (length: number) => Uint8Array.from(randomBytes(length)) };

describe('guardedRandom', () => {
  it('gives what a working source gives, in any length', () => {
    const random = guardedRandom(system);
    const seen = new Set<string>();
    for (let i = 0; i < 500; i++) seen.add(toHex(random.bytes(32)));
    expect(seen.size).toBe(500);
    for (const length of [1, 5, 16, 17, 64]) expect(random.bytes(length).length).toBe(length);
  });

  const broken: Record<string, (length: number) => Uint8Array> = {
    'that throws': () => {
      throw new Error('entropy pool is gone');
    },
    'of zeros': (length) => new Uint8Array(length),
    'of ones': (length) => new Uint8Array(length).fill(0xff),
    'of one byte': (length) => new Uint8Array(length).fill(0x42),
    'that is short': (length) => system.bytes(length - 1),
    'that is long': (length) => system.bytes(length + 1),
  };
  it.each(Object.keys(broken))('refuses a source %s at the first draw', (name) => {
    for (const length of [1, 16, 32]) {
      const random = guardedRandom({ bytes: broken[name] as (length: number) => Uint8Array });
      expect(codeOf(() => random.bytes(length))).toBe('internal/bug');
      expect(codeOf(() => randomScalar(random))).toBe('internal/bug');
    }
  });

  it('refuses a source that repeats, at once, later, or in another length', () => {
    const fixed = system.bytes(64);
    const same = guardedRandom({ bytes: (length) => fixed.slice(0, length) });
    expect(same.bytes(32).length).toBe(32);
    expect(codeOf(() => same.bytes(32))).toBe('internal/bug');
    expect(codeOf(() => same.bytes(16))).toBe('internal/bug');
    expect(codeOf(() => same.bytes(64))).toBe('internal/bug');
    const ring = [system.bytes(32), system.bytes(32), system.bytes(32)];
    let at = 0;
    const cycle = guardedRandom({ bytes: () => ring[at++ % 3] as Uint8Array });
    for (let i = 0; i < 3; i++) cycle.bytes(32);
    expect(codeOf(() => cycle.bytes(32))).toBe('internal/bug');
  });

  it('is not fooled by a source that hands out one buffer again and again', () => {
    const buffer = new Uint8Array(32);
    const random = guardedRandom({
      bytes: (length) => {
        buffer.set(system.bytes(length));
        return buffer.subarray(0, length);
      },
    });
    const first = random.bytes(32);
    const copy = toHex(first);
    random.bytes(32);
    expect(toHex(first)).toBe(copy);
  });

  it('says nothing of what was drawn', () => {
    const random = guardedRandom({ bytes: (length) => new Uint8Array(length).fill(0x42) });
    try {
      random.bytes(32);
    } catch (error) {
      expect(String(error)).not.toMatch(/42|66/);
    }
  });
});

describe('drawUntil', () => {
  it('asks again until the draw is usable, with a bound', () => {
    let asked = 0;
    expect(drawUntil(system, () => (++asked === 5 ? 'done' : null))).toBe('done');
    expect(codeOf(() => drawUntil(system, () => null))).toBe('internal/bug');
  });
});
