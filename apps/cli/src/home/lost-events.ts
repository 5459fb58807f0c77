/**
 * Events that this machine has checked and that its log does not hold any more: a damaged disk, a ref set back by hand, an
 * old copy put back. The next append would make a second event for their place, and what they revoked would be alive.
 */
import { AuthsError } from '@auths/core/errors';
import { prefixOf, type DidKeri, type Prefix } from '@auths/core/identifiers';
import { openHome, type Home } from '@auths/git-store/home-repository';
import { isSuperseded } from '@auths/git-store/remote-disputes';
import { readLogView } from './identity-view.ts';
import { readCheckedTip, type CheckedTip } from './view-cache.ts';

/**
 * `tip`, where the log ends before it with `now` and no recovery took its place; else null. The tip is read before the
 * log is: another process may append meanwhile, and remember that.
 */
export async function lostTip(
  home: Home,
  prefix: Prefix,
  tip: CheckedTip | null,
  now: { readonly sequence: number; readonly said: string },
): Promise<CheckedTip | null> {
  if (tip === null || tip.sequence <= now.sequence) return null;
  return (await isSuperseded(home, prefix, tip, now)) ? null : tip;
}

export function lostWords(home: Home, sequence: number, tip: CheckedTip): readonly [string, string] {
  return [
    `the log ends at event ${sequence}, and this machine has seen event ${tip.sequence} of it: the newest events are lost`,
    `auths pull REMOTE brings them back from where they were pushed, or put back a copy of the home. To go on without them: rm '${home.dir}/cache/tip.json'`,
  ];
}

/** Before an append. `kel/conflict` where events are lost. */
export async function requireNothingLost(home: Home, did: DidKeri): Promise<void> {
  const found = await findLostEvents(home, did);
  if (found === null) return;
  const [message, hint] = found;
  throw new AuthsError('kel/conflict', message, { hint, details: { prefix: prefixOf(did) } });
}

/** The same for people who only look: what is lost, in words; null where nothing is. */
export async function whatIsLost(dir: string, did: DidKeri): Promise<string | null> {
  await using home = openHome(dir);
  return (await findLostEvents(home, did))?.[0] ?? null;
}

async function findLostEvents(home: Home, did: DidKeri): Promise<readonly [string, string] | null> {
  const prefix = prefixOf(did);
  const tip = readCheckedTip(home.dir, prefix);
  if (tip === null) return null;
  const view = await readLogView(home, did);
  const lost = await lostTip(home, prefix, tip, view);
  return lost === null ? null : lostWords(home, view.sequence, lost);
}
