/** Which remotes a command means: the one that was named, else every one that the home knows. */
import { AuthsError } from '@auths/core/errors';
import { knownRemotes, resolveRemote, type Remote } from '@auths/git-store/remote-address';
import type { Context } from '../command.ts';

/** `usage/missing-answer`, naming `usage`, when none was named and none is known. */
export async function namedRemotes(
  context: Context,
  gitDir: string,
  word: string | undefined,
  usage: string,
): Promise<readonly Remote[]> {
  if (word !== undefined) return [await resolveRemote(gitDir, word, context.cwd)];
  const known = await knownRemotes(gitDir, (name, why) => {
    context.note(`${name} is passed over: ${why}`);
  });
  if (known.length > 0) return known;
  throw new AuthsError('usage/missing-answer', 'this home knows no remote yet', {
    hint: `${usage}: a remote name, a folder, or an https, ssh or file URL`,
    details: { flag: 'REMOTE' },
  });
}
