/**
 * Whether a commit changes `.auths/roots` or `.auths/policy.json`, which needs `manage_policy`
 * (identity-life.md 5). A merge that takes over what one side changed, as a three-way merge does by
 * itself, changes nothing; one that brings back what a side had replaced does.
 */
import { runGit } from './git.ts';
import { listTree, type Repository } from './repository.ts';

/** `<mode> <oid>` of each file, null where there is none. */
interface TrustFiles {
  readonly roots: string | null;
  readonly policy: string | null;
}

/** Compares with every parent that has either file; creating them where no parent has one is no change. */
export async function changesTrustFiles(
  repository: Repository,
  commit: string,
  parents: readonly string[],
): Promise<boolean> {
  const [own, ...theirs] = await Promise.all([commit, ...parents].map((oid) => trustFiles(repository, oid)));
  if (own === undefined) return true;
  const having = theirs.filter(({ roots, policy }) => roots !== null || policy !== null);
  if (having.every((files) => isSame(files, own))) return false;
  const [first, second] = theirs;
  if (parents.length !== 2 || first === undefined || second === undefined) return true;
  const bases = await mergeBases(repository, parents);
  const before = await Promise.all(bases.map((oid) => trustFiles(repository, oid)));
  const [base] = before;
  if (base === undefined || !before.every((files) => isSame(files, base))) return true;
  return !(['roots', 'policy'] as const).every(
    (file) => own[file] === merged(base[file], first[file], second[file]),
  );
}

/** What a three-way merge gives; undefined where both sides changed. */
function merged(base: string | null, ours: string | null, theirs: string | null): string | null | undefined {
  if (ours === theirs || theirs === base) return ours;
  return ours === base ? theirs : undefined;
}

async function trustFiles(repository: Repository, commit: string): Promise<TrustFiles> {
  const entries = (await listTree(repository, commit, '.auths')) ?? [];
  const named = (name: string): string | null => {
    const entry = entries.find((one) => one.name === name);
    return entry === undefined ? null : `${entry.mode} ${entry.oid}`;
  };
  return { roots: named('roots'), policy: named('policy.json') };
}

function isSame(a: TrustFiles, b: TrustFiles): boolean {
  return a.roots === b.roots && a.policy === b.policy;
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
