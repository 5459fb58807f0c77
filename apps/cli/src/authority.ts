/** What every command that appends to the log begins and ends with. */
import type { Clock, Random } from '@auths/core/ports';
import { AuthsError, isAuthsError } from '@auths/core/errors';
import type { DidKeri } from '@auths/core/identifiers';
import type { GrantingPorts, HostPorts } from '@auths/core/flows/finish-pairings';
import type { GrantingIdentity } from '@auths/core/flows/pairing-ports';
import type { SealingPorts } from '@auths/core/flows/seal-records';
import { requireGit } from '@auths/git-store/git';
import type { Context } from './command.ts';
import { withAuthority, type Stores } from './composition.ts';
import { verifyEngine } from './engines.ts';
import { closeRevokedChannels } from './home/channels.ts';
import { writeAllowedSigners } from './home/device-files.ts';
import { readLogView } from './home/identity-view.ts';
import { openGrantingIdentity, openHostIdentity } from './pairing/host-identity.ts';
import type { IdentityStores } from './remotes/pull-remote.ts';
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
  return withHost(context, what, (ports, stores) => action(sealing(ports, stores)));
}

/** The same with all that a host has. */
export async function withHost<T>(
  context: Context,
  what: string,
  action: (ports: HostPorts, stores: Stores) => Promise<T>,
): Promise<T> {
  return withOpen(openHostIdentity, context, what, async (ports, stores) => {
    await finishBegun(context, ports);
    await closeChannels(ports, stores);
    const result = await action(ports, stores);
    await writeAllowedSigners(stores.home, ports.host.controllerDid);
    return result;
  });
}

/**
 * The same for a revocation, which waits for nothing that can be made up for: a damaged list of channels, a pairing that
 * cannot be finished or a key of this device that is lost must not keep a stolen device in. It is sealed first, and what is in the way is told.
 */
export async function withRevoking<T>(
  context: Context,
  what: string,
  action: (authority: Authority) => Promise<T>,
): Promise<T> {
  return withOpen(openGrantingIdentity, context, what, async (ports, stores) => {
    const begun = await troubleOf(() => finishBegun(context, ports));
    if (begun !== null) context.note(`${begun.message} → ${begun.hint ?? 'auths doctor'}`);
    const result = await action(sealing(ports, stores));
    await afterSeal(
      'the revocation is sealed and stands',
      'the same command again then says what else there is to do',
      [() => closeChannels(ports, stores), () => writeAllowedSigners(stores.home, ports.host.controllerDid)],
    );
    return result;
  });
}

/** Runs each step, whatever becomes of the others. What goes wrong says first that the seal `stands`, and ends with what `then` helps. */
export async function afterSeal(
  stands: string,
  then: string,
  steps: readonly (() => Promise<void>)[],
): Promise<void> {
  const troubles: AuthsError[] = [];
  for (const step of steps) {
    const trouble = await troubleOf(step);
    if (trouble !== null) troubles.push(trouble);
  }
  const [first] = troubles;
  if (first === undefined) return;
  throw new AuthsError(first.code, `${stands}; after that: ${first.message}`, {
    hint: `${first.hint ?? 'auths doctor'}; ${then}`,
    details: first.details as never,
    cause: first.cause,
  });
}

async function troubleOf(step: () => Promise<void>): Promise<AuthsError | null> {
  try {
    await step();
    return null;
  } catch (error) {
    if (!isAuthsError(error) || error.code === 'interrupted') throw error;
    return error;
  }
}

async function withOpen<T, H extends GrantingIdentity>(
  open: (context: Context, stores: IdentityStores) => Promise<H>,
  context: Context,
  what: string,
  action: (ports: GrantingPorts & { readonly host: H }, stores: Stores) => Promise<T>,
): Promise<T> {
  return withAuthority(context, what, async (stores) => {
    await requireGit();
    const host = await open(context, stores);
    const { clock, random } = context;
    return action({ clock, random, engine: verifyEngine, host }, stores);
  });
}

async function finishBegun(context: Context, ports: GrantingPorts): Promise<void> {
  const { finishPairings } = await import('@auths/core/flows/finish-pairings');
  const { activated } = await finishPairings(ports);
  for (const name of activated)
    context.note(`${safeName(name)}: a pairing that was interrupted is complete now`);
}

function closeChannels({ host }: GrantingPorts, { home }: Stores): Promise<void> {
  return closeRevokedChannels(home, () => readLogView(home, host.controllerDid));
}

function sealing({ host, engine, clock, random }: GrantingPorts, stores: Stores): Authority {
  return {
    log: host.log,
    records: stores.attestations,
    engine,
    identity: host.identity,
    ...(host.reopen === undefined ? {} : { reopen: host.reopen }),
    clock,
    random,
    did: host.controllerDid,
    stores,
  };
}
