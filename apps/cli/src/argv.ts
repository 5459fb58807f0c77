/**
 * The first look at the arguments: global flags, the command by its longest name, and the rest, which the
 * command's own flags will explain. Cheap: a command without flags needs no parser at all.
 */
import { AuthsError } from '@auths/core/errors';
import type { CommandEntry, FlagSpec, GlobalFlags } from './command.ts';
import { didYouMean } from './did-you-mean.ts';

/** The flags that every command takes, before or after its name. */
export const globalFlags: Readonly<
  Record<'json' | 'quiet' | 'no-input' | 'yes' | 'no-color' | 'passphrase-file', FlagSpec>
> = {
  json: { kind: 'switch', summary: 'one JSON document on stdout' },
  quiet: { kind: 'switch', summary: 'no progress and no hints on stderr' },
  'no-input': { kind: 'switch', summary: 'ask nothing: safe defaults, or exit 2 naming the flag' },
  yes: { kind: 'switch', summary: 'answer yes to confirmations (never to a typed code)' },
  'no-color': { kind: 'switch', summary: 'no colour' },
  'passphrase-file': { kind: 'value', hint: 'F', summary: 'read the passphrase from F (- is stdin)' },
};

export const noGlobals: GlobalFlags = {
  json: false,
  quiet: false,
  noInput: false,
  yes: false,
  noColor: false,
  passphraseFile: undefined,
};

export interface Invocation {
  /** Those before the command and between its words; `rest` may hold more. */
  readonly globals: GlobalFlags;
  /** The words that name the command, or the group that `help` is asked about. */
  readonly words: readonly string[];
  /** null: no command was named. */
  readonly entry: CommandEntry | null;
  readonly rest: readonly string[];
  readonly help: boolean;
  readonly version: boolean;
}

/** Throws `usage/invalid` for an unknown command, a group without its command, or an unknown flag before the command. */
export function readArgv(argv: readonly string[], commands: readonly CommandEntry[]): Invocation {
  const words: string[] = [];
  let globals = noGlobals;
  let help = false;
  let version = false;
  let at = 0;
  while (at < argv.length) {
    const token = argv[at] as string;
    const taken = takeGlobal(argv, at, globals);
    if (taken !== null) {
      globals = taken.globals;
      at = taken.next;
    } else if (token === '--help' || token === '-h') {
      help = true;
      at += 1;
    } else if (words.length === 0 && (token === '--version' || token === '-V')) {
      version = true;
      at += 1;
    } else if (!token.startsWith('-') && mayGoOn([...words, token].join(' '), commands)) {
      words.push(token);
      at += 1;
    } else break;
  }
  const rest = argv.slice(at);
  if (words.length === 1 && words[0] === 'help') {
    return {
      globals,
      words: rest.filter((token) => !token.startsWith('-')),
      entry: null,
      rest: [],
      help: true,
      version,
    };
  }
  const entry = findCommand(words.join(' '), commands);
  if (entry === null && !version) refuse(words, rest, help, commands);
  const end = rest.indexOf('--');
  const asked = (end === -1 ? rest : rest.slice(0, end)).some(
    (token) => token === '--help' || token === '-h',
  );
  return { globals, words, entry, rest, help: help || asked, version };
}

/** The entry with exactly this name or alias. */
export function findCommand(name: string, commands: readonly CommandEntry[]): CommandEntry | null {
  return commands.find((entry) => entry.name === name || entry.aliases?.includes(name) === true) ?? null;
}

/** True when the arguments ask for JSON, even where they are otherwise wrong. */
export function asksForJson(argv: readonly string[]): boolean {
  const end = argv.indexOf('--');
  return (end === -1 ? argv : argv.slice(0, end)).includes('--json');
}

function mayGoOn(name: string, commands: readonly CommandEntry[]): boolean {
  if (name === 'help') return true;
  return commands.some((entry) =>
    [entry.name, ...(entry.aliases ?? [])].some((full) => full === name || full.startsWith(`${name} `)),
  );
}

function takeGlobal(
  argv: readonly string[],
  at: number,
  globals: GlobalFlags,
): { readonly globals: GlobalFlags; readonly next: number } | null {
  const token = argv[at] as string;
  if (token === '--json') return { globals: { ...globals, json: true }, next: at + 1 };
  if (token === '--quiet') return { globals: { ...globals, quiet: true }, next: at + 1 };
  if (token === '--no-input') return { globals: { ...globals, noInput: true }, next: at + 1 };
  if (token === '--yes') return { globals: { ...globals, yes: true }, next: at + 1 };
  if (token === '--no-color') return { globals: { ...globals, noColor: true }, next: at + 1 };
  if (token.startsWith('--passphrase-file=')) {
    return {
      globals: { ...globals, passphraseFile: token.slice('--passphrase-file='.length) },
      next: at + 1,
    };
  }
  if (token === '--passphrase-file') {
    const passphraseFile = argv[at + 1];
    if (passphraseFile === undefined) {
      throw new AuthsError('usage/invalid', '--passphrase-file needs a file', {
        hint: '--passphrase-file FILE, or - for stdin',
      });
    }
    return { globals: { ...globals, passphraseFile }, next: at + 2 };
  }
  return null;
}

function refuse(
  words: readonly string[],
  rest: readonly string[],
  help: boolean,
  commands: readonly CommandEntry[],
): void {
  const next = rest[0];
  if (next === undefined && (words.length === 0 || help)) return;
  const names = commands.flatMap((entry) => [entry.name, ...(entry.aliases ?? [])]);
  const group = words.join(' ');
  if (next?.startsWith('-') === true && words.length === 0) {
    throw new AuthsError('usage/invalid', `unknown flag ${next}`, {
      hint:
        didYouMean(
          next,
          Object.keys(globalFlags).map((name) => `--${name}`),
        ) ?? 'auths help',
    });
  }
  if (words.length > 0) {
    const within = names.filter((name) => name.startsWith(`${group} `));
    const asked = next === undefined || next.startsWith('-') ? null : `${group} ${next}`;
    throw new AuthsError(
      'usage/invalid',
      asked === null ? `auths ${group} needs one more word` : `there is no command "auths ${asked}"`,
      {
        hint:
          (asked === null ? null : didYouMean(asked, within, 'auths ')) ??
          `one of: ${within.map((name) => `auths ${name}`).join(', ')}`,
      },
    );
  }
  throw new AuthsError('usage/invalid', `there is no command "auths ${next}"`, {
    hint:
      didYouMean(rest.slice(0, 2).join(' '), names, 'auths ') ??
      didYouMean(next as string, firstWords(names), 'auths ') ??
      'auths help',
  });
}

function firstWords(names: readonly string[]): readonly string[] {
  return [...new Set(names.map((name) => name.split(' ')[0] as string))];
}
