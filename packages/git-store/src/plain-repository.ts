/**
 * The repository of a folder in the case that nearly every clone is, found without starting git: a `.git` directory
 * of format 0 that lies, as the folder does, in the hands of this user. Whatever else there may be (links, several
 * work trees, bare repositories, extensions, another owner) is git's own to judge, so the answer is then null.
 */
import { existsSync, lstatSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { geteuid } from 'node:process';

export interface PlainRepository {
  /** Absolute, without links; the common directory too. */
  readonly gitDir: string;
  readonly workTree: string;
  readonly shallow: boolean;
  /** The text of its configuration. */
  readonly config: string;
}

/** Never throws, and never answers otherwise than `git rev-parse` would. */
export function findPlainRepository(dir: string): PlainRepository | null {
  try {
    const start = realpathSync(dir);
    const { dev } = statSync(start);
    for (let at = start; ; at = dirname(at)) {
      const here = statSync(at);
      if (here.dev !== dev || existsSync(join(at, 'HEAD'))) return null;
      const gitDir = join(at, '.git');
      const found = lstatSync(gitDir, { throwIfNoEntry: false });
      if (found !== undefined) {
        const own = geteuid?.();
        return found.isDirectory() && here.uid === own && found.uid === own ? readPlain(gitDir, at) : null;
      }
      if (dirname(at) === at) return null;
    }
  } catch {
    return null;
  }
}

function readPlain(gitDir: string, workTree: string): PlainRepository | null {
  const names = readdirSync(gitDir);
  if (!['HEAD', 'config', 'objects', 'refs'].every((name) => names.includes(name))) return null;
  if (['commondir', 'reftable', 'config.worktree'].some((name) => names.includes(name))) return null;
  for (const name of ['HEAD', 'config']) if (!lstatSync(join(gitDir, name)).isFile()) return null;
  for (const name of ['objects', 'refs']) if (!statSync(join(gitDir, name)).isDirectory()) return null;
  const head = readFileSync(join(gitDir, 'HEAD'), 'latin1');
  if (!/^(?:ref: refs\/heads\/[^\s]+|[0-9a-f]{40})\n$/.test(head)) return null;
  const config = readFileSync(join(gitDir, 'config'), 'utf8');
  const lower = config.toLowerCase();
  const core = /^\[core\]\n(?:\t\w+ = \w+\n)*/.exec(config)?.[0] ?? '';
  const plain =
    /^\trepositoryformatversion = 0$/m.test(core) &&
    /^\tbare = false$/m.test(core) &&
    // A second of these further down, an included file, or an extension would change what the first ones say.
    ['worktree', 'extensions', 'include'].every((word) => !lower.includes(word)) &&
    ['repositoryformatversion', 'bare'].every((word) => lower.split(word).length === 2);
  return plain ? { gitDir, workTree, config, shallow: names.includes('shallow') } : null;
}
