/** `auths completion bash|zsh|fish`: a script made from the table of commands and their flags. */
import { AuthsError } from '@auths/core/errors';
import { globalFlags } from '../argv.ts';
import { defineCommand, type CommandSpec, type FlagSpec } from '../command.ts';
import { completionScript, type CompletionCommand, type Shell } from '../completion-scripts.ts';
import { commands } from './index.ts';

const SHELLS: readonly Shell[] = ['bash', 'zsh', 'fish'];

export const completion: CommandSpec = defineCommand({
  examples: [
    { command: 'source <(auths completion bash)', what: 'in ~/.bashrc' },
    { command: 'auths completion zsh > ~/.zfunc/_auths', what: 'a folder in $fpath' },
    { command: 'auths completion fish > ~/.config/fish/completions/auths.fish', what: 'for fish' },
  ],
  flags: {},
  arguments: [{ name: 'SHELL', summary: 'bash, zsh or fish', required: true }],
  async run(_context, { words }) {
    const shell = SHELLS.find((name) => name === words[0]);
    if (shell === undefined) {
      throw new AuthsError('usage/invalid', `there is no completion for "${words[0]}"`, {
        hint: 'auths completion bash, zsh or fish',
      });
    }
    const known: CompletionCommand[] = [];
    for (const entry of commands) {
      const spec = await entry.load();
      for (const name of [entry.name, ...(entry.aliases ?? [])]) {
        known.push({ name, summary: entry.summary, flags: completions(spec.flags) });
      }
    }
    const script = completionScript(shell, known, completions(globalFlags));
    return { data: { shell, script }, text: script };
  },
});

function completions(flags: Readonly<Record<string, FlagSpec>>): CompletionCommand['flags'] {
  return Object.entries(flags).map(([name, flag]) => ({
    name: `--${name}`,
    summary: flag.summary,
    choices: flag.kind === 'value' ? (flag.choices ?? []) : [],
    takesValue: flag.kind !== 'switch',
  }));
}
