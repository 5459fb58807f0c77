/**
 * Events that a home has made and taken back before its log went on with them. Their objects stay, and nothing in them
 * tells that they were never published: a ref of their own does, so that no repair takes one of them for the newest
 * event of a log whose ref is lost. It is never pushed, like all of refs/auths.
 */
import type { Prefix } from '@auths/core/identifiers';
import type { Establishment } from '@auths/core/keri/event';
import { parseStream } from '@auths/core/keri/stream';
import { allCommits, type FoundCommit } from './all-commits.ts';
import { kelRef } from './event-log.ts';
import type { Home } from './home-repository.ts';
import { mendRef, readRawRef } from './mend-ref.ts';
import { readTrunk } from './trunk.ts';

const UNDONE = 'refs/auths/undone';

/** Marks every event made for `prefix` that is not in its log and whose keys `isUndone` knows. Durable when it resolves. */
export async function disownEvents(
  home: Home,
  prefix: Prefix,
  isUndone: (made: Establishment) => boolean,
): Promise<void> {
  const commits = await allCommits(home);
  const standing = ancestryOf(home.readRef(kelRef(prefix)), commits);
  for (const { oid, message } of commits) {
    if (standing.has(oid) || !/^event \d+ \S+\n$/.test(message)) continue;
    const trunk = await readTrunk(home, `commit ${oid}`, oid).catch(() => null);
    const event = trunk === null ? undefined : parseStream(trunk.stream).messages.at(-1)?.event;
    if (event === undefined || event.ilk === 'rct' || event.prefix !== prefix) continue;
    if (event.establishment === null || !isUndone(event.establishment)) continue;
    const ref = `${UNDONE}/${event.said}`;
    const seen = readRawRef(home.dir, ref);
    if (seen?.trimEnd() !== oid) await mendRef(home.dir, ref, seen, oid);
  }
}

/** The commits of the events that were taken back. Not `checked`, which the log has held since: it came back from elsewhere. */
export function disownedCommits(home: Home, checked: string | undefined): readonly string[] {
  const marks = [...home.listRefs(UNDONE)];
  return marks.filter(([ref]) => ref !== `${UNDONE}/${checked}`).map(([, oid]) => oid);
}

function ancestryOf(tip: string | null, commits: readonly FoundCommit[]): ReadonlySet<string> {
  const parents = new Map(commits.map(({ oid, parent }) => [oid, parent]));
  const found = new Set<string>();
  for (let oid = tip ?? undefined; oid !== undefined && !found.has(oid); oid = parents.get(oid))
    found.add(oid);
  return found;
}
