/** git's configuration, one scope at a time: read every value, set, add, unset. Values never pass through a shell. */
import { runGit } from './git.ts';

/** `local` needs the directory of the repository; `global` is the user's file, wherever git looks for it. */
export type ConfigScope =
  | { readonly scope: 'local'; readonly dir: string }
  | { readonly scope: 'global' }
  /** A repository that is ours (the home): addressed by its git directory. */
  | { readonly scope: 'home'; readonly gitDir: string };

/** Every value of `key` in this scope alone, in file order; empty when it is not set. */
export async function configGetAll(at: ConfigScope, key: string): Promise<readonly string[]> {
  const { status, stdout } = await run(at, ['--null', '--get-all', key], false, [1]);
  return status === 0 ? stdout.toString('utf8').split('\0').slice(0, -1) : [];
}

/** The value in force for a directory, whatever scope it comes from; null when none does. */
export async function configInForce(dir: string, key: string): Promise<string | null> {
  const { status, stdout } = await runGit(['config', '--null', '--get', key], { cwd: dir, accept: [1] });
  return status === 0 ? stdout.toString('utf8').slice(0, -1) : null;
}

/** Every setting of this scope as [key, value], keys as git normalises them; a key without a value has "". */
export async function configList(
  at: ConfigScope,
): Promise<readonly (readonly [key: string, value: string])[]> {
  const { status, stdout } = await run(at, ['--null', '--list'], false, [1, 128]);
  if (status !== 0) return [];
  const items = stdout.toString('utf8').split('\0').slice(0, -1);
  return items.map((item) => {
    const end = item.indexOf('\n');
    return end < 0 ? [item, ''] : [item.slice(0, end), item.slice(end + 1)];
  });
}

/** Replaces all values of `key` by one. */
export async function configSet(at: ConfigScope, key: string, value: string): Promise<void> {
  await run(at, ['--replace-all', key, value], true);
}

/** Adds a value beside those that are there. */
export async function configAdd(at: ConfigScope, key: string, value: string): Promise<void> {
  await run(at, ['--add', key, value], true);
}

/** Removes every value of `key`; one that is not set is no error. */
export async function configUnset(at: ConfigScope, key: string): Promise<void> {
  await run(at, ['--unset-all', key], true, [5]);
}

function run(
  at: ConfigScope,
  args: readonly string[],
  write: boolean,
  accept: readonly number[] = [],
): ReturnType<typeof runGit> {
  const scope = at.scope === 'global' ? '--global' : '--local';
  return runGit(['config', scope, ...args], {
    write,
    accept,
    ...(at.scope === 'local' ? { cwd: at.dir } : {}),
    ...(at.scope === 'home' ? { gitDir: at.gitDir, isolated: true } : {}),
  });
}
