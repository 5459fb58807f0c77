/** Writing a ref that git itself cannot write any more, because what it holds is no object id or names no object. */
import { readFileSync } from 'node:fs';
import { mkdir, open, rename, rmdir, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AuthsError, storageHint } from '@auths/core/errors';
import { errnoOf, syncDirectory } from './files.ts';
import { readPackedRef } from './ref-files.ts';
import { locked } from './refs.ts';

/** What a ref holds, whatever that is: the text of its file, else the packed id; null where there is neither. */
export function readRawRef(gitDir: string, ref: string): string | null {
  try {
    return readFileSync(join(gitDir, ref), 'latin1');
  } catch (error) {
    if (!['ENOENT', 'EISDIR', 'ENOTDIR'].includes(errnoOf(error) ?? '')) throw error;
    return readPackedRef(gitDir, ref);
  }
}

/**
 * Gives `ref` the id `oid` if it still holds `seen`, which `readRawRef` said; false where another program has written it
 * since. git's own protocol: the lock file, written and synced, takes the ref's name, so that the packed value never shows.
 */
export async function mendRef(
  gitDir: string,
  ref: string,
  seen: string | null,
  oid: string,
): Promise<boolean> {
  const path = join(gitDir, ref);
  const lock = `${path}.lock`;
  await mkdir(dirname(path), { recursive: true });
  const file = await open(lock, 'wx', 0o600).catch((error: unknown) => {
    throw errnoOf(error) === 'EEXIST' ? locked(lock, error) : error;
  });
  let renamed = false;
  try {
    // Under the lock: what was seen may be old by now, and events may have been sealed since.
    if (readRawRef(gitDir, ref) !== seen) return false;
    await file.writeFile(`${oid}\n`);
    await file.sync();
    await rename(lock, path).catch(async (error: unknown) => {
      if (errnoOf(error) !== 'EISDIR') throw error;
      await removeEmpty(path);
      await rename(lock, path);
    });
    renamed = true;
  } finally {
    await file.close();
    if (!renamed) await unlink(lock);
  }
  await syncDirectory(dirname(path));
  return true;
}

/** A folder that stands where a ref belongs: nothing is lost with an empty one, and git removes it too. */
async function removeEmpty(path: string): Promise<void> {
  await rmdir(path).catch((cause: unknown) => {
    if (errnoOf(cause) !== 'ENOTEMPTY' && errnoOf(cause) !== 'EEXIST') throw cause;
    throw new AuthsError('storage/failed', `${path} is a folder that is not empty, where a ref belongs`, {
      hint: storageHint('EISDIR'),
      details: { path },
      cause,
    });
  });
}
