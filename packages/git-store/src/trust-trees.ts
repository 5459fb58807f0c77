/**
 * The trees of `.auths` in a repository's commits, for whoever compares many of them (policy-changes.ts): each is looked at
 * once for its size, and of what was listed the last is kept. What is asked grows with the trees, not with the commits that
 * share them.
 */
import { MAX_EVIDENCE_FILES } from './evidence-files.ts';
import type { Repository } from './repository.ts';
import { rootName, storedTree, treeUnreadable } from './repository-trees.ts';
import { eachEntry, writtenMode, type TreeFacts } from './tree-entries.ts';

/** Name → `<mode> <oid>`, of one tree, as it is stored. */
export type Listing = ReadonlyMap<string, string>;

/** What a listing says of an entry; undefined where there is none. */
export type Entry = string | undefined;

export interface Size {
  readonly names: number;
  /** Of these, the ones with a mode that git would not write, and one more for an order that it would not. */
  readonly odd: number;
  readonly bytes: number;
  readonly isOrdered: boolean;
}

/** What the root tree of a commit says. */
interface Root {
  readonly oid: string;
  readonly folder: Entry;
  readonly isOrdered: boolean;
}

type Count = Pick<Size, 'names' | 'odd'>;

export interface TrustTrees {
  /** What a commit has as `.auths`. */
  folderOf(commit: string): Promise<Entry>;
  /** The root tree of a commit; null where its entries stand as git writes them. */
  unorderedRoot(commit: string): Promise<string | null>;
  /** What lies in a folder; nothing in what is none. Throws TOO_MANY where it has more names than are read. */
  list(folder: Entry): Promise<Listing>;
  /** What lies in a folder under the names that matter in `.auths`. However many others there are, they are nothing to anybody. */
  listTrust(folder: Entry): Promise<Listing>;
  /** Names in a folder, and the bytes of its tree. */
  size(folder: Entry): Promise<Size>;
  /** Names in a folder and in its folders. Throws TOO_MANY as soon as they are more than are read. */
  countBelow(folder: Entry): Promise<Count>;
}

export const TOO_MANY: Error = new Error('more evidence than is read');

/** Names that are kept listed: of a few trees of the largest size. */
const MAX_KEPT = 8 * MAX_EVIDENCE_FILES;

const NOTHING: Listing = new Map();
const NO_SIZE: Size = { names: 0, odd: 0, bytes: 0, isOrdered: true };
const FOLDER = '40000 ';
const AUTHS = Buffer.from('.auths');
/** In any case: a disk may take one for the other. */
const TRUST_NAME = /^(?:roots|policy\.json|evidence|\.git(?:ignore|attributes))$/i;

/** The entry as git writes it, and lays it on a disk. */
export function written(entry: Entry): Entry {
  if (entry === undefined) return undefined;
  const mode = entry.slice(0, entry.indexOf(' '));
  const asWritten = writtenMode(mode);
  return asWritten === mode ? entry : `${asWritten}${entry.slice(mode.length)}`;
}

/** Whether its mode is one that git would not write: to git it is another entry than to whoever reads the mode as it stands. */
export function isOdd(entry: Entry): boolean {
  return entry !== written(entry);
}

/** To git, which makes a folder of it on every disk. */
export function isFolder(entry: Entry): entry is string {
  return written(entry)?.startsWith(FOLDER) === true;
}

export function oidOf(entry: string): string {
  return entry.slice(entry.indexOf(' ') + 1);
}

export function openTrustTrees(repository: Repository): TrustTrees {
  const ofCommits = new Map<string, Promise<Root>>();
  const ofRoots = new Map<string, Promise<Root>>();
  const sizes = new Map<string, Promise<Size>>();
  const below = new Map<string, Promise<Count>>();
  const kept = new Map<string, Listing>();
  let keptNames = 0;

  async function readRoot(commit: string): Promise<Root> {
    const root = await rootName(repository, commit);
    return remembered(ofRoots, root, async () => {
      const { oid, bytes } = await storedTree(repository, root);
      let folder: Entry;
      const { isOrdered } = visitTree(oid, bytes, (entry) => {
        if (entry.isNamed(AUTHS)) folder = `${entry.mode()} ${entry.id()}`;
      });
      return { oid, folder, isOrdered };
    });
  }

  const rootOf = (commit: string): Promise<Root> => remembered(ofCommits, commit, () => readRoot(commit));

  /** A tree with too many names is counted, and not listed. */
  async function read(
    folder: string,
    only?: RegExp,
  ): Promise<{ readonly size: Size; readonly listing: Listing }> {
    const { oid, bytes } = await storedTree(repository, oidOf(folder));
    const listing = new Map<string, string>();
    let odd = 0;
    const { count, isOrdered } = visitTree(oid, bytes, (entry) => {
      if (listing.size > MAX_EVIDENCE_FILES) return;
      const name = entry.name();
      if (only?.test(name) === false) return;
      const mode = entry.mode();
      if (mode !== writtenMode(mode)) odd++;
      listing.set(name, `${mode} ${entry.id()}`);
    });
    if (!isOrdered) odd++;
    if (listing.size <= MAX_EVIDENCE_FILES) keep(keyOf(folder, only), listing);
    return { size: { names: count, odd, bytes: bytes.length, isOrdered }, listing };
  }

  /** What was listed before, or else what is read now. */
  async function listed(folder: string, only?: RegExp): Promise<Listing> {
    const key = keyOf(folder, only);
    const known = kept.get(key);
    if (known === undefined) return (await read(folder, only)).listing;
    // Asked for last, dropped last.
    kept.delete(key);
    kept.set(key, known);
    return known;
  }

  function keep(key: string, listing: Listing): void {
    kept.set(key, listing);
    keptNames += weight(listing);
    for (const [oldest, names] of kept) {
      if (keptNames <= MAX_KEPT) return;
      kept.delete(oldest);
      keptNames -= weight(names);
    }
  }

  const trees: TrustTrees = {
    folderOf: async (commit) => (await rootOf(commit)).folder,
    async unorderedRoot(commit) {
      const { oid, isOrdered } = await rootOf(commit);
      return isOrdered ? null : oid;
    },
    size: async (folder) =>
      isFolder(folder) ? remembered(sizes, folder, async () => (await read(folder)).size) : NO_SIZE,
    async list(folder) {
      if (!isFolder(folder)) return NOTHING;
      if ((await trees.size(folder)).names > MAX_EVIDENCE_FILES) throw TOO_MANY;
      return listed(folder);
    },
    listTrust: async (folder) => (isFolder(folder) ? listed(folder, TRUST_NAME) : NOTHING),
    countBelow: async (folder) =>
      isFolder(folder)
        ? remembered(below, folder, async () => {
            let { names, odd } = await trees.size(folder);
            for (const entry of (await trees.list(folder)).values()) {
              const inside = await trees.size(entry);
              names += inside.names;
              odd += inside.odd;
              if (names > MAX_EVIDENCE_FILES) throw TOO_MANY;
            }
            return { names, odd };
          })
        : NO_SIZE,
  };
  return trees;
}

/** One entry, of which only what is asked for is made. */
interface VisitedEntry {
  isNamed(name: Buffer): boolean;
  name(): string;
  mode(): string;
  id(): string;
}

function visitTree(oid: string, bytes: Uint8Array, visit: (entry: VisitedEntry) => void): TreeFacts {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const idLength = oid.length / 2;
  let [from, name, id] = [0, 0, 0];
  const entry: VisitedEntry = {
    isNamed: (wanted) => id - 1 - name === wanted.length && wanted.compare(buffer, name, id - 1) === 0,
    name: () => buffer.toString('utf8', name, id - 1),
    mode: () => buffer.toString('latin1', from, name - 1),
    id: () => buffer.toString('hex', id, id + idLength),
  };
  const facts = eachEntry(buffer, idLength, (...at) => {
    [from, name, id] = at;
    visit(entry);
  });
  if (facts === null) throw treeUnreadable(oid);
  return facts;
}

function keyOf(folder: string, only?: RegExp): string {
  return `${folder} ${only?.source ?? ''}`;
}

/** An empty listing takes room too. */
function weight(listing: Listing): number {
  return listing.size + 4;
}

/** What was asked once, also if it failed. */
export function remembered<T>(
  known: Map<string, Promise<T>>,
  key: string,
  ask: () => Promise<T>,
): Promise<T> {
  const before = known.get(key);
  if (before !== undefined) return before;
  const answer = ask();
  known.set(key, answer);
  // The rejection is met by whoever asks; until then it must not count as unhandled.
  answer.catch(() => undefined);
  return answer;
}
