/**
 * Repair of a log whose ref a crash has emptied, garbled or lost: the objects of every event were durable before the
 * ref moved, so the newest sound log among them is the one that was published, or was about to be.
 */
import { hasCode } from '@auths/core/errors';
import type { Prefix } from '@auths/core/identifiers';
import { parseStream } from '@auths/core/keri/stream';
import { kelRef } from './event-log.ts';
import { runGit } from './git.ts';
import type { Home } from './home-repository.ts';
import { mendRef, readRawRef } from './mend-ref.ts';
import { parseCommit } from './objects.ts';
import { readPackedRef } from './ref-files.ts';
import { readTrunk, type Trunk } from './trunk.ts';

/**
 * For `auths doctor --fix`, of a log that the home is known to have: no ref is a lost one. `sound`: nothing to do.
 * `repaired`: the ref holds the longest log again. `undecided`: no log continues what is packed, or it cannot be told which
 * of two was the last; then a person decides, and nothing was changed. `known` is the newest event that was checked here.
 */
export async function repairLog(
  home: Home,
  prefix: Prefix,
  known: { readonly sequence: number; readonly said: string } | null = null,
): Promise<'sound' | 'repaired' | 'undecided'> {
  const ref = kelRef(prefix);
  const seen = readRawRef(home.dir, ref);
  try {
    const version = home.readRef(ref);
    if (version !== null) {
      await readTrunk(home, ref, version);
      return 'sound';
    }
  } catch (error) {
    if (!hasCode(error, 'storage/corrupt')) throw error;
  }
  const disputed = await supersededCommits(home, prefix);
  const packed = readPackedRef(home.dir, ref);
  // A recovery since then has made another branch of what is packed.
  const floor = packed === null || disputed.has(packed) ? null : await readTrunk(home, ref, packed);
  const tips = (await soundTips(home, prefix, disputed)).filter(
    (trunk) => floor === null || continues(trunk, floor),
  );
  const best = choose(tips, known);
  if (best === null) return 'undecided';
  // Where another program has written the ref meanwhile, what it wrote is looked at instead.
  return (await mendRef(home.dir, ref, seen, best.version)) ? 'repaired' : repairLog(home, prefix, known);
}

/** Sound logs that go on in no other one, the longest first. What lies below one of them is not read again. */
async function soundTips(
  home: Home,
  prefix: Prefix,
  disputed: ReadonlySet<string>,
): Promise<readonly Trunk[]> {
  const commits = await eventCommits(home);
  const parents = new Map(commits.map(({ oid, parent }) => [oid, parent]));
  const below = new Set<string>();
  const tips: Trunk[] = [];
  for (const { oid } of commits) {
    if (disputed.has(oid) || below.has(oid) || tips.length === MOST_TIPS) continue;
    const trunk = await soundTrunk(home, oid);
    if (trunk === null) continue;
    for (let at = parents.get(oid); at !== undefined && !below.has(at); at = parents.get(at)) below.add(at);
    if (isOf(trunk, prefix)) tips.push(trunk);
  }
  return tips;
}

/** More than crashes leave; whoever has more decides alone. */
const MOST_TIPS = 64;

/**
 * The longest, among those that hold what this machine has checked. Null where two are as long, and where another one
 * has a rotation at a place where this one has none: that may be a recovery, which wins whatever the lengths.
 */
function choose(
  tips: readonly Trunk[],
  known: { readonly sequence: number; readonly said: string } | null,
): Trunk | null {
  if (tips.length === MOST_TIPS) return null;
  const logs = tips.map((trunk) => ({ trunk, events: eventsOf(trunk) }));
  const holding = logs.filter(({ events }) => known !== null && events[known.sequence]?.said === known.said);
  const [best, ...others] = holding.length > 0 ? holding : logs;
  if (best === undefined || others[0]?.events.length === best.events.length) return null;
  return others.some(({ events }) => mayRecover(events, best.events)) ? null : best.trunk;
}

function mayRecover(ours: Events, theirs: Events): boolean {
  const fork = ours.findIndex(({ said }, at) => theirs[at]?.said !== said);
  return ours[fork]?.ilk === 'rot' && theirs[fork]?.ilk !== 'rot';
}

type Events = readonly { readonly said: string; readonly ilk: string }[];

function eventsOf(trunk: Trunk): Events {
  return parseStream(trunk.stream).messages.map(({ event: { said, ilk } }) => ({ said, ilk }));
}

/** The commit of an event whose SAID is known, from which a branch in dispute has its name; null where there is none. */
export async function findEventCommit(home: Home, said: string): Promise<string | null> {
  return (await eventCommits(home)).find((one) => one.said === said)?.oid ?? null;
}

interface EventCommit {
  readonly oid: string;
  readonly sequence: number;
  readonly said: string;
  readonly parent: string | undefined;
}

/** Every commit of an event, whatever refers to it, the highest sequence first. */
async function eventCommits(home: Home): Promise<readonly EventCommit[]> {
  const args = ['cat-file', '--batch-all-objects', '--batch-check=%(objecttype) %(objectname)'];
  const { stdout } = await runGit(args, { gitDir: home.dir, isolated: true });
  const found: EventCommit[] = [];
  for (const [, oid] of stdout.toString('latin1').matchAll(/^commit ([0-9a-f]{40})$/gm)) {
    const commit = await home.object(oid as string, 'commit').then(parseCommit, () => null);
    const [, sequence, said] = /^event (\d+) (\S+)\n$/.exec(commit?.message ?? '') ?? [];
    if (sequence !== undefined && said !== undefined)
      found.push({ oid: oid as string, sequence: Number(sequence), said, parent: commit?.parents[0] });
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
