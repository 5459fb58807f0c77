/** Files that cannot be read and that the home can do without: put aside, for a person to look at. */
import { hasCode, type AuthsError } from '@auths/core/errors';
import { putAside } from '@auths/key-store/atomic-file';
import { failed, fixed, type Finding } from './finding.ts';

interface Dispensable {
  /** `storage/corrupt` names the file. */
  readonly read: () => Promise<unknown>;
  /** Under a lock that keeps others from putting it aside too. */
  readonly exclusively: <T>(action: () => Promise<T>) => Promise<T>;
  /** What follows where it is put aside. */
  readonly lost: string;
}

/** Null for one that can be read. */
export async function asideIfUnreadable(
  check: string,
  { read, exclusively, lost }: Dispensable,
  fix: boolean,
): Promise<Finding | null> {
  const found = await whyUnreadable(read);
  if (found === null) return null;
  if (!fix) return failed(check, found.message, 'auths doctor --fix');
  // Read anew under the lock: another process may have put it aside, and a new one in its place.
  return exclusively(async () => {
    const still = await whyUnreadable(read);
    if (still === null) return null;
    await putAside(String(still.details['path']));
    return fixed(check, `${still.message}; it lies aside as .unreadable, and ${lost}`);
  });
}

async function whyUnreadable(read: () => Promise<unknown>): Promise<AuthsError<'storage/corrupt'> | null> {
  try {
    await read();
    return null;
  } catch (error) {
    if (!hasCode(error, 'storage/corrupt')) throw error;
    return error;
  }
}
