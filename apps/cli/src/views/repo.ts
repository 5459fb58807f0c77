/** A work tree's `.auths/` for people and for JSON. */
import type { Context } from '../command.ts';

export interface RepoData {
  readonly path: string;
  readonly ok: boolean;
  readonly roots: readonly string[];
  /** The commit that a new policy exempts with everything before it. */
  readonly since: string | null;
  readonly changed: readonly string[];
  /** Left as they are, because a commit that changes them is denied to this device. */
  readonly needs_manage_policy: readonly string[];
  readonly differing: readonly string[];
  /** Not in git, which leaves them out. */
  readonly ignored: readonly string[];
  /** Not in git, or as they were before. */
  readonly not_added: readonly string[];
  /** git keeps other bytes. */
  readonly kept_otherwise: readonly string[];
  /** git has them, and they are not here. */
  readonly gone: readonly string[];
  /** What makes another repository of a folder of `.auths`. */
  readonly nested: readonly string[];
  readonly unchanged: number;
  readonly notes: readonly string[];
  readonly next_steps: readonly { readonly summary: string; readonly command: string }[];
}

export function repoView(context: Context, data: RepoData): string {
  const { bold, dim, good, bad, accent } = context.style;
  const checking = context.command === 'repo check';
  const lines = [bold(`${data.path}/.auths`), ...data.roots.map((did) => `  trusts ${did}`)];
  if (data.since !== null)
    lines.push(`  history up to ${data.since.slice(0, 12)} is exempt (policy.json, since)`);
  const list = (what: string, paths: readonly string[]): void => {
    for (const path of paths.slice(0, SHOWN)) lines.push(`  ${what} ${path}`);
    if (paths.length > SHOWN) lines.push(`  … and ${paths.length - SHOWN} more`);
  };
  list(checking ? bad('missing or stale') : good('wrote'), data.changed);
  for (const path of data.differing) lines.push(`  ${bad('differs')} ${path}`);
  list(bad('ignored by git'), data.ignored);
  if (checking) list(bad('not added to git'), data.not_added);
  list(bad('kept otherwise by git'), data.kept_otherwise);
  list(bad('gone, and in git'), data.gone);
  list(bad('another repository'), data.nested);
  if (data.unchanged > 0)
    lines.push(dim(`  ${data.unchanged} ${data.unchanged === 1 ? 'file' : 'files'} as they should be`));
  for (const note of data.notes) lines.push(`  ${note}`);
  for (const step of data.next_steps) lines.push(`${accent('→')} ${step.summary}: ${step.command}`);
  return lines.join('\n');
}

const SHOWN = 12;
