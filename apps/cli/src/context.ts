/** What a command gets of the world, made from what the program was started with. */
import type { Readable, Writable } from 'node:stream';
import { sanitise } from '@auths/core/errors';
import type { Context, GlobalFlags, Screen, Style } from './command.ts';
import { homePlace } from './home/home-place.ts';
import type { Output } from './standard-output.ts';
import { coloursOn, createStyle } from './style.ts';
import { createTerminal } from './terminal.ts';
import { systemClock, systemRandom } from './world.ts';

type InputStream = Readable & { readonly isTTY?: boolean };
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
  readonly stdout: Output;
  readonly stderr: OutputStream;
  readonly platform: string;
  readonly node: string;
  readonly signal: AbortSignal;
}

/** The context of one run of the command `name`. Streams are touched when a command first uses what is made of them. */
export function createContext(surroundings: Surroundings, name: string, globals: GlobalFlags): Context {
  const { env, cwd } = surroundings;
  let terminal: Context['terminal'] | undefined;
  let screen: Screen | undefined;
  let style: Style | undefined;
  return {
    command: name,
    env,
    cwd,
    node: surroundings.node,
    get stdin() {
      return surroundings.stdin;
    },
    home: homePlace(env, cwd),
    globals,
    clock: systemClock,
    random: systemRandom,
    get signal() {
      return surroundings.signal;
    },
    get terminal() {
      const { stderr, signal } = surroundings;
      return (terminal ??= createTerminal({
        get stdin() {
          return surroundings.stdin;
        },
        stderr,
        env,
        globals,
        signal,
      }));
    },
    get style() {
      return (style ??= styleOf(surroundings.stdout, surroundings, globals.noColor));
    },
    get screen() {
      return (screen ??= createScreen(surroundings, globals));
    },
    note(line) {
      // Notes quote names and reasons from elsewhere.
      if (!globals.quiet) surroundings.stderr.write(`${sanitise(line)}\n`);
    },
    emit(event) {
      surroundings.stdout.write(`${JSON.stringify({ v: 1, ...event })}\n`);
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
  stream: { readonly isTTY?: boolean },
  surroundings: Pick<Surroundings, 'env'>,
  noColor: boolean,
): Style {
  return createStyle(coloursOn(stream, surroundings.env, noColor));
}
