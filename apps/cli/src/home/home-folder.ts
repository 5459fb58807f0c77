/** The folder of a home, made where there is none. */
import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { AuthsError } from '@auths/core/errors';

/**
 * Makes the folder and those above it, for this user alone. One by one: where a file system takes no folders and calls
 * them missing (/proc), mkdir's own `recursive` tries for ever, and on a disk mounted read-only it calls them missing too.
 */
export function makeHomeFolder(path: string): void {
  if (/[\r\n]/.test(path)) {
    throw new AuthsError(
      'usage/invalid',
      'the path of a home may hold no line break: git could not be told of it',
      {
        hint: 'set AUTHS_HOME to another folder',
      },
    );
  }
  if (isMade(path)) return;
  makeHomeFolder(dirname(path));
  if (!isMade(path)) mkdirSync(path, { mode: 0o700 });
}

/** False where the folder above is missing. */
function isMade(path: string): boolean {
  try {
    mkdirSync(path, { mode: 0o700 });
    return true;
  } catch (error) {
    const { code } = error as { readonly code?: string };
    if (code === 'EEXIST' && statSync(path).isDirectory()) return true;
    if (code === 'ENOENT' && dirname(path) !== path) return false;
    throw error;
  }
}
