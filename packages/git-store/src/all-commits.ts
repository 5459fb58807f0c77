/** Every commit of a home, whatever refers to it: what is left to go by where refs are lost. */
import { runGit } from './git.ts';
import type { Home } from './home-repository.ts';
import { parseCommit } from './objects.ts';

export interface FoundCommit {
  readonly oid: string;
  readonly message: string;
  readonly parent: string | undefined;
}

/** One that is damaged counts as none. */
export async function allCommits(home: Home): Promise<readonly FoundCommit[]> {
  const args = ['cat-file', '--batch-all-objects', '--batch-check=%(objecttype) %(objectname)'];
  const { stdout } = await runGit(args, { gitDir: home.dir, isolated: true });
  const found: FoundCommit[] = [];
  for (const [, oid] of stdout.toString('latin1').matchAll(/^commit ([0-9a-f]{40})$/gm)) {
    const commit = await home.object(oid as string, 'commit').then(parseCommit, () => null);
    if (commit !== null)
      found.push({ oid: oid as string, message: commit.message, parent: commit.parents[0] });
  }
  return found;
}
