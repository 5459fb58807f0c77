/** What `auths repo` found, as its document says it. */
import type { KeptByGit } from '@auths/git-store/kept-by-git';
import type { RepoReport } from '@auths/git-store/repo-evidence';
import type { Context } from '../command.ts';
import { below, EVIDENCE, stepsToKeep, stepsToMend } from './repo-steps.ts';
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
  const ignored = untold(kept.ignored);
  const notAdded = untold(kept.notAdded);
  const otherwise = untold(kept.otherwise);
  const inOtherMode = untold(kept.inOtherMode);
  const keptOtherwise = [...otherwise, ...inOtherMode];
  const inGit = new Set([...ignored, ...notAdded, ...keptOtherwise]);
  const checking = context.command === 'repo check';
  const { gone, nested } = kept;
  // What an older pin names is still held against the log; of the rest something is missing.
  const lacking = withheld.filter((path) => path !== '.auths/roots');
  const faults = [
    differing,
    keptOtherwise,
    nested,
    mayManage ? gone.filter(isEvidence) : gone,
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
    kept_otherwise: keptOtherwise,
    gone,
    nested,
    unchanged: below(report.unchanged).filter((path) => !inGit.has(path)).length,
    notes: [
      ...report.notes,
      ...(otherwise.length > 0 ? [OTHERWISE] : []),
      ...(inOtherMode.length > 0 ? [IN_OTHER_MODE] : []),
      ...(nested.length > 0 ? [NESTED] : []),
    ],
    next_steps: [
      ...stepsToMend(report),
      ...(checking && changed.length > 0
        ? [{ summary: 'bring it up to date', command: 'auths repo update' }]
        : []),
      ...(withheld.some((path) => !gone.includes(path)) ? [BY_MANAGER] : []),
      ...(checking && report.hasOlderAttributes && otherwise.length > 0 ? [RENEW] : []),
      // An event without the record that it seals leaves the repository unverifiable, so nothing is committed before that.
      ...(differing.some(isEvidence)
        ? []
        : stepsToKeep(
            { ...kept, ignored, notAdded, otherwise, inOtherMode },
            checking ? [] : changed,
            mayManage,
          )),
    ],
  };
}

const OTHERWISE =
  'git keeps other bytes than lie here: a .gitattributes names filter, ident or working-tree-encoding for it';

const IN_OTHER_MODE = 'git keeps the bytes that lie here, but as an executable file or a link';

const RENEW = {
  summary: 'on a device with manage_policy, have .auths/.gitattributes overrule it',
  command: 'auths repo update',
};

const NESTED =
  'a folder here is another repository, by a .git in it or by what git keeps: git leaves out what is new in it, or adds nothing at all';

const BY_MANAGER = {
  summary: 'on a device with manage_policy, bring the rest up to date',
  command: 'auths repo update',
};

function isEvidence(path: string): boolean {
  return path.startsWith(EVIDENCE);
}
