/** What `auths repo` found, as its document says it, and the commands to type next. */
import type { KeptByGit } from '@auths/git-store/kept-by-git';
import type { RepoReport } from '@auths/git-store/repo-evidence';
import type { Context } from '../command.ts';
import type { RepoData } from './repo.ts';

/** `check` wants all of it in git as it should be; `update` and `init` only that what they have written can get there. */
export function repoData(
  context: Context,
  workTree: string,
  report: RepoReport,
  kept: KeptByGit,
  since: string | null,
): RepoData {
  const changed = below(report.changed);
  const differing = below(report.differing);
  // What is damaged here is told as that.
  const untold = (paths: readonly string[]): readonly string[] =>
    paths.filter((path) => !differing.includes(path));
  const [ignored, notAdded, otherwise] = [kept.ignored, kept.notAdded, kept.otherwise].map(untold) as [
    readonly string[],
    readonly string[],
    readonly string[],
  ];
  const inGit = { ignored, notAdded, otherwise };
  const checking = context.command === 'repo check';
  const faults = [differing, otherwise, ...(checking ? [changed, ignored, notAdded] : [])];
  return {
    path: workTree,
    ok: faults.every((paths) => paths.length === 0),
    roots: report.roots.map(({ did }) => did),
    since,
    changed,
    differing,
    ignored,
    not_added: notAdded,
    kept_otherwise: otherwise,
    unchanged: below(report.unchanged).filter((path) => !Object.values(inGit).flat().includes(path)).length,
    notes: [...report.notes, ...(otherwise.length > 0 ? [OTHERWISE] : [])],
    next_steps: [
      ...stepsToMend(report),
      ...(checking && changed.length > 0
        ? [{ summary: 'bring it up to date', command: 'auths repo update' }]
        : []),
      ...(checking && report.hasOlderAttributes && otherwise.length > 0 ? [RENEW] : []),
      ...stepsToKeep({ ...inGit, outdated: kept.outdated }, checking ? [] : changed),
    ],
  };
}

const OTHERWISE =
  'git keeps other bytes than lie here, or another mode: a .gitattributes names filter, ident or working-tree-encoding for it';

const RENEW = {
  summary: 'on a device with manage_policy, have .auths/.gitattributes overrule it',
  command: 'auths repo update',
};

function below(paths: readonly string[]): readonly string[] {
  return paths.map((path) => `.auths/${path}`);
}

type Steps = RepoData['next_steps'];

/** For what is never written over. A file of evidence that is gone is written again; of a policy only git knows what it was. */
function stepsToMend({ differing }: RepoReport): Steps {
  const paths = below(differing.filter((path) => path !== 'policy.json'));
  const steps = [];
  if (paths.length > 0)
    steps.push({
      summary: 'have them written again, in the root of the work tree',
      command: `rm ${paths.join(' ')} && auths repo update`,
    });
  if (paths.length < differing.length)
    steps.push({
      summary: 'mend the policy, or bring back what was committed',
      command: 'git checkout HEAD -- :/.auths/policy.json',
    });
  return steps;
}

/** What git would keep otherwise is not committed before that is mended. */
function stepsToKeep(
  { ignored, notAdded, otherwise, outdated }: KeptByGit,
  written: readonly string[],
): Steps {
  const [first] = otherwise;
  if (first !== undefined)
    return [
      {
        summary: 'see by which attribute, take the line out, and check again',
        command: `git check-attr -a -- ${first}`,
      },
    ];
  if ([ignored, notAdded, written].every((paths) => paths.length === 0)) return [];
  const commands = [
    // What was just written git sees by itself to be another file.
    ...(outdated.some((path) => !written.includes(path)) ? ['git add --renormalize .auths'] : []),
    ignored.length > 0 ? 'git add -f .auths' : 'git add .auths',
    'git commit -m "Update auths evidence"',
  ];
  const summary =
    ignored.length > 0
      ? `git ignores part of it (git check-ignore -v ${ignored[0] as string}); commit it all the same`
      : 'commit it, so that every clone has it';
  return [{ summary, command: commands.join(' && ') }];
}
