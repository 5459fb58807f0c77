/**
 * Whether a commit changes what others are judged by, which needs `manage_policy` (identity-life.md 5): `.auths/roots`
 * and `.auths/policy.json` in any way, and `.auths/evidence` other than by adding files, because a revocation that is
 * deleted would be unseen by the next clone. A merge that takes over what one side changed, as a three-way merge does
 * by itself, changes nothing; one that brings back what a side had replaced does.
 */
import { runGit } from './git.ts';
import { listTree, type Repository } from './repository.ts';

/** Path below `.auths/` → `<mode> <oid>`. */
type TrustFiles = ReadonlyMap<string, string>;

const SETTINGS = ['roots', 'policy.json'];
const EVIDENCE = 'evidence/';

/** Compares with every parent; creating roots or policy where no parent has either, and adding evidence, is no change. */
export async function changesTrustFiles(
  repository: Repository,
  commit: string,
  parents: readonly string[],
): Promise<boolean> {
  const own = await trustFiles(repository, commit);
  const theirs = await Promise.all(parents.map((oid) => trustFiles(repository, oid)));
  if (theirs.every((files) => keeps(files, own))) return false;
  const [first, second] = theirs;
  if (parents.length !== 2 || first === undefined || second === undefined) return true;
  const bases = await Promise.all(
    (await mergeBases(repository, parents)).map((oid) => trustFiles(repository, oid)),
  );
  const [base] = bases;
  if (base === undefined) return true;
  const paths = new Set([...SETTINGS, ...first.keys(), ...second.keys()]);
  return ![...paths].every(
    (path) =>
      bases.every((other) => other.get(path) === base.get(path)) &&
      own.get(path) === merged(base.get(path), first.get(path), second.get(path)),
  );
}

/** Whether `own` has the parent's settings as they are (or the parent has none) and all of its evidence. */
function keeps(parent: TrustFiles, own: TrustFiles): boolean {
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

async function trustFiles(repository: Repository, commit: string): Promise<TrustFiles> {
  const found = new Map<string, string>();
  const read = async (folder: string): Promise<void> => {
    for (const { name, mode, oid } of (await listTree(repository, commit, `.auths/${folder}`)) ?? []) {
      const path = `${folder}${name}`;
      const inside = path.startsWith(EVIDENCE);
      if (inside || SETTINGS.includes(path)) found.set(path, `${mode} ${oid}`);
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
