/**
 * What a list that was put back from its backup may hold: pairings that are provisional there, and of which the journal knows
 * nothing any more. It is written before the list and removed after it, so that none of these is going on.
 */
import type { PairedDevice } from '@auths/core/flows/pairing-ports';
import { changeAllowList, readAllowList } from './allow-list.ts';
import { openJournal } from './journal.ts';
import { readPairings, withActive } from './paired-devices.ts';

/** Those of the home in `dir`. `storage/corrupt` where list or journal cannot be read. */
export async function strandedPairings(dir: string): Promise<readonly PairedDevice[]> {
  return strandedIn(dir, await readAllowList(dir));
}

/** Makes those active whose link `readLive` names by its rid, read under the lock of the list; the others go. */
export async function settleStranded(
  dir: string,
  readLive: () => Promise<ReadonlySet<string>>,
): Promise<void> {
  await changeAllowList(dir, async (devices) => {
    const stranded = await strandedIn(dir, devices);
    if (stranded.length === 0) return devices;
    const live = await readLive();
    let after = devices;
    for (const { rid, device_id } of stranded)
      after = live.has(rid) ? withActive(after, device_id, rid) : after.filter((one) => one.rid !== rid);
    return after;
  });
}

async function strandedIn(dir: string, devices: readonly PairedDevice[]): Promise<readonly PairedDevice[]> {
  const provisional = devices.filter(({ status }) => status === 'provisional');
  if (provisional.length === 0) return [];
  const begun = new Set((await readPairings(openJournal(dir))).map(({ link }) => link.rid));
  return provisional.filter(({ rid }) => !begun.has(rid));
}
