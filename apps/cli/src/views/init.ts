/** What `init` says. */
import type { Context } from '../command.ts';
import type { InitPlan } from '../commands/init.ts';
import type { RecoveryState } from '../home/home-report.ts';
import { table } from './layout.ts';

export interface InitData {
  readonly controller_did: string | null;
  readonly device_did: string | null;
  readonly device_name: string | null;
  readonly keychain: 'os' | 'file' | 'memory' | null;
  readonly git: 'local' | 'global' | 'none';
  readonly recovery: RecoveryState;
}

export function initView(context: Context, data: InitData): string {
  const { good, accent } = context.style;
  return [
    `${good('✓')} your identity is ready`,
    ...facts(context, data),
    '',
    'Next',
    ...table(
      [
        ...(data.recovery === 'on-this-machine'
          ? [[accent('auths recovery export --output FILE'), 'move the recovery kit off this machine']]
          : []),
        ...(data.git === 'none' ? [[accent('auths git setup'), 'let git sign with this device']] : []),
        [accent('auths pair'), 'add another machine or a phone'],
      ],
      '  ',
    ),
  ].join('\n');
}

export function existingView(context: Context, data: InitData): string {
  return ['this home already has an identity; nothing was changed', ...facts(context, data)].join('\n');
}

export function planView(context: Context, plan: InitPlan): string {
  const kit = plan.recoveryFile ?? `${context.home}/recovery-kit.json`;
  return [
    'nothing was written; auths init would make',
    ...table(
      [
        ['identity', 'four new keys and a key event log of two events'],
        ['home', context.home],
        ['device', plan.name],
        ['recovery kit', kit],
        ['git', plan.git === 'none' ? 'left as it is' : plan.git],
      ],
      '  ',
    ),
    ...plan.settings.map((line) => `  ${line}`),
  ].join('\n');
}

function facts(context: Context, data: InitData): string[] {
  const { bold, warn } = context.style;
  const kit = {
    'on-this-machine': warn('the kit is still on this machine'),
    exported: 'exported',
    checked: 'exported and checked',
  };
  return table(
    [
      ['identity', bold(data.controller_did ?? 'none')],
      ['device', `${data.device_name ?? 'unknown'}  ${data.device_did ?? ''}`],
      ['keys', data.keychain === 'file' ? 'in an encrypted file' : (data.keychain ?? 'none')],
      ['git', data.git === 'none' ? 'not set up here' : `signs with this device (${data.git})`],
      ['recovery', data.recovery === null ? 'no kit known' : kit[data.recovery]],
    ],
    '  ',
  );
}
