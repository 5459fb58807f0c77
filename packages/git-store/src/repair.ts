/**
 * Repair of a log whose ref a crash has emptied, garbled or lost, or that was set back: the objects of every event were
 * durable before the ref moved, so the sound log among them is the one that was published, or was about to be; what its
 * home has taken back is marked (undone.ts).
 */
import { hasCode } from '@auths/core/errors';
import type { Prefix } from '@auths/core/identifiers';
import { parseStream } from '@auths/core/keri/stream';
import { allCommits } from './all-commits.ts';
import { kelRef } from './event-log.ts';
import type { Home } from './home-repository.ts';
import { mendRef, readRawRef } from './mend-ref.ts';
import { parseCommit } from './objects.ts';
import { readPackedRef } from './ref-files.ts';
import { knownRemotes } from './remote-address.ts';
import { isSuperseded } from './remote-disputes.ts';
import { readTrunk, type Trunk } from './trunk.ts';
import { disownedCommits } from './undone.ts';

/** The newest event that was checked here. */
interface Checked {
  readonly sequence: number;
  readonly said: string;
}

/** A log that lies among the objects, by its newest commit and event. */
export interface LogTip {
  readonly version: string;
  readonly sequence: number;
  readonly said: string;
}

/**
 * `sound`: nothing to do, or nothing here that it could be done with. `restorable`: one log alone can have been the last.
 * `undecided`: none, or several that part, and which of them is this identity's only a person can tell.
 */
export type LogFate =
  | { readonly fate: 'sound' }
  | { readonly fate: 'restorable'; readonly version: string; readonly seen: string | null }
  | { readonly fate: 'undecided'; readonly tips: readonly LogTip[] };

const SOUND = { fate: 'sound' } as const;

/** For `auths doctor --fix`, of a log that the home is known to have: no ref is a lost one. Undecided, nothing is changed. */
export async function repairLog(
  home: Home,
  prefix: Prefix,
  known: Checked | null = null,
): Promise<{ readonly fate: 'repaired' } | Exclude<LogFate, { readonly fate: 'restorable' }>> {
  const found = await judgeLog(home, prefix, known);
  if (found.fate !== 'restorable') return found;
  if (await mendRef(home.dir, kelRef(prefix), found.seen, found.version)) return { fate: 'repaired' };
  // Another program has written the ref meanwhile: what it wrote is looked at instead.
  return repairLog(home, prefix, known);
}

/** What a repair would do. A ref that can be read is left alone unless it leads to a log that has lost the event `known`. */
export async function judgeLog(home: Home, prefix: Prefix, known: Checked | null): Promise<LogFate> {
  const ref = kelRef(prefix);
  const seen = readRawRef(home.dir, ref);
  const standing = await readStanding(home, ref);
  if (standing !== null && (known === null || (await accountsFor(home, prefix, standing, known))))
    return SOUND;
  const disputed = await supersededCommits(home, prefix);
  const undone = disownedCommits(home, known?.said);
  const tips = await soundTips(home, prefix, new Set([...disputed, ...undone]));
  const holding = tips.filter((trunk) => known !== null && holds(trunk, known));
  // Without the event no other log is better than the one that the ref leads to.
  if (standing !== null && holding.length === 0) return SOUND;
  const fitting =
    holding.length > 0 ? holding : tips.filter(({ count }) => known === null || count <= known.sequence);
  const floor = await published(home, ref, standing, disputed);
  const open = floor === null ? fitting : fitting.filter((trunk) => continues(trunk, floor));
  const [best] = open;
  // Length tells nothing: a thief's branch can be the longer one, and a recovery the shorter.
  const isOne = best !== undefined && open.length === 1 && tips.length < MOST_TIPS;
  if (isOne && (holding.length > 0 || !(await canBeRefused(home, prefix, best.version, seen))))
    return { fate: 'restorable', version: best.version, seen };
  const inception = known === null || tips.length > 0 ? null : await inceptionOf(home, prefix, disputed);
  if (inception !== null) return { fate: 'restorable', version: inception.version, seen };
  const rivals = [open, fitting, tips].find(({ length }) => length > 0) ?? [];
  const apart = standing !== null && !rivals.some((trunk) => continues(trunk, standing)) ? [standing] : [];
  return { fate: 'undecided', tips: [...apart, ...rivals].map(tipOf) };
}

/** What a log has to continue: that of the ref, or what is packed, unless that branch is known to have lost since. */
async function published(
  home: Home,
  ref: string,
  standing: Trunk | null,
  disputed: ReadonlySet<string>,
): Promise<Trunk | null> {
  const oid = standing?.version ?? readPackedRef(home.dir, ref);
  if (oid === null || disputed.has(oid)) return null;
  // A packed id that leads nowhere says nothing of what the log has to hold.
  return standing ?? readWhole(home, ref, oid);
}

/** The log that the ref leads to; null where it leads to none. */
async function readStanding(home: Home, ref: string): Promise<Trunk | null> {
  try {
    const version = home.readRef(ref);
    return version === null ? null : await readTrunk(home, ref, version);
  } catch (error) {
    return noneIfDamaged(error);
  }
}

async function readWhole(home: Home, ref: string, oid: string): Promise<Trunk | null> {
  return readTrunk(home, ref, oid).catch(noneIfDamaged);
}

function noneIfDamaged(error: unknown): null {
  if (!hasCode(error, 'storage/corrupt')) throw error;
  return null;
}

async function accountsFor(home: Home, prefix: Prefix, trunk: Trunk, known: Checked): Promise<boolean> {
  return holds(trunk, known) || (await isSuperseded(home, prefix, known, eventsOf(trunk)));
}

/** Sound logs that go on in no other one. What lies below one of them is not read again. */
async function soundTips(
  home: Home,
  prefix: Prefix,
  passedOver: ReadonlySet<string>,
): Promise<readonly Trunk[]> {
  const commits = await eventCommits(home);
  const parents = new Map(commits.map(({ oid, parent }) => [oid, parent]));
  const below = new Set<string>();
  const tips: Trunk[] = [];
  for (const { oid } of commits) {
    if (passedOver.has(oid) || below.has(oid) || tips.length === MOST_TIPS) continue;
    const trunk = await soundTrunk(home, oid);
    if (trunk === null) continue;
    for (let at = parents.get(oid); at !== undefined && !below.has(at); at = parents.get(at)) below.add(at);
    if (isOf(trunk, prefix)) tips.push(trunk);
  }
  return tips;
}

/** More than crashes leave; whoever has more decides alone. */
const MOST_TIPS = 64;

function holds(trunk: Trunk, { sequence, said }: Checked): boolean {
  return eventsOf(trunk)[sequence]?.said === said;
}

function eventsOf(trunk: Trunk): readonly (Checked & { readonly ilk: string })[] {
  return parseStream(trunk.stream).messages.map(({ event: { said, ilk } }, sequence) => ({
    sequence,
    said,
    ilk,
  }));
}

function tipOf({ version, count, tip }: Trunk): LogTip {
  return { version, sequence: count - 1, said: tip };
}

interface EventCommit {
  readonly oid: string;
  readonly sequence: number;
  readonly parent: string | undefined;
}

/** Every commit of an event, the highest sequence first. */
async function eventCommits(home: Home): Promise<readonly EventCommit[]> {
  const found: EventCommit[] = [];
  for (const { oid, message, parent } of await allCommits(home)) {
    const sequence = /^event (\d+) \S+\n$/.exec(message)?.[1];
    if (sequence !== undefined) found.push({ oid, sequence: Number(sequence), parent });
  }
  return found.toSorted((a, b) => b.sequence - a.sequence);
}

async function soundTrunk(home: Home, oid: string): Promise<Trunk | null> {
  return readTrunk(home, `commit ${oid}`, oid).catch(() => null);
}

/**
 * Whether a log without the event that was checked may be one that was refused: its dispute tells, which is lost where
 * the ref beside it is, and so does a remote that ended with it.
 */
async function canBeRefused(home: Home, prefix: Prefix, oid: string, seen: string | null): Promise<boolean> {
  if (seen === null && (await knownRemotes(home.dir)).length > 0) return true;
  const mirror = kelRef(prefix).slice('refs'.length);
  return [...home.listRefs('refs/auths-remotes')].some(([ref, tip]) => tip === oid && ref.endsWith(mirror));
}

/**
 * Where nothing is left but branches that lost: where they left the log only the log could tell, but all of them begin
 * as it does. With a checked event nothing is appended to that, and from where the log was pushed it comes back.
 */
async function inceptionOf(home: Home, prefix: Prefix, disputed: ReadonlySet<string>): Promise<Trunk | null> {
  for (const oid of disputed) {
    const trunk = await soundTrunk(home, oid);
    if (trunk?.count === 1 && isOf(trunk, prefix)) return trunk;
  }
  return null;
}

/** Every commit of a superseded branch, down to its inception: none of them may become the tip again. */
async function supersededCommits(home: Home, prefix: Prefix): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  for (const tip of home.listRefs(`refs/did/keri/${prefix}/disputed`).values()) {
    for (let oid: string | undefined = tip; oid !== undefined && !found.has(oid);) {
      found.add(oid);
      oid = (await home.object(oid, 'commit').then(parseCommit, noneIfDamaged))?.parents[0];
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
