/** Refs of records and of the identity document that a power cut emptied, or that are gone. The log's own ref is mended from its objects (leftovers.ts). */
import { readdir } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { homeExists } from '@auths/git-store/home-parts';
import { openHome } from '@auths/git-store/home-repository';
import { mendRef, readRawRef } from '@auths/git-store/mend-ref';
import { findEventCommit } from '@auths/git-store/repair';
import type { Context } from '../command.ts';
import { lastKnownRefs } from '../home/view-cache.ts';
import { failed, fixed, type Finding } from './finding.ts';

/** Each is given the value under which this machine last read it, if its commit is still there. */
export async function checkRefs(context: Context, fix: boolean): Promise<readonly Finding[]> {
  if (!homeExists(context.home)) return [];
  const broken = await brokenRefs(context.home);
  if (broken.length === 0) return [];
  const known = lastKnownRefs(context.home);
  const findings: Finding[] = [];
  await using home = openHome(context.home);
  for (const [ref, seen] of broken) {
    const said = /\/disputed\/(E[\w-]{43})$/.exec(ref)?.[1];
    const oid = known.get(ref) ?? (said === undefined ? null : await findEventCommit(home, said));
    const isThere = oid !== null && (await home.object(oid, 'commit').then(Boolean, () => false));
    const path = join(context.home, ref);
    if (!isThere) {
      const detail = `${path} holds no object id, and what it held is not known`;
      findings.push(failed('refs', detail, `move it away, then auths pull REMOTE from where it was pushed`));
    } else if (fix) {
      // Another program that has written it meanwhile has mended it.
      if (await mendRef(context.home, ref, seen, oid))
        findings.push(fixed('refs', `${path} held no object id; it has its last known value again`));
    } else findings.push(failed('refs', `${path} holds no object id`, 'auths doctor --fix'));
  }
  return findings;
}

/** Refs that hold no object id, with what they hold, and those that stood here when the home was last read and are gone: none is ever removed. */
async function brokenRefs(home: string): Promise<readonly (readonly [string, string | null])[]> {
  const refs = new Set([...lastKnownRefs(home).keys(), ...(await looseRefs(home))]);
  return [...refs]
    .filter((ref) => !ref.endsWith('/kel'))
    .toSorted()
    .map((ref): [string, string | null] => [ref, readRawRef(home, ref)])
    .filter(([, text]) => !/^(?:[0-9a-f]{40}|ref: \S+)\n?$/.test(text ?? ''));
}

async function looseRefs(home: string): Promise<readonly string[]> {
  const entries = await readdir(join(home, 'refs'), { recursive: true, withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.lock'))
    .map((entry) => relative(home, join(entry.parentPath, entry.name)).replaceAll(sep, '/'));
}
