/** Refs of a repository that is ours, written: by `git update-ref --stdin` only. Reading them is ref-files.ts. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AuthsError, hasCode } from '@auths/core/errors';
import { errnoOf, syncDirectory } from './files.ts';
import { runGit } from './git.ts';
import { readdirOrEmpty, readRef } from './ref-files.ts';

/** One change of a transaction: from `from` (null: the ref must not exist) to `to`. */
export interface RefChange {
  readonly ref: string;
  readonly from: string | null;
  readonly to: string;
}

/**
 * All changes or none, by compare-and-swap: true when done, false when one of the refs held something else.
 * A lock that does not go away within two seconds is `storage/locked`, naming the file; refs that stay as they were
 * though git says that it moved them are `git/failed`.
 */
export async function updateRefs(gitDir: string, changes: readonly RefChange[]): Promise<boolean> {
  const lines = changes.map(({ ref, from, to }) =>
    from === null
      ? `create ${ref} ${to}\n`
      : from === to
        ? `verify ${ref} ${to}\n`
        : `update ${ref} ${to} ${from}\n`,
  );
  for (let attempt = 0; ; attempt++) {
    try {
      await runGit(['update-ref', '--stdin'], {
        gitDir,
        write: true,
        isolated: true,
        input: `start\n${lines.join('')}prepare\ncommit\n`,
      });
      await Promise.all(changes.map(({ ref }) => syncDirectory(join(gitDir, ref, '..'))));
      requireMoved(gitDir, changes);
      return true;
    } catch (error) {
      if (!hasCode(error, 'git/failed')) throw error;
      if (changes.some(({ ref, from }) => readRef(gitDir, ref) !== from)) return false;
      const lock = /Unable to create '([^']+\.lock)'/i.exec(error.message)?.[1];
      if (lock === undefined) throw error;
      if (attempt >= 20) throw locked(lock, error);
      await sleep(20 + 10 * attempt);
    }
  }
}

/** What git said is not believed. Another id than both is none of this one's doing: somebody moved the ref on meanwhile. */
function requireMoved(gitDir: string, changes: readonly RefChange[]): void {
  for (const { ref, from, to } of changes) {
    if (from === to || readRef(gitDir, ref) !== from) continue;
    throw new AuthsError('git/failed', `git says that it wrote ${ref}, but the ref is as it was before`, {
      hint: 'see which git is the first in PATH (git --version), then run the same command again',
      details: { args: ['update-ref', '--stdin'], status: 0 },
    });
  }
}

/** Lock files below a repository with their age, oldest first: any of more than a minute belongs to a dead process. */
export function findLocks(gitDir: string): readonly { readonly path: string; readonly ageMs: number }[] {
  const found: { path: string; ageMs: number }[] = [];
  for (const path of [
    join(gitDir, 'packed-refs.lock'),
    join(gitDir, 'config.lock'),
    join(gitDir, 'HEAD.lock'),
  ]) {
    noteLock(path, found);
  }
  for (const entry of readdirOrEmpty(join(gitDir, 'refs'), true)) {
    if (entry.isFile() && entry.name.endsWith('.lock')) noteLock(join(entry.parentPath, entry.name), found);
  }
  return found.toSorted((a, b) => b.ageMs - a.ageMs);
}

function noteLock(path: string, found: { path: string; ageMs: number }[]): void {
  try {
    // One from the future is none of now either: a clock that was wrong, or a copy.
    found.push({ path, ageMs: Math.abs(Date.now() - statSync(path).mtimeMs) });
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}

/** `storage/locked`, naming the lock file. */
export function locked(path: string, cause: unknown): AuthsError<'storage/locked'> {
  return new AuthsError('storage/locked', `another program holds, or a crashed one left, ${path}`, {
    hint: 'auths doctor --fix',
    details: { path },
    cause,
  });
}
