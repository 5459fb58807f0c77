/** One process at a time at one thing in one home. A run that was killed leaves its locks; the next one takes them over. */
import { unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { lockState, withFileLock } from '@auths/key-store/file-lock';

/** Longer than whatever holds one takes. */
const WAIT_MS = 60_000;

/** Runs `action` while no other process is in here for the same home. */
export async function withInitLock<T>(home: string, action: () => Promise<T>): Promise<T> {
  return withHomeLock(home, 'init', async () => {
    await takeOverStale(join(home, 'keys.enc'));
    return action();
  });
}

/** Runs `action` under the lock of that name. */
export async function withHomeLock<T>(home: string, name: string, action: () => Promise<T>): Promise<T> {
  const path = join(home, name);
  await takeOverStale(path);
  return withFileLock(path, action, { waitMs: WAIT_MS });
}

/** Removes the lock of `path` if its holder is dead when nobody else can take it over. */
export async function takeOverStale(path: string): Promise<void> {
  if ((await lockState(`${path}.lock`)) === 'stale') await takeOver(path);
}

/** Under a second lock, so that of two that find a dead holder only one removes it, and never a living one's. */
async function takeOver(path: string): Promise<void> {
  await withFileLock(`${path}-takeover`, async () => {
    if ((await lockState(`${path}.lock`)) === 'stale') await unlink(`${path}.lock`);
  });
}
