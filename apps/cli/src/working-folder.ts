/** The folder that a program was started in, which may have been removed since. */
import { AuthsError } from '@auths/core/errors';

/** Asks the process that it is given; `storage/failed` where the folder is gone. */
export function workingFolder(of: {
  cwd(): string;
  readonly env: Readonly<Record<string, string | undefined>>;
}): string {
  try {
    return of.cwd();
  } catch (cause) {
    const path = of.env['PWD'] ?? '.';
    throw new AuthsError('storage/failed', `the folder that this was started in is gone: ${path}`, {
      hint: 'cd to a folder that is there, then the same command again',
      details: { path },
      cause,
    });
  }
}
