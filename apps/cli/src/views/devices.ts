/** Devices for people and for JSON. */
import type { Context } from '../command.ts';
import { statusOf, type DeviceStatus } from '../home/home-report.ts';
import type { DeviceView } from '../home/identity-view.ts';
import { safeName, shortDid, shortTime, table } from './layout.ts';

/** A device as every command gives it under --json. */
export interface DeviceJson {
  readonly did: string;
  readonly name: string;
  readonly status: DeviceStatus;
  readonly this_device: boolean;
  readonly capabilities: readonly string[];
  readonly issued_at: string;
  readonly expires_at: string | null;
  readonly revoked_at: string | null;
  readonly reason: string | null;
  readonly last_seen_at: string | null;
}

export function deviceJson(device: DeviceView, thisDid: string | null, now: number): DeviceJson {
  return {
    did: device.did,
    name: device.name,
    status: statusOf(device, now),
    this_device: device.did === thisDid,
    capabilities: device.capabilities,
    issued_at: device.issuedAt,
    expires_at: device.expiresAt,
    revoked_at: device.revokedAt,
    reason: device.reason,
    last_seen_at: null,
  };
}

/** The table of `devices list`; `hidden` revoked devices are only counted. */
export function devicesView(
  context: Context,
  controllerDid: string,
  devices: readonly DeviceJson[],
  hidden: number,
): string {
  const { bold, dim } = context.style;
  const names = distinctNames(devices);
  const rows = devices.map((device, i) => [
    `${names[i]}${device.this_device ? dim(' (this device)') : ''}`,
    coloured(context, device.status),
    dim(shortDid(device.did)),
    dim(when(device)),
  ]);
  const lines = [
    bold(controllerDid),
    ...table(rows, '  ').flatMap((line, i) => [line.trimEnd(), dim(`    ${more(devices[i] as DeviceJson)}`)]),
  ];
  if (hidden > 0) lines.push(dim(`  ${hidden} revoked, shown with --all`));
  return lines.join('\n');
}

/** `devices show`: everything about one. */
export function deviceView(context: Context, device: DeviceJson, words: readonly string[]): string {
  const { bold } = context.style;
  const rows = [
    ['device', device.did],
    ['alias', `${safeName(device.name)}-key`],
    ['status', `${coloured(context, device.status)}${device.this_device ? ', this device' : ''}`],
    ['may', words.join('; ') || 'nothing'],
    ['since', shortTime(device.issued_at)],
    ['expires', device.expires_at === null ? 'never' : shortTime(device.expires_at)],
  ];
  if (device.revoked_at !== null)
    rows.push(['revoked', `${shortTime(device.revoked_at)}, ${device.reason ?? ''}`]);
  return [bold(safeName(device.name)), ...table(rows, '  ')].join('\n');
}

/** Two devices of one name get the end of their DID behind it, so that a person can tell them apart. */
function distinctNames(devices: readonly DeviceJson[]): readonly string[] {
  return devices.map(({ name, did }) =>
    devices.filter((other) => other.name === name).length > 1
      ? `${safeName(name)}·${did.slice(-4)}`
      : safeName(name),
  );
}

function coloured(context: Context, status: DeviceStatus): string {
  const { good, bad, warn } = context.style;
  return status === 'active' ? good(status) : status === 'revoked' ? bad(status) : warn(status);
}

/** The day; the hour stands in `devices show`. */
function when(device: DeviceJson): string {
  if (device.revoked_at !== null) return '';
  return device.expires_at === null
    ? `since ${device.issued_at.slice(0, 10)}`
    : `until ${device.expires_at.slice(0, 10)}`;
}

/** The second line of a device: five capabilities would not fit into 80 columns beside the rest. */
function more(device: DeviceJson): string {
  if (device.revoked_at !== null) return `${device.reason ?? 'revoked'} on ${device.revoked_at.slice(0, 10)}`;
  return `may ${device.capabilities.join(', ') || 'nothing'}`;
}
