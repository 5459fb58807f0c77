/**
 * The shape of a command: what it is called, what it takes, how it runs, what it gives back.
 * The front door (main.ts) parses, runs and renders; a command never touches `process`.
 */
import type { Readable } from 'node:stream';
import type { Clock, Random } from '@auths/core/ports';
import type { Terminal } from './terminal.ts';

/** One line of the command table: cheap to read, its module is loaded when the command is called. */
export interface CommandEntry {
  /** The words after `auths`, joined by one space: `devices list`. */
  readonly name: string;
  /** Other full names of the same command. */
  readonly aliases?: readonly string[];
  /** One line for the list of commands. */
  readonly summary: string;
  readonly load: () => Promise<CommandSpec>;
}

/** A flag, declared once: parsing, help and completion read this. The key in the table is its name without `--`. */
export type FlagSpec =
  | { readonly kind: 'switch'; readonly summary: string }
  | {
      readonly kind: 'value';
      readonly hint: string;
      readonly summary: string;
      readonly choices?: readonly string[];
    }
  /** May be repeated, one value each. */
  | { readonly kind: 'list'; readonly hint: string; readonly summary: string };

/** A word after the flags. `list` takes all that are left. */
interface ArgumentSpec {
  readonly name: string;
  readonly summary: string;
  readonly required: boolean;
  readonly list?: boolean;
}

interface Example {
  readonly command: string;
  readonly what: string;
}

/** A command as the front door sees it, with its flag and argument types erased. */
export interface CommandSpec {
  readonly examples: readonly Example[];
  readonly flags: Readonly<Record<string, FlagSpec>>;
  readonly arguments: readonly ArgumentSpec[];
  /** Paragraphs under the flags in the help. */
  readonly more?: string;
  /** Under --json this command writes events, one per line, and an error is the last of them. */
  readonly events?: boolean;
  /** After Ctrl+C: how long the command may go on to tell the other side, in ms. Default 0: it ends at once. */
  readonly graceMs?: number;
  readonly run: (context: Context, input: CommandInput) => Promise<CommandResult>;
}

export interface CommandInput {
  readonly flags: Readonly<Record<string, FlagValue>>;
  /** The words, in order. */
  readonly words: readonly string[];
}

export type FlagValue = boolean | string | undefined | readonly string[];

/** The value of each flag by its kind: a switch is a boolean, a list always an array, a value may be missing. */
type FlagValues<F extends Readonly<Record<string, FlagSpec>>> = {
  readonly [N in keyof F]: F[N] extends { readonly kind: 'switch' }
    ? boolean
    : F[N] extends { readonly kind: 'list' }
      ? readonly string[]
      : F[N] extends { readonly choices: readonly (infer C)[] }
        ? C | undefined
        : string | undefined;
};

export interface TypedCommand<F extends Readonly<Record<string, FlagSpec>>> extends Omit<
  CommandSpec,
  'flags' | 'run'
> {
  readonly flags: F;
  readonly run: (
    context: Context,
    input: { readonly flags: FlagValues<F>; readonly words: readonly string[] },
  ) => Promise<CommandResult>;
}

/** Types `run` from the flags declared beside it. */
export function defineCommand<const F extends Readonly<Record<string, FlagSpec>>>(
  command: TypedCommand<F>,
): CommandSpec {
  return command as unknown as CommandSpec;
}

/** What a command gives back; the front door prints `data` under --json, else `text`. */
export interface CommandResult {
  /** The `data` member of the JSON document. No secret, ever. */
  readonly data: unknown;
  /** For stdout, styled by `context.style`; a missing final newline is added to text, never to bytes. Empty prints nothing. */
  readonly text: string | Uint8Array;
  /** Default 0. 1 is "a verification said no"; what could not be done is an AuthsError instead. */
  readonly exit?: number;
  /** True when the command wrote everything itself (events): the front door prints nothing. */
  readonly written?: boolean;
}

/** What a command may use of the world. */
export interface Context {
  /** The name it was called by in the table: `devices list`. */
  readonly command: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The folder that the person stands in. */
  readonly cwd: string;
  /** Absolute path of the node that runs, for scripts that call it again. */
  readonly node: string;
  /** Absolute path of the home (AUTHS_HOME, else ~/.auths). It may not exist. */
  readonly home: string;
  readonly globals: GlobalFlags;
  /** For a FILE of `-`. */
  readonly stdin: Readable;
  readonly clock: Clock;
  readonly random: Random;
  /** Aborts on SIGINT and SIGTERM with an AuthsError `interrupted` as its reason. */
  readonly signal: AbortSignal;
  readonly terminal: Terminal;
  /** Styles for stdout; plain text where colour is off. */
  readonly style: Style;
  /** stderr as something to draw on. */
  readonly screen: Screen;
  /** Writes a line to stderr: progress and hints. Nothing under --quiet. */
  readonly note: (line: string) => void;
  /** Writes one event line, `{"v":1, …event}`, to stdout; for commands with `events`, under --json only. */
  readonly emit: (event: { readonly event: string } & Readonly<Record<string, unknown>>) => void;
}

export interface GlobalFlags {
  readonly json: boolean;
  readonly quiet: boolean;
  /** --no-input was given. Ask `terminal.interactive` before asking a person anything. */
  readonly noInput: boolean;
  /** Answers confirmations, never a typed SAS. */
  readonly yes: boolean;
  readonly noColor: boolean;
  readonly passphraseFile: string | undefined;
}

/** What stderr can show: its size, its letters, its colours. */
export interface Screen {
  readonly terminal: boolean;
  /** 80 when unknown. */
  readonly columns: number;
  /** 24 when unknown. */
  readonly rows: number;
  /** The locale names UTF-8 (always true on Windows, macOS and in a pipe). */
  readonly utf8: boolean;
  readonly style: Style;
  /** Raw text to stderr. Nothing under --quiet or --json. */
  readonly write: (text: string) => void;
}

/** Colours of one stream. Each returns its text unchanged when colour is off there. */
export interface Style {
  readonly enabled: boolean;
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly good: (text: string) => string;
  readonly bad: (text: string) => string;
  readonly warn: (text: string) => string;
  readonly accent: (text: string) => string;
}
