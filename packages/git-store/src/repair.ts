/**
 * Repair of a log whose ref a crash has emptied, garbled or lost: the objects of every event were durable before the
 * ref moved, so the newest sound log among them is the one that was published, or was about to be.
 */
import { mkdir, open, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { hasCode } from '@auths/core/errors';
import type { Prefix } from '@auths/core/identifiers';
import { kelRef } from './event-log.ts';
import { syncDirectory } from './files.ts';
import { runGit } from './git.ts';
import type { Home } from './home-repository.ts';
import { parseCommit } from './objects.ts';
import { readPackedRef } from './ref-files.ts';
import { readTrunk, type Trunk } from './trunk.ts';

/**
 * For `auths doctor --fix`, of a log that the home is known to have: no ref is a lost one. `sound`: nothing to do. `repaired`: the ref holds the longest log again. `undecided`: no log
 * continues what is packed, or two of one length do; then a person decides, and nothing was changed.
 */
export async function repairLog(home: Home, prefix: Prefix): Promise<'sound' | 'repaired' | 'undecided'> {
  const ref = kelRef(prefix);
  try {
    const version = home.readRef(ref);
    if (version !== null) {
      await readTrunk(home, ref, version);
      return 'sound';
    }
  } catch (error) {
    if (!hasCode(error, 'storage/corrupt')) throw error;
  }
  const packed = readPackedRef(home.dir, ref);
  const floor = packed === null ? null : await readTrunk(home, ref, packed);
  const disputed = await supersededCommits(home, prefix);
  let best: Trunk | null = null;
  for (const { oid, sequence } of await eventCommits(home)) {
    if (best !== null && sequence + 1 < best.count) break;
    const trunk = disputed.has(oid) ? null : await soundTrunk(home, oid);
    if (trunk === null || !isOf(trunk, prefix) || (floor !== null && !continues(trunk, floor))) continue;
    if (best !== null) return 'undecided';
    best = trunk;
  }
  if (best === null) return 'undecided';
  await putRef(home.dir, ref, best.version);
  return 'repaired';
}

/** Every commit of an event, whatever refers to it, the highest sequence first. */
async function eventCommits(
  home: Home,
): Promise<readonly { readonly oid: string; readonly sequence: number }[]> {
  const args = ['cat-file', '--batch-all-objects', '--batch-check=%(objecttype) %(objectname)'];
  const { stdout } = await runGit(args, { gitDir: home.dir, isolated: true });
  const found: { readonly oid: string; readonly sequence: number }[] = [];
  for (const [, oid] of stdout.toString('latin1').matchAll(/^commit ([0-9a-f]{40})$/gm)) {
    const commit = await home.object(oid as string, 'commit').then(parseCommit, () => null);
    const sequence = /^event (\d+) /.exec(commit?.message ?? '')?.[1];
    if (sequence !== undefined) found.push({ oid: oid as string, sequence: Number(sequence) });
  }
  return found.toSorted((a, b) => b.sequence - a.sequence);
}

async function soundTrunk(home: Home, oid: string): Promise<Trunk | null> {
  return readTrunk(home, `commit ${oid}`, oid).catch(() => null);
}

/** Every commit of a superseded branch, down to its inception: none of them may become the tip again. */
async function supersededCommits(home: Home, prefix: Prefix): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  for (const tip of home.listRefs(`refs/did/keri/${prefix}/disputed`).values()) {
    for (let oid: string | undefined = tip; oid !== undefined && !found.has(oid);) {
      found.add(oid);
      oid = parseCommit(await home.object(oid, 'commit'))?.parents[0];
    }
  }
  return found;
}

/** The inception event names the prefix. */
function isOf(trunk: Trunk, prefix: Prefix): boolean {
  return Buffer.from(trunk.stream.subarray(0, 256)).toString('latin1').includes(`"i":"${prefix}"`);
}

function continues(trunk: Trunk, floor: Trunk): boolean {
  return Buffer.from(trunk.stream.subarray(0, floor.stream.length)).equals(floor.stream);
}

/** git's own protocol for a ref: the lock file, written and synced, takes the ref's name. It never shows the packed value in between. */
export async function putRef(gitDir: string, ref: string, oid: string): Promise<void> {
  const path = join(gitDir, ref);
  await mkdir(dirname(path), { recursive: true });
  const file = await open(`${path}.lock`, 'wx', 0o600);
  try {
    await file.writeFile(`${oid}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.lock`, path);
  await syncDirectory(dirname(path));
}
