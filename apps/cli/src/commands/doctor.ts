/** `auths doctor`: what is wrong here and what repairs it; `--fix` repairs what can be repaired without losing anything, `--network` looks at what pairing needs of the network. */
import { sanitise } from '@auths/core/errors';
import { defineCommand, type CommandSpec, type Context } from '../command.ts';
import { runChecks } from '../doctor/checks.ts';
import type { Finding } from '../doctor/finding.ts';
import { table } from '../views/layout.ts';

export const doctor: CommandSpec = defineCommand({
  examples: [
    { command: 'auths doctor', what: 'checks git, home, keys and log, and signs something' },
    { command: 'auths doctor --fix', what: 'removes locks of dead processes, closes permissions' },
    { command: 'auths doctor --network', what: 'also mDNS on each interface, and the port of pairing' },
    { command: 'auths doctor --network --listen', what: 'waits to be reached, and shows what to type there' },
  ],
  flags: {
    fix: { kind: 'switch', summary: 'repair what can be repaired' },
    network: { kind: 'switch', summary: 'look at the local network too' },
    bind: { kind: 'value', hint: 'ADDR[:PORT]', summary: 'the address and port that auths pair is to use' },
    listen: { kind: 'switch', summary: 'wait for the call of another device, and look at nothing else' },
    timeout: { kind: 'value', hint: 'S', summary: 'how long --listen waits (default 120)' },
    reach: { kind: 'value', hint: 'ADDRESS', summary: 'call the device where --listen runs' },
  },
  arguments: [],
  async run(context, { flags }) {
    const between = flags.listen || flags.reach !== undefined;
    const findings = [...(between ? [] : await runChecks(context, { fix: flags.fix }))];
    if (flags.network || between || flags.bind !== undefined)
      findings.push(...(await network(flags, context)));
    const healthy = findings.every(({ status }) => status !== 'failed');
    return { data: { healthy, checks: findings }, text: view(context, findings), exit: healthy ? 0 : 1 };
  },
});

/** `--listen` and `--reach` are about the way between two devices, and look at nothing else. */
async function network(
  flags: {
    readonly bind: string | undefined;
    readonly listen: boolean;
    readonly reach: string | undefined;
    readonly timeout: string | undefined;
  },
  context: Context,
): Promise<readonly Finding[]> {
  const { listenToBeReached, reachFlags, reachOut } = await import('../doctor/reach.ts');
  const waitMs = reachFlags(flags);
  if (flags.reach !== undefined) {
    const { parseReach } = await import('../doctor/reach-address.ts');
    return reachOut(context, parseReach(flags.reach));
  }
  const { checkNetwork, placeOf } = await import('../doctor/network.ts');
  const place = placeOf(flags.bind);
  if (flags.listen) return listenToBeReached(context, place, waitMs);
  return [
    ...(await checkNetwork(context, place)),
    {
      check: 'reach',
      status: 'skipped',
      detail: 'whether other devices reach this one, only another device can tell',
      hint: 'auths doctor --network --listen',
    },
  ];
}

function view(context: Context, findings: readonly Finding[]): string {
  const { good, bad, warn, dim, accent } = context.style;
  const marks = {
    ok: good('ok'),
    fixed: good('fixed'),
    warning: warn('warning'),
    failed: bad('failed'),
    skipped: dim('skipped'),
  };
  return table(
    findings.map(({ check, status, detail, hint }) => [
      marks[status],
      check,
      `${sanitise(detail)}${hint === null ? '' : `  ${accent(`→ ${hint}`)}`}`,
    ]),
  ).join('\n');
}
