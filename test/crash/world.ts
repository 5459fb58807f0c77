/** Built programs that die at a chosen point, the homes they leave, and what must hold in every one of them. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { env as environment, execPath } from 'node:process';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('../..', import.meta.url));

export interface Ended {
  readonly exit: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** Die at this point; without it nothing is counted. */
  readonly killAt?: number;
  /** Count the points and write their labels here. */
  readonly killLog?: string;
  readonly clockShiftMs?: number;
  readonly cwd?: string;
  /** Keeps stdin open, to be written to. */
  readonly person?: boolean;
  readonly env?: Readonly<Record<string, string>>;
}

interface Running {
  readonly child: ChildProcess;
  readonly done: Promise<Ended>;
  /** The first NDJSON event of this name; null when the process ended without it. */
  readonly event: (name: string) => Promise<Readonly<Record<string, unknown>> | null>;
}

/** A HOME with an AUTHS_HOME in it. */
export interface Machine {
  readonly folder: string;
  readonly home: string;
  readonly start: (args: readonly string[], options?: RunOptions) => Running;
  readonly run: (args: readonly string[], options?: RunOptions) => Promise<Ended>;
  /** `run --json` that must succeed: its data. */
  readonly data: (args: readonly string[], options?: RunOptions) => Promise<Data>;
}

/** What a document holds is the test's own assertion. */
// oxlint-disable-next-line typescript/no-explicit-any
export type Data = any;

export interface CrashWorld {
  readonly folder: string;
  readonly machine: (name: string) => Machine;
  /** The module with kill points and cheap scrypt, for `node --import`. */
  readonly preload: string;
  readonly end: () => void;
}

/** Builds what is stale and takes a copy, so that a build beside the tests changes nothing under a running process. */
export async function createWorld(): Promise<CrashWorld> {
  execFileSync(execPath, [join(root, 'scripts/build.mjs')], { stdio: 'ignore' });
  const folder = mkdtempSync(join(tmpdir(), 'auths-crash-'));
  const programs = join(folder, 'programs');
  for (const app of ['cli', 'registry'])
    cpSync(join(root, `apps/${app}/dist`), programs, { recursive: true });
  const preload = join(folder, 'kill-points.mjs');
  await build({
    entryPoints: [fileURLToPath(new URL('./kill-points.ts', import.meta.url))],
    outfile: preload,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    logLevel: 'silent',
  });
  return {
    folder,
    machine: (name) => createMachine(join(folder, name), join(programs, 'auths.js'), preload),
    preload,
    end: () => {
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function createMachine(folder: string, program: string, preload: string): Machine {
  const home = join(folder, '.auths');
  mkdirSync(folder, { recursive: true });
  const start = (args: readonly string[], options: RunOptions = {}): Running => {
    const watched = options.killAt !== undefined || options.killLog !== undefined;
    const child = spawn(execPath, [program, ...args], {
      cwd: options.cwd ?? folder,
      stdio: [options.person === true ? 'pipe' : 'ignore', 'pipe', 'pipe'],
      env: {
        PATH: environment['PATH'] ?? '',
        HOME: folder,
        AUTHS_HOME: home,
        AUTHS_PASSPHRASE: 'correct horse',
        NO_COLOR: '1',
        GIT_CONFIG_NOSYSTEM: '1',
        // The signing program, which doctor starts, opens what this program has sealed.
        NODE_OPTIONS: `--import ${preload}`,
        CHEAP_SCRYPT: '1',
        ...(watched ? { KILL_FOLDERS: home } : {}),
        ...(options.killAt === undefined ? {} : { KILL_AT: String(options.killAt) }),
        ...(options.killLog === undefined ? {} : { KILL_LOG: options.killLog }),
        ...(options.clockShiftMs === undefined ? {} : { CLOCK_SHIFT_MS: String(options.clockShiftMs) }),
        ...options.env,
      },
    });
    return watch(child);
  };
  const run = (args: readonly string[], options: RunOptions = {}): Promise<Ended> =>
    start(args, options).done;
  return {
    folder,
    home,
    start,
    run,
    async data(args, options = {}) {
      const { stdout, stderr } = await run([...args, '--json'], options);
      const document = stdout.startsWith('{') ? (JSON.parse(stdout) as { ok: boolean; data: Data }) : null;
      if (document?.ok !== true) throw new Error(`auths ${args.join(' ')}: ${stdout}${stderr}`);
      return document.data;
    },
  };
}

function watch(child: ChildProcess): Running {
  let stdout = '';
  let stderr = '';
  let ended = false;
  const waiting = new Set<() => void>();
  const stir = (): void => {
    for (const wake of waiting) wake();
  };
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    stir();
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const done = new Promise<Ended>((resolve) => {
    child.once('close', (exit, signal) => {
      ended = true;
      stir();
      resolve({ exit, signal, stdout, stderr });
    });
  });
  const look = (name: string): Readonly<Record<string, unknown>> | null => {
    for (const line of stdout.split('\n').slice(0, -1)) {
      const event = JSON.parse(line) as Readonly<Record<string, unknown>>;
      if (event['event'] === name) return event;
    }
    return null;
  };
  return {
    child,
    done,
    event: (name) =>
      new Promise((resolve) => {
        const check = (): void => {
          const found = look(name);
          if (found === null && !ended) return;
          waiting.delete(check);
          resolve(found);
        };
        waiting.add(check);
        check();
      }),
  };
}

/** The same files in a folder that stays the folder it was, so that a home is still where its machine record says. */
export function restore(folder: string, from: string | null): void {
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    const path = join(folder, name);
    if (name === '.auths' && from !== null) restore(path, null);
    else rmSync(path, { recursive: true, force: true });
  }
  if (from !== null) cpSync(from, folder, { recursive: true, preserveTimestamps: true });
}

/** Labels of a counted run, by number from 1. */
export function pointsOf(log: string): readonly string[] {
  return existsSync(log) ? readFileSync(log, 'utf8').split('\n').slice(0, -1) : [];
}

/** Every lock file below a home. */
export function locksOf(home: string): readonly string[] {
  if (!existsSync(home)) return [];
  return readdirSync(home, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.lock'))
    .map((entry) => join(entry.parentPath, entry.name));
}

/** Makes locks look as old as they are when a person comes back to them. */
export function ageLocks(home: string): void {
  const before = Date.now() / 1000 - 300;
  for (const lock of locksOf(home)) utimesSync(lock, before, before);
}

/** Runs `work` for every item, `lanes` at a time, each lane with its number. Goes on after a failure, and then tells them all. */
export async function inLanes<T>(
  items: readonly T[],
  lanes: number,
  work: (item: T, lane: number) => Promise<void>,
): Promise<void> {
  const queue = [...items];
  const failures: string[] = [];
  await Promise.all(
    Array.from({ length: lanes }, async (_, lane) => {
      for (let item = queue.shift(); item !== undefined; item = queue.shift()) {
        await work(item, lane).catch((error: unknown) =>
          failures.push(error instanceof Error ? error.message : String(error)),
        );
      }
    }),
  );
  if (failures.length > 0)
    throw new Error(`${failures.length} of ${items.length} failed:\n${failures.slice(0, 20).join('\n')}`);
}
