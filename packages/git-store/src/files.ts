/** File facts that all parts of a store share: error numbers, small files, durable directories, the corruption error. */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { AuthsError } from '@auths/core/errors';

/** The system's error name ("ENOENT"), undefined for any other error. */
export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** The bytes of a regular file of at most `max` bytes. Null for anything else: none, a larger one, one that is being cut, a pipe. */
export function readSmall(path: string, max: number): Uint8Array | null {
  let descriptor: number;
  try {
    // A pipe in its place would otherwise be waited for.
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch {
    return null;
  }
  try {
    const facts = fstatSync(descriptor);
    if (!facts.isFile() || facts.size > max) return null;
    const bytes = new Uint8Array(facts.size);
    return readSync(descriptor, bytes) === facts.size ? bytes : null;
  } finally {
    closeSync(descriptor);
  }
}

/** The same as text in UTF-8. */
export function readSmallText(path: string, max: number): string | null {
  const bytes = readSmall(path, max);
  return bytes === null ? null : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
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
