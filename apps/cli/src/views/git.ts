/** What `git setup`, `unset` and `status` say. */
import type { Context } from '../command.ts';
import type { ScopeJson } from '../commands/git.ts';
import type { Removal, SettingState } from '../git-setup.ts';
import { safeName, table } from './layout.ts';

export function gitSetupView(
  context: Context,
  scope: 'local' | 'global',
  settings: readonly SettingState[],
): string {
  const { good, dim } = context.style;
  return [
    `${good('✓')} git signs with this device (${scope})`,
    ...table(
      settings.map(({ key, wanted, current, kind }) => [
        key,
        wanted,
        kind === 'foreign' ? dim(`was ${current.map(safeName).join(', ')}`) : '',
      ]),
      '  ',
    ),
    dim('  auths git unset brings back what was there'),
  ].join('\n');
}

export function gitUnsetView(context: Context, scope: 'local' | 'global', removal: Removal | null): string {
  const { good, warn } = context.style;
  if (removal === null) return `auths had not set git up here (${scope}); nothing was changed`;
  const lines = [`${good('✓')} git (${scope}) has again what it had`];
  if (removal.restored.length > 0) lines.push(`  given back: ${removal.restored.join(', ')}`);
  if (removal.kept.length > 0)
    lines.push(warn(`  changed by somebody since, left alone: ${removal.kept.join(', ')}`));
  return lines.join('\n');
}

export function gitStatusView(
  context: Context,
  inForce: 'local' | 'global' | 'none',
  scopes: readonly ScopeJson[],
): string {
  const { good, warn, bold, dim } = context.style;
  const lines = [
    inForce === 'none'
      ? warn('git does not sign with this device here')
      : good(`git signs with this device here (${inForce})`),
  ];
  for (const { scope, home, settings } of scopes) {
    lines.push('', `${bold(scope)}${home === null ? '' : dim(`  set up by ${safeName(home)}`)}`);
    lines.push(
      ...table(
        settings.map(({ key, values, state }) => [
          key,
          values.map(safeName).join(', ') || dim('not set'),
          dim(state),
        ]),
        '  ',
      ),
    );
  }
  return lines.join('\n');
}
