/** The commands to type next after `auths repo`: what is damaged here is mended first, then what keeps git from having it. */
import type { KeptByGit } from '@auths/git-store/kept-by-git';
import type { RepoReport } from '@auths/git-store/repo-evidence';
import type { RepoData } from './repo.ts';

type Steps = RepoData['next_steps'];

/** As paths from the root of the work tree. */
export function below(paths: readonly string[]): readonly string[] {
  return paths.map((path) => `.auths/${path}`);
}

export const EVIDENCE = '.auths/evidence/';

/** For what is never written over. A file of evidence that is gone is written again; of a policy only git knows what it was. */
export function stepsToMend({ differing }: RepoReport): Steps {
  const paths = below(differing.filter((path) => path !== 'policy.json'));
  const steps = [];
  if (paths.length > 0)
    steps.push({
      summary: 'have them written again, in the root of the work tree',
      command: `rm -r ${paths.join(' ')} && auths repo update`,
    });
  if (paths.length < differing.length)
    steps.push({
      summary: 'mend the policy, or bring back what was committed',
      command: 'git checkout HEAD -- :/.auths/policy.json',
    });
  return steps;
}

/** What git would keep otherwise, or cannot add, is not committed before that is mended. */
export function stepsToKeep(kept: KeptByGit, written: readonly string[], mayManage: boolean): Steps {
  const { ignored, notAdded, otherwise, inOtherMode, outdated, gone, nested } = kept;
  const [first] = otherwise;
  if (first !== undefined)
    return [
      {
        summary: 'see by which attribute, take the line out, and check again',
        command: `git check-attr -a -- ${first}`,
      },
    ];
  if (nested.length > 0) return stepsToOneRepository(nested, mayManage);
  const goneEvidence = gone.filter((path) => path.startsWith(EVIDENCE));
  if (goneEvidence.length > 0) return [stepToBringBackEvidence(goneEvidence)];
  if (inOtherMode.length > 0) return [stepToKeepAsFiles(inOtherMode, mayManage)];
  const unkept = [ignored, notAdded, written].flat();
  if (mayManage)
    return [...stepsToBringBack(gone), ...(unkept.length > 0 ? [stepToCommit(kept, written, '.auths')] : [])];
  const evidence = unkept.filter((path) => path.startsWith(EVIDENCE));
  const changed = notAdded.filter((path) => outdated.includes(path));
  const toBringBack = stepsToBringBack([...gone, ...changed.filter((path) => !evidence.includes(path))]);
  if (evidence.length === 0) return toBringBack;
  // Adding to evidence is all that a commit of this device may do.
  if (kept.inTheWay.length === 0 && !changed.some((path) => evidence.includes(path)))
    return [...toBringBack, stepToCommit(kept, written, '.auths/evidence')];
  const { command } = stepToCommit(kept, written, '.auths');
  return [
    ...toBringBack,
    { summary: 'git holds other evidence: commit it on a device with manage_policy', command },
  ];
}

function isOnDisk(nested: string): boolean {
  return nested.endsWith('/.git');
}

function stepsToOneRepository(nested: readonly string[], mayManage: boolean): Steps {
  const links = nested.filter((path) => !isOnDisk(path));
  const toMove = nested.filter(isOnDisk).map((path) => ({
    summary: 'move it out of the way, in the root of the work tree, and check again',
    command: `mv ${path} ${path.slice(0, -'/.git'.length).replaceAll('/', '-').slice(1)}.git`,
  }));
  if (links.length === 0) return toMove;
  const summary = 'have git keep no other repository there, check again, and commit that';
  return [
    ...toMove,
    {
      summary: mayManage ? summary : `on a device with manage_policy, ${summary}`,
      command: `git rm -qf --cached -- ${fromRoot(links)}`,
    },
  ];
}

/** Above so many names their folders are said: what an update had written over in them it writes once more. */
const FEW = 6;

/** From the index, which may hold what no commit has yet. Nothing else is said before, because to add the folder deletes them. */
function stepToBringBackEvidence(gone: readonly string[]): Steps[number] {
  const folders = new Set(gone.map((path) => path.slice(0, path.lastIndexOf('/'))));
  const paths = gone.length > FEW ? [...folders] : gone;
  return {
    summary: 'bring back the evidence that git has, before anything of it is added',
    command: `git checkout -- ${fromRoot(paths)} && auths repo update`,
  };
}

function stepToKeepAsFiles(paths: readonly string[], mayManage: boolean): Steps[number] {
  const files = paths.join(' ');
  const summary = 'have git keep regular files, in the root of the work tree';
  return {
    summary: mayManage ? summary : `on a device with manage_policy, ${summary}`,
    command: `chmod -x ${files} && git rm -qf --cached -- ${files} && git add -f -- ${files} && ${COMMIT}`,
  };
}

function stepsToBringBack(paths: readonly string[]): Steps {
  if (paths.length === 0) return [];
  const command = `git checkout HEAD -- ${fromRoot(paths)}`;
  return [{ summary: 'bring back what was committed', command }];
}

function fromRoot(paths: readonly string[]): string {
  return paths.map((path) => `:/${path}`).join(' ');
}

const COMMIT = 'git commit -m "Update auths evidence"';

function stepToCommit(
  { ignored, outdated, inTheWay }: KeptByGit,
  written: readonly string[],
  folder: string,
): Steps[number] {
  const commands = [
    ...(inTheWay.length > 0 ? [`git rm -rqf --cached -- ${fromRoot(inTheWay)}`] : []),
    // What was just written git sees by itself to be another file.
    ...(outdated.some((path) => !written.includes(path)) ? [`git add --renormalize ${folder}`] : []),
    ignored.length > 0 ? `git add -f ${folder}` : `git add ${folder}`,
    COMMIT,
  ];
  const summary =
    ignored.length > 0
      ? `git ignores part of it (git check-ignore -v ${ignored[0] as string}); commit it all the same`
      : 'commit it, so that every clone has it';
  return { summary, command: commands.join(' && ') };
}
