/** Work that was begun and is noted in the journal: told, with `--fix` finished, and put aside where it cannot be read. */
import type { JsonValue } from '@auths/core/encoding/json';
import { hasCode } from '@auths/core/errors';
import { withAllowListHeld } from '@auths/key-store/allow-list';
import { openJournal } from '@auths/key-store/journal';
import { isPairingEntry, parsePairingJournal } from '@auths/key-store/paired-devices';
import type { Context } from '../command.ts';
import { withHomeLock, withInitLock } from '../home/home-lock.ts';
import { finishGit, GIT_SETUP, parseGitSetup } from '../home/unfinished-git.ts';
import { OWN_REQUEST, parseOwnRequest } from '../pairing/own-request.ts';
import { parsePendingEvent, PENDING_EVENT } from '../witnesses/own-log.ts';
import { failed, fixed, warning, type Finding } from './finding.ts';
import { asideIfUnreadable } from './unreadable.ts';

const CHECK = 'unfinished';

/** Every entry is read: what cannot be read is in the way of whoever needs it, and a name alone does not show that. */
export async function checkUnfinished(context: Context, fix: boolean): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  const begun: string[] = [];
  for (const name of await openJournal(context.home).list()) {
    const unreadable = await checkEntry(context.home, name, fix);
    if (unreadable === null) begun.push(name);
    else findings.push(unreadable);
  }
  if (begun.includes(GIT_SETUP)) {
    const detail = 'auths init ended before git was set up';
    if (fix) await finishGit(context);
    findings.push(fix ? fixed(CHECK, detail) : failed(CHECK, detail, 'auths init'));
  }
  if (begun.includes(PENDING_EVENT)) {
    const detail =
      'an event waits for its witnesses; the next command that opens the identity key asks again';
    findings.push(warning(CHECK, detail, 'auths id rotate, or auths pair'));
  }
  const pairings = begun.filter(isPairingEntry).length;
  if (pairings > 0) {
    const detail = `${pairings} interrupted pairing${pairings === 1 ? '' : 's'}: finished or forgotten by the next command that uses the identity`;
    findings.push(warning(CHECK, detail, 'auths pair'));
  }
  return findings;
}

/** Null for one that can be read. One of a newer auths stays where it is, and keeps nobody from looking at the others. */
async function checkEntry(home: string, name: string, fix: boolean): Promise<Finding | null> {
  const { parse, exclusively, lost } = kindOf(home, name);
  const read = (): Promise<unknown> => openJournal(home).read(name, parse);
  return asideIfUnreadable(CHECK, { read, exclusively, lost }, fix).catch((error: unknown) => {
    if (!hasCode(error, 'storage/version')) throw error;
    return failed(CHECK, error.message, error.hint ?? null);
  });
}

interface Kind {
  readonly parse: (value: JsonValue) => unknown;
  /** Under the lock of those who write it. */
  readonly exclusively: <T>(action: () => Promise<T>) => Promise<T>;
  /** What follows where it is put aside. */
  readonly lost: string;
}

function kindOf(home: string, name: string): Kind {
  if (isPairingEntry(name)) {
    return {
      parse: parsePairingJournal,
      exclusively: (action) => withAllowListHeld(home, action),
      lost: 'the device that was being paired, if auths devices does not show it as active, pairs again',
    };
  }
  if (name === PENDING_EVENT) {
    return {
      parse: parsePendingEvent,
      exclusively: (action) => withHomeLock(home, PENDING_EVENT, action),
      // Its witnesses, if any have seen it, take a rotation in its place.
      lost: 'what it would have sealed has to be done again',
    };
  }
  const exclusively: Kind['exclusively'] = (action) => withInitLock(home, action);
  if (name === GIT_SETUP)
    return { parse: parseGitSetup, exclusively, lost: 'git is set up by auths git setup' };
  if (name === OWN_REQUEST) {
    const lost = 'an answer is taken in for a new request only: auths devices request FILE';
    return { parse: parseOwnRequest, exclusively, lost };
  }
  return { parse: (value) => value, exclusively, lost: 'nothing here waits for it' };
}
