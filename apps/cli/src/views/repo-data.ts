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
  mayManage: boolean,
): RepoData {
  const changed = below(report.changed);
  const withheld = below(report.withheld);
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
  const { gone, nested } = kept;
  // What an older pin names is still held against the log; of the rest something is missing.
  const lacking = withheld.filter((path) => path !== '.auths/roots');
  const faults = [
    differing,
    otherwise,
    nested,
    mayManage ? [] : gone,
    ...(checking ? [changed, lacking, ignored, notAdded, gone] : []),
  ];
  return {
    path: workTree,
    ok: faults.every((paths) => paths.length === 0),
    roots: report.roots.map(({ did }) => did),
    since,
    changed,
    needs_manage_policy: withheld,
    differing,
    ignored,
    not_added: notAdded,
    kept_otherwise: otherwise,
    gone,
    nested,
    unchanged: below(report.unchanged).filter((path) => !Object.values(inGit).flat().includes(path)).length,
    notes: [
      ...report.notes,
      ...(otherwise.length > 0 ? [OTHERWISE] : []),
      ...(nested.length > 0 ? [NESTED] : []),
    ],
    next_steps: [
      ...stepsToMend(report),
      ...(checking && changed.length > 0
        ? [{ summary: 'bring it up to date', command: 'auths repo update' }]
        : []),
      ...(withheld.some((path) => !gone.includes(path)) ? [BY_MANAGER] : []),
      ...(checking && report.hasOlderAttributes && otherwise.length > 0 ? [RENEW] : []),
      ...stepsToKeep({ ...kept, ...inGit }, checking ? [] : changed, mayManage),
    ],
  };
}

const OTHERWISE =
  'git keeps other bytes than lie here, or another mode: a .gitattributes names filter, ident or working-tree-encoding for it';

const RENEW = {
  summary: 'on a device with manage_policy, have .auths/.gitattributes overrule it',
  command: 'auths repo update',
};

const NESTED =
  'a .git makes another repository of a folder here: git leaves out what is new in it, or adds nothing at all';

const BY_MANAGER = {
  summary: 'on a device with manage_policy, bring the rest up to date',
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

/** What git would keep otherwise, or cannot add, is not committed before that is mended. */
function stepsToKeep(kept: KeptByGit, written: readonly string[], mayManage: boolean): Steps {
  const { ignored, notAdded, otherwise, outdated, gone, nested } = kept;
  const [first] = otherwise;
  if (first !== undefined)
    return [
      {
        summary: 'see by which attribute, take the line out, and check again',
        command: `git check-attr -a -- ${first}`,
      },
    ];
  if (nested.length > 0)
    return nested.map((path) => ({
      summary: 'move it out of the way, in the root of the work tree, and check again',
      command: `mv ${path} ${path.slice(0, -'/.git'.length).replaceAll('/', '-').slice(1)}.git`,
    }));
  const unkept = [ignored, notAdded, written].flat();
  if (mayManage)
    return [...stepsToBringBack(gone), ...(unkept.length > 0 ? [stepToCommit(kept, written, '.auths')] : [])];
  const evidence = unkept.filter((path) => path.startsWith('.auths/evidence/'));
  const changed = notAdded.filter((path) => outdated.includes(path));
  const toBringBack = stepsToBringBack([...gone, ...changed.filter((path) => !evidence.includes(path))]);
  if (evidence.length === 0) return toBringBack;
  // Adding to evidence is all that a commit of this device may do.
  if (!changed.some((path) => evidence.includes(path)))
    return [...toBringBack, stepToCommit(kept, written, '.auths/evidence')];
  const { command } = stepToCommit(kept, written, '.auths');
  return [
    ...toBringBack,
    { summary: 'git holds other evidence: commit it on a device with manage_policy', command },
  ];
}

function stepsToBringBack(paths: readonly string[]): Steps {
  if (paths.length === 0) return [];
  const command = `git checkout HEAD -- ${paths.map((path) => `:/${path}`).join(' ')}`;
  return [{ summary: 'bring back what was committed', command }];
}

function stepToCommit(
  { ignored, outdated }: KeptByGit,
  written: readonly string[],
  folder: string,
): Steps[number] {
  const commands = [
    // What was just written git sees by itself to be another file.
    ...(outdated.some((path) => !written.includes(path)) ? [`git add --renormalize ${folder}`] : []),
    ignored.length > 0 ? `git add -f ${folder}` : `git add ${folder}`,
    'git commit -m "Update auths evidence"',
  ];
  const summary =
    ignored.length > 0
      ? `git ignores part of it (git check-ignore -v ${ignored[0] as string}); commit it all the same`
      : 'commit it, so that every clone has it';
  return { summary, command: commands.join(' && ') };
}
