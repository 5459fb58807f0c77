/** The argument vector of `auths-registry`, read with commander and nothing more. */
import { Command, CommanderError, Option } from 'commander';
import { AuthsError } from '@auths/core/errors';
import { LATER_FLAGS, laterFlag, REGISTRY_LIMITS } from './config.ts';
import type { RegistryFlags } from './config.ts';

/** What the arguments ask for: to run, or to print a text and end. */
export type Invocation =
  { readonly run: true; readonly flags: RegistryFlags } | { readonly run: false; readonly text: string };

/** Throws `usage/invalid` for unknown flags and for those of later versions. `argv` has no program name. */
export function parseArguments(argv: readonly string[], version: string): Invocation {
  let text = '';
  const program = createProgram(version).configureOutput({
    writeOut: (part) => (text += part),
    writeErr: () => {},
  });
  try {
    program.parse([...argv], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return { run: false, text };
    throw new AuthsError('usage/invalid', error.message.replace(/^error: /, ''), {
      hint: 'auths-registry --help lists the flags',
    });
  }
  const options = program.opts<RegistryFlags & Readonly<Record<string, unknown>>>();
  for (const name of LATER_FLAGS) {
    const key = name.replace(/-([a-z])/g, (_match, letter: string) => letter.toUpperCase());
    if (options[key] !== undefined) throw laterFlag(`--${name}`);
  }
  return { run: true, flags: options };
}

function createProgram(version: string): Command {
  const program = new Command('auths-registry')
    .description(
      'Relay for device pairing: auths pair --registry URL on both devices. With --witness also a KERI witness.',
    )
    .version(version)
    .exitOverride()
    .allowExcessArguments(false)
    .option('--bind <ADDR>', 'address to listen on (AUTHS_BIND_ADDR; default 0.0.0.0:3000)')
    .option('--repo <PATH>', 'folder of the identity directory (AUTHS_REPO_PATH; default ~/.auths)')
    .option('--cors', 'let browser and mobile clients of other origins call (AUTHS_CORS; default off)')
    .option('--log-level <LEVEL>', 'trace, debug, info, warn, error, silent (AUTHS_LOG_LEVEL; default info)')
    .option('--limit <NAME=N>', 'set a limit; may be repeated (AUTHS_LIMITS)', collect)
    .option('--trust-proxy <CIDR>', 'believe X-Forwarded-For of this proxy; may be repeated', collect)
    .option('--allow-host <NAME>', 'answer to this Host header only; may be repeated', collect)
    .option('--witness', 'receipt the events of identities that name this server (needs a passphrase)')
    .option('--passphrase-file <FILE>', "passphrase of the witness's key (else AUTHS_PASSPHRASE)")
    .addHelpText('after', helpTail());
  for (const name of LATER_FLAGS) program.addOption(new Option(`--${name} [value]`).hideHelp());
  return program;
}

function helpTail(): string {
  const limits = Object.entries(REGISTRY_LIMITS).map(([name, value]) => `  ${name.padEnd(26)} ${value}`);
  return [
    '',
    'The environment beats the flags; an empty variable counts as not set.',
    '',
    'Limits (NAME, default):',
    ...limits,
    '',
    'Examples:',
    '  auths-registry',
    '  auths-registry --bind 127.0.0.1:3000',
    '  AUTHS_CORS=on auths-registry --limit createPerMinute=60',
    '  AUTHS_PASSPHRASE=… auths-registry --witness',
  ].join('\n');
}

function collect(value: string, earlier: readonly string[] | undefined): readonly string[] {
  return [...(earlier ?? []), value];
}
