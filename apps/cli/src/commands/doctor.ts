/** `auths doctor`: what is wrong here and what repairs it; `--fix` repairs what can be repaired without losing anything. */
import { sanitise } from '@auths/core/errors';
import { defineCommand, type CommandSpec, type Context } from '../command.ts';
import { runChecks } from '../doctor/checks.ts';
import type { Finding } from '../doctor/finding.ts';
import { table } from '../views/layout.ts';

export const doctor: CommandSpec = defineCommand({
  examples: [
    { command: 'auths doctor', what: 'checks git, home, keys and log, and signs something' },
    { command: 'auths doctor --fix', what: 'removes locks of dead processes, closes permissions' },
    { command: 'auths doctor --network', what: 'also the addresses that pairing would use' },
  ],
  flags: {
    fix: { kind: 'switch', summary: 'repair what can be repaired' },
    network: { kind: 'switch', summary: 'look at the local network too' },
  },
  arguments: [],
  async run(context, { flags }) {
    const findings = [...(await runChecks(context, { fix: flags.fix }))];
    if (flags.network) findings.push(await network());
    const healthy = findings.every(({ status }) => status !== 'failed');
    return { data: { healthy, checks: findings }, text: view(context, findings), exit: healthy ? 0 : 1 };
  },
});

async function network(): Promise<Finding> {
  const [{ chooseLanAddress }, { interfaceAddresses }] = await Promise.all([
    import('../lan/addresses.ts'),
    import('../lan/interfaces.ts'),
  ]);
  const { address } = chooseLanAddress(interfaceAddresses());
  const alone = address === '127.0.0.1' || address === '::1';
  return {
    check: 'network',
    status: alone ? 'warning' : 'ok',
    detail: alone
      ? 'no local network: pairing would work on this machine only'
      : `pairing would listen on ${address}`,
    hint: alone ? 'auths pair --registry URL' : null,
  };
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
