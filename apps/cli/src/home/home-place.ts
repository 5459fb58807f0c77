/** Where the home of this user lies: AUTHS_HOME, or `.auths` in the user's own folder. */
import { homedir, userInfo } from 'node:os';
import { isAbsolute, join, resolve, sep } from 'node:path';
import { AuthsError } from '@auths/core/errors';

/** Absolute. An empty or relative HOME is passed over: keys must not end up in whatever folder one stands in. Nowhere to go: `usage/invalid`. */
export function homePlace(env: Readonly<Record<string, string | undefined>>, cwd: string): string {
  const set = env['AUTHS_HOME'];
  if (set !== undefined && set !== '') return resolve(cwd, set);
  return join(userFolder(env['HOME']), '.auths');
}

/** As `homedir` has it, which asks HOME first where there is one; only for that node:os need not be loaded. */
function userFolder(set: string | undefined): string {
  if (sep === '/' && set !== undefined && isAbsolute(set)) return set;
  try {
    const home = homedir();
    return isAbsolute(home) ? home : userInfo().homedir;
  } catch (cause) {
    throw new AuthsError('usage/invalid', 'this user has no home folder', {
      hint: 'set AUTHS_HOME to the folder for your keys',
      cause,
    });
  }
}
