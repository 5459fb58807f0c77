/** The built programs as processes of their own, each in its own home: what a person at two machines has. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../../../', import.meta.url));
/** A copy of the programs as they were built, so that a build beside the tests changes nothing under a running process. */
const built = mkdtempSync(join(tmpdir(), 'auths-programs-'));
const AUTHS = join(built, 'auths.js');
const REGISTRY = join(built, 'auths-registry.js');

/** Builds what is older than its sources. */
export function buildPrograms(): void {
  execFileSync(process.execPath, [join(root, 'scripts/build.mjs')], { stdio: 'ignore' });
  for (const folder of ['apps/cli/dist', 'apps/registry/dist'])
    cpSync(join(root, folder), built, { recursive: true });
}

/** Where the copies lie. */
export function programs(): { readonly auths: string; readonly registry: string } {
  return { auths: AUTHS, registry: REGISTRY };
}

export function removePrograms(): void {
  rmSync(built, { recursive: true, force: true });
}

export interface World {
  /** A fresh machine: its own HOME, its own AUTHS_HOME below it. `within`: the words that run a command somewhere else, before its own. */
  readonly machine: (name: string, within?: readonly string[]) => Machine;
  /** Ends every process that was started here and removes every folder. */
  readonly end: () => Promise<void>;
  readonly registry: (
    argv?: readonly string[],
    env?: Readonly<Record<string, string>>,
    within?: readonly string[],
  ) => Promise<Running & { readonly url: string }>;
}

export interface Machine {
  readonly name: string;
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
  /** Runs to the end. */
  readonly run: (...argv: readonly string[]) => Promise<Ended>;
  /** Starts and goes on; stdin stays open. */
  readonly start: (...argv: readonly string[]) => Running;
  /** `run` with --json; the `data` of its document. */
  readonly data: (...argv: readonly string[]) => Promise<Record<string, unknown>>;
}

export interface Ended {
  readonly exit: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export type Event = { readonly v: 1; readonly event: string } & Readonly<Record<string, unknown>>;

export interface Running {
  readonly child: ChildProcess;
  readonly done: Promise<Ended>;
  readonly stdout: () => string;
  readonly stderr: () => string;
  readonly say: (line: string) => void;
  /** Closes its stdin. */
  readonly hush: () => void;
  readonly kill: (signal: NodeJS.Signals) => void;
  /** The next NDJSON event of this name that was not taken yet; rejects when the process ends without it. */
  readonly event: (name: string) => Promise<Event>;
  readonly events: () => readonly Event[];
  /** Resolves when stderr matches. */
  readonly shown: (pattern: RegExp) => Promise<RegExpExecArray>;
}

/** Two machines, or more, on one loopback. */
export function createWorld(): World {
  const folder = mkdtempSync(join(tmpdir(), 'auths-pair-'));
  const running: Running[] = [];
  const machine = (name: string, within: readonly string[] = []): Machine => {
    const home = join(folder, name);
    const env = {
      PATH: process.env['PATH'] ?? '',
      HOME: home,
      AUTHS_HOME: join(home, '.auths'),
      AUTHS_PASSPHRASE: `passphrase of ${name}`,
      LANG: 'C.UTF-8',
      NO_COLOR: '1',
      GIT_CONFIG_NOSYSTEM: '1',
    };
    execFileSync('mkdir', ['-p', home]);
    const start = (...argv: readonly string[]): Running => {
      const [program = '', ...words] = [...within, process.execPath, AUTHS, ...argv];
      const one = watch(spawn(program, words, { env, cwd: home, stdio: 'pipe' }));
      running.push(one);
      return one;
    };
    const run = async (...argv: readonly string[]): Promise<Ended> => {
      const one = start(...argv);
      one.hush();
      return one.done;
    };
    return {
      name,
      folder: home,
      env,
      start,
      run,
      data: async (...argv) => {
        const { stdout, stderr } = await run(...argv, '--json');
        const document = JSON.parse(stdout) as { ok: boolean; data: Record<string, unknown> };
        if (!document.ok) throw new Error(`${argv.join(' ')}: ${stdout}${stderr}`);
        return document.data;
      },
    };
  };
  return {
    machine,
    registry: async (argv = [], env = {}, within = []) => {
      const folderOf = join(folder, `registry-${running.length}`);
      const own = [process.execPath, REGISTRY, '--bind', '127.0.0.1:0', '--repo', folderOf];
      const [program = '', ...words] = [...within, ...own, ...argv];
      const one = watch(
        spawn(program, words, {
          env: { PATH: process.env['PATH'] ?? '', HOME: folder, ...env },
          stdio: 'pipe',
        }),
      );
      running.push(one);
      const [, url = ''] = await one.shown(/reachable at (http:\S+)/);
      return { ...one, url };
    },
    end: async () => {
      for (const { child } of running) if (child.exitCode === null) child.kill('SIGKILL');
      await Promise.all(running.map(({ done }) => done));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** What a process that was started with pipes says. */
export function watch(child: ChildProcess): Running {
  let stdout = '';
  let stderr = '';
  let ended = false;
  let taken = 0;
  let wake: (() => void)[] = [];
  const stir = (): void => {
    const all = wake;
    wake = [];
    for (const one of all) one();
  };
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    stir();
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
    stir();
  });
  child.stdin?.on('error', () => {});
  const done = new Promise<Ended>((resolve) => {
    child.once('close', (exit) => {
      ended = true;
      stir();
      resolve({ exit, stdout, stderr });
    });
  });
  const until = async <T>(look: () => T | null, what: string): Promise<T> => {
    for (;;) {
      const found = look();
      if (found !== null) return found;
      if (ended) throw new Error(`ended (${child.exitCode}) before ${what}\n${stdout}\n${stderr}`);
      await new Promise<void>((resolve) => wake.push(resolve));
    }
  };
  const events = (): readonly Event[] =>
    stdout
      .split('\n')
      .slice(0, -1)
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Event);
  return {
    child,
    done,
    stdout: () => stdout,
    stderr: () => stderr,
    say: (line) => child.stdin?.write(`${line}\n`),
    hush: () => child.stdin?.end(),
    kill: (signal) => child.kill(signal),
    events,
    event: (name) =>
      until(() => {
        const rest = events().slice(taken);
        const at = rest.findIndex(({ event }) => event === name);
        if (at < 0) return null;
        taken += at + 1;
        return rest[at] ?? null;
      }, `the event ${name}`),
    shown: (pattern) => until(() => pattern.exec(stderr), String(pattern)),
  };
}
