/**
 * git is set up after the identity stands. What a person asked for is noted in the journal before that, so that a run
 * that dies in between is finished by the next one.
 */
import { exactObject, type JsonValue } from '@auths/core/encoding/json';
import { AuthsError, hasCode } from '@auths/core/errors';
import { CAPABILITIES } from '@auths/core/attestation/capability';
import { openJournal } from '@auths/key-store/journal';
import type { Context } from '../command.ts';
import { setUpGit } from '../git-scope.ts';

/** Name of the journal entry. */
export const GIT_SETUP = 'git-setup';

/** Notes that git is to be set up in this scope, `local` meaning the repository that the person stands in. */
export async function noteGit(context: Context, scope: 'local' | 'global'): Promise<void> {
  await openJournal(context.home).write(GIT_SETUP, { v: 1, scope, dir: context.cwd });
}

/** True when an earlier run was to set git up and did not come to its end. */
export async function hasUnfinishedGit(context: Context): Promise<boolean> {
  return (await openJournal(context.home).read(GIT_SETUP, parseGitSetup)) !== null;
}

/** Does what was noted, however far it had come, and forgets it; nothing when nothing was noted. */
export async function finishGit(context: Context): Promise<void> {
  const journal = openJournal(context.home);
  const entry = await journal.read(GIT_SETUP, parseGitSetup);
  if (entry === null) return;
  try {
    await setUpGit({ ...context, cwd: entry.dir }, entry.scope, CAPABILITIES);
  } catch (error) {
    // The repository is gone since: there is nothing left to set up.
    if (!hasCode(error, 'git/not-a-repository')) throw error;
  }
  await journal.remove(GIT_SETUP);
}

/** For a person who has decided otherwise since. */
export async function forgetGit(context: Context): Promise<void> {
  await openJournal(context.home).remove(GIT_SETUP);
}

/** What is noted. */
export function parseGitSetup(value: JsonValue): {
  readonly scope: 'local' | 'global';
  readonly dir: string;
} {
  const { v, scope, dir } = exactObject(value, ['v', 'scope', 'dir']);
  if (v !== 1 || (scope !== 'local' && scope !== 'global') || typeof dir !== 'string')
    throw new AuthsError('input/malformed', 'it does not say where git is to be set up');
  return { scope, dir };
}
