/** Refs of records and of the identity document that a power cut emptied, that lead to nothing, or that are gone. The log's own ref is mended from its objects (leftovers.ts). */
import { readdir } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { hasCode } from '@auths/core/errors';
import { allCommits } from '@auths/git-store/all-commits';
import { beginAgain, homeExists } from '@auths/git-store/home-parts';
import { openHome, type Home } from '@auths/git-store/home-repository';
import { readIdentityDocument } from '@auths/git-store/identity-document';
import { findRefCommit, isReadable, recordRefsOf } from '@auths/git-store/lost-refs';
import { mendRef, readRawRef } from '@auths/git-store/mend-ref';
import { IDENTITY_REF } from '@auths/git-store/ref-files';
import type { Context } from '../command.ts';
import { foldStates } from '../home/fold-home.ts';
import { lastKnownRefs } from '../home/view-cache.ts';
import { failed, fixed, type Finding } from './finding.ts';

/** Each is given the newest value that is found among the objects and goes on from the one under which this machine last read it. */
export async function checkRefs(context: Context, fix: boolean): Promise<readonly Finding[]> {
  if (!homeExists(context.home)) return [];
  await using home = openHome(context.home);
  const broken = await brokenRefs(home);
  if (broken.length === 0) return [];
  const known = lastKnownRefs(home.dir);
  const commits = await allCommits(home);
  const findings: Finding[] = [];
  for (const { ref, seen, value } of broken) {
    const last = value ?? known.get(ref) ?? null;
    const oid = await findRefCommit(home, ref, commits, last);
    // A home that never held an identity has no document either.
    if ((oid === null && seen === null && last === null) || (oid !== null && oid === value)) continue;
    const detail = `${join(home.dir, ref)} ${value === null ? whatIsWrong(seen) : 'was set back'}`;
    if (oid === null)
      findings.push(failed('refs', `${detail}, and what it held is not here`, wayOut(home.dir, ref)));
    else if (!fix) findings.push(failed('refs', detail, 'auths doctor --fix'));
    // Another program that has written it meanwhile has mended it.
    else if (await mendRef(home.dir, ref, seen, oid))
      findings.push(fixed('refs', `${detail}; it has the newest value again that is found here`));
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

interface Broken {
  readonly ref: string;
  /** What it holds, as it stands there. */
  readonly seen: string | null;
  /** The commit that it leads to, and that may be an old one; null where it leads to none. */
  readonly value: string | null;
}

/**
 * Refs that lead to nothing, and those that stood here when the home was last read and are gone: none is ever removed.
 * Where the log seals a record that is not here, any ref of records may be gone or set back, whatever is cached.
 */
async function brokenRefs(home: Home): Promise<readonly Broken[]> {
  const known = [...lastKnownRefs(home.dir).keys()];
  const lacking = await lacksRecords(home);
  const isLost = lacking || (known.length === 0 && !hasLogs(home));
  const named = isLost ? await namedByObjects(home) : [];
  const refs = new Set([IDENTITY_REF, ...known, ...named, ...(await looseRefs(home.dir))]);
  const broken: Broken[] = [];
  for (const ref of [...refs].toSorted()) {
    if (ref.endsWith('/kel')) continue;
    const seen = readRawRef(home.dir, ref);
    const isOurs = /^refs\/(?:auths|auths-remotes|did)\//.test(ref);
    const oid = seen !== null && OID.test(seen) ? seen.trimEnd() : null;
    const leads = oid !== null && (await isReadable(home, ref, oid));
    if (leads && lacking && ref !== IDENTITY_REF) broken.push({ ref, seen, value: oid });
    // What a person keeps here beside ours only has to be a ref.
    else if (!leads && (isOurs || !/^(?:[0-9a-f]{40}|ref: \S+)\n?$/.test(seen ?? '')))
      broken.push({ ref, seen, value: null });
  }
  return broken;
}

/** True too where the log cannot be read, or whose it is: what is gone beside that is mended by the same run. */
async function lacksRecords(home: Home): Promise<boolean> {
  try {
    const identity = await readIdentityDocument(home);
    return identity !== null && (await foldStates(home, identity.controller_did)).missing.length > 0;
  } catch (error) {
    if (hasCode(error, 'storage/corrupt') || hasCode(error, 'kel/invalid')) return true;
    throw error;
  }
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
