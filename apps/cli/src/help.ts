/** Help texts: what you can type first, then the flags. */
import { AuthsError } from '@auths/core/errors';
import { findCommand, globalFlags, type Invocation } from './argv.ts';
import type { CommandEntry, CommandSpec, FlagSpec, Style } from './command.ts';
import { didYouMean } from './did-you-mean.ts';

/** All commands, or those of one group. */
function commandList(commands: readonly CommandEntry[], style: Style, group = ''): string {
  const shown = commands.filter((entry) => group === '' || entry.name.startsWith(`${group} `));
  const lines = group === '' ? welcome(style) : [`Commands of ${style.bold(`auths ${group}`)}`, ''];
  lines.push(
    ...columns(
      shown.map((entry) => [`auths ${entry.name}`, entry.summary]),
      style,
    ),
  );
  lines.push('', 'Flags of every command', ...flagLines(globalFlags, style));
  lines.push(
    '',
    `${style.accent('auths help COMMAND')} shows examples; ${style.accent('auths help errors CODE')} explains an error.`,
  );
  return lines.join('\n');
}

/** One command: examples, words, flags. */
function commandHelp(entry: CommandEntry, spec: CommandSpec, style: Style): string {
  const lines = [`${style.bold(`auths ${entry.name}`)}: ${entry.summary}`, '', 'Examples'];
  lines.push(
    ...columns(
      spec.examples.map((example) => [example.command, example.what]),
      style,
    ),
  );
  lines.push('', 'Usage', `  ${usage(entry, spec)}`);
  if (spec.arguments.length > 0) {
    lines.push(
      '',
      'Words',
      ...columns(
        spec.arguments.map((argument) => [argument.name, argument.summary]),
        style,
      ),
    );
  }
  if (Object.keys(spec.flags).length > 0) lines.push('', 'Flags', ...flagLines(spec.flags, style));
  lines.push('', 'Flags of every command', ...flagLines(globalFlags, style));
  if (entry.aliases !== undefined)
    lines.push('', `Also: ${entry.aliases.map((alias) => `auths ${alias}`).join(', ')}`);
  if (spec.more !== undefined) lines.push('', spec.more);
  return lines.join('\n');
}

function welcome(style: Style): string[] {
  return [
    `${style.bold('auths')}: one identity, many devices, signed git commits that anyone verifies offline`,
    '',
    'Start here',
    ...columns(
      [
        ['auths init', 'create your identity on this machine'],
        ['auths pair', 'add another machine or a phone'],
        ['auths verify HEAD~3..HEAD', 'who signed these commits, and may they'],
      ],
      style,
    ),
    '',
    'Commands',
  ];
}

function usage(entry: CommandEntry, spec: CommandSpec): string {
  const words = spec.arguments.map((argument) => {
    const name = argument.list === true ? `${argument.name}…` : argument.name;
    return argument.required ? name : `[${name}]`;
  });
  return ['auths', entry.name, ...words, '[flags]'].join(' ');
}

function flagLines(flags: Readonly<Record<string, FlagSpec>>, style: Style): string[] {
  return columns(
    Object.entries(flags).map(([name, flag]) => {
      if (flag.kind === 'switch') return [`--${name}`, flag.summary];
      const hint = flag.kind === 'value' && flag.choices !== undefined ? flag.choices.join('|') : flag.hint;
      return [`--${name} ${hint}`, flag.kind === 'list' ? `${flag.summary} (repeatable)` : flag.summary];
    }),
    style,
  );
}

function columns(rows: readonly (readonly [string, string])[], style: Style): string[] {
  const width = Math.min(34, Math.max(...rows.map((row) => row[0].length)));
  return rows.map(([left, right]) => {
    return left.length > width
      ? `  ${style.accent(left)}\n  ${' '.repeat(width)}  ${right}`
      : `  ${style.accent(left)}${' '.repeat(width - left.length)}  ${right}`;
  });
}

/** What `auths help …` and `… --help` show: the list, a group's list, or one command. Unknown topics are `usage/invalid`. */
export async function helpOn(
  commands: readonly CommandEntry[],
  invocation: Invocation,
  loaded: CommandSpec | null,
  style: Style,
): Promise<{ readonly text: string; readonly data: unknown }> {
  const topic = invocation.words.join(' ');
  const isGroup = commands.some((other) => other.name.startsWith(`${topic} `));
  const named = findCommand(topic, commands);
  // `auths help devices` asks for the group although `auths devices` is a command too.
  const entry = invocation.entry ?? (named?.name === topic || !isGroup ? named : null);
  if (entry !== null) {
    const spec = loaded ?? (await entry.load());
    return { text: commandHelp(entry, spec, style), data: describe(entry, spec) };
  }
  const group = commands.filter((other) => topic === '' || other.name.startsWith(`${topic} `));
  if (group.length === 0) {
    const names = commands.map((other) => other.name);
    throw new AuthsError('usage/invalid', `there is no command "auths ${topic}"`, {
      hint: didYouMean(topic, names, 'auths help ') ?? 'auths help',
    });
  }
  return {
    text: commandList(commands, style, topic),
    data: { commands: group.map(({ name, summary, aliases = [] }) => ({ name, summary, aliases })) },
  };
}

function describe(entry: CommandEntry, spec: CommandSpec): unknown {
  return {
    name: entry.name,
    summary: entry.summary,
    aliases: entry.aliases ?? [],
    examples: spec.examples,
    arguments: spec.arguments,
    flags: spec.flags,
  };
}
