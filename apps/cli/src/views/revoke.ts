/** What `devices revoke` says. */
import type { Context } from '../command.ts';
import type { DeviceJson } from './devices.ts';
import { safeName, table } from './layout.ts';
import type { NextStep } from './status.ts';

export function revokedView(
  context: Context,
  data: { readonly device: DeviceJson; readonly changed: boolean; readonly next_steps: readonly NextStep[] },
): string {
  const { good, accent } = context.style;
  const { device } = data;
  const what = `${safeName(device.name)} (${device.did})`;
  return [
    data.changed
      ? `${good('✓')} revoked: ${what}, ${device.reason ?? ''}`
      : `${what} was revoked before; nothing was changed`,
    'It signs and connects no more from here. Verifiers believe it until the log reaches them:',
    ...table(
      data.next_steps.map((step) => [accent(step.command), step.summary]),
      '  ',
    ),
  ].join('\n');
}
