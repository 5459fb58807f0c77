/** The folder that a program was started in, which may have been removed since. */
import { AuthsError } from '@auths/core/errors';

/** `storage/failed` where it is gone. */
export function workingFolder(): string {
  try {
    return process.cwd();
  } catch (cause) {
    const path = process.env['PWD'] ?? '.';
    throw new AuthsError('storage/failed', `the folder that this was started in is gone: ${path}`, {
      hint: 'cd to a folder that is there, then the same command again',
      details: { path },
      cause,
    });
  }
}
