/** The home of a device that joins: its own keys, the log and records of its identity, the host it may talk to. */
import { formatTime } from '@auths/core/encoding/time';
import { encodeDidKey, encodeX25519Did } from '@auths/core/encoding/did-key';
import { utf8 } from '@auths/core/encoding/text';
import { x25519PublicKey } from '@auths/core/crypto/x25519';
import type { JoinerHome } from '@auths/core/flows/pairing-ports';
import type { Clock, KeyStore, Random, Signer } from '@auths/core/ports';
import { writeIdentityDocument } from '@auths/git-store/identity-document';
import { createSigner } from '@auths/key-store/signer';
import type { Stores } from '../composition.ts';

export interface JoinerHomeParts {
  readonly stores: Stores;
  readonly keys: KeyStore;
  readonly random: Random;
  readonly clock: Clock;
}

/** `JoinerHome` over the stores of a home. Keys that are made here are stored before they are used. */
export function joinerHome({ stores, keys, random, clock }: JoinerHomeParts): JoinerHome {
  return {
    identity: async () => {
      const { identity } = stores;
      return identity === null ? null : { controllerDid: identity.controller_did, role: identity.role };
    },
    deviceKey: ({ renew }) => deviceKey(keys, random, renew),
    channelSecret: async () => {
      const there = await keys.get('channel');
      if (there !== null) return there.bytes;
      const secret = random.bytes(32);
      // Refuses a draw whose public key cannot be used.
      await keys.put('channel', secret, { did: encodeX25519Did(x25519PublicKey(secret)) });
      return secret;
    },
    log: stores.log,
    records: stores.attestations,
    keepHost: (controllerDid, host) =>
      keys.put(`host:${controllerDid}`, utf8(JSON.stringify(host)), { did: controllerDid, replace: true }),
    adopt: async (controllerDid) => {
      await writeIdentityDocument(stores.home, {
        version: 1,
        controller_did: controllerDid,
        role: 'device',
        created_at: formatTime(clock.now()),
      });
    },
  };
}

/** A renewed key leaves the old one under its own name: what it signed stays explainable. */
async function deviceKey(keys: KeyStore, random: Random, renew: boolean): Promise<Signer> {
  const there = await keys.get('device');
  if (there !== null && !renew) return signerOnce(there.bytes);
  if (there !== null) {
    const did = encodeDidKey(createSigner(there.bytes).publicKey);
    await keys.put(`device:${did}`, there.bytes, { did });
  }
  const seed = random.bytes(32);
  await keys.put('device', seed, {
    did: encodeDidKey(createSigner(seed).publicKey),
    replace: there !== null,
  });
  return signerOnce(seed);
}

function signerOnce(seed: Uint8Array): Signer {
  const signer = createSigner(seed);
  seed.fill(0);
  return signer;
}
