/** What every command that appends to the log begins and ends with. */
import type { Clock, Random } from '@auths/core/ports';
import type { DidKeri } from '@auths/core/identifiers';
import type { HostPorts } from '@auths/core/flows/finish-pairings';
import type { SealingPorts } from '@auths/core/flows/seal-records';
import { requireGit } from '@auths/git-store/git';
import type { Context } from './command.ts';
import { withAuthority, type Stores } from './composition.ts';
import { verifyEngine } from './engines.ts';
import { closeRevokedChannels } from './home/channels.ts';
import { writeAllowedSigners } from './home/device-files.ts';
import { readLogView } from './home/identity-view.ts';
import { openHostIdentity } from './pairing/host-identity.ts';
import { safeName } from './views/layout.ts';

export interface Authority extends SealingPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly did: DidKeri;
  readonly stores: Stores;
}

/**
 * Opens the identity key of this home, finishes what a pairing or a revocation left half-way, runs `action`, and writes
 * allowed_signers anew. Without the identity: `identity/none` or `identity/not-authority`, before a passphrase is asked.
 */
export async function withSealing<T>(
  context: Context,
  what: string,
  action: (authority: Authority) => Promise<T>,
): Promise<T> {
  return withHost(context, what, ({ host, engine, clock, random }, stores) =>
    action({
      log: host.log,
      records: stores.attestations,
      engine,
      identity: host.identity,
      ...(host.reopen === undefined ? {} : { reopen: host.reopen }),
      clock,
      random,
      did: host.controllerDid,
      stores,
    }),
  );
}

/** The same with all that a host has. */
export async function withHost<T>(
  context: Context,
  what: string,
  action: (ports: HostPorts, stores: Stores) => Promise<T>,
): Promise<T> {
  return withAuthority(context, what, async (stores) => {
    await requireGit();
    const host = await openHostIdentity(context, stores);
    const engine = verifyEngine;
    const did = stores.identity.controller_did;
    const { clock, random } = context;
    const { finishPairings } = await import('@auths/core/flows/finish-pairings');
    const ports = { clock, random, engine, host };
    const { activated } = await finishPairings(ports);
    for (const name of activated)
      context.note(`${safeName(name)}: a pairing that was interrupted is complete now`);
    await closeRevokedChannels(stores.home, () => readLogView(stores.home, did));
    const result = await action(ports, stores);
    await writeAllowedSigners(stores.home, did);
    return result;
  });
}
