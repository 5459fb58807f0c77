/** `auths status`: what there is and what to do next. Without an identity it says so and exits 0. */
import { existsSync } from 'node:fs';
import { defineCommand, type CommandSpec, type Context } from '../command.ts';
import { homeFiles } from '../composition.ts';
import { readHomeReport, statusOf, type HomeReport } from '../home/home-report.ts';
import { TAKE_ANSWER, waitsForAnswer } from '../pairing/own-request.ts';
import { statusView, type NextStep, type StatusData } from '../views/status.ts';

/** A device that expires within this time is counted as expiring soon. */
const SOON_MS = 14 * 86_400_000;

export const status: CommandSpec = defineCommand({
  examples: [
    { command: 'auths status', what: 'identity, device, git, and the next step' },
    { command: 'auths status --json', what: 'the same for scripts' },
  ],
  flags: {},
  arguments: [],
  async run(context) {
    const report = await readHomeReport(context);
    const data = statusData(context, report);
    return { data, text: statusView(context, data) };
  },
});

function statusData(context: Context, report: HomeReport): StatusData {
  const now = context.clock.now();
  const { identity, device } = report;
  const soon = identity?.devices.filter(
    (each) =>
      statusOf(each, now) === 'active' &&
      each.expiresAt !== null &&
      Date.parse(each.expiresAt) - now < SOON_MS,
  );
  const count = (wanted: string): number =>
    identity?.devices.filter((each) => statusOf(each, now) === wanted).length ?? 0;
  return {
    controller_did: identity?.controllerDid ?? null,
    role: identity?.role ?? null,
    device:
      report.deviceDid === null
        ? null
        : {
            did: report.deviceDid,
            name: device?.name ?? null,
            status: device === null ? null : statusOf(device, now),
            capabilities: device?.capabilities ?? [],
            expires_at: device?.expiresAt ?? null,
          },
    devices:
      identity === null
        ? null
        : {
            active: count('active'),
            revoked: count('revoked'),
            expired: count('expired'),
            expiring_soon: soon?.length ?? 0,
          },
    git: identity === null ? null : report.git,
    keychain: identity === null ? null : report.keychain,
    agent: identity === null ? null : existsSync(homeFiles(context.home).agentSocket) ? 'running' : 'stopped',
    recovery: report.recovery,
    sequence: identity?.sequence ?? null,
    next_steps: nextSteps(context, report, soon?.map(({ name }) => name) ?? []),
  };
}

function nextSteps(context: Context, report: HomeReport, soon: readonly string[]): readonly NextStep[] {
  const { identity, device } = report;
  if (identity === null) {
    if (report.lost !== null) return [{ summary: report.lost, command: 'auths doctor --fix' }];
    if (waitsForAnswer(context.home))
      return [{ summary: 'take in the answer to the request of this home', command: TAKE_ANSWER }];
    return [
      { summary: 'create your identity here', command: 'auths init' },
      { summary: 'or add this device to the identity that you have', command: 'auths pair --join CODE' },
    ];
  }
  const steps: NextStep[] = report.lost === null ? [] : [{ summary: report.lost, command: 'auths doctor' }];
  if (report.lacksKeys)
    steps.push({ summary: 'keys that this home needs are gone', command: 'auths doctor' });
  const state = device === null ? null : statusOf(device, context.clock.now());
  if (state === null || state === 'revoked' || state === 'expired') {
    const what =
      state === null
        ? 'this device is not in the log'
        : `this device is ${state}: it signs nothing that counts`;
    steps.push({
      summary: what,
      command: identity.role === 'controller' ? 'auths doctor' : 'auths pair --join CODE',
    });
  }
  if (report.recovery === 'on-this-machine') {
    steps.push({
      summary: 'move the recovery kit off this machine',
      command: 'auths recovery export --output FILE',
    });
  } else if (report.recovery === 'exported') {
    steps.push({ summary: 'prove that the recovery kit opens', command: 'auths recovery check FILE' });
  }
  for (const name of soon) {
    steps.push({
      summary: `${name} expires soon`,
      command: `auths devices extend ${quoteWord(name)} --expires 90d`,
    });
  }
  if (report.git === 'none')
    steps.push({ summary: 'let git sign with this device', command: 'auths git setup' });
  if (identity.role === 'controller' && identity.devices.length === 1) {
    steps.push({ summary: 'add another machine or a phone', command: 'auths pair' });
  }
  return steps;
}

function quoteWord(name: string): string {
  return /^[\w.-]+$/.test(name) ? name : `'${name.replaceAll("'", "'\\''")}'`;
}
