/** A file that a command makes for somebody to carry away: never over one that is there. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { AuthsError } from '@auths/core/errors';
import { writeFileAtomic } from '@auths/key-store/atomic-file';
import type { Context } from './command.ts';

/** The absolute path that a FILE word names, null for `-`. `usage/invalid` when something is there. */
export function newFilePath(context: Pick<Context, 'cwd'>, file: string): string | null {
  if (file === '-') return null;
  const path = resolve(context.cwd, file);
  if (existsSync(path)) {
    throw new AuthsError('usage/invalid', `${path} exists already`, {
      hint: 'name a file that does not exist',
    });
  }
  return path;
}

/** Writes it, and resolves to its path; for `-` to null, the bytes being the caller's to print. */
export async function writeNewFile(
  context: Pick<Context, 'cwd'>,
  file: string,
  bytes: Uint8Array,
): Promise<string | null> {
  const path = newFilePath(context, file);
  if (path !== null) await writeFileAtomic(path, bytes, 0o644);
  return path;
}
