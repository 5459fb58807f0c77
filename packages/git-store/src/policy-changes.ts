/**
 * Whether a commit changes what others are judged by, which needs `manage_policy` (identity-life.md 5): `.auths/roots`
 * and `.auths/policy.json` in any way, and `.auths/evidence` other than by adding files, because a revocation that is
 * deleted would be unseen by the next clone. So would one that git leaves out, or keeps in other bytes, because of a
 * `.gitignore` or a `.gitattributes` beside it: those in any way. A merge that takes over what one side changed, as a three-way merge does
 * by itself, changes nothing; one that brings back what a side had replaced does.
 */
import { hasCode } from '@auths/core/errors';
import { MAX_EVIDENCE_FILES } from './evidence-files.ts';
import { runGit } from './git.ts';
import type { Repository } from './repository.ts';
import { listTree, objectMissing } from './repository-trees.ts';

/** Path below `.auths/` → `<mode> <oid>`. */
type TrustFiles = ReadonlyMap<string, string>;

/** One value, roots and policy: a policy beside roots that had none is another policy. */
const SETTINGS = ['roots', 'policy.json'];
const EVIDENCE = 'evidence/';
/** What git reads in a folder of a work tree. A disk that takes `.GITIGNORE` for the same file shows it to git too. */
const FOR_GIT = /(?:^|\/)\.git(?:ignore|attributes)$/i;

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
  const known = new Map<string, Promise<string>>();
  /** Mode and id of `.auths` in a commit's tree; empty where it has none. */
  const folderOf = (commit: string): Promise<string> => {
    const folder = known.get(commit) ?? readFolder(repository, commit);
    known.set(commit, folder);
    // The rejection is met by whoever asks; until then it must not count as unhandled.
    folder.catch(() => undefined);
    return folder;
  };
  const isTouched = async (commit: string, parents: readonly string[]): Promise<boolean> => {
    const [own, ...theirs] = await Promise.all([commit, ...parents].map(folderOf));
    return !theirs.every((folder) => folder === own);
  };
  return {
    changes: (commit, parents) =>
      answered(
        async () =>
          (await isTouched(commit, parents)) && (await changesTrustFiles(repository, commit, parents)),
      ),
    touches: (commit, parents) => answered(() => isTouched(commit, parents)),
  };
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

async function readFolder(repository: Repository, commit: string): Promise<string> {
  const entries = (await listTree(repository, commit)) ?? [];
  return entries
    .filter(({ name }) => name === '.auths')
    .map(({ mode, oid }) => `${mode} ${oid}`)
    .join();
}

/** Compares with every parent; creating roots or policy where no parent has either, and adding evidence, is no change. */
async function changesTrustFiles(
  repository: Repository,
  commit: string,
  parents: readonly string[],
): Promise<boolean> {
  const own = await trustFiles(repository, commit);
  const theirs = await Promise.all(parents.map((oid) => trustFiles(repository, oid)));
  if (theirs.every((files) => keeps(files, own))) return false;
  const [first, second] = theirs;
  if (parents.length !== 2 || first === undefined || second === undefined) return true;
  // Where history is cut, git finds an older base or none, and takes a change that was undone for one that was not made.
  if (repository.shallow) throw objectMissing(commit, `the common ancestor of the parents of ${commit}`);
  const bases = await Promise.all(
    (await mergeBases(repository, parents)).map((oid) => trustFiles(repository, oid)),
  );
  const [base] = bases;
  if (base === undefined) return true;
  const files = [
    ...[...first.keys(), ...second.keys()].filter((path) => path.startsWith(EVIDENCE)),
    ...filesForGit(first, second, own),
  ];
  const parts = [settingsIn, ...files.map((path) => (one: TrustFiles) => one.get(path))];
  return !parts.every(
    (part) =>
      bases.every((other) => part(other) === part(base)) &&
      part(own) === merged(part(base), part(first), part(second)),
  );
}

function settingsIn(files: TrustFiles): string {
  return SETTINGS.map((path) => files.get(path) ?? '').join('\n');
}

function filesForGit(...sides: readonly TrustFiles[]): readonly string[] {
  return sides.flatMap((files) => [...files.keys()].filter((path) => FOR_GIT.test(path)));
}

/**
 * Whether `own` has the parent's settings as they are (or the parent has none), all of its evidence, and the same files
 * for git (or the parent has nothing that they could harm).
 */
function keeps(parent: TrustFiles, own: TrustFiles): boolean {
  if (parent.size > 0 && filesForGit(parent, own).some((path) => parent.get(path) !== own.get(path)))
    return false;
  const hasSettings = SETTINGS.some((path) => parent.has(path));
  if (hasSettings && SETTINGS.some((path) => parent.get(path) !== own.get(path))) return false;
  return [...parent].every(([path, file]) => !path.startsWith(EVIDENCE) || own.get(path) === file);
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

/** Throws TOO_MANY where there is more evidence than any reader of it takes: a few small trees can name a thousand million files. */
async function trustFiles(repository: Repository, commit: string): Promise<TrustFiles> {
  const found = new Map<string, string>();
  let count = 0;
  const read = async (folder: string): Promise<void> => {
    for (const { name, mode, oid } of (await listTree(repository, commit, `.auths/${folder}`)) ?? []) {
      if (++count > MAX_EVIDENCE_FILES) throw TOO_MANY;
      const path = `${folder}${name}`;
      const inside = path.startsWith(EVIDENCE);
      if (inside || SETTINGS.includes(path) || FOR_GIT.test(path)) found.set(path, `${mode} ${oid}`);
      // Folders below an AID's hold no evidence; their tree id stands for them.
      if (mode === '40000' && (path === 'evidence' || (inside && path.split('/').length === 2))) {
        found.delete(path);
        await read(`${path}/`);
      }
    }
  };
  await read('');
  return found;
}

const TOO_MANY = new Error('more evidence than is read');

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
