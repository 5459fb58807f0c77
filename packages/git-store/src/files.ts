/** File facts that the writers of a repository share: error numbers, durable directories, the corruption error. */
import { open } from 'node:fs/promises';
import { AuthsError } from '@auths/core/errors';

/** The system's error name ("ENOENT"), undefined for any other error. */
export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** Makes renames and creations in a directory durable; a system that cannot sync directories is left alone. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r').catch(() => null);
  try {
    await directory?.sync();
  } catch (error) {
    const errno = errnoOf(error);
    if (errno !== 'EINVAL' && errno !== 'EPERM' && errno !== 'ENOTSUP') throw error;
  } finally {
    await directory?.close();
  }
}

/** `storage/corrupt` at `path`, with the way to repair. */
export function corrupt(path: string, why: string, cause?: unknown): AuthsError<'storage/corrupt'> {
  return new AuthsError('storage/corrupt', `${path}: ${why}`, {
    hint: 'auths doctor --fix',
    details: { path },
    cause,
  });
}
