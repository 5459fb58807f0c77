/** One init at a time in one home. A run that was killed leaves its locks; the next one takes them over. */
import { unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { lockState, withFileLock } from '@auths/key-store/file-lock';

const WAIT_MS = 60_000;

/** Runs `action` while no other process is in here for the same home. */
export async function withInitLock<T>(home: string, action: () => Promise<T>): Promise<T> {
  const path = join(home, 'init');
  await takeOverStale(path);
  return withFileLock(
    path,
    async () => {
      await takeOverStale(join(home, 'keys.enc'));
      return action();
    },
    { waitMs: WAIT_MS },
  );
}

async function takeOverStale(path: string): Promise<void> {
  if ((await lockState(`${path}.lock`)) === 'stale') await takeOver(path);
}

/** Under a second lock, so that of two that find a dead holder only one removes it, and never a living one's. */
async function takeOver(path: string): Promise<void> {
  await withFileLock(`${path}-takeover`, async () => {
    if ((await lockState(`${path}.lock`)) === 'stale') await unlink(`${path}.lock`);
  });
}
