/**
 * Events that this machine has checked and that its log does not hold any more: a damaged disk, a ref set back by hand, an
 * old copy put back. The next append would make a second event for their place, and what they revoked would be alive.
 */
import { AuthsError } from '@auths/core/errors';
import type { ReplayedEvent } from '@auths/core/keri/key-state';
import { prefixOf, type DidKeri, type Prefix } from '@auths/core/identifiers';
import { kelRef } from '@auths/git-store/event-log';
import { openHome, type Home } from '@auths/git-store/home-repository';
import { isSuperseded } from '@auths/git-store/remote-disputes';
import { judgeLog, type LogTip } from '@auths/git-store/repair';
import { readLogView } from './identity-view.ts';
import { readCheckedTip, type CheckedTip } from './view-cache.ts';

/**
 * `tip`, where the log does not hold it and no recovery took its place; else null. The tip is read before the log is:
 * another process may append meanwhile, and remember that.
 */
export async function lostTip(
  home: Home,
  prefix: Prefix,
  tip: CheckedTip | null,
  events: readonly Pick<ReplayedEvent, 'sequence' | 'said' | 'ilk'>[],
): Promise<CheckedTip | null> {
  if (tip === null || events[tip.sequence]?.said === tip.said) return null;
  return (await isSuperseded(home, prefix, tip, events)) ? null : tip;
}

/** What is lost, and what brings it back. */
export async function lostWords(
  home: Home,
  prefix: Prefix,
  sequence: number,
  tip: CheckedTip,
): Promise<readonly [string, string]> {
  const message =
    tip.sequence > sequence
      ? `the log ends at event ${sequence}, and this machine has seen event ${tip.sequence} of it: the newest events are lost`
      : `event ${tip.sequence} of the log is not the one that this machine has seen: the newest events are lost`;
  const found = await judgeLog(home, prefix, tip);
  if (found.fate === 'restorable') return [message, 'auths doctor --fix'];
  if (found.fate === 'undecided') return [message, chooseWords(home, prefix, found.tips)];
  return [
    message,
    `auths pull REMOTE brings them back from where they were pushed, or put back a copy of the home. To go on without them: rm '${home.dir}/cache/tip.json'`,
  ];
}

/** How a person chooses among logs that part. The commit that is chosen holds everything; what was checked of another one is forgotten. */
export function chooseWords(home: Home, prefix: Prefix, tips: readonly LogTip[]): string {
  const git = `git --git-dir='${home.dir}'`;
  const ref = kelRef(prefix);
  const mirrors = [...home.listRefs('refs/auths-remotes')];
  const each = tips.slice(0, MOST_NAMED).map(({ version, sequence, said }) => {
    const shown = mirrors.filter(([name, oid]) => oid === version && name.endsWith(ref.slice('refs'.length)));
    const where = shown.map(([name]) => `, as remote ${name.split('/')[2]} shows it`).join('');
    return `${version} ends at event ${sequence} (${said})${where}`;
  });
  const pulled = `What was pushed comes back with: rm -f '${home.dir}/${ref}' && auths pull REMOTE`;
  return `of the logs that lie here only you can tell which is yours: ${each.join('; ')}. ${pulled}. Else see what each holds: ${git} log -p COMMIT -- event.json, where one that lies below can be the last of yours. Then take that one: rm -f '${home.dir}/${ref}' '${home.dir}/cache/tip.json' && ${git} update-ref ${ref} COMMIT`;
}

/** A hint is read by a person. */
const MOST_NAMED = 4;

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
  let { lost } = view;
  // A cache of before does not know of a newer tip.
  if (lost === null && tip.sequence > view.sequence) {
    const { foldStates } = await import('./fold-home.ts');
    ({ lost } = await foldStates(home, did));
  }
  // Whoever removes the file goes on without those events.
  return lost?.said === tip.said ? lostWords(home, prefix, view.sequence, tip) : null;
}
