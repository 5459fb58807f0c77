/**
 * Whether a commit changes what others are judged by, which needs `manage_policy` (identity-life.md 5): `.auths/roots`
 * and `.auths/policy.json` in any way, and `.auths/evidence` other than by adding files, up to half of what is read,
 * because a revocation that is deleted, or finds no room, would be unseen by the next clone. So would one that git leaves
 * out, or keeps in other bytes, because of a `.gitignore` or a `.gitattributes` beside it: those in any way. So would one
 * below an entry that is a folder to git and none to a reader, or in a folder whose entries are in disorder, which git's own
 * merge takes for gone: a mode or an order that git would not write is not brought in. A merge that
 * takes over what one side changed, as a three-way merge does by itself, changes nothing; one that brings back what a side
 * had replaced does.
 */
import { hasCode } from '@auths/core/errors';
import { MAX_EVIDENCE_TREE } from './evidence-files.ts';
import { openEvidenceShare } from './evidence-share.ts';
import { runGit } from './git.ts';
import type { Repository } from './repository.ts';
import { objectMissing } from './repository-trees.ts';
import { bringsOdd, openComparison, trustIn } from './trust-comparison.ts';
import { openTrustTrees, TOO_MANY, type Entry } from './trust-trees.ts';

const MAX_PARENTS = 8;

/** The commits of one repository, each tree read once. */
export interface TrustChanges {
  /** Null where an object that the answer needs is not here; true for one that is not what git writes. */
  changes(commit: string, parents: readonly string[]): Promise<boolean | null>;
  /** Whether `.auths` is not what it is in every parent, whatever the change. */
  touches(commit: string, parents: readonly string[]): Promise<boolean | null>;
}

/**
 * Trees are read by the same reader as roots and evidence, never compared by git: git and this reader need not agree on
 * what a tree that git would not write holds, and what one of them overlooks would be a change that nobody saw.
 */
export function openTrustChanges(repository: Repository): TrustChanges {
  const trees = openTrustTrees(repository);
  const comparison = openComparison(trees);
  const isMoreThanHalf = openEvidenceShare(repository, trees);
  let turn: Promise<unknown> = Promise.resolve();
  /** One comparison after another: many commits are judged at once, and each would hold the listings of its trees. */
  const inTurn = <T>(compare: () => Promise<T>): Promise<T> => {
    const answer = turn.then(compare);
    turn = answer.catch(() => undefined);
    return answer;
  };

  /**
   * Compares with every parent; creating roots or policy where no parent has either, and adding evidence up to half of what
   * is read, is no change.
   */
  async function changesTrust(
    commit: string,
    parents: readonly string[],
    folder: Entry,
    theirs: readonly Entry[],
  ): Promise<boolean> {
    // As many parents as a merge of people has: each is compared with, and a few bytes can name any number.
    if (new Set(theirs).size > MAX_PARENTS) return true;
    if (!theirs.includes(folder) && (await trees.size(folder)).bytes > MAX_EVIDENCE_TREE / 2) return true;
    const own = await trustIn(trees, folder);
    if (await bringsOdd(trees, folder, new Set(theirs))) return true;
    const kept: boolean[] = [];
    // A merge of two halves is a whole: only evidence as one of the parents has it was not brought in here.
    let isTakenOver = false;
    for (const each of new Set(theirs)) {
      const parent = await trustIn(trees, each);
      kept.push(await comparison.keeps(parent, own));
      if (kept.at(-1) === false && parents.length !== 2) return true;
      isTakenOver ||= parent.evidence === own.evidence;
    }
    if (!isTakenOver && (await isMoreThanHalf(own.evidence))) return true;
    if (!kept.includes(false)) return false;
    const [first, second] = theirs;
    const sides = [await trustIn(trees, first), await trustIn(trees, second)] as const;
    // Where history is cut, git finds an older base or none, and takes a change that was undone for one that was not made.
    if (repository.shallow) throw objectMissing(commit, `the common ancestor of the parents of ${commit}`);
    const bases = new Set<Entry>();
    for (const oid of await mergeBases(repository, parents)) bases.add(await trees.folderOf(oid));
    return !(await comparison.merges(own, sides, [...bases]));
  }

  /** Of the root tree, where `.auths` lies. */
  async function bringsDisorder(commit: string, parents: readonly string[]): Promise<boolean> {
    const root = await trees.unorderedRoot(commit);
    if (root === null) return false;
    const theirs = await Promise.all(parents.map((parent) => trees.unorderedRoot(parent)));
    return !theirs.includes(root);
  }

  const foldersOf = (oids: readonly string[]): Promise<readonly Entry[]> =>
    Promise.all(oids.map((oid) => trees.folderOf(oid)));
  return {
    changes: (commit, parents) =>
      answered(async () => {
        const [own, ...theirs] = await foldersOf([commit, ...parents]);
        if (own !== undefined && (await bringsDisorder(commit, parents))) return true;
        if (isAsBefore(own, theirs)) return false;
        return inTurn(() => changesTrust(commit, parents, own, theirs));
      }),
    touches: (commit, parents) =>
      answered(async () => {
        const [own, ...theirs] = await foldersOf([commit, ...parents]);
        return !isAsBefore(own, theirs);
      }),
  };
}

/** A commit without parents brings in all that it has. */
function isAsBefore(own: Entry, parents: readonly Entry[]): boolean {
  return parents.length > 0 ? parents.every((folder) => folder === own) : own === undefined;
}

async function answered(question: () => Promise<boolean>): Promise<boolean | null> {
  try {
    return await question();
  } catch (error) {
    // What nobody can read, or would, is as good as changed.
    if (error === TOO_MANY) return true;
    if (hasCode(error, 'git/object-missing')) return error.details.unreadable === true ? true : null;
    throw error;
  }
}

async function mergeBases(repository: Repository, parents: readonly string[]): Promise<readonly string[]> {
  const result = await runGit(['merge-base', '--all', '--end-of-options', ...parents], {
    gitDir: repository.gitDir,
    accept: [1],
  });
  return result.stdout
    .toString('latin1')
    .split('\n')
    .filter((line) => line !== '');
}
