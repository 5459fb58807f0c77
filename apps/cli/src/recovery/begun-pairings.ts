/** Pairings that were agreed on before a theft and are in no log yet: nobody vouches for them. */
import { openJournal } from '@auths/key-store/journal';
import { isPairingEntry, pairedDevices, parsePairingJournal } from '@auths/key-store/paired-devices';
import type { Context } from '../command.ts';
import { safeName } from '../views/layout.ts';

/**
 * Gives up every pairing that is begun: the next command would seal it with the new key. Says so of each. One that cannot be
 * read, or that stays, is told and keeps no rotation from being made.
 */
export async function giveUpPairings(context: Context): Promise<void> {
  const journal = openJournal(context.home);
  const devices = pairedDevices(context.home);
  for (const name of (await journal.list()).filter(isPairingEntry)) {
    try {
      const entry = await journal.read(name, parsePairingJournal);
      if (entry === null) continue;
      await devices.forget(entry);
      context.note(
        `${safeName(entry.link.name)}: a pairing that was interrupted is given up; to let it in, pair it again`,
      );
    } catch (error) {
      const { message, hint } = error as Error & { readonly hint?: string };
      context.note(`a pairing that was interrupted is not given up: ${message} → ${hint ?? 'auths doctor'}`);
    }
  }
}
