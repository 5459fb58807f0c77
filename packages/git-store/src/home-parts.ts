/** Whether a folder is a home, and whether it was one that has lost a part: then nobody may take it for an empty place. */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { AuthsError, storageHint } from '@auths/core/errors';
import { corrupt, errnoOf } from './files.ts';

/** True when there is a repository in `dir`. */
export function homeExists(dir: string): boolean {
  return existsSync(join(dir, 'HEAD'));
}

/** True where a log or an identity has been: `createHome` makes none of these. */
export function isUsed(dir: string): boolean {
  return ['refs/did', 'refs/auths', 'packed-refs', 'cache/tip.json'].some((name) =>
    existsSync(join(dir, name)),
  );
}

/** `storage/corrupt`, with the way out, for a home that has lost a part without which git takes it for none; null for any other place. */
export function lostPart(dir: string): AuthsError<'storage/corrupt'> | null {
  if (!isUsed(dir)) return null;
  const part = ['objects', 'refs', 'config', 'HEAD'].find((name) => !existsSync(join(dir, name)));
  if (part === undefined) return null;
  if (part !== 'objects') return corrupt(join(dir, part), 'it is gone from this home');
  return new AuthsError(
    'storage/corrupt',
    `${join(dir, part)}: the events and records of this home are gone`,
    {
      hint: beginAgain(dir),
      details: { path: join(dir, part) },
    },
  );
}

/** Why there is no home in `dir` although something is there: it cannot be looked into, or it has lost a part. Null where there simply is none. */
export function whyNoHome(dir: string): AuthsError | null {
  try {
    statSync(join(dir, 'HEAD'));
  } catch (cause) {
    const errno = errnoOf(cause);
    if (errno !== 'ENOENT') {
      const misplaced = errno === 'ENOTDIR' || errno === 'ELOOP';
      return new AuthsError('storage/failed', `${dir} cannot be read (${errno ?? 'unknown'})`, {
        hint: misplaced ? 'set AUTHS_HOME to a folder' : storageHint(errno),
        details: { path: dir },
        cause,
      });
    }
  }
  return lostPart(dir);
}

/** What is left where what a home held cannot be made again from the rest of it. */
export function beginAgain(dir: string): string {
  return `put back a copy of the home, or begin from the recovery kit in a new one: AUTHS_HOME=~/.auths-new auths id recover --from PLACE --recovery-file '${dir}/recovery-kit.json'`;
}
