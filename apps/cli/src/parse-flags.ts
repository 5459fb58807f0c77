/** The command's own flags and words, read by commander. Loaded only when something follows the command's name. */
import { Command, CommanderError, Option } from 'commander';
import { AuthsError } from '@auths/core/errors';
import { globalFlags } from './argv.ts';
import type { CommandInput, CommandSpec, FlagSpec, FlagValue, GlobalFlags } from './command.ts';
import { didYouMean } from './did-you-mean.ts';

export interface Parsed extends CommandInput {
  readonly globals: GlobalFlags;
}

/** Throws `usage/invalid` for anything that the command does not take. Required words are `checkWords`' part. */
export function parseFlags(
  name: string,
  spec: CommandSpec,
  rest: readonly string[],
  globals: GlobalFlags,
  siblings: readonly string[],
): Parsed {
  const command = new Command(name).exitOverride().helpOption(false).allowExcessArguments(true);
  command.configureOutput({ writeErr: () => undefined, writeOut: () => undefined });
  const flags = { ...globalFlags, ...spec.flags };
  for (const [flag, flagSpec] of Object.entries(flags)) command.addOption(toOption(flag, flagSpec));
  command.argument('[words...]');
  try {
    command.parse([...rest], { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) throw fromCommander(error, name);
    throw error;
  }
  const values = command.opts<Record<string, FlagValue>>();
  const value = (flag: string, flagSpec: FlagSpec): FlagValue => readValue(values, flag, flagSpec);
  const words = command.args;
  refuseExcess(name, spec, words, siblings);
  return {
    words,
    flags: Object.fromEntries(
      Object.entries(spec.flags).map(([flag, flagSpec]) => [flag, value(flag, flagSpec)]),
    ),
    globals: {
      json: globals.json || value('json', globalFlags.json) === true,
      quiet: globals.quiet || value('quiet', globalFlags.quiet) === true,
      noInput: globals.noInput || value('no-input', globalFlags['no-input']) === true,
      yes: globals.yes || value('yes', globalFlags.yes) === true,
      noColor: globals.noColor || value('no-color', globalFlags['no-color']) === true,
      passphraseFile:
        (value('passphrase-file', globalFlags['passphrase-file']) as string | undefined) ??
        globals.passphraseFile,
    },
  };
}

function toOption(flag: string, spec: FlagSpec): Option {
  if (spec.kind === 'switch') return new Option(`--${flag}`, spec.summary);
  const option = new Option(`--${flag} <${spec.hint}>`, spec.summary);
  if (spec.kind === 'list') {
    return option.argParser((value: string, before: readonly string[] | undefined) => [
      ...(before ?? []),
      value,
    ]);
  }
  return spec.choices === undefined ? option : option.choices(spec.choices);
}

/** Commander reads `--no-x` as "x is false"; here it is a switch of its own. */
function readValue(values: Readonly<Record<string, FlagValue>>, flag: string, spec: FlagSpec): FlagValue {
  if (spec.kind === 'switch') {
    return flag.startsWith('no-') ? values[camel(flag.slice(3))] === false : values[camel(flag)] === true;
  }
  return spec.kind === 'list' ? (values[camel(flag)] ?? []) : values[camel(flag)];
}

function camel(flag: string): string {
  return flag.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function refuseExcess(
  name: string,
  spec: CommandSpec,
  words: readonly string[],
  siblings: readonly string[],
): void {
  const takes = spec.arguments.some((argument) => argument.list === true) ? Infinity : spec.arguments.length;
  if (words.length <= takes) return;
  const extra = words[takes] as string;
  throw new AuthsError('usage/invalid', `auths ${name} does not take "${extra}"`, {
    hint:
      (takes === 0 ? didYouMean(`${name.split(' ')[0]} ${extra}`, siblings, 'auths ') : null) ??
      `auths ${name} --help`,
  });
}

function fromCommander(error: CommanderError, name: string): AuthsError {
  const [first = '', second] = error.message.replace(/^error: /, '').split('\n');
  const suggestion = second === undefined ? null : /^\((.*)\)$/.exec(second)?.[1];
  return new AuthsError('usage/invalid', first.slice(0, 300), {
    hint:
      suggestion === undefined || suggestion === null
        ? `auths ${name} --help`
        : suggestion.replace(/^Did/, 'did'),
  });
}
