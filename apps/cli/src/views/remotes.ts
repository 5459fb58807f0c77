/** What `pull` and `push` say. */
import { sanitise, type AuthsError } from '@auths/core/errors';
import type { Merged, MergeVerdict, Tip } from '@auths/core/flows/merge-log';
import type { Remote } from '@auths/git-store/remote-address';
import type { Context } from '../command.ts';
import type { DeviceStatus } from '../home/home-report.ts';
import type { PulledLog } from '../remotes/pull-remote.ts';
import type { PushedIdentity } from '../remotes/push-remote.ts';
import { safeName, shortDid, table } from './layout.ts';
import { shellWord } from './pair.ts';
import type { NextStep } from './status.ts';

export interface PulledRemote {
  readonly remote: Remote;
  readonly logs: readonly PulledLog[];
  /** Why it could not be reached; null when it was. */
  readonly error: AuthsError | null;
}

/** `data` of `auths pull` (docs/guides/remotes.md). */
export interface PullData {
  readonly controller_did: string;
  readonly role: 'controller' | 'device';
  readonly sequence: number;
  readonly said: string;
  readonly device: { readonly did: string; readonly name: string; readonly status: DeviceStatus } | null;
  readonly remotes: readonly {
    readonly name: string;
    readonly url: string;
    readonly remembered: boolean;
    readonly error: { readonly code: string; readonly message: string } | null;
    readonly logs: readonly PulledLogJson[];
  }[];
  readonly next_steps: readonly NextStep[];
}

interface PulledLogJson {
  readonly controller_did: string;
  readonly verdict: MergeVerdict;
  readonly present: boolean;
  readonly from: number | null;
  readonly tip: Tip | null;
  readonly remote_tip: Tip | null;
  readonly events_added: number;
  readonly events_superseded: number;
  readonly keys_changed: boolean;
  readonly disputed: Merged['disputed'];
  readonly revocations_given_up: Merged['givenUp'];
  readonly records: Merged['records'];
  readonly fault: Merged['fault'];
  readonly notes: readonly string[];
}

export function pulledView(context: Context, data: PullData): string {
  const { bad, dim, accent } = context.style;
  const lines: string[] = [];
  for (const remote of data.remotes) {
    if (remote.error !== null) lines.push(`${bad('✗')} ${safeName(remote.name)}: ${remote.error.message}`);
    for (const log of remote.logs) {
      const whose = log.controller_did === data.controller_did ? '' : ` (${shortDid(log.controller_did)})`;
      const [first, ...rest] = verdictLines(context, log, data.role);
      lines.push(`${signOf(context, log.verdict)} ${safeName(remote.name)}${whose}: ${first ?? ''}`);
      lines.push(...rest.map((line) => `  ${line}`));
    }
  }
  lines.push(dim(`your log: event ${data.sequence}, ${data.said}`));
  if (data.device !== null && data.device.status !== 'active') {
    lines.push(
      `${bad('!')} this device, ${safeName(data.device.name)}, is ${data.device.status}: it signs nothing any more`,
    );
  }
  if (data.next_steps.length > 0) {
    const steps = data.next_steps.map(({ command, summary }) => [accent(command), safeName(summary)]);
    lines.push('', 'Next', ...table(steps, '  '));
  }
  return lines.join('\n');
}

export function pushedView(context: Context, pushed: readonly PushedIdentity[]): string {
  const { good } = context.style;
  return pushed
    .flatMap(({ remote, verdict, refs, sequence, recovered, restored }) => [
      verdict === 'up-to-date'
        ? `${good('✓')} ${safeName(remote.name)} has everything already, up to event ${sequence}`
        : `${good('✓')} sent to ${safeName(remote.name)}: ${count(refs.length, 'ref')}, up to event ${sequence}`,
      ...(recovered ? ['  the recovery took the place of the branch that it supersedes'] : []),
      ...(restored ? ['  it had lost events that it showed before; they are back'] : []),
    ])
    .join('\n');
}

function signOf({ style }: Context, verdict: MergeVerdict): string {
  if (verdict === 'forked' || verdict === 'invalid' || verdict === 'rewound') return style.bad('✗');
  return style.good('✓');
}

function verdictLines(context: Context, log: PulledLogJson, role: PullData['role']): readonly string[] {
  return [
    ...logLines(log, role),
    ...log.revocations_given_up.map((one) => context.style.bad(givenUpLine(one))),
    ...recordLines(log),
    ...log.notes.map((note) => context.style.warn(sanitise(note))),
  ];
}

function givenUpLine({ name, reason }: Merged['givenUp'][number]): string {
  return `the branch that does not count has revoked ${safeName(name)} (${reason}), which stands here: if that was you, auths devices revoke ${shellWord(name)} --reason ${reason}`;
}

function logLines(log: PulledLogJson, role: PullData['role']): readonly string[] {
  const { verdict, from, remote_tip: theirs, tip } = log;
  const keys =
    log.keys_changed && role === 'controller'
      ? ['the identity key was changed there: unless you did it, see auths doctor']
      : [];
  switch (verdict) {
    case 'up-to-date':
      return ['nothing new'];
    case 'behind':
      if (!log.present) return ['it holds nothing of this identity yet'];
      return theirs !== null && log.disputed !== null
        ? ['it has not heard of your recovery yet']
        : [`it is behind: it ends at event ${theirs?.sequence ?? 0}, yours at ${tip?.sequence ?? 0}`];
    case 'extended':
      return [`${count(log.events_added, 'new event')} taken over`, ...keys];
    case 'recovered':
      return [
        `a recovery at event ${from ?? 0} was taken over; ${count(log.events_superseded, 'event')} of the old branch ${log.events_superseded === 1 ? 'counts' : 'count'} no more (kept under disputed/)`,
        ...keys,
      ];
    case 'forked':
      return [
        `REFUSED: it shows another log of this identity. The two part at event ${from ?? 0}; yours stays as it is`,
        `theirs ends at event ${theirs?.sequence ?? 0}, ${theirs?.said ?? ''}${log.disputed?.recorded === true ? ' (kept as evidence)' : ''}`,
        'somebody else holds a key of this identity, a copy of a home was used, or the remote was overwritten',
      ];
    case 'rewound':
      return [
        log.present
          ? `REFUSED: it was set back. It ends at event ${theirs?.sequence ?? 0}, and has shown more before; yours stays as it is`
          : 'REFUSED: it held this identity before and shows nothing of it now; yours stays as it is',
      ];
    case 'invalid':
      return [
        `REFUSED: its log does not verify (${sanitise(log.fault?.reason ?? '')}); yours stays as it is`,
      ];
  }
}

function recordLines({ records }: PulledLogJson): readonly string[] {
  const lines: string[] = [];
  if (records.added > 0) lines.push(`${count(records.added, 'record')} added`);
  const [ignored] = records.ignored;
  if (ignored !== undefined) {
    lines.push(`${count(records.ignored.length, 'record')} ignored: ${ignored.digest}: ${ignored.why}`);
  }
  if (records.missing > 0) {
    lines.push(
      `${count(records.missing, 'sealed record')} missing: devices count for nothing until they arrive`,
    );
  }
  return lines;
}

function count(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? '' : 's'}`;
}
