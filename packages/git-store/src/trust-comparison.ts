/** What two or more commits hold in `.auths` of what others are judged by, and how it differs. */
import {
  isFolder,
  isOdd,
  remembered,
  written,
  type Entry,
  type Listing,
  type TrustTrees,
} from './trust-trees.ts';

/** One value, roots and policy: a policy beside roots that had none is another policy. */
const SETTINGS = ['roots', 'policy.json'];
const EVIDENCE = 'evidence';
/** What git reads in a folder of a work tree. A disk that takes `.GITIGNORE` for the same file shows it to git too. */
const FOR_GIT = /^\.git(?:ignore|attributes)$/i;
/** Folders below an AID's hold no evidence; their tree id stands for them. */
const EVIDENCE_LEVELS = 2;

/** What one commit's `.auths` holds of what others are judged by. */
export interface Trust {
  /** Empty where it has neither. */
  readonly settings: string;
  /** The files for git beside them, as one value. */
  readonly forGit: string;
  /** Undefined where it is no folder. */
  readonly evidence: Entry;
}

/** Throws TOO_MANY where there is more evidence than any reader of it takes: a few small trees can name a thousand million files. */
export async function trustIn(trees: TrustTrees, folder: Entry): Promise<Trust> {
  const listing = await trees.listTrust(folder);
  const entry = listing.get(EVIDENCE);
  const evidence = isFolder(entry) ? written(entry) : undefined;
  await trees.countBelow(evidence);
  return { settings: settingsIn(listing), forGit: forGitIn(listing), evidence };
}

function forGitIn(listing: Listing): string {
  const files = [...listing].filter(([name]) => FOR_GIT.test(name));
  return files.map(([name, entry]) => `${name} ${written(entry)}`).join('\n');
}

function settingsIn(listing: Listing): string {
  if (!SETTINGS.some((name) => listing.has(name))) return '';
  return SETTINGS.map((name) => written(listing.get(name)) ?? '').join('\n');
}

/**
 * Whether a commit has an entry that git reads otherwise than it is written, or a folder in an order that git would not
 * write, and no parent has it. One that a parent has may stay, or become what git writes in its place: git does that by itself.
 */
export async function bringsOdd(
  trees: TrustTrees,
  folder: Entry,
  parents: Iterable<Entry>,
): Promise<boolean> {
  const odd = await oddIn(trees, folder);
  for (const parent of parents) {
    if (odd.size === 0) return false;
    for (const entry of await oddIn(trees, parent)) odd.delete(entry);
  }
  return odd.size > 0;
}

/** With their paths, of a commit's `.auths` as far down as evidence lies. */
async function oddIn(trees: TrustTrees, folder: Entry): Promise<Set<string>> {
  const found = new Set<string>();
  const note = (path: string, entry: Entry): void => {
    if (isOdd(entry)) found.add(`${entry} ${path}`);
  };
  const noteFolder = async (path: string, entry: Entry): Promise<void> => {
    note(path, entry);
    if (!(await trees.size(entry)).isOrdered) found.add(`${entry} ${path}, in disorder`);
  };
  await noteFolder('', folder);
  const listing = await trees.listTrust(folder);
  for (const [name, entry] of listing) if (name !== EVIDENCE) note(name, entry);
  const evidence = listing.get(EVIDENCE);
  await noteFolder(EVIDENCE, evidence);
  if ((await trees.countBelow(evidence)).odd === 0) return found;
  for (const [name, entry] of await trees.list(evidence)) {
    await noteFolder(`${EVIDENCE}/${name}`, entry);
    if ((await trees.size(entry)).odd === 0) continue;
    for (const [file, inside] of await trees.list(entry)) note(`${EVIDENCE}/${name}/${file}`, inside);
  }
  return found;
}

/**
 * What must hold of the files that several folders have at one path, where they do not all have the same. Files are anybody's
 * to add, but for those that git reads.
 */
type Rule = (isForGit: boolean, ...files: readonly Entry[]) => boolean;

const RULES = {
  keeps: (isForGit, parent, own) => (parent === undefined && !isForGit) || own === parent,
  agree: (isForGit, base, other, ...sides) =>
    base === other || (!isForGit && sides.every((side) => side === undefined)),
  merges: (isForGit, base, own, ours, theirs) =>
    (!isForGit && ours === undefined && theirs === undefined) || own === merged(base, ours, theirs),
} satisfies Record<string, Rule>;

export interface Comparison {
  /**
   * Whether `own` has the parent's settings as they are (or the parent has none), all of its evidence, and the same files for
   * git (or the parent has nothing that they could harm: neither settings nor evidence).
   */
  keeps(parent: Trust, own: Trust): Promise<boolean>;
  /** Whether `own` has what a three-way merge of the sides gives, whichever of the bases is taken; not so without any. */
  merges(own: Trust, sides: readonly [Trust, Trust], bases: readonly Entry[]): Promise<boolean>;
}

export function openComparison(trees: TrustTrees): Comparison {
  const known = new Map<string, Promise<boolean>>();
  /** The same trees are compared once, however many commits bring them. */
  const compared = (rule: keyof typeof RULES, ...evidence: readonly Entry[]): Promise<boolean> =>
    remembered(known, `${rule} ${evidence.join()}`, () =>
      holdsEverywhere(trees, evidence, RULES[rule], EVIDENCE_LEVELS),
    );
  return {
    async keeps(parent, own) {
      if (parent.settings === '' && parent.evidence === undefined) return true;
      if (parent.forGit !== own.forGit) return false;
      if (parent.settings !== '' && parent.settings !== own.settings) return false;
      return compared('keeps', parent.evidence, own.evidence);
    },
    async merges(own, [first, second], bases) {
      let base: Trust | null = null;
      for (const folder of bases) {
        const other = await trustIn(trees, folder);
        base ??= other;
        if (other.settings !== base.settings || other.forGit !== base.forGit) return false;
        if (!(await compared('agree', base.evidence, other.evidence, first.evidence, second.evidence)))
          return false;
      }
      if (base === null || own.settings !== merged(base.settings, first.settings, second.settings))
        return false;
      if (own.forGit !== merged(base.forGit, first.forGit, second.forGit)) return false;
      return compared('merges', base.evidence, own.evidence, first.evidence, second.evidence);
    },
  };
}

/** Whether a rule holds at every path below these folders. Those that are one and the same are not opened. */
async function holdsEverywhere(
  trees: TrustTrees,
  folders: readonly Entry[],
  rule: Rule,
  levels: number,
): Promise<boolean> {
  if (folders.every((folder) => folder === folders[0])) return true;
  const listings: Listing[] = [];
  for (const folder of folders) listings.push(await trees.list(folder));
  for (const [index, listing] of listings.entries()) {
    for (const [name, value] of listing) {
      const entries = listings.map((each) => written(each.get(name)));
      if (entries.every((entry) => entry === written(value))) continue;
      if (listings.slice(0, index).some((each) => each.has(name))) continue;
      const isOpened = (entry: Entry): boolean => levels > 1 && isFolder(entry);
      if (!rule(FOR_GIT.test(name), ...entries.map((entry) => (isOpened(entry) ? undefined : entry))))
        return false;
      const inside = entries.map((entry) => (isOpened(entry) ? entry : undefined));
      if (inside.some(isFolder) && !(await holdsEverywhere(trees, inside, rule, levels - 1))) return false;
    }
  }
  return true;
}

const CONFLICT = Symbol('both sides changed');

/** What a three-way merge gives: a file, its absence, or a conflict. */
function merged(
  base: string | undefined,
  ours: string | undefined,
  theirs: string | undefined,
): string | undefined | typeof CONFLICT {
  if (ours === theirs || theirs === base) return ours;
  return ours === base ? theirs : CONFLICT;
}
