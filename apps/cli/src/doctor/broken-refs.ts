/** Refs of records and of the identity document that a power cut emptied, or that are gone. The log's own ref is mended from its objects (leftovers.ts). */
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { readSmallText } from '@auths/git-store/files';
import { homeExists } from '@auths/git-store/home-parts';
import { openHome } from '@auths/git-store/home-repository';
import { readPackedRef } from '@auths/git-store/ref-files';
import { findEventCommit, putRef } from '@auths/git-store/repair';
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
  for (const ref of broken) {
    const said = /\/disputed\/(E[\w-]{43})$/.exec(ref)?.[1];
    const oid = known.get(ref) ?? (said === undefined ? null : await findEventCommit(home, said));
    const isThere = oid !== null && (await home.object(oid, 'commit').then(Boolean, () => false));
    const path = join(context.home, ref);
    if (!isThere) {
      const detail = `${path} holds no object id, and what it held is not known`;
      findings.push(failed('refs', detail, `move it away, then auths pull REMOTE from where it was pushed`));
    } else if (fix) {
      await putRef(context.home, ref, oid);
      findings.push(fixed('refs', `${path} held no object id; it has its last known value again`));
    } else findings.push(failed('refs', `${path} holds no object id`, 'auths doctor --fix'));
  }
  return findings;
}

/** Refs that hold no object id, and those that stood here when the home was last read and are gone: none is ever removed. */
async function brokenRefs(home: string): Promise<readonly string[]> {
  const missing = [...lastKnownRefs(home).keys()].filter(
    (ref) => !ref.endsWith('/kel') && !existsSync(join(home, ref)) && readPackedRef(home, ref) === null,
  );
  return [...missing, ...(await garbledRefs(home))].toSorted();
}

async function garbledRefs(home: string): Promise<readonly string[]> {
  const entries = await readdir(join(home, 'refs'), { recursive: true, withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.lock') && entry.name !== 'kel')
    .map((entry) => relative(home, join(entry.parentPath, entry.name)).replaceAll(sep, '/'))
    .filter((ref) => !/^(?:[0-9a-f]{40}|ref: \S+)\n?$/.test(readSmallText(join(home, ref), 4096) ?? ''));
}
