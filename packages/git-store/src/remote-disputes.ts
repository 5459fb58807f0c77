/**
 * Branches that lost against the home's trunk, kept under `refs/did/keri/<prefix>/disputed/<said of their tip>`, and the
 * last that each remote showed, under `refs/auths-remotes/<name>/…`: both for people, neither changes a verdict.
 */
import type { DisputeStore } from '@auths/core/flows/merge-log';
import { hasCode } from '@auths/core/errors';
import { isSaid, type Prefix } from '@auths/core/identifiers';
import { kelRef } from './event-log.ts';
import type { Home } from './home-repository.ts';
import { frameMessages } from './log-segments.ts';
import { parseCommit } from './objects.ts';
import { cutTrunk, growTrunk, readTrunk } from './trunk.ts';

/** Branches that are kept for one identity. */
const MAX_DISPUTED = 16;
/** Events of one branch that are kept: enough to show who signed what against whom. */
const MAX_BRANCH = 64;
const ATTEMPTS = 8;

/** Disputes as refs of the home. Of two at one sequence the first one seen is kept, a superseded trunk counting as one. */
export function gitDisputes(home: Home): DisputeStore {
  return {
    async record(prefix, from, branch) {
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        const version = home.readRef(kelRef(prefix));
        if (version === null) return false;
        const trunk = await readTrunk(home, kelRef(prefix), version);
        const kept = disputedRefs(home, prefix);
        if (kept.size >= MAX_DISPUTED || from < 1 || from >= trunk.count) return false;
        for (const [ref, oid] of kept) {
          const other = await readTrunk(home, ref, oid);
          if (commonEvents(trunk.stream, other.stream) === from) return false;
        }
        const grown = growTrunk(await cutTrunk(home, trunk, from), branch.slice(0, MAX_BRANCH));
        await home.writeObjects(grown.objects);
        const ref = `${disputedBase(prefix)}/${grown.trunk.tip}`;
        if (await home.updateRefs([{ ref, from: null, to: grown.trunk.version }])) return true;
      }
      return false;
    },
  };
}

/** Every kept branch of an identity, by ref. */
export function disputedRefs(home: Home, prefix: Prefix): ReadonlyMap<string, string> {
  const base = disputedBase(prefix);
  return new Map([...home.listRefs(base)].filter(([ref]) => isSaid(ref.slice(base.length + 1))));
}

interface Tip {
  readonly sequence: number;
  readonly said: string;
}

/** Whether a kept branch holds the event `lost`, and `trunk` has a rotation where the two part: a recovery took its place. */
export async function isSuperseded(
  home: Home,
  prefix: Prefix,
  lost: Tip,
  trunk: readonly (Tip & { readonly ilk: string })[],
): Promise<boolean> {
  for (const tip of disputedRefs(home, prefix).values()) {
    let holdsLost = false;
    for await (const { message, sequence } of eventsBack(home, tip)) {
      const ours = trunk[sequence];
      if (ours !== undefined && message === messageOf(ours)) {
        const recovery = trunk[sequence + 1]?.ilk;
        if (holdsLost && (recovery === 'rot' || recovery === 'drt')) return true;
        break;
      }
      if (message === messageOf(lost)) holdsLost = true;
    }
  }
  return false;
}

/** Points the mirror of a remote at the event that it ends with, when the home holds it: on the trunk or in dispute. */
export async function mirrorRemote(home: Home, name: string, prefix: Prefix, shown: Tip): Promise<void> {
  const ref = `refs/auths-remotes/${name}/did/keri/${prefix}/kel`;
  const to = await commitOf(home, prefix, shown);
  const from = home.readRef(ref);
  // Another process that moved it meanwhile saw the same remote.
  if (to !== null && to !== from) await home.updateRefs([{ ref, from, to }]);
}

async function commitOf(home: Home, prefix: Prefix, wanted: Tip): Promise<string | null> {
  const disputed = home.readRef(`${disputedBase(prefix)}/${wanted.said}`);
  const trunk = home.readRef(kelRef(prefix));
  if (disputed !== null || trunk === null) return disputed;
  for await (const { oid, message, sequence } of eventsBack(home, trunk)) {
    if (message === messageOf(wanted)) return oid;
    if (sequence <= wanted.sequence) return null;
  }
  return null;
}

/** Events by their commits, from a tip down to the inception; ends before a commit that is damaged or none of an event. */
async function* eventsBack(
  home: Home,
  tip: string,
): AsyncGenerator<{ readonly oid: string; readonly message: string; readonly sequence: number }> {
  for (let oid: string | undefined = tip; oid !== undefined;) {
    const commit: ReturnType<typeof parseCommit> = await home
      .object(oid, 'commit')
      .then(parseCommit, damaged);
    const sequence = /^event (\d+) /.exec(commit?.message ?? '')?.[1];
    if (commit === null || sequence === undefined) return;
    yield { oid, message: commit.message, sequence: Number(sequence) };
    oid = commit.parents[0];
  }
}

function damaged(error: unknown): null {
  if (hasCode(error, 'storage/corrupt')) return null;
  throw error;
}

function messageOf({ sequence, said }: Tip): string {
  return `event ${sequence} ${said}\n`;
}

/** How many events two logs have in common, from their first. */
function commonEvents(a: Uint8Array, b: Uint8Array): number {
  let same = 0;
  while (same < a.length && same < b.length && a[same] === b[same]) same += 1;
  return (frameMessages(a) ?? []).filter(({ end }) => end <= same).length;
}

function disputedBase(prefix: Prefix): string {
  return `refs/did/keri/${prefix}/disputed`;
}
