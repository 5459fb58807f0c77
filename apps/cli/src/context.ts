/** What a command gets of the world, made from what the program was started with. */
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import type { Context, GlobalFlags, Screen, Style } from './command.ts';
import { coloursOn, createStyle } from './style.ts';
import { createTerminal } from './terminal.ts';
import { systemClock, systemRandom } from './world.ts';

export type InputStream = Readable & { readonly isTTY?: boolean };
export type OutputStream = Writable & {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
};

/** What the program was started with. */
export interface Surroundings {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly stdin: InputStream;
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly platform: string;
  readonly node: string;
  readonly signal: AbortSignal;
}

/** The context of one run of the command `name`. */
export function createContext(surroundings: Surroundings, name: string, globals: GlobalFlags): Context {
  const { env, cwd, stdin, stdout, stderr, signal } = surroundings;
  const screen = createScreen(surroundings, globals);
  return {
    command: name,
    env,
    cwd,
    node: surroundings.node,
    stdin,
    home: homeOf(env, cwd),
    globals,
    clock: systemClock,
    random: systemRandom,
    signal,
    terminal: createTerminal({ stdin, stderr, env, globals, signal }),
    style: styleOf(stdout, surroundings, globals.noColor),
    screen,
    note(line) {
      if (!globals.quiet) stderr.write(`${line}\n`);
    },
    emit(event) {
      stdout.write(`${JSON.stringify({ v: 1, ...event })}\n`);
    },
  };
}

function createScreen(surroundings: Surroundings, globals: GlobalFlags): Screen {
  const { stderr, env, platform } = surroundings;
  const locale = env['LC_ALL'] || env['LC_CTYPE'] || env['LANG'] || '';
  return {
    terminal: stderr.isTTY === true,
    columns: stderr.columns ?? 80,
    rows: stderr.rows ?? 24,
    utf8: stderr.isTTY !== true || platform === 'win32' || platform === 'darwin' || /utf-?8/i.test(locale),
    style: styleOf(stderr, surroundings, globals.noColor),
    write(text) {
      if (!globals.quiet && !globals.json) stderr.write(text);
    },
  };
}

/** The style of one stream, which is judged alone. */
export function styleOf(
  stream: OutputStream,
  surroundings: Pick<Surroundings, 'env'>,
  noColor: boolean,
): Style {
  return createStyle(coloursOn(stream, surroundings.env, noColor));
}

function homeOf(env: Surroundings['env'], cwd: string): string {
  const set = env['AUTHS_HOME'];
  return set === undefined || set === '' ? join(homedir(), '.auths') : resolve(cwd, set);
}
