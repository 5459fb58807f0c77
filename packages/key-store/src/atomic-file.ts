/**
 * Files that hold secrets: written whole or not at all, owner-only, durable when the promise resolves
 * (temporary file, fsync, rename, fsync of the directory).
 */
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { access, lstat, open, rename, unlink, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { AuthsError, isAuthsError, storageHint } from '@auths/core/errors';

/** Replaces the file at `path` (mode 0600 unless given). I/O trouble is `storage/failed`, the old content then still stands. */
export async function writeFileAtomic(path: string, bytes: Uint8Array, mode = 0o600): Promise<void> {
  const temporary = `${path}.${randomBytes(9).toString('hex')}.tmp`;
  try {
    const file = await open(temporary, 'wx', mode);
    try {
      // The umask may have taken bits from the mode that was asked for, and never adds any.
      await file.chmod(mode);
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (cause) {
    await unlink(temporary).catch(() => undefined);
    throw storageFailed(path, cause);
  }
  await syncDirectory(dirname(path));
}

/** Proves that `path` could be replaced: makes a file beside it and removes it. What stands there is left as it is. */
export async function requireReplaceable(path: string): Promise<void> {
  const temporary = `${path}.${randomBytes(9).toString('hex')}.tmp`;
  try {
    // A full disk still makes files, empty ones.
    await writeFile(temporary, '\n', { flag: 'wx', mode: 0o600 });
    await access(path, constants.W_OK).catch((cause: unknown) => {
      // A file may be a mount of its own; its mode alone is in nobody's way.
      if (errnoOf(cause) === 'EROFS') throw cause;
    });
  } catch (cause) {
    throw storageFailed(path, cause);
  } finally {
    await unlink(temporary).catch(() => undefined);
  }
}

/** The bytes of a regular file of at most `maxSize`, null when there is none. A link is not followed. */
export async function readFileBounded(path: string, maxSize: number): Promise<Uint8Array | null> {
  try {
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const status = await file.stat();
      if (!status.isFile()) throw corruptFile(path, 'it is not a regular file');
      if (status.size > maxSize) throw corruptFile(path, `it is larger than ${maxSize} bytes`);
      return new Uint8Array(await file.readFile());
    } finally {
      await file.close();
    }
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT') return null;
    if (isAuthsError(cause)) throw cause;
    if (errnoOf(cause) === 'ELOOP') throw corruptFile(path, 'it is a symbolic link');
    throw storageFailed(path, cause);
  }
}

/** Gives a file another name in its folder, durably, in place of what had that name. */
export async function renameFile(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (cause) {
    throw storageFailed(from, cause);
  }
  await syncDirectory(dirname(to));
}

/** Puts what stands at `path` and cannot be read beside it, over nothing that was put there before. Its path then; null where nothing stood there. */
export async function putAside(path: string): Promise<string | null> {
  if (!(await isThere(path))) return null;
  for (let n = 1; ; n++) {
    const aside = n === 1 ? `${path}.unreadable` : `${path}.unreadable-${n}`;
    if (await isThere(aside)) continue;
    await renameFile(path, aside);
    return aside;
  }
}

async function isThere(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

/** Removes a file durably; false when it was not there. */
export async function removeFile(path: string): Promise<boolean> {
  try {
    await unlink(path);
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT') return false;
    throw storageFailed(path, cause);
  }
  await syncDirectory(dirname(path));
  return true;
}

/** The system's error name ("ENOENT"), undefined for any other error. */
export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** `storage/corrupt` at `path`: the file is not what this program wrote. Nothing is repaired silently. */
export function corruptFile(
  path: string,
  why: string,
  cause?: unknown,
  hint = 'auths doctor --fix',
): AuthsError<'storage/corrupt'> {
  return new AuthsError('storage/corrupt', `${path}: ${why}`, {
    hint,
    details: { path },
    cause,
  });
}

/** `storage/failed` at `path`, with what helps by the name of the system's error. */
export function storageFailed(path: string, cause: unknown): AuthsError<'storage/failed'> {
  const why = errnoOf(cause) ?? 'input/output error';
  return new AuthsError('storage/failed', `${path} could not be read or written (${why})`, {
    hint: storageHint(errnoOf(cause)),
    details: { path },
    cause,
  });
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, constants.O_RDONLY).catch(() => null);
  // Where a directory cannot be opened or synced (Windows), the rename is as durable as the system makes it.
  await directory?.sync().catch(() => undefined);
  await directory?.close();
}
