import { DEFAULT_LIMITS } from '@auths/core/pairing/limits';
import { addressKey, createMemoryLimiter } from '@auths/pairing-http/memory-limiter';
import { createFakeClock } from '@auths/testing/fake-clock';
import { describe, expect, it } from 'vitest';

describe('per-address limits', () => {
  it('A01 doubles the wait with each miss beyond the third, up to 300 s, and forgives at a hit', async () => {
    const clock = createFakeClock();
    const limiter = createMemoryLimiter({ clock, limits: { ...DEFAULT_LIMITS, lookupsPerMinute: 1_000 } });
    const waits: number[] = [];
    for (let i = 0; i < 14; i++) {
      expect(await limiter.take('lookup', '192.0.2.1')).toBeNull();
      await limiter.looked('192.0.2.1', false);
      const wait = await limiter.take('lookup', '192.0.2.1');
      waits.push(wait ?? 0);
      clock.advance((wait ?? 0) * 1000);
    }
    expect(waits).toEqual([0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
    expect(await limiter.take('lookup', '192.0.2.2')).toBeNull();
    await limiter.looked('192.0.2.1', true);
    await limiter.looked('192.0.2.1', false);
    expect(await limiter.take('lookup', '192.0.2.1')).toBeNull();
  });

  it.each([
    ['create', 5],
    ['lookup', 20],
    ['response', 10],
  ] as const)('%s: %i a minute', async (call, most) => {
    const clock = createFakeClock();
    const limiter = createMemoryLimiter({ clock, limits: DEFAULT_LIMITS });
    for (let i = 0; i < most; i++) expect(await limiter.take(call, 'a')).toBeNull();
    clock.advance(10_000);
    expect(await limiter.take(call, 'a')).toBe(50);
    expect(await limiter.take(call, 'b')).toBeNull();
    clock.advance(50_000);
    expect(await limiter.take(call, 'a')).toBeNull();
  });

  it('forgets the address seen longest ago rather than grow without end', async () => {
    const clock = createFakeClock();
    const limiter = createMemoryLimiter({ clock, limits: { ...DEFAULT_LIMITS, createPerMinute: 1 } });
    expect(await limiter.take('create', 'first')).toBeNull();
    expect(await limiter.take('create', 'first')).not.toBeNull();
    for (let i = 0; i < 50_001; i++) await limiter.take('create', `a${i}`);
    expect(await limiter.take('create', 'first')).toBeNull();
  });

  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['2001:db8:0:1::5', '2001:db8:0:1'],
    ['2001:0db8::1:2:3:4:5', '2001:db8:0:1'],
    ['2001:db8:0000:0001:ffff::', '2001:db8:0:1'],
    ['fe80::1%eth0', 'fe80:0:0:0'],
    ['::1', '0:0:0:0'],
  ])('%s counts as %s', (address, key) => {
    expect(addressKey(address)).toBe(key);
  });
});
