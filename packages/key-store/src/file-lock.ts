/**
 * One writer of a file at a time, between processes: `<file>.lock` names its holder by process id and start
 * time. The lock of a dead process is reported (`storage/locked`), never broken silently.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { link, lstat, readFile, unlink, writeFile } from 'node:fs/promises';
import { kill, pid } from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { AuthsError, storageHint } from '@auths/core/errors';
import { errnoOf, storageFailed } from './atomic-file.ts';

interface Holder {
  readonly pid: number;
  /** Start time of the process as the system counts it; "" where it cannot be known. */
  readonly started: string;
}

/** Runs `action` while holding `<path>.lock`. Waits up to `waitMs` (default 10 s) for a living holder. */
export async function withFileLock<T>(
  path: string,
  action: () => Promise<T>,
  options: { readonly waitMs?: number } = {},
): Promise<T> {
  const lock = `${path}.lock`;
  const release = await acquire(lock, options.waitMs ?? 10_000);
  try {
    return await action();
  } finally {
    await release();
  }
}

/** `storage/locked` when a program that has ended holds the lock of `path`, which nobody could take then. */
export async function requireNoStaleLock(path: string): Promise<void> {
  const lock = `${path}.lock`;
  if ((await lockState(lock)) === 'stale') throw leftBehind(lock);
}

/** Who holds a lock: nobody (no file), a living process, or a dead one. */
export async function lockState(lock: string): Promise<'free' | 'held' | 'stale'> {
  const found = await look(lock);
  return found === 'free' || found === 'stale' ? found : 'held';
}

/** The process that holds a lock and lives; null where none does. */
export async function lockHolder(lock: string): Promise<number | null> {
  const found = await look(lock);
  return typeof found === 'string' ? null : found.pid;
}

async function look(lock: string): Promise<'free' | 'stale' | Holder> {
  let text: string;
  try {
    text = await readFile(lock, 'utf8');
  } catch (error) {
    // A link that leads nowhere is no lock of ours, and it is in the way of one.
    if (await isLink(lock)) return 'stale';
    if (errnoOf(error) === 'ENOENT') return 'free';
    throw storageFailed(lock, error);
  }
  const holder = parseHolder(text);
  // The file gets its name only when it is whole, so one that cannot be read is not in the making.
  return holder === null || !isAlive(holder) ? 'stale' : holder;
}

async function isLink(path: string): Promise<boolean> {
  return lstat(path).then(
    (facts) => facts.isSymbolicLink(),
    () => false,
  );
}

async function acquire(lock: string, waitMs: number): Promise<() => Promise<void>> {
  const mine = `${lock}.${randomBytes(9).toString('hex')}.tmp`;
  const holder: Holder = { pid, started: startOf(pid) };
  try {
    await writeFile(mine, JSON.stringify(holder), { flag: 'wx', mode: 0o600 }).catch((error: unknown) => {
      throw failed(lock, error);
    });
    const deadline = performance.now() + waitMs;
    for (let attempt = 0; ; attempt++) {
      try {
        await link(mine, lock);
        return async () => {
          await unlink(lock);
        };
      } catch (error) {
        if (errnoOf(error) !== 'EEXIST') throw failed(lock, error);
      }
      const found = await look(lock);
      if (found === 'stale') throw leftBehind(lock);
      if (performance.now() > deadline) throw found === 'free' ? busy(lock) : heldBy(lock, found.pid);
      if (found !== 'free') await sleep(Math.min(5 + 5 * attempt, 50) * (0.5 + Math.random()));
    }
  } finally {
    await unlink(mine).catch(() => undefined);
  }
}

function parseHolder(text: string): Holder | null {
  try {
    const holder = JSON.parse(text) as { readonly pid?: unknown; readonly started?: unknown };
    const whole = typeof holder.pid === 'number' && holder.pid > 0 && typeof holder.started === 'string';
    return whole ? { pid: holder.pid, started: holder.started } : null;
  } catch {
    return null;
  }
}

function isAlive(holder: Holder): boolean {
  try {
    kill(holder.pid, 0);
  } catch (error) {
    if (errnoOf(error) === 'ESRCH') return false;
  }
  const started = startOf(holder.pid);
  // Another start time under one number: the number was given to another process.
  return started === '' || holder.started === '' || started === holder.started;
}

/** Field 22 of /proc/<pid>/stat: clock ticks from boot to the start of the process. "" on other systems. */
function startOf(process: number): string {
  try {
    const text = readFileSync(`/proc/${process}/stat`, 'latin1');
    return text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}

function leftBehind(lock: string): AuthsError<'storage/locked'> {
  return locked(lock, 'a program that has ended left it behind', 'auths doctor --fix');
}

/** Taken and let go of by others all the time. */
function busy(lock: string): AuthsError<'storage/locked'> {
  return locked(lock, 'other programs have held it for too long', 'run the same command again');
}

/** A stopped process lives and does not go on; only a person can tell it from one that works. */
function heldBy(lock: string, holder: number): AuthsError<'storage/locked'> {
  return locked(
    lock,
    `process ${holder}, which lives, has held it for too long`,
    `let it come to its end, or end it: kill -9 ${holder}`,
  );
}

function locked(path: string, why: string, hint: string): AuthsError<'storage/locked'> {
  return new AuthsError('storage/locked', `${path}: ${why}`, { hint, details: { path } });
}

function failed(path: string, cause: unknown): AuthsError<'storage/failed'> {
  return new AuthsError('storage/failed', `${path} could not be created (${errnoOf(cause) ?? 'unknown'})`, {
    hint: storageHint(errnoOf(cause)),
    details: { path },
    cause,
  });
}
