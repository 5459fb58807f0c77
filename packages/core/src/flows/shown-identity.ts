/** What a file of `auths id export` shows of an identity, learnt by a device before it asks for a place: it may be revoked by now. */
import { parseRecord } from '../attestation/attestation.ts';
import { foldDevices } from '../attestation/fold.ts';
import { encodeDidKey } from '../encoding/did-key.ts';
import { AuthsError } from '../errors.ts';
import { didKeriOf } from '../identifiers.ts';
import { replay } from '../keri/key-state.ts';
import { mergeLog, type DisputeStore } from './merge-log.ts';
import type { IdentityBundle } from './identity-bundle.ts';
import type { JoinerHome, PairingWorld } from './pairing-ports.ts';

export interface ShownIdentity extends Pick<IdentityBundle, 'prefix' | 'stream' | 'records'> {
  readonly disputes: DisputeStore;
}

/**
 * Merges it into a home that is a device of that identity, as a pull does; a home that has no identity yet only looks.
 * Resolves to whether the device key here is revoked in what is shown. `pairing/host-identity-invalid` for a fork.
 */
export async function learnShown(
  { home, engine }: PairingWorld & { readonly home: JoinerHome },
  shown: ShownIdentity,
): Promise<boolean> {
  const issuer = didKeriOf(shown.prefix);
  const identity = await home.identity();
  if (identity !== null && (identity.role !== 'device' || identity.controllerDid !== issuer)) return false;
  if (identity !== null) {
    const ports = { log: home.log, records: home.records, disputes: shown.disputes, engine };
    const { verdict } = await mergeLog(ports, { ...shown, seen: null });
    if (verdict === 'forked') {
      throw new AuthsError(
        'pairing/host-identity-invalid',
        'the log in the file of --identity contradicts the one known here',
        { hint: 'compare auths id show on both machines, then take the file from the one that is right' },
      );
    }
  }
  const { publicKey } = await home.deviceKey({ renew: false });
  const did = encodeDidKey(publicKey);
  const { events } = replay(shown.stream, { engine });
  const records = shown.records.map(({ bytes }) => parseRecord(bytes));
  const own = foldDevices({ issuer, events, records, engine }).devices.find(({ subject }) => subject === did);
  return own !== undefined && own.revocation !== null;
}
