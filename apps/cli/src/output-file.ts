/** A file that a command makes for somebody to carry away: never over one that is there. */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { open, unlink } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { AuthsError, hasCode, storageHint } from '@auths/core/errors';
import { errnoOf, writeFileAtomic } from '@auths/key-store/atomic-file';
import type { Context } from './command.ts';
import { shellWord } from './views/pair.ts';

/** About what such a file needs, so that a full disk is noticed too. */
const ROOM = 64 << 10;

/** The absolute path that a FILE word names, null for `-`. `usage/invalid` when something is there. */
function newFilePath(context: Pick<Context, 'cwd'>, file: string): string | null {
  if (file === '-') return null;
  const path = resolve(context.cwd, file);
  if (existsSync(path)) {
    throw new AuthsError('usage/invalid', `${path} exists already`, {
      hint: 'name a file that does not exist',
    });
  }
  return path;
}

/**
 * Asked before anything is done whose result goes there: `usage/invalid` when something is there, `storage/failed` when
 * a file cannot be made there, which is tried.
 */
export async function requireNewFile(context: Pick<Context, 'cwd'>, file: string): Promise<void> {
  const path = newFilePath(context, file);
  if (path === null) return;
  const trial = `${path}.${randomBytes(9).toString('hex')}.tmp`;
  try {
    const made = await open(trial, 'wx', 0o600);
    try {
      await made.writeFile(new Uint8Array(ROOM));
    } finally {
      await made.close();
    }
  } catch (cause) {
    throw cannotWrite(path, cause, errnoOf(cause));
  } finally {
    await unlink(trial).catch(() => undefined);
  }
}

/** Writes it, and resolves to its path; for `-` to null, the bytes being the caller's to print. */
export async function writeNewFile(
  context: Pick<Context, 'cwd'>,
  file: string,
  bytes: Uint8Array,
): Promise<string | null> {
  const path = newFilePath(context, file);
  if (path === null) return null;
  try {
    await writeFileAtomic(path, bytes, 0o644);
  } catch (error) {
    if (!hasCode(error, 'storage/failed')) throw error;
    throw cannotWrite(path, error, errnoOf(error.cause));
  }
  return path;
}

function cannotWrite(path: string, cause: unknown, errno: string | undefined): AuthsError<'storage/failed'> {
  const why = errno ?? 'input/output error';
  return new AuthsError('storage/failed', `${path} cannot be written (${why})`, {
    hint: hintFor(dirname(path), errno),
    details: { path },
    cause,
  });
}

function hintFor(folder: string, errno: string | undefined): string {
  switch (errno) {
    case 'ENOENT':
      return `there is no such folder: mkdir -p ${shellWord(folder)}, then run the same command again`;
    case 'ENOSPC':
    case 'EDQUOT':
      return storageHint(errno);
    default:
      return `name a file in another folder, or see to ${folder} and run the same command again`;
  }
}
