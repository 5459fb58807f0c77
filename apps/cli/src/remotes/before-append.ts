/**
 * Before an append the home compares with every remote of its git configuration (identity-life.md 1): behind means
 * catching up first, forked means stopping. A remote that cannot be reached, or shows nonsense, holds nobody up.
 */
import { AuthsError, hasCode, sanitise } from '@auths/core/errors';
import { prefixOf } from '@auths/core/identifiers';
import { kelRef } from '@auths/git-store/event-log';
import { knownRemotes, type Remote } from '@auths/git-store/remote-address';
import type { Context } from '../command.ts';
import { requireNothingLost } from '../home/lost-events.ts';
import type { IdentityStores, PulledLog } from './pull-remote.ts';

/** A comparison that nobody asked for must be over before anybody wonders. */
const LIST_MS = 5_000;
const FETCH_MS = 15_000;
const MAX_REMOTES = 8;

/** `kel/conflict` when a remote shows a log that conflicts with this one, and when this one has lost events that no remote gave back. */
export async function compareWithRemotes(context: Context, stores: IdentityStores): Promise<void> {
  await catchUpWithRemotes(context, stores);
  await requireNothingLost(stores.home, stores.identity.controller_did);
}

/** Costs nothing in a home without remotes. */
async function catchUpWithRemotes(context: Context, stores: IdentityStores): Promise<void> {
  const { home } = stores;
  const remotes = await knownRemotes(home.dir, (name, why) => {
    context.note(`${name} was not compared: ${why}`);
  });
  if (remotes.length === 0) return;
  const differing = await Promise.all(
    remotes
      .slice(0, MAX_REMOTES)
      .map((remote) => attempt(context, remote, () => differs(context, stores, remote))),
  );
  for (const [index, other] of differing.entries()) {
    const remote = remotes[index] as Remote;
    if (other === true) await attempt(context, remote, () => catchUp(context, stores, remote));
  }
}

/** What a remote cannot do is told and passed over; everything else goes on. */
async function attempt<T>(context: Context, remote: Remote, action: () => Promise<T>): Promise<T | null> {
  try {
    return await action();
  } catch (error) {
    if (!hasCode(error, 'network/unreachable') && !hasCode(error, 'input/malformed')) throw error;
    context.note(`${remote.name} was not compared: ${error.message}`);
    return null;
  }
}

/** True when the remote's log is not one that this home's log contains: only then it must be fetched. */
async function differs(context: Context, stores: IdentityStores, remote: Remote): Promise<boolean> {
  const { listRemote } = await import('@auths/git-store/remote-evidence');
  const { isWithin } = await import('@auths/git-store/remote-push');
  const { home, identity } = stores;
  const prefix = prefixOf(identity.controller_did);
  const options = { timeoutMs: LIST_MS, unattended: true, signal: context.signal };
  const theirs = (await listRemote(home.dir, remote, options)).get(prefix)?.get('kel');
  const ours = home.readRef(kelRef(prefix));
  if (theirs === undefined || ours === null || theirs === ours) return false;
  return !(await isWithin(home, theirs, ours));
}

async function catchUp(context: Context, stores: IdentityStores, remote: Remote): Promise<void> {
  const { pullRemote } = await import('./pull-remote.ts');
  const options = { timeoutMs: FETCH_MS, unattended: true, attentive: false, signal: context.signal };
  const [own] = await pullRemote(stores, remote, options);
  if (own === undefined) return;
  if (own.verdict === 'forked') throw forked(context, remote, own);
  for (const { name, reason } of own.givenUp)
    context.note(
      `${remote.name} shows a branch that does not count and has revoked ${sanitise(name)} (${reason}): auths pull ${remote.name} says more`,
    );
  if (own.verdict === 'extended' || own.verdict === 'recovered') {
    context.note(`${remote.name} was ahead: ${own.eventsAdded} of its events were taken over first`);
  } else if (own.verdict === 'invalid') {
    context.note(`${remote.name} was passed over: its log does not verify (${own.fault?.reason ?? ''})`);
  }
}

function forked(context: Context, remote: Remote, { prefix, from }: PulledLog): AuthsError<'kel/conflict'> {
  return new AuthsError(
    'kel/conflict',
    `${remote.name} shows another log of this identity: the two part at event ${from ?? 0}. Nothing was changed`,
    {
      hint: `auths pull ${remote.name} shows it. If a copy of this home was used: auths id repair. If somebody else holds the identity key: auths id rotate --reason compromised. To go on without that place: git --git-dir='${context.home}' remote remove ${remote.name}`,
      details: { prefix },
    },
  );
}
