/** What `status` says. */
import type { Context } from '../command.ts';
import type { DeviceStatus, RecoveryState } from '../home/home-report.ts';
import { safeName, shortTime, table } from './layout.ts';

export interface NextStep {
  readonly summary: string;
  readonly command: string;
}

export interface StatusData {
  readonly controller_did: string | null;
  readonly role: 'controller' | 'device' | null;
  readonly device: {
    readonly did: string;
    readonly name: string | null;
    readonly status: DeviceStatus | null;
    readonly capabilities: readonly string[];
    readonly expires_at: string | null;
  } | null;
  readonly devices: {
    readonly active: number;
    readonly revoked: number;
    readonly expired: number;
    readonly expiring_soon: number;
  } | null;
  readonly git: 'local' | 'global' | 'none' | null;
  readonly keychain: 'os' | 'file' | 'memory' | null;
  readonly agent: 'running' | 'stopped' | null;
  readonly recovery: RecoveryState;
  readonly sequence: number | null;
  readonly next_steps: readonly NextStep[];
}

export function statusView(context: Context, data: StatusData): string {
  const { bold, dim, accent } = context.style;
  const lines =
    data.controller_did === null
      ? ['no identity here yet', ...table([['home', dim(context.home)]], '  ')]
      : [bold(data.controller_did), ...table(facts(context, data), '  ')];
  if (data.next_steps.length > 0) {
    lines.push(
      '',
      'Next',
      ...table(
        data.next_steps.map((step) => [accent(step.command), safeName(step.summary)]),
        '  ',
      ),
    );
  }
  return lines.join('\n');
}

function facts(context: Context, data: StatusData): string[][] {
  const { good, bad, warn, dim } = context.style;
  const { device, devices } = data;
  const colour = device?.status === 'active' ? good : bad;
  const rows: string[][] = [];
  if (device !== null) {
    rows.push([
      'this device',
      `${safeName(device.name ?? 'unknown')} ${colour(device.status ?? 'not in the log')}  ${dim(device.did)}`,
    ]);
    rows.push(['may', device.capabilities.join(', ') || 'nothing']);
    if (device.expires_at !== null) rows.push(['expires', shortTime(device.expires_at)]);
  } else rows.push(['this device', bad('no device key')]);
  if (devices !== null) {
    const parts = [`${devices.active} active`];
    if (devices.revoked > 0) parts.push(`${devices.revoked} revoked`);
    if (devices.expired > 0) parts.push(`${devices.expired} expired`);
    if (devices.expiring_soon > 0) parts.push(warn(`${devices.expiring_soon} expiring soon`));
    rows.push(['devices', parts.join(', ')]);
  }
  rows.push(['git', data.git === 'none' ? warn('not set up here') : `signs with this device (${data.git})`]);
  rows.push([
    'keys',
    `${data.keychain === 'file' ? 'in an encrypted file' : (data.keychain ?? 'none')}, agent ${data.agent}`,
  ]);
  if (data.role === 'controller') {
    const recovery =
      data.recovery === 'on-this-machine'
        ? warn('the kit is still on this machine')
        : (data.recovery ?? 'no kit known');
    rows.push(['recovery', recovery]);
  } else rows.push(['role', 'a device; the identity key is elsewhere']);
  rows.push(['log', `${(data.sequence ?? 0) + 1} events`]);
  return rows;
}
