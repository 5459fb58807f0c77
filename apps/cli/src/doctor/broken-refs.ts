/** Refs of records and of the identity document that a power cut emptied, that lead to nothing, or that are gone. The log's own ref is mended from its objects (leftovers.ts). */
import { readdir } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { allCommits } from '@auths/git-store/all-commits';
import { beginAgain, homeExists } from '@auths/git-store/home-parts';
import { openHome, type Home } from '@auths/git-store/home-repository';
import { findRefCommit, isReadable, recordRefsOf } from '@auths/git-store/lost-refs';
import { mendRef, readRawRef } from '@auths/git-store/mend-ref';
import { IDENTITY_REF } from '@auths/git-store/ref-files';
import type { Context } from '../command.ts';
import { lastKnownRefs } from '../home/view-cache.ts';
import { failed, fixed, type Finding } from './finding.ts';

/** Each is given the value under which this machine last read it, else the last one that is found among the objects. */
export async function checkRefs(context: Context, fix: boolean): Promise<readonly Finding[]> {
  if (!homeExists(context.home)) return [];
  await using home = openHome(context.home);
  const broken = await brokenRefs(home);
  if (broken.length === 0) return [];
  const known = lastKnownRefs(home.dir);
  const commits = await allCommits(home);
  const findings: Finding[] = [];
  for (const [ref, seen] of broken) {
    const last = known.get(ref) ?? null;
    const isThere = last !== null && (await isReadable(home, ref, last));
    const oid = isThere ? last : await findRefCommit(home, ref, commits);
    // A home that never held an identity has no document either.
    if (oid === null && seen === null && last === null) continue;
    const detail = `${join(home.dir, ref)} ${whatIsWrong(seen)}`;
    if (oid === null)
      findings.push(failed('refs', `${detail}, and what it held is not here`, wayOut(home.dir, ref)));
    else if (!fix) findings.push(failed('refs', detail, 'auths doctor --fix'));
    // Another program that has written it meanwhile has mended it.
    else if (await mendRef(home.dir, ref, seen, oid))
      findings.push(fixed('refs', `${detail}; it has its last known value again`));
  }
  return findings;
}

function whatIsWrong(seen: string | null): string {
  if (seen === null) return 'is gone';
  return OID.test(seen) ? 'leads to nothing that can be read' : 'held no object id';
}

/** Below refs/auths lies what is never pushed; the records there stand below refs/did too, as soon as they are sealed. */
function wayOut(dir: string, ref: string): string {
  if (ref === IDENTITY_REF) return beginAgain(dir);
  const remove = `rm '${join(dir, ref)}'`;
  return ref.startsWith('refs/auths/')
    ? remove
    : `${remove}, then auths pull REMOTE from where it was pushed`;
}

const OID = /^[0-9a-f]{40}\n?$/;

/** Refs that lead to nothing, with what they hold, and those that stood here when the home was last read and are gone: none is ever removed. */
async function brokenRefs(home: Home): Promise<readonly (readonly [string, string | null])[]> {
  const known = [...lastKnownRefs(home.dir).keys()];
  const names = known.length > 0 || hasLogs(home) ? known : await namedByObjects(home);
  const refs = new Set([IDENTITY_REF, ...names, ...(await looseRefs(home.dir))]);
  const broken: [string, string | null][] = [];
  for (const ref of [...refs].toSorted()) {
    if (ref.endsWith('/kel')) continue;
    const text = readRawRef(home.dir, ref);
    const isOurs = /^refs\/(?:auths|auths-remotes|did)\//.test(ref);
    const leads = text !== null && OID.test(text) && (await isReadable(home, ref, text.trimEnd()));
    // What a person keeps here beside ours only has to be a ref.
    if (!leads && (isOurs || !/^(?:[0-9a-f]{40}|ref: \S+)\n?$/.test(text ?? ''))) broken.push([ref, text]);
  }
  return broken;
}

/** Where an identity is, its log and the record of its first device are. */
function hasLogs(home: Home): boolean {
  return home.listNames('refs/did/keri').length > 0 || home.listNames('refs/auths/devices/nodes').length > 0;
}

/** Only of a home that has had an identity: before that, what a run leaves that died is no loss. */
async function namedByObjects(home: Home): Promise<Iterable<string>> {
  const commits = await allCommits(home);
  const document = readRawRef(home.dir, IDENTITY_REF) ?? (await findRefCommit(home, IDENTITY_REF, commits));
  return document === null ? [] : recordRefsOf(home, commits);
}

/** Of a home without an identity document: whether its commit is still there, which tells even where nothing is cached. */
export async function hasLostDocument(dir: string): Promise<boolean> {
  if (!homeExists(dir)) return false;
  await using home = openHome(dir);
  return (await findRefCommit(home, IDENTITY_REF, await allCommits(home))) !== null;
}

async function looseRefs(home: string): Promise<readonly string[]> {
  const entries = await readdir(join(home, 'refs'), { recursive: true, withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.lock'))
    .map((entry) => relative(home, join(entry.parentPath, entry.name)).replaceAll(sep, '/'));
}
