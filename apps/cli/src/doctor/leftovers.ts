/** What a process that died leaves in a home beside its locks: found, named, and with `--fix` finished or cleared away. */
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { formatAllowedSigners } from '@auths/core/commit/allowed-signers';
import { prefixOf, type DidKeri } from '@auths/core/identifiers';
import { readSmallText } from '@auths/git-store/files';
import { beginAgain, homeExists } from '@auths/git-store/home-parts';
import { openHome, type Home } from '@auths/git-store/home-repository';
import { readIdentityDocument, type IdentityDocument } from '@auths/git-store/identity-document';
import { repairLog } from '@auths/git-store/repair';
import { lockState } from '@auths/key-store/file-lock';
import type { Context } from '../command.ts';
import { homeFiles } from '../composition.ts';
import { writeAllowedSigners } from '../home/device-files.ts';
import { foldStates } from '../home/fold-home.ts';
import { chooseWords, lostWords } from '../home/lost-events.ts';
import { readCheckedTip } from '../home/view-cache.ts';
import { countForNothing } from './devices.ts';
import { failed, fixed, ok, warning, type Finding } from './finding.ts';

/** Before that a file under a temporary name may still be in the making. */
const OLD_MS = 60_000;
/** A line for each device. */
const MAX_DERIVED = 64 << 20;
/** As our writers name them; `tmp_obj_` and `tmp_pack_` are git's own names. */
const TEMPORARY = /(?:\.[0-9a-f]{12,18}\.tmp|^devices\.[0-9a-f]{16}\.tmp|^tmp_(?:obj|pack|idx)_\w+)$/;

/** A log whose ref a crash has emptied or lost: its newest sound state is put back. */
export async function checkLog(context: Context, fix: boolean): Promise<readonly Finding[]> {
  return inHome(context, async (home, { controller_did }) => {
    if (!fix) return [];
    const prefix = prefixOf(controller_did);
    const known = readCheckedTip(home.dir, prefix);
    const { fate, tips } = { tips: [], ...(await repairLog(home, prefix, known)) };
    if (fate === 'sound') return [];
    if (fate === 'repaired') return [fixed('log', await whatIsBack(home, controller_did, known !== null))];
    const damaged = 'the key event log is damaged, and';
    if (tips.length === 0)
      return [failed('log', `${damaged} no state of it is left whole here`, beginAgain(home.dir))];
    const detail = `${damaged} it cannot be told which state was its last`;
    return [failed('log', detail, chooseWords(home, prefix, tips))];
  });
}

/** That it is the last state only the event that was checked can tell. */
async function whatIsBack(home: Home, did: DidKeri, isKnown: boolean): Promise<string> {
  const { state, lost } = await foldStates(home, did);
  const damaged = 'the key event log was damaged;';
  if (isKnown && lost === null) return `${damaged} its last state is back`;
  const newer = `auths pull REMOTE brings newer ones from where they were pushed`;
  return lost === null
    ? `${damaged} it is back up to event ${state.sequence}, the newest that is here. If there were more, ${newer}`
    : `${damaged} it is set back to event ${state.sequence}. ${newer}`;
}

/** Temporary files, which may hold sealed secrets of a passphrase that was changed since. */
export async function checkTemporaryFiles(context: Context, fix: boolean): Promise<readonly Finding[]> {
  const left: string[] = [];
  for (const path of await filesBelow(context.home)) {
    if (!TEMPORARY.test(path.slice(path.lastIndexOf('/') + 1))) continue;
    // What a living process takes its lock with lies there until it has the lock.
    if (/\.lock\.\w+\.tmp$/.test(path) && (await lockState(path)) === 'held') continue;
    // Gone since it was listed: its process has come to its end, or another doctor was here.
    const facts = await stat(path).catch(() => null);
    if (facts !== null && Math.abs(Date.now() - facts.mtimeMs) > OLD_MS) left.push(path);
  }
  if (left.length === 0) return [];
  if (fix) for (const path of left) await rm(path, { force: true });
  const detail = `${left.length} temporary file${left.length === 1 ? '' : 's'} of a process that is gone`;
  return [fix ? fixed('leftovers', detail) : warning('leftovers', detail, 'auths doctor --fix')];
}

/** What follows from the log: allowed_signers, and whom nothing can be made of. */
export async function checkDerived(context: Context, fix: boolean): Promise<readonly Finding[]> {
  return inHome(context, async (home, { controller_did, role }) => {
    const findings: Finding[] = [];
    const path = homeFiles(context.home).allowedSigners;
    const { state, devices, lost } = await foldStates(home, controller_did);
    // What follows from a log that was cut would let in whom it has revoked.
    if (lost !== null)
      return [failed('log', ...(await lostWords(home, prefixOf(controller_did), state.sequence, lost)))];
    if (role === 'controller') findings.push(...countForNothing(devices));
    if (readSmallText(path, MAX_DERIVED) !== formatAllowedSigners(devices)) {
      if (fix) await writeAllowedSigners(home, controller_did);
      const detail = `${path} is not what the log says`;
      findings.push(
        fix ? fixed('allowed_signers', detail) : failed('allowed_signers', detail, 'auths doctor --fix'),
      );
    }
    return findings.length > 0 ? findings : [ok('derived files', 'allowed_signers follows the log')];
  });
}

/** Nothing where there is no home, or none with an identity. */
export async function inHome(
  context: Context,
  action: (home: Home, identity: IdentityDocument) => Promise<readonly Finding[]>,
): Promise<readonly Finding[]> {
  if (!homeExists(context.home)) return [];
  await using home = openHome(context.home);
  const identity = await readIdentityDocument(home);
  // Awaited here: the home is closed when this function returns.
  return identity === null ? [] : await action(home, identity);
}

async function filesBelow(folder: string): Promise<readonly string[]> {
  try {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  } catch {
    return [];
  }
}
