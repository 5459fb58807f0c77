import { createHash } from 'node:crypto';
import { ed25519 } from '@noble/curves/ed25519.js';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  isStrongKey,
  publicKeyOf,
  pureVerifyEngine,
  signEd25519,
  verifyEd25519,
} from '../../src/crypto/ed25519.ts';
import type { VerifyEngine } from '../../src/ports.ts';
import { codeOf, flip, hex, load, opensslEngine, seeded, toHex } from './vectors.ts';

/** An independent implementation of the same rule. */
const { default: sodium } = await import('libsodium-wrappers');
await sodium.ready;
const { Point } = ed25519;
const L = Point.Fn.ORDER;
const P = Point.Fp.ORDER;
const engines = { openssl: opensslEngine, pure: pureVerifyEngine };

/** A generator of the torsion subgroup: order 8. */
const TORSION = Point.fromHex('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05');
const torsion = (i: number) => (i === 0 ? Point.ZERO : TORSION.multiplyUnsafe(BigInt(i)));
const le = (value: bigint) =>
  Uint8Array.from({ length: 32 }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn));
const fromLe = (bytes: Uint8Array) => [...bytes].reduceRight((n, byte) => (n << 8n) | BigInt(byte), 0n);
const join = (...parts: Uint8Array[]) => Uint8Array.from(Buffer.concat(parts));
const challenge = (...parts: Uint8Array[]) =>
  fromLe(
    Uint8Array.from(
      createHash('sha512')
        .update(join(...parts))
        .digest(),
    ),
  ) % L;

/** Both engines and libsodium, whose rule is the same one; the caller states the answer. */
function everyone(
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): Record<string, boolean> {
  return {
    openssl: verifyEd25519(engines.openssl, publicKey, message, signature),
    pure: verifyEd25519(engines.pure, publicKey, message, signature),
    sodium: sodium.crypto_sign_verify_detached(signature, message, publicKey),
  };
}
const all = (answer: boolean) => ({ openssl: answer, pure: answer, sodium: answer });

/** A = aB + T[i], R = rB + T[j], S = r + k·a: the equation leaves −k·T[i] = T[j]. */
function craft(a: bigint, r: bigint, i: number, j: number, message: Uint8Array) {
  const A = Point.BASE.multiplyUnsafe(a).add(torsion(i)).toBytes();
  const R = Point.BASE.multiplyUnsafe(r).add(torsion(j)).toBytes();
  const k = challenge(R, A, message);
  return {
    A,
    signature: join(R, le((r + k * a) % L)),
    holds: (Number(k % 8n) * i + j) % 8 === 0,
  };
}

describe('RFC 8032 and Wycheproof', () => {
  it('makes and checks the RFC 8032 signatures', () => {
    const { vectors } = load<{ sk: string; pk: string; msg: string; sig: string }>('ed25519-rfc8032.json');
    expect(vectors.length).toBe(2);
    for (const { sk, pk, msg, sig } of vectors) {
      expect(toHex(publicKeyOf(hex(sk)))).toBe(pk);
      expect(toHex(signEd25519(hex(sk), hex(msg)))).toBe(sig);
      expect(everyone(hex(pk), hex(msg), hex(sig))).toEqual(all(true));
    }
  });

  it('answers every Wycheproof row as stated, with both engines', () => {
    const { vectors } = load<{ tcId: number; pk: string; msg: string; sig: string; result: string }>(
      'wycheproof-ed25519.json',
    );
    expect(vectors.length).toBe(46);
    for (const { tcId, pk, msg, sig, result } of vectors) {
      for (const [name, engine] of Object.entries(engines)) {
        expect([tcId, name, verifyEd25519(engine, hex(pk), hex(msg), hex(sig))]).toEqual([
          tcId,
          name,
          result === 'valid',
        ]);
      }
    }
  });
});

describe('one equation everywhere', () => {
  it('decides torsion in A and in R by the cofactorless equation, the same in OpenSSL, noble and libsodium', () => {
    const draw = seeded(8032);
    let accepted = 0;
    let refused = 0;
    let cofactoredWouldAccept = 0;
    for (let i = 0; i < 8; i++) {
      for (let j = 0; j < 8; j++) {
        for (let round = 0; round < 4; round++) {
          const message = draw(1 + round * 40);
          const a = (fromLe(draw(32)) % (L - 1n)) + 1n;
          const r = (fromLe(draw(32)) % (L - 1n)) + 1n;
          const { A, signature, holds } = craft(a, r, i, j, message);
          expect([i, j, everyone(A, message, signature)]).toEqual([i, j, all(holds)]);
          expect(isStrongKey(A)).toBe(i === 0);
          if (holds) accepted++;
          else {
            refused++;
            if (ed25519.verify(signature, message, A)) cofactoredWouldAccept++;
          }
        }
      }
    }
    // The crafted set means something only if it holds both answers, and cases where cofactored verification differs.
    expect(accepted).toBeGreaterThan(20);
    expect(refused).toBeGreaterThan(150);
    expect(cofactoredWouldAccept).toBe(refused);
  }, 120_000);

  it('refuses every encoding of a small-order A or R, canonical or not', () => {
    const encodings = new Map<string, Uint8Array>();
    for (let i = 0; i < 8; i++) {
      const bytes = torsion(i).toBytes();
      const y = fromLe(bytes) & ((1n << 255n) - 1n);
      for (const spelling of y < 19n ? [y, y + P] : [y]) {
        for (const sign of [0n, 1n]) {
          const encoded = le(spelling | (sign << 255n));
          encodings.set(toHex(encoded), encoded);
        }
      }
    }
    expect(encodings.size).toBe(14);
    const draw = seeded(3);
    let openSslAccepted = 0;
    for (const encoding of encodings.values()) {
      expect(isStrongKey(encoding)).toBe(false);
      for (let round = 0; round < 24; round++) {
        const message = draw(20);
        // As A: S = r satisfies the equation whenever k·A vanishes.
        const r = (fromLe(draw(32)) % (L - 1n)) + 1n;
        const R = Point.BASE.multiplyUnsafe(r).toBytes();
        const asKey = join(R, le(r));
        if (opensslEngine.verify(encoding, message, asKey)) openSslAccepted++;
        expect(everyone(encoding, message, asKey)).toEqual(all(false));
        // As R: S = k·a for an honest A.
        const a = (fromLe(draw(32)) % (L - 1n)) + 1n;
        const A = Point.BASE.multiplyUnsafe(a).toBytes();
        const asNonce = join(encoding, le((challenge(encoding, A, message) * a) % L));
        if (opensslEngine.verify(A, message, asNonce)) openSslAccepted++;
        expect(everyone(A, message, asNonce)).toEqual(all(false));
      }
    }
    // OpenSSL alone accepts many of these: the byte rules in front of it are what refuses them.
    expect(openSslAccepted).toBeGreaterThan(50);
  }, 120_000);

  it('refuses non-canonical y for A and R whatever the point, and bytes off the curve', () => {
    const message = Uint8Array.of(1, 2, 3);
    const draw = seeded(19);
    const seed = draw(32);
    const good = signEd25519(seed, message);
    for (let extra = 0n; extra < 19n; extra++) {
      for (const sign of [0n, 1n]) {
        const encoding = le((P + extra) | (sign << 255n));
        expect(everyone(encoding, message, good)).toEqual(all(false));
        expect(isStrongKey(encoding)).toBe(false);
        expect(everyone(publicKeyOf(seed), message, join(encoding, good.subarray(32)))).toEqual(all(false));
      }
    }
    let offCurve = 0;
    for (let round = 0; round < 40; round++) {
      const bytes = draw(32);
      try {
        Point.fromBytes(bytes);
      } catch {
        offCurve++;
        expect(isStrongKey(bytes)).toBe(false);
      }
      expect(everyone(bytes, message, good)).toEqual(all(false));
    }
    expect(offCurve).toBeGreaterThan(5);
  });

  it('accepts S only below L', () => {
    const draw = seeded(77);
    for (let round = 0; round < 20; round++) {
      const seed = draw(32);
      const message = draw(33);
      const good = signEd25519(seed, message);
      const key = publicKeyOf(seed);
      const S = fromLe(good.subarray(32));
      expect(everyone(key, message, good)).toEqual(all(true));
      for (const bad of [
        S + L,
        S + 2n * L,
        S + 8n * L,
        L,
        L + 1n,
        (1n << 253n) | S,
        (1n << 255n) | S,
        (1n << 256n) - 1n,
      ]) {
        if (bad < 1n << 256n) {
          expect(everyone(key, message, join(good.subarray(0, 32), le(bad)))).toEqual(all(false));
        }
      }
    }
  });

  it('decides the byte rules before any engine is asked', () => {
    const seed = seeded(5)(32);
    const message = Uint8Array.of(1);
    const good = signEd25519(seed, message);
    const key = publicKeyOf(seed);
    let asked = 0;
    const yes: VerifyEngine = { verify: () => ++asked > 0 };
    const withS = (value: bigint) => join(good.subarray(0, 32), le(value));
    expect(verifyEd25519(yes, key, message, good)).toBe(true);
    expect(verifyEd25519(yes, key, message, withS(L - 1n))).toBe(true);
    expect(asked).toBe(2);
    for (const value of [L, L + 1n, L + (1n << 128n), 1n << 253n, (1n << 256n) - 1n]) {
      expect(verifyEd25519(yes, key, message, withS(value))).toBe(false);
    }
    for (const y of [P, P + 1n, P + 3n, P + 18n, 0n, 1n, P - 1n]) {
      for (const sign of [0n, 1n << 255n]) {
        const encoding = le(y | sign);
        expect(verifyEd25519(yes, encoding, message, good)).toBe(false);
        expect(verifyEd25519(yes, key, message, join(encoding, good.subarray(32)))).toBe(false);
      }
    }
    // Neighbours of what is refused are left to the engine.
    for (const y of [2n, P - 2n, P - 3n]) expect(verifyEd25519(yes, le(y), message, good)).toBe(true);
    expect(asked).toBe(5);
  });

  it('is false for any other length and never throws', () => {
    const seed = new Uint8Array(32).fill(7);
    const message = Uint8Array.of(1);
    const signature = signEd25519(seed, message);
    const key = publicKeyOf(seed);
    for (const engine of Object.values(engines)) {
      for (const length of [0, 1, 31, 33, 63, 64, 65, 128]) {
        const bytes = new Uint8Array(length).fill(1);
        if (length !== 32) expect(verifyEd25519(engine, bytes, message, signature)).toBe(false);
        if (length !== 64) expect(verifyEd25519(engine, key, message, bytes)).toBe(false);
        expect(engine.verify(bytes, message, signature)).toBe(false);
      }
    }
    expect(isStrongKey(new Uint8Array(31))).toBe(false);
    expect(isStrongKey(new Uint8Array(33))).toBe(false);
    expect(codeOf(() => publicKeyOf(new Uint8Array(31)))).toBe('internal/bug');
    expect(codeOf(() => signEd25519(new Uint8Array(64), message))).toBe('internal/bug');
  });
});

describe('properties', () => {
  const seed = fc.uint8Array({ minLength: 32, maxLength: 32 });
  const message = fc.uint8Array({ maxLength: 200 });

  it('what a seed signs verifies, its key is strong, and libsodium signs the same bytes', () => {
    fc.assert(
      fc.property(seed, message, (s, m) => {
        const signature = signEd25519(s, m);
        const pair = sodium.crypto_sign_seed_keypair(s);
        expect(toHex(publicKeyOf(s))).toBe(toHex(pair.publicKey));
        expect(toHex(signature)).toBe(toHex(sodium.crypto_sign_detached(m, pair.privateKey)));
        expect(isStrongKey(publicKeyOf(s))).toBe(true);
        expect(everyone(publicKeyOf(s), m, signature)).toEqual(all(true));
      }),
      { numRuns: 20 },
    );
  });

  it('any one-bit change of key, message or signature is refused by every verifier', () => {
    fc.assert(
      fc.property(seed, fc.uint8Array({ minLength: 1, maxLength: 60 }), fc.nat(), (s, m, n) => {
        const key = publicKeyOf(s);
        const signature = signEd25519(s, m);
        expect(everyone(key, m, flip(signature, n % 512))).toEqual(all(false));
        expect(everyone(flip(key, n % 256), m, signature)).toEqual(all(false));
        expect(everyone(key, flip(m, n % (m.length * 8)), signature)).toEqual(all(false));
      }),
      { numRuns: 40 },
    );
  });
});
