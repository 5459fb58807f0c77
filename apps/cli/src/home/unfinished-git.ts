/**
 * git is set up after the identity stands. What a person asked for is noted in the journal before that, so that a run
 * that dies in between is finished by the next one.
 */
import { exactObject } from '@auths/core/encoding/json';
import { hasCode } from '@auths/core/errors';
import { CAPABILITIES } from '@auths/core/attestation/capability';
import { openJournal } from '@auths/key-store/journal';
import type { Context } from '../command.ts';
import { setUpGit } from '../git-scope.ts';

const ENTRY = 'git-setup';

/** Notes that git is to be set up in this scope, `local` meaning the repository that the person stands in. */
export async function noteGit(context: Context, scope: 'local' | 'global'): Promise<void> {
  await openJournal(context.home).write(ENTRY, { v: 1, scope, dir: context.cwd });
}

/** True when an earlier run was to set git up and did not come to its end. */
export async function hasUnfinishedGit(context: Context): Promise<boolean> {
  return (await openJournal(context.home).read(ENTRY)) !== null;
}

/** Does what was noted, however far it had come, and forgets it; nothing when nothing was noted. */
export async function finishGit(context: Context): Promise<void> {
  const journal = openJournal(context.home);
  const entry = await journal.read(ENTRY);
  if (entry === null) return;
  const { scope, dir } = exactObject(entry, ['v', 'scope', 'dir']);
  if ((scope === 'local' || scope === 'global') && typeof dir === 'string') {
    try {
      await setUpGit({ ...context, cwd: dir }, scope, CAPABILITIES);
    } catch (error) {
      // The repository is gone since: there is nothing left to set up.
      if (!hasCode(error, 'git/not-a-repository')) throw error;
    }
  }
  await journal.remove(ENTRY);
}

/** For a person who has decided otherwise since. */
export async function forgetGit(context: Context): Promise<void> {
  await openJournal(context.home).remove(ENTRY);
}
