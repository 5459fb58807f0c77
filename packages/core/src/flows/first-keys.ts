/** The keys that a home begins with: those that are there, or new ones. */
import { x25519PublicKey } from '../crypto/x25519.ts';
import { wipe } from '../encoding/bytes.ts';
import { encodeDidKey, encodeX25519Did } from '../encoding/did-key.ts';
import type { DidKey } from '../identifiers.ts';
import type { KeyStore, Random, Signer } from '../ports.ts';

export interface FirstKeyPorts {
  readonly random: Random;
  readonly keys: KeyStore;
  /** A signer for a 32-byte Ed25519 seed. */
  readonly signerOf: (seed: Uint8Array) => Signer;
}

/** This machine's device key, made when there is none; for `key create` and for a joiner. */
export async function deviceKey(
  ports: FirstKeyPorts,
): Promise<{ readonly publicKey: Uint8Array; readonly did: DidKey }> {
  const bytes = await seed(ports, 'device');
  const { publicKey } = ports.signerOf(bytes);
  wipe(bytes);
  return { publicKey, did: encodeDidKey(publicKey) };
}

/** The 32-byte seed under an alias. */
export async function seed(ports: FirstKeyPorts, alias: 'identity' | 'device'): Promise<Uint8Array> {
  const there = await ports.keys.get(alias);
  if (there !== null) return there.bytes;
  const bytes = ports.random.bytes(32);
  const did = alias === 'device' ? { did: encodeDidKey(ports.signerOf(bytes).publicKey) } : {};
  await ports.keys.put(alias, bytes, did);
  return bytes;
}

/** The X25519 key of pairing.md 6.7. A draw whose public key cannot be made is refused by the primitive. */
export async function channelKey(ports: Pick<FirstKeyPorts, 'keys' | 'random'>): Promise<void> {
  if ((await ports.keys.get('channel')) !== null) return;
  const bytes = ports.random.bytes(32);
  // Its public half in the clear, so that pairing can show an offer before the keys are open.
  await ports.keys.put('channel', bytes, { did: encodeX25519Did(x25519PublicKey(bytes)) });
  wipe(bytes);
}
