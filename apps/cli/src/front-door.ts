/**
 * From arguments to one result and one exit code. Everything that may go wrong ends here, once:
 * as text on stderr or as the JSON document, with the exit code of exit-codes.ts.
 */
import { AuthsError } from '@auths/core/errors';
import { asksForJson, readArgv, type Invocation } from './argv.ts';
import type { CommandEntry, CommandInput, CommandResult, CommandSpec, GlobalFlags } from './command.ts';
import { createContext, styleOf, type Surroundings } from './context.ts';
import {
  exitCodeOf,
  failureDocument,
  failureEvent,
  failureText,
  resultText,
  successDocument,
  toAuthsError,
} from './output.ts';
import { exitCodes } from './exit-codes.ts';
import type { Output } from './standard-output.ts';
import { version } from './version.ts';

/** The run as seen from outside while it lasts: what an interruption needs to know. */
export interface Run {
  /** How long the command may take to end after an interruption. */
  graceMs: number;
  /** The code to end with; null while it is not known. */
  exit: number | null;
  /** Ends the run with this error, if it has not ended yet. */
  readonly fail: (error: unknown) => Promise<void>;
  readonly done: Promise<void>;
}

/** Starts the run. `done` resolves once everything is written; it never rejects. */
export function startRun(surroundings: Surroundings, commands: readonly CommandEntry[]): Run {
  const state: State = { spec: null, name: null, globals: null };
  const run: Run = {
    graceMs: 0,
    exit: null,
    fail: (error) => end(run, surroundings, failure(surroundings, state, toAuthsError(error))),
    done: Promise.resolve(),
  };
  const done = execute(surroundings, commands, state, run).then(
    (ending) => end(run, surroundings, ending),
    (error: unknown) => run.fail(error),
  );
  return Object.defineProperty(run, 'done', { value: done });
}

interface State {
  spec: CommandSpec | null;
  name: string | null;
  globals: GlobalFlags | null;
}

interface Ending {
  readonly exit: number;
  readonly stdout: string | Uint8Array;
  readonly stderr: string;
}

async function execute(
  surroundings: Surroundings,
  commands: readonly CommandEntry[],
  state: State,
  run: Run,
): Promise<Ending> {
  const invocation = readArgv(surroundings.argv, commands);
  const { entry } = invocation;
  state.name = entry?.name ?? null;
  state.globals = invocation.globals;
  if (invocation.version) return success(invocation.globals, 'version', { data: { version }, text: version });
  const spec = entry === null ? null : await entry.load();
  state.spec = spec;
  if (entry === null || spec === null || invocation.help)
    return help(surroundings, commands, invocation, spec);
  const { input, globals } = await readInput(invocation, spec, commands);
  state.globals = globals;
  needWords(entry.name, spec, input.words.length);
  run.graceMs = spec.graceMs ?? 0;
  return success(
    globals,
    entry.name,
    await spec.run(createContext(surroundings, entry.name, globals), input),
  );
}

/** No parser is loaded when nothing follows the command's name, or words alone that it takes. */
async function readInput(
  invocation: Invocation,
  spec: CommandSpec,
  commands: readonly CommandEntry[],
): Promise<{ readonly input: CommandInput; readonly globals: GlobalFlags }> {
  const words = invocation.rest;
  if (words.length <= spec.arguments.length && words.every((word) => !word.startsWith('-'))) {
    const none = Object.entries(spec.flags).map(([flag, { kind }]) => [
      flag,
      kind === 'switch' ? false : kind === 'list' ? [] : undefined,
    ]);
    return {
      input: { flags: Object.fromEntries(none) as CommandInput['flags'], words },
      globals: invocation.globals,
    };
  }
  const { parseFlags } = await import('./parse-flags.ts');
  const names = commands.flatMap((entry) => [entry.name, ...(entry.aliases ?? [])]);
  const parsed = parseFlags(invocation.words.join(' '), spec, invocation.rest, invocation.globals, names);
  return { input: parsed, globals: parsed.globals };
}

function needWords(name: string, spec: CommandSpec, given: number): void {
  const missing = spec.arguments.filter((argument) => argument.required)[given];
  if (missing === undefined) return;
  throw new AuthsError('usage/invalid', `auths ${name} needs ${missing.name}: ${missing.summary}`, {
    hint: spec.examples[0]?.command ?? `auths ${name} --help`,
  });
}

async function help(
  surroundings: Surroundings,
  commands: readonly CommandEntry[],
  invocation: Invocation,
  spec: CommandSpec | null,
): Promise<Ending> {
  const { helpOn } = await import('./help.ts');
  const style = styleOf(surroundings.stdout, surroundings, invocation.globals.noColor);
  const { text, data } = await helpOn(commands, invocation, spec, style);
  const asked = asksForJson(surroundings.argv);
  return success({ ...invocation.globals, json: invocation.globals.json || asked }, 'help', { data, text });
}

function success(globals: GlobalFlags, name: string, result: CommandResult): Ending {
  const exit = result.exit ?? 0;
  if (result.written === true) return { exit, stdout: '', stderr: '' };
  return { exit, stdout: globals.json ? successDocument(name, result.data) : resultText(result), stderr: '' };
}

function failure(surroundings: Surroundings, state: State, error: AuthsError): Ending {
  const exit = exitCodeOf(error);
  if (state.globals?.json ?? asksForJson(surroundings.argv)) {
    const documentOf = state.spec?.events === true ? failureEvent : failureDocument;
    return { exit, stdout: documentOf(state.name, error), stderr: '' };
  }
  // Where the flags could not be read, a --json among them still counts.
  if (asksForJson(surroundings.argv) && error.code === 'usage/invalid') {
    return { exit, stdout: failureDocument(state.name, error), stderr: '' };
  }
  const style = styleOf(surroundings.stderr, surroundings, state.globals?.noColor === true);
  return { exit, stdout: '', stderr: failureText(error, style) };
}

async function end(run: Run, surroundings: Surroundings, ending: Ending): Promise<void> {
  if (run.exit !== null) return;
  run.exit = ending.exit;
  if (ending.stderr.length > 0) await writeAll(surroundings.stderr, ending.stderr);
  const fault = ending.stdout.length > 0 ? await writeAll(surroundings.stdout, ending.stdout) : null;
  // A reader that went away has what it wanted; a full disk has half a result, which must not look like one.
  if (fault !== null && fault !== 'EPIPE') {
    run.exit = exitCodes['storage/failed'];
    await writeAll(surroundings.stderr, `error: the result could not be written (${fault})\n`);
  }
}

/** The system's name for what went wrong; null when everything was written. */
function writeAll(stream: Output, text: string | Uint8Array): Promise<string | null> {
  return new Promise((done) => {
    stream.write(text, (error) => {
      done(error === null || error === undefined ? null : ((error as { code?: string }).code ?? 'unknown'));
    });
  });
}
