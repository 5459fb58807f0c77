/**
 * The person at the terminal: hidden passphrase, confirmations, lines of text.
 * Questions go to stderr, so that stdout holds the result alone; the prompt library is loaded by the first question.
 */
import type { Readable, Writable } from 'node:stream';
import { AuthsError } from '@auths/core/errors';
import type { GlobalFlags } from './command.ts';
import { createLineReader, type LineReader } from './line-reader.ts';

export interface Terminal {
  /** A person can be asked: stdin and stderr are terminals, no --no-input and no --json. */
  readonly interactive: boolean;
  /** Yes or no. --yes answers yes; without a person it is `usage/missing-answer` naming `flag`. */
  confirm(question: string, flag: string): Promise<boolean>;
  /** One line of text, `initial` when only Enter is pressed. Without a person `usage/missing-answer` naming `flag`. */
  text(question: string, options: { readonly flag: string; readonly initial?: string }): Promise<string>;
  /** One of the choices. Without a person `usage/missing-answer` naming `flag`. */
  choose<T extends string>(
    question: string,
    choices: readonly { readonly value: T; readonly label: string; readonly hint?: string }[],
    options: { readonly flag: string; readonly initial: T },
  ): Promise<T>;
  /**
   * The passphrase of the home: --passphrase-file, AUTHS_PASSPHRASE, a hidden prompt, in that order.
   * None of them: `key/passphrase-required`. `twice` asks a second time at the prompt (a new passphrase).
   */
  passphrase(question: string, options?: { readonly twice?: boolean }): Promise<string>;
  /** Another secret than the passphrase, typed hidden and not remembered. Without a person `usage/missing-answer` naming `flag`. */
  secret(question: string, flag: string): Promise<string>;
  /** Where the passphrase would come from, without asking; null when there is no way to get one. */
  passphraseSource(): 'file' | 'environment' | 'prompt' | null;
  /** Shows what a person must see, on stderr, also under --quiet. Only where `interactive`. */
  show(text: string): void;
  /** The next line of stdin without its end, terminal or not; null when stdin has ended. The signal ends the wait. */
  readLine(signal?: AbortSignal): Promise<string | null>;
  /** Throws away what was typed before now, so that it answers no question that was not there yet. Only where `interactive`. */
  dropTyped(): Promise<void>;
}

export interface TerminalParts {
  readonly stdin: Readable & { readonly isTTY?: boolean; readonly setRawMode?: (raw: boolean) => unknown };
  readonly stderr: Writable & { readonly isTTY?: boolean };
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly globals: GlobalFlags;
  readonly signal: AbortSignal;
}

/** Long enough for the bytes that wait in the terminal to arrive, too short to be noticed. */
const TYPED_MS = 50;
const CTRL_C = '\u0003';

export function createTerminal(parts: TerminalParts): Terminal {
  const { stderr, globals, env } = parts;
  // Stdin last: it is made when it is first looked at.
  const interactive =
    !globals.noInput && !globals.json && stderr.isTTY === true && parts.stdin.isTTY === true;
  let reader: LineReader | undefined;
  const lines = (): LineReader => (reader ??= createLineReader(parts.stdin));
  let known: string | undefined;

  const ask = async <T>(
    run: (clack: Clack, common: CommonOptions) => Promise<T>,
  ): Promise<Exclude<T, symbol>> => {
    const clack = await import('@clack/prompts');
    const answer = await run(clack, { input: parts.stdin, output: stderr, signal: parts.signal });
    if (clack.isCancel(answer)) throw new AuthsError('interrupted', 'interrupted');
    return answer as Exclude<T, symbol>;
  };
  const needPerson = (question: string, flag: string): void => {
    if (interactive) return;
    throw new AuthsError('usage/missing-answer', `nobody can be asked "${question}" here`, {
      hint: `answer with ${flag}`,
      details: { flag },
    });
  };

  const terminal: Terminal = {
    interactive,
    async confirm(question, flag) {
      if (globals.yes) return true;
      needPerson(question, flag);
      return ask((clack, common) => clack.confirm({ message: question, initialValue: false, ...common }));
    },
    async text(question, { flag, initial }) {
      needPerson(question, flag);
      const options = initial === undefined ? {} : { placeholder: initial, defaultValue: initial };
      return ask((clack, common) => clack.text({ message: question, ...options, ...common }));
    },
    async choose(question, choices, { flag, initial }) {
      needPerson(question, flag);
      const options = choices.map((choice) => ({ ...choice })) as {
        value: string;
        label: string;
        hint?: string;
      }[];
      const answer = await ask((clack, common) =>
        clack.select<string>({ message: question, options, initialValue: initial, ...common }),
      );
      return answer as typeof initial;
    },
    passphraseSource() {
      if (globals.passphraseFile !== undefined) return 'file';
      if (env['AUTHS_PASSPHRASE'] !== undefined && env['AUTHS_PASSPHRASE'] !== '') return 'environment';
      return interactive ? 'prompt' : null;
    },
    async passphrase(question, options = {}) {
      if (known !== undefined) return known;
      const source = terminal.passphraseSource();
      if (source === 'file') known = await fromFile(globals.passphraseFile as string, lines);
      else if (source === 'environment') known = env['AUTHS_PASSPHRASE'] as string;
      else if (source === 'prompt') known = await askHidden(question, options.twice === true, ask);
      else throw passphraseRequired();
      return known;
    },
    async secret(question, flag) {
      needPerson(question, flag);
      return askHidden(question, false, ask);
    },
    show(text) {
      if (interactive) stderr.write(`${text}\n`);
    },
    readLine: (signal = parts.signal) => lines().next(signal),
    async dropTyped() {
      if (!interactive) return;
      // Raw, so that the half of a line that the terminal still edits is handed over too.
      const { stdin } = parts;
      stdin.setRawMode?.(true);
      const dropped = await lines()
        .drop(TYPED_MS)
        .finally(() => stdin.setRawMode?.(false));
      if (dropped.includes(CTRL_C)) throw new AuthsError('interrupted', 'interrupted');
    },
  };
  return terminal;
}

type Clack = typeof import('@clack/prompts');
type CommonOptions = { readonly input: Readable; readonly output: Writable; readonly signal: AbortSignal };
type Ask = <T>(run: (clack: Clack, common: CommonOptions) => Promise<T>) => Promise<Exclude<T, symbol>>;

async function askHidden(question: string, twice: boolean, ask: Ask): Promise<string> {
  for (;;) {
    const first = await ask((clack, common) =>
      clack.password({ message: question, validate: notEmpty, ...common }),
    );
    if (!twice) return first;
    const second = await ask((clack, common) =>
      clack.password({ message: 'The same again, to be sure', validate: notEmpty, ...common }),
    );
    if (first === second) return first;
    await ask(async (clack, common) => clack.log.warn('The two differ; once more.', common));
  }
}

/** The first line of the file, or of stdin for `-`. */
async function fromFile(path: string, lines: () => { next(): Promise<string | null> }): Promise<string> {
  let text: string;
  if (path === '-') text = (await lines().next()) ?? '';
  else {
    const { readPassphraseFile } = await import('@auths/key-store/passphrase-file');
    text = await readPassphraseFile(path);
  }
  if (text === '') throw passphraseRequired('the passphrase given by --passphrase-file is empty');
  return text;
}

function passphraseRequired(
  why = 'the passphrase of this home is needed and nobody can be asked here',
): AuthsError {
  return new AuthsError('key/passphrase-required', why, {
    hint: 'set AUTHS_PASSPHRASE, or give --passphrase-file FILE (- for stdin), or run it on a terminal',
  });
}

function notEmpty(value: string | undefined): string | undefined {
  return value === undefined || value === '' ? 'It cannot be empty.' : undefined;
}
