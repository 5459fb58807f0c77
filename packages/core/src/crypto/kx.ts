/** Session keys as libsodium's crypto_kx makes them (docs/protocol.md, "Key schedule"): client = joining device, server = host. */
import { blake2b } from '@noble/hashes/blake2.js';
import { concat, wipe } from '../encoding/bytes.ts';
import { x25519 } from './x25519.ts';

export interface KxInput {
  readonly role: 'client' | 'server';
  /** Own X25519 private key. */
  readonly secret: Uint8Array;
  readonly devicePublic: Uint8Array;
  readonly hostPublic: Uint8Array;
}

export interface KxKeys {
  /** From client to server. */
  readonly c2s: Uint8Array;
  /** From server to client. */
  readonly s2c: Uint8Array;
}

/**
 * q = X25519(sk, pk); h = BLAKE2b-512(q || device_x25519 || host_x25519); s2c = h[0..32], c2s = h[32..64].
 * A peer key that makes q zero is `pairing/weak-key`.
 */
export function deriveKx({ role, secret, devicePublic, hostPublic }: KxInput): KxKeys {
  const q = x25519(secret, role === 'client' ? hostPublic : devicePublic);
  const h = blake2b(concat(q, devicePublic, hostPublic), { dkLen: 64 });
  wipe(q);
  return { s2c: h.slice(0, 32), c2s: h.slice(32) };
}
