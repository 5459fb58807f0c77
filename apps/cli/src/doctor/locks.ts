/** Locks in a home: our own, which name their holder, and those of git, which do not. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { findLocks } from '@auths/git-store/refs';
import { lockHolder, lockState } from '@auths/key-store/file-lock';
import type { Context } from '../command.ts';
import { takeOverStale, withHomeLock } from '../home/home-lock.ts';
import { PENDING_EVENT } from '../witnesses/own-log.ts';
import { failed, fixed, ok, warning, type Finding } from './finding.ts';

/** A ref lock of git's own says nothing of its holder; git holds one for milliseconds. */
const OLD_LOCK_MS = 60_000;

/** Locks that nobody holds any more are removed with `--fix`; who holds one is told. */
export async function checkLocks(context: Context, fix: boolean): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (const lock of await staleLocks(context)) {
    if (fix) await takeOverStale(lock.slice(0, -'.lock'.length));
    findings.push(left(lock, fix));
  }
  const old = oldGitLocks(context);
  // One doctor at a time, which looks again: what it takes for old is never one that was taken meanwhile.
  if (fix && old.length > 0)
    await withHomeLock(context.home, 'doctor', async () => {
      for (const lock of oldGitLocks(context)) await rm(lock, { force: true });
    });
  for (const lock of old) findings.push(left(lock, fix));
  for (const lock of homeLocks(context)) {
    const holder = await lockHolder(lock);
    if (holder === null) continue;
    const detail = `${lock} is held by process ${holder}, which lives`;
    findings.push(warning('locks', detail, `let it come to its end, or end it: kill -9 ${holder}`));
  }
  for (const { path, ageMs } of findLocks(context.home)) {
    if (ageMs > OLD_LOCK_MS) continue;
    const detail = `${path} is ${Math.round(ageMs / 1000)} s old: git holds it, or has died with it`;
    findings.push(warning('locks', detail, 'auths doctor --fix, a minute from now'));
  }
  return findings.length > 0 ? findings : [ok('locks', 'none left behind')];
}

function left(lock: string, fix: boolean): Finding {
  const detail = `${lock} was left by a process that is gone`;
  return fix ? fixed('locks', detail) : failed('locks', detail, 'auths doctor --fix');
}

function homeLocks({ home }: Context): readonly string[] {
  const names = ['keys.enc', 'init', PENDING_EVENT, 'allow-list.json', 'doctor'];
  // What a lock is taken over under comes first: it would be in the way of that.
  return names.flatMap((name) => [join(home, `${name}-takeover.lock`), join(home, `${name}.lock`)]);
}

async function staleLocks(context: Context): Promise<readonly string[]> {
  const stale: string[] = [];
  for (const lock of homeLocks(context)) if ((await lockState(lock)) === 'stale') stale.push(lock);
  return stale;
}

function oldGitLocks({ home }: Context): readonly string[] {
  return findLocks(home)
    .filter(({ ageMs }) => ageMs > OLD_LOCK_MS)
    .map(({ path }) => path);
}
