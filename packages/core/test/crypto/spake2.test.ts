import { createHash } from 'node:crypto';
import { p256 } from '@noble/curves/nist.js';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { equalConstantTime } from '../../src/encoding/bytes.ts';
import {
  isShare,
  P256_ORDER,
  randomScalar,
  SPAKE2_M,
  SPAKE2_N,
  spake2Finish,
  spake2Schedule,
  spake2Secret,
  spake2Share,
  spake2Transcript,
  type Spake2Input,
} from '../../src/crypto/spake2.ts';
import { codeOf, flip, hex, load, seeded, toHex } from './vectors.ts';

type Run = Readonly<
  Record<'A' | 'B' | 'w' | 'x' | 'y' | 'pA' | 'pB' | 'Ke' | 'Ka' | 'KcA' | 'KcB' | 'cA' | 'cB', string>
> &
  Partial<Readonly<Record<'K' | 'TT' | 'hash_TT', string>>>;

const scalar = (text: string) => BigInt(`0x${text}`);
const ascii = (text: string) => Uint8Array.from(Buffer.from(text, 'ascii'));
const { Point } = p256;
const be = (value: bigint) => hex(value.toString(16).padStart(64, '0'));
const times = (constant: string, factor: bigint) => Point.fromHex(constant).multiply(factor).toBytes(false);

/** RFC 9382 Appendix A: SHA-256 applied `times` times to the seed. */
function iterated(seed: string, count: number): Uint8Array {
  let bytes = ascii(seed);
  for (let i = 0; i < count; i++) bytes = Uint8Array.from(createHash('sha256').update(bytes).digest());
  return bytes;
}

/** The point that a seed string gives, compressed, and after how many tries. */
function generate(seed: string): [string, number] {
  for (let i = 1; i < 1000; i++) {
    const bytes = Buffer.concat([iterated(seed, i), iterated(seed, i + 1)]).subarray(0, 33);
    bytes[0] = ((bytes[0] as number) & 1) | 2;
    try {
      return [Point.fromBytes(Uint8Array.from(bytes)).toHex(true), i];
    } catch {
      // not on the curve: the next one
    }
  }
  throw new Error('no point');
}

describe('RFC 9382', () => {
  const runs = [
    ...load<Run>('spake2-rfc9382-p256.json').vectors,
    ...load<Run>('spake2-rfc9382-p256-more.json').vectors,
  ];

  it('has four runs in Appendix B', () => expect(runs.length).toBe(4));

  it.each(runs)("run A='$A', B='$B' from both sides, every value", (run) => {
    const [w, x, y] = [scalar(run.w), scalar(run.x), scalar(run.y)];
    const pA = spake2Share('joiner', w, x);
    const pB = spake2Share('host', w, y);
    expect([toHex(pA), toHex(pB)]).toEqual([run.pA, run.pB]);
    const common = { w, idA: ascii(run.A), idB: ascii(run.B), aad: new Uint8Array(0) };
    const sides: Spake2Input[] = [
      { ...common, role: 'joiner', scalar: x, ownShare: pA, peerShare: pB },
      { ...common, role: 'host', scalar: y, ownShare: pB, peerShare: pA },
    ];
    for (const side of sides) {
      const K = spake2Secret(side);
      const TT = spake2Transcript(side, K);
      if (run.K !== undefined) expect(toHex(K)).toBe(run.K);
      if (run.TT !== undefined) expect(toHex(TT)).toBe(run.TT);
      if (run.hash_TT !== undefined) expect(createHash('sha256').update(TT).digest('hex')).toBe(run.hash_TT);
      const keys = Object.fromEntries(
        Object.entries(spake2Finish(side)).map(([name, bytes]) => [name, toHex(bytes as Uint8Array)]),
      );
      expect(keys).toEqual({
        Ke: run.Ke,
        Ka: run.Ka,
        KcA: run.KcA,
        KcB: run.KcB,
        confirmA: run.cA,
        confirmB: run.cB,
      });
    }
  });

  it('M and N are the points that their seed strings give (Appendix A), so nobody knows their logarithms', () => {
    const { vectors } = load<{ group: string; M: string; N: string; seed_M: string; seed_N: string }>(
      'spake2-rfc9382-constants.json',
    );
    const row = vectors.find((candidate) => candidate.group === 'P-256');
    if (row === undefined) throw new Error('no P-256 row');
    expect(generate(row.seed_M)).toEqual([SPAKE2_M, 5]);
    expect(generate(row.seed_N)).toEqual([SPAKE2_N, 3]);
    expect([SPAKE2_M, SPAKE2_N]).toEqual([row.M, row.N]);
  });
});

describe('peer shares', () => {
  const w = 5n;
  const finish = (role: 'joiner' | 'host', peerShare: Uint8Array) => () =>
    spake2Finish({
      role,
      w,
      scalar: 7n,
      ownShare: spake2Share(role, w, 7n),
      peerShare,
      idA: ascii('a'),
      idB: ascii('b'),
      aad: ascii(''),
    });

  it('takes every valid Wycheproof point and refuses every other row with bad-point', () => {
    const { vectors } = load<{ tcId: number; public: string; result: string }>('wycheproof-p256-points.json');
    expect(vectors.length).toBe(31);
    let refused = 0;
    for (const { tcId, public: point, result } of vectors) {
      for (const role of ['joiner', 'host'] as const) {
        const code = codeOf(finish(role, hex(point)));
        expect([tcId, code, isShare(hex(point))]).toEqual(
          result === 'invalid' ? [tcId, 'pairing/bad-point', false] : [tcId, 'nothing', true],
        );
        if (code !== 'nothing') refused++;
      }
    }
    expect(refused).toBe(18);
  });

  it('takes the 65-byte form alone', () => {
    const good = spake2Share('host', w, 9n);
    const point = Point.fromBytes(good);
    const p = Point.Fp.ORDER;
    const small = (() => {
      // A point whose x is small enough that x + p still fits 32 bytes.
      for (let x = 1n; ; x++) {
        try {
          return Point.fromBytes(Uint8Array.of(2, ...be(x)));
        } catch {
          // not an x of the curve
        }
      }
    })();
    expect(isShare(small.toBytes(false))).toBe(true);
    const bad: Record<string, Uint8Array> = {
      empty: hex(''),
      'infinity, one byte': hex('00'),
      'all zero': new Uint8Array(65),
      'the affine origin': Uint8Array.of(4, ...new Uint8Array(64)),
      compressed: point.toBytes(true),
      'compressed, padded': Uint8Array.of(...point.toBytes(true), ...new Uint8Array(32)),
      'without prefix': good.slice(1),
      '66 bytes': Uint8Array.of(...good, 0),
      'x + p': Uint8Array.of(4, ...be(small.x + p), ...be(small.y)),
      'x = p': Uint8Array.of(4, ...be(p), ...be(point.y)),
      'y = p': Uint8Array.of(4, ...be(point.x), ...be(p)),
      'all ones': Uint8Array.of(4, ...new Uint8Array(64).fill(255)),
      'not on the curve': flip(good, 64 * 8),
    };
    for (const prefix of [0, 1, 2, 3, 5, 6, 7])
      bad[`prefix ${prefix}`] = Uint8Array.of(prefix, ...good.slice(1));
    for (const [name, bytes] of Object.entries(bad)) {
      expect([name, codeOf(finish('joiner', bytes)), codeOf(finish('host', bytes)), isShare(bytes)]).toEqual([
        name,
        'pairing/bad-point',
        'pairing/bad-point',
        false,
      ]);
    }
    expect(codeOf(finish('joiner', good))).toBe('nothing');
  });

  it('K at infinity is pake-failed', () => {
    expect(codeOf(finish('joiner', times(SPAKE2_N, w)))).toBe('pairing/pake-failed');
    expect(codeOf(finish('host', times(SPAKE2_M, w)))).toBe('pairing/pake-failed');
  });
});

describe('what the run binds', () => {
  const draw = seeded(9382);
  const random = { bytes: draw };
  const inputs = () => {
    const [w, x, y] = [randomScalar(random), randomScalar(random), randomScalar(random)];
    const [idA, idB, aad] = [draw(20), draw(20), draw(10)];
    const pA = spake2Share('joiner', w, x);
    const pB = spake2Share('host', w, y);
    const joiner: Spake2Input = { role: 'joiner', w, scalar: x, ownShare: pA, peerShare: pB, idA, idB, aad };
    const host: Spake2Input = { role: 'host', w, scalar: y, ownShare: pB, peerShare: pA, idA, idB, aad };
    return { joiner, host };
  };

  it('the same password agrees; another password, identity, share or additional data shows in both MACs', () => {
    for (let round = 0; round < 5; round++) {
      const { joiner, host } = inputs();
      const ours = spake2Finish(joiner);
      expect(spake2Finish(host)).toEqual(ours);
      const changes: Partial<Spake2Input>[] = [
        { w: host.w + 1n },
        { idA: flip(host.idA, 3) },
        { idB: flip(host.idB, 3) },
        { aad: flip(host.aad, 3) },
        { ownShare: spake2Share('host', host.w, host.scalar + 1n) },
        { peerShare: spake2Share('joiner', host.w, joiner.scalar + 1n) },
        { scalar: host.scalar + 1n },
      ];
      for (const change of changes) {
        const theirs = spake2Finish({ ...host, ...change });
        expect(equalConstantTime(theirs.confirmA, ours.confirmA)).toBe(false);
        expect(equalConstantTime(theirs.confirmB, ours.confirmB)).toBe(false);
      }
    }
  });

  it('an identity cannot be moved into its neighbour', () => {
    const { joiner } = inputs();
    const K = spake2Secret(joiner);
    const one = spake2Transcript({ ...joiner, idA: ascii('ab'), idB: ascii('c') }, K);
    const other = spake2Transcript({ ...joiner, idA: ascii('a'), idB: ascii('bc') }, K);
    expect(toHex(one)).not.toBe(toHex(other));
    expect(spake2Schedule(one, hex(''))).not.toEqual(spake2Schedule(other, hex('')));
  });

  it('C06 a MAC with one bit changed in any byte is not equal', () => {
    const { confirmA } = spake2Finish(inputs().joiner);
    expect(equalConstantTime(confirmA, Uint8Array.from(confirmA))).toBe(true);
    for (let bit = 0; bit < 256; bit++) expect(equalConstantTime(confirmA, flip(confirmA, bit))).toBe(false);
    expect(equalConstantTime(confirmA, confirmA.slice(1))).toBe(false);
  });
});

describe('scalars', () => {
  it('C08 draws again at 0 and from n up, and takes 1 and n − 1', () => {
    const cases: [bigint[], bigint][] = [
      [[0n, 1n], 1n],
      [[P256_ORDER, (1n << 256n) - 1n, P256_ORDER + 1n, P256_ORDER - 1n], P256_ORDER - 1n],
      [[P256_ORDER + 5n, 42n], 42n],
    ];
    for (const [draws, expected] of cases) {
      const left = draws.map(be);
      expect(randomScalar({ bytes: () => left.shift() ?? hex('') })).toBe(expected);
      expect(left.length).toBe(0);
    }
  });

  it('gives up on a source that never gives a usable one', () => {
    expect(codeOf(() => randomScalar({ bytes: () => new Uint8Array(32) }))).toBe('internal/bug');
    expect(codeOf(() => randomScalar({ bytes: () => new Uint8Array(32).fill(255) }))).toBe('internal/bug');
  });

  it('uses all 256 bits: no reduction', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (bytes) => {
        const value = BigInt(`0x${toHex(bytes)}`);
        fc.pre(value > 0n && value < P256_ORDER);
        expect(randomScalar({ bytes: () => bytes })).toBe(value);
      }),
    );
  });
});
