/**
 * Sending an identity's refs to a remote: all or none, each against the id that was seen there (compare-and-swap).
 * Never anything below refs/auths.
 */
import { AuthsError } from '@auths/core/errors';
import type { Prefix } from '@auths/core/identifiers';
import { kelRef } from './event-log.ts';
import { runGit } from './git.ts';
import type { Home } from './home-repository.ts';
import type { Remote } from './remote-address.ts';
import type { RemoteRefs } from './remote-evidence.ts';
import { callRemote, unreachable, wordsOf, type TransportOptions } from './remote-transport.ts';

/** One ref to send. */
export interface RefPush {
  readonly ref: string;
  readonly to: string;
  /** What the remote holds now; null when it has no such ref. */
  readonly from: string | null;
  /** False when `to` is not a descendant of `from`. */
  readonly fastForward: boolean;
}

/** The refs of one identity that travel: its log, records and receipts. What is disputed stays here. */
export function travellingRefs(home: Home, prefix: Prefix): ReadonlyMap<string, string> {
  const base = `refs/did/keri/${prefix}`;
  return new Map([...home.listRefs(base)].filter(([ref]) => !ref.startsWith(`${base}/disputed/`)));
}

/** What would have to be sent so that the remote holds what the home holds, the log last. */
export async function planPush(home: Home, prefix: Prefix, refs: RemoteRefs): Promise<readonly RefPush[]> {
  const base = `refs/did/keri/${prefix}/`;
  const plan: RefPush[] = [];
  for (const [ref, to] of travellingRefs(home, prefix)) {
    const from = refs.get(ref.slice(base.length)) ?? null;
    if (from === to) continue;
    plan.push({ ref, to, from, fastForward: from === null || (await isWithin(home, from, to)) });
  }
  return plan.toSorted((a, b) => Number(a.ref === kelRef(prefix)) - Number(b.ref === kelRef(prefix)));
}

/** True when commit `from`, which the home may not have, lies in the history of `to`. */
export async function isWithin(home: Home, from: string, to: string): Promise<boolean> {
  const args = ['merge-base', '--is-ancestor', '--end-of-options', from, to];
  return (await runGit(args, { gitDir: home.dir, isolated: true, accept: [1, 128] })).status === 0;
}

/**
 * Sends the refs, all or none. A ref that is no fast-forward is replaced only while the remote still holds `from`: the
 * caller has shown that nothing that counts is lost. `kel/conflict` when another writer was first; `git/failed`, in the
 * remote's words, when it refuses.
 */
export async function pushRefs(
  home: Home,
  { url }: Pick<Remote, 'url'>,
  prefix: Prefix,
  plan: readonly RefPush[],
  options: TransportOptions = {},
): Promise<void> {
  if (plan.length === 0) return;
  const replaced = plan.filter(({ fastForward }) => !fastForward);
  const leases = replaced.map(({ ref, from }) => `--force-with-lease=${ref}:${from ?? ''}`);
  const specs = plan.map(({ ref, to }) => `${to}:${ref}`);
  const flags = ['--quiet', '--porcelain', '--atomic', '--no-verify', '--no-signed', ...leases];
  const call = { ...options, url, gitDir: home.dir };
  const { status, stdout, stderr } = await callRemote(['push', ...flags, '--', url, ...specs], call);
  if (status === 0) return;
  const refusals = stdout.split('\n').filter((line) => line.startsWith('!'));
  const why = refusals.map((line) => /rejected\]\s*\((.+)\)/.exec(line)?.[1] ?? line);
  const raced = /\[rejected\]|incorrect old value|failed to update ref|reference already exists/;
  // Of refs that it takes all or none of, a remote says only beside them why it takes none.
  const wasFirst = /cannot lock ref .*(?:reference already exists|is at [0-9a-f]+ but expected)/;
  if (refusals.some((line) => raced.test(line) && !line.includes('(atomic')) || wasFirst.test(stderr)) {
    throw new AuthsError('kel/conflict', `${url} changed at the same moment: somebody else wrote there`, {
      hint: 'run the same command again',
      details: { prefix },
    });
  }
  const lock = /cannot lock ref .*Unable to create '(.+\.lock)': File exists/.exec(stderr)?.[1];
  if (lock !== undefined) {
    throw new AuthsError(
      'git/failed',
      `${url} refuses: somebody else writes there, or ${lock} was left behind`,
      {
        hint: 'run the same command again; if it stays, its owner should remove that file',
        details: { args: ['push'], status },
      },
    );
  }
  if (refusals.length === 0) throw unreachable(url, wordsOf(stderr));
  const said = why.find((text) => !/atomic/.test(text)) ?? why[0] ?? '';
  throw new AuthsError('git/failed', `${url} refuses: ${said}`, {
    hint: 'its owner decides which refs may be written: refs/did/keri/* must be allowed',
    details: { args: ['push'], status },
  });
}
