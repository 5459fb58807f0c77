/** Setting git up for this home: what would change, and doing it. */
import { findRepository } from '@auths/git-store/repository';
import type { Context } from './command.ts';
import {
  applySettings,
  foreignSettings,
  inspectSettings,
  wantedSettings,
  type GitFile,
  type SettingState,
} from './git-setup.ts';
import { writeWrapper } from './home/device-files.ts';

/** The configuration of a scope; `local` outside a repository is `git/not-a-repository`. */
export async function gitFile(context: Pick<Context, 'cwd'>, scope: 'local' | 'global'): Promise<GitFile> {
  if (scope === 'global') return { scope };
  const repository = await findRepository(context.cwd);
  await repository.close();
  return { scope, dir: context.cwd };
}

/** What set-up would change. Throws `usage/missing-answer` for foreign values unless --yes, or a person, allows it. */
export async function planGit(
  context: Context,
  scope: 'local' | 'global',
  capabilities: readonly string[],
): Promise<readonly SettingState[]> {
  const file = await gitFile(context, scope);
  const states = await inspectSettings(file, context.home, wantedSettings(context.home, capabilities));
  const foreign = states.filter(({ kind }) => kind === 'foreign');
  if (foreign.length === 0 || context.globals.yes) return states;
  if (!context.terminal.interactive) throw foreignSettings(foreign, scope);
  context.terminal.show(settingLines(context, states).join('\n'));
  const allowed = await context.terminal.confirm(
    'Replace these settings? `auths git unset` brings them back.',
    '--yes',
  );
  if (!allowed) throw foreignSettings(foreign, scope);
  return states;
}

/** Does what `planGit` showed. */
export async function setUpGit(
  context: Context,
  scope: 'local' | 'global',
  capabilities: readonly string[],
): Promise<void> {
  const file = await gitFile(context, scope);
  await writeWrapper(context);
  await applySettings(file, context.home, wantedSettings(context.home, capabilities), {
    replaceForeign: true,
  });
}

/** One line a setting: what will be, and what is there instead. */
export function settingLines(context: Context, states: readonly SettingState[]): readonly string[] {
  const { warn, dim } = context.screen.style;
  return states.map(({ key, wanted, current, kind }) => {
    const was =
      kind === 'foreign' ? warn(`  replaces ${current.join(', ')}`) : kind === 'ours' ? dim('  already') : '';
    return `  ${key} = ${wanted}${was}`;
  });
}
