/** Pairings that were agreed on before a theft and are in no log yet: nobody vouches for them. */
import { digestOf } from '@auths/core/attestation/sign';
import { isAuthsError } from '@auths/core/errors';
import type { PairedDevices, PairingJournal } from '@auths/core/flows/pairing-ports';
import { readOwnLog } from '@auths/core/flows/seal-records';
import { sealsOf } from '@auths/core/flows/seals';
import type { Said } from '@auths/core/identifiers';
import { openJournal, type Journal } from '@auths/key-store/journal';
import { isPairingEntry, pairedDevices, parsePairingJournal } from '@auths/key-store/paired-devices';
import type { Context } from '../command.ts';
import { verifyEngine } from '../engines.ts';
import type { IdentityStores } from '../remotes/pull-remote.ts';
import { safeName } from '../views/layout.ts';
import type { Vouched } from './vouching.ts';

/**
 * Gives up every pairing that is begun, which the next command would seal with the new key, but for those whose seal stands
 * after a rotation that is `vouched` for so (null: it has been made). Says so of each, and gives their names. What is in the
 * way keeps no rotation from being made, and lets no pairing go on: one that cannot be read is sealed by nobody, and doctor
 * puts it aside.
 */
export async function giveUpPairings(
  context: Context,
  stores: IdentityStores,
  vouched: Vouched | null,
): Promise<readonly string[]> {
  const stands = await standingSeals(stores, vouched);
  const journal = openJournal(context.home);
  const devices = pairedDevices(context.home);
  const given: string[] = [];
  for (const name of (await journal.list()).filter(isPairingEntry)) {
    const entry = await readEntry(context, journal, name);
    if (entry === null || stands(digestOf(entry.link))) continue;
    await giveUp(context, { journal, devices, name, entry });
    given.push(entry.link.name);
    context.note(
      `${safeName(entry.link.name)}: a pairing that was interrupted is given up; to let it in, pair it again`,
    );
  }
  return given;
}

async function standingSeals(
  { log, identity }: IdentityStores,
  vouched: Vouched | null,
): Promise<(digest: Said) => boolean> {
  const { verdict } = await readOwnLog({ log, engine: verifyEngine }, identity.controller_did);
  const seals = sealsOf(verdict.events);
  const again = new Set((vouched?.reseal ?? []).map(digestOf));
  return (digest) => again.has(digest) || (seals.get(digest) ?? Infinity) < (vouched?.at ?? Infinity);
}

async function readEntry(context: Context, journal: Journal, name: string): Promise<PairingJournal | null> {
  try {
    return await journal.read(name, parsePairingJournal);
  } catch (error) {
    tell(context, 'a pairing that was interrupted cannot be read', error);
    return null;
  }
}

interface Begun {
  readonly journal: Journal;
  readonly devices: PairedDevices;
  readonly name: string;
  readonly entry: PairingJournal;
}

/** The entry of the journal is what the next command would go on from; that of the list lets nobody in. */
async function giveUp(context: Context, { journal, devices, name, entry }: Begun): Promise<void> {
  try {
    await devices.forget(entry);
  } catch (error) {
    tell(context, 'the list of paired devices is not tidied up', error);
    await journal.remove(name);
  }
}

function tell(context: Context, what: string, error: unknown): void {
  if (!isAuthsError(error)) throw error;
  context.note(`${what}: ${error.message} → ${error.hint ?? 'auths doctor'}`);
}
