import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deriveKx } from '../../src/crypto/kx.ts';
import { x25519, x25519PublicKey } from '../../src/crypto/x25519.ts';
import { codeOf, hex, load, seeded, toHex } from './vectors.ts';

const { default: sodium } = await import('libsodium-wrappers');
await sodium.ready;

interface Rfc7748Row {
  readonly k?: string;
  readonly u?: string;
  readonly out?: string;
  readonly diffie_hellman?: Readonly<Record<string, string>>;
  readonly iterated?: { readonly start: string; readonly after_1: string };
}

interface KxRow {
  readonly client_pk: string;
  readonly client_sk: string;
  readonly server_pk: string;
  readonly server_sk: string;
  readonly client_rx: string;
  readonly client_tx: string;
}

describe('X25519', () => {
  it('gives the RFC 7748 values', () => {
    const { vectors } = load<Rfc7748Row>('x25519-rfc7748.json');
    let checked = 0;
    for (const row of vectors) {
      if (row.k !== undefined) {
        expect(toHex(x25519(hex(row.k), hex(row.u ?? '')))).toBe(row.out);
        checked++;
      }
      if (row.diffie_hellman !== undefined) {
        const { alice_priv = '', alice_pub = '', bob_priv = '', bob_pub = '', shared } = row.diffie_hellman;
        expect(toHex(x25519PublicKey(hex(alice_priv)))).toBe(alice_pub);
        expect(toHex(x25519PublicKey(hex(bob_priv)))).toBe(bob_pub);
        expect(toHex(x25519(hex(alice_priv), hex(bob_pub)))).toBe(shared);
        expect(toHex(x25519(hex(bob_priv), hex(alice_pub)))).toBe(shared);
        checked++;
      }
      if (row.iterated !== undefined) {
        expect(toHex(x25519(hex(row.iterated.start), hex(row.iterated.start)))).toBe(row.iterated.after_1);
        checked++;
      }
    }
    expect(checked).toBe(3);
  });

  it('gives every Wycheproof value, and refuses each row whose shared secret is zero', () => {
    const { vectors } = load<{
      tcId: number;
      public: string;
      private: string;
      shared: string;
      flags: string[];
    }>('wycheproof-x25519.json');
    expect(vectors.length).toBe(62);
    let refused = 0;
    for (const row of vectors) {
      const run = () => x25519(hex(row.private), hex(row.public));
      if (row.flags.includes('ZeroSharedSecret')) {
        expect([row.tcId, codeOf(run)]).toEqual([row.tcId, 'pairing/weak-key']);
        refused++;
      } else expect([row.tcId, toHex(run())]).toEqual([row.tcId, row.shared]);
    }
    expect(refused).toBe(16);
  });

  it('refuses other lengths', () => {
    const key = new Uint8Array(32).fill(9);
    for (const length of [0, 31, 33, 64]) {
      expect(codeOf(() => x25519(key, new Uint8Array(length).fill(9)))).toBe('input/malformed');
      expect(codeOf(() => x25519(new Uint8Array(length).fill(9), key))).toBe('internal/bug');
      expect(codeOf(() => x25519PublicKey(new Uint8Array(length)))).toBe('internal/bug');
    }
  });
});

describe('crypto_kx', () => {
  const file = load<KxRow>('libsodium-crypto-kx.json');

  it('gives the libsodium keys from both sides', () => {
    expect(file.vectors.length).toBe(3);
    for (const row of file.vectors) {
      for (const [secret, publicKey] of [
        [row.client_sk, row.client_pk],
        [row.server_sk, row.server_pk],
      ] as const) {
        expect(toHex(x25519PublicKey(hex(secret)))).toBe(publicKey);
      }
      const publics = { devicePublic: hex(row.client_pk), hostPublic: hex(row.server_pk) };
      const client = deriveKx({ role: 'client', secret: hex(row.client_sk), ...publics });
      const server = deriveKx({ role: 'server', secret: hex(row.server_sk), ...publics });
      expect(toHex(client.s2c)).toBe(row.client_rx);
      expect(toHex(client.c2s)).toBe(row.client_tx);
      expect([toHex(server.s2c), toHex(server.c2s)]).toEqual([row.client_rx, row.client_tx]);
    }
  });

  it('refuses the public keys that libsodium refuses, and every spelling of a small-order one', () => {
    const draw = seeded(25519);
    const p = (1n << 255n) - 19n;
    const orderEight = [
      'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
      '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
    ].map((text) => [...hex(text)].reduceRight((n, byte) => (n << 8n) | BigInt(byte), 0n));
    const spellings = new Set<string>(file.reject_pk as string[]);
    for (const u of [0n, 1n, p - 1n, ...orderEight]) {
      for (const value of [u, u + p, u | (1n << 255n), (u + p) | (1n << 255n)]) {
        if (value >> 256n === 0n && (u + p < 1n << 255n || value === u || value === (u | (1n << 255n)))) {
          spellings.add(
            toHex(Uint8Array.from({ length: 32 }, (_, i) => Number((value >> BigInt(8 * i)) & 255n))),
          );
        }
      }
    }
    expect(spellings.size).toBeGreaterThanOrEqual(12);
    for (const text of spellings) {
      const publicKey = hex(text);
      const secret = draw(32);
      const own = x25519PublicKey(secret);
      expect([
        text,
        codeOf(() => deriveKx({ role: 'client', secret, devicePublic: own, hostPublic: publicKey })),
        codeOf(() => deriveKx({ role: 'server', secret, devicePublic: publicKey, hostPublic: own })),
      ]).toEqual([text, 'pairing/weak-key', 'pairing/weak-key']);
    }
  });

  it('agrees with libsodium on any pair of keys', () => {
    const secret = fc.uint8Array({ minLength: 32, maxLength: 32 });
    fc.assert(
      fc.property(secret, secret, (device, host) => {
        const devicePublic = x25519PublicKey(device);
        const hostPublic = x25519PublicKey(host);
        const ours = deriveKx({ role: 'client', secret: device, devicePublic, hostPublic });
        const theirs = sodium.crypto_kx_client_session_keys(devicePublic, device, hostPublic);
        expect(toHex(ours.s2c)).toBe(toHex(theirs.sharedRx));
        expect(toHex(ours.c2s)).toBe(toHex(theirs.sharedTx));
        expect(deriveKx({ role: 'server', secret: host, devicePublic, hostPublic })).toEqual(ours);
      }),
      { numRuns: 20 },
    );
  });
});
