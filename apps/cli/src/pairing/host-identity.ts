/** The authority of this home, opened for pairing. */
import { AuthsError } from '@auths/core/errors';
import type { HostIdentity } from '@auths/core/flows/pairing-ports';
import type { IdentityDocument } from '@auths/git-store/identity-document';
import { refuseCopiedHome } from '@auths/key-store/machine';
import type { Context } from '../command.ts';
import { openKeys, signerFor, type Stores } from '../composition.ts';
import { compareWithRemotes } from '../remotes/before-append.ts';
import { pairedDevices } from '@auths/key-store/paired-devices';

/**
 * Keys and stores of the home that may grant; asks for the passphrase. `key/not-found` names the key that is
 * missing; `identity/copied-home` and, after a look at the known remotes, `kel/conflict` keep two from writing one log.
 */
export async function openHostIdentity(
  context: Context,
  stores: Stores & { readonly identity: IdentityDocument },
): Promise<HostIdentity> {
  await refuseCopiedHome(context.home, undefined, (from) => wasMoved(context, from));
  await compareWithRemotes(context, stores);
  const keys = await openKeys(context);
  const identity = await signerFor(keys, 'identity');
  const device = await signerFor(keys, 'device');
  const channel = await keys.get('channel');
  if (channel === null) {
    throw new AuthsError('key/not-found', 'this home holds no channel key', {
      hint: 'auths doctor',
      details: { alias: 'channel' },
    });
  }
  return {
    controllerDid: stores.identity.controller_did,
    identity,
    device,
    channelSecret: channel.bytes,
    log: stores.log,
    records: stores.attestations,
    devices: pairedDevices(context.home),
  };
}

/** The old place is empty, so this is a move; a person at a terminal may know of another copy. */
async function wasMoved(context: Context, from: string): Promise<boolean> {
  if (!context.terminal.interactive || context.globals.yes) {
    context.note(`this home was moved from ${from}; it is at home here from now on`);
    return true;
  }
  return context.terminal.confirm(
    `This home was moved from ${from}. Is no other copy of it in use?`,
    '--yes',
  );
}
