/** Trouble of this machine's own disk: as git words it, and in the folder for what is gone afterwards. */
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AuthsError, storageHint } from '@auths/core/errors';
import { errnoOf } from './files.ts';

/** git's words, by the system's name for what happened. */
const WORDS: readonly (readonly [RegExp, string])[] = [
  [/(?:: No space left on device|write error\. Out of diskspace)$/m, 'ENOSPC'],
  [/: Disk quota exceeded$/m, 'EDQUOT'],
  [/: Read-only file system$/m, 'EROFS'],
  [/: Permission denied$/m, 'EACCES'],
];

/** A ref that cannot be written is told without the reason. */
const WORDLESS = /: couldn't write '[^']+'$|: unable to create directory for [^:]+$/m;

/** The system's name for trouble of the disk of `dir` that git tells of ("ENOSPC"); undefined where it tells of none. */
export function diskTrouble(stderr: string, dir: string | undefined): string | undefined {
  const told = WORDS.find(([words]) => words.test(stderr))?.[1];
  if (told !== undefined || !WORDLESS.test(stderr)) return told;
  // A folder that may be written to is on a disk that is full, nearly always.
  return (dir === undefined ? undefined : whyNotWritable(dir)) ?? 'ENOSPC';
}

function whyNotWritable(dir: string): string | undefined {
  try {
    accessSync(dir, constants.W_OK);
    return undefined;
  } catch (error) {
    return errnoOf(error);
  }
}

/**
 * The same of a git that fetched into `dir`. What the other side says is its own affair: full is only who writes, and
 * what cannot be read or written counts where the line names `dir`.
 */
export function ownDiskTrouble(stderr: string, dir: string): string | undefined {
  const lines = stderr.split('\n').filter((line) => !line.startsWith('remote: '));
  const named = lines.filter((line) => line.includes(dir) || /: No space|Disk quota|Out of disk/.test(line));
  return diskTrouble(named.join('\n'), dir);
}

/** Runs `action` with a new empty folder that is gone afterwards. `storage/failed` where there can be none. */
export async function withScratchFolder<T>(name: string, action: (dir: string) => Promise<T>): Promise<T> {
  const dir = made(name);
  try {
    return await action(dir);
  } finally {
    rmSync(dir, { recursive: true, force: true, maxRetries: 3 });
  }
}

function made(name: string): string {
  try {
    return mkdtempSync(join(tmpdir(), name));
  } catch (cause) {
    throw scratchFault(errnoOf(cause), cause);
  }
}

/** The folder for temporary files is missing, full or not to be written to. */
export function scratchFault(errno: string | undefined, cause?: unknown): AuthsError<'storage/failed'> {
  const path = tmpdir();
  const full = errno === 'ENOSPC' || errno === 'EDQUOT';
  return new AuthsError(
    'storage/failed',
    `temporary files cannot be written to ${path} (${errno ?? 'unknown'})`,
    {
      hint: full
        ? `${storageHint(errno)}; or set TMPDIR to a folder on another one`
        : 'set TMPDIR to a folder that can be written to, then run the same command again',
      details: { path },
      cause,
    },
  );
}
