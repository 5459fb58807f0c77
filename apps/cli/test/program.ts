/** The built programs as real processes in fresh homes. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { recordMachine } from '@auths/key-store/machine';
import { afterAll, afterEach } from 'vitest';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');
export const auths = join(root, 'apps/cli/dist/auths.js');

const { build } = (await import(join(root, 'scripts/build.mjs'))) as { build: () => Promise<unknown> };
await build();

export interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface World {
  readonly dir: string;
  readonly home: string;
  readonly env: Readonly<Record<string, string>>;
  /** Runs `auths …`; `env` is added to the world's. */
  readonly auths: (args: readonly string[], options?: RunOptions) => Outcome;
  /** The one JSON document of a run with --json, and its exit code. */
  readonly json: (
    args: readonly string[],
    options?: RunOptions,
  ) => { readonly status: number | null; readonly document: Document };
  readonly start: (args: readonly string[], options?: RunOptions) => ChildProcess;
  readonly git: (args: readonly string[], options?: RunOptions) => Outcome;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly input?: string | Uint8Array;
}

/** What a document holds is the test's own assertion. */
// oxlint-disable-next-line typescript/no-explicit-any
type Data = any;

export interface Document {
  readonly v: number;
  readonly ok: boolean;
  readonly command: string | null;
  readonly data?: Data;
  readonly error?: {
    readonly code: string;
    readonly message: string;
    readonly hint: string | null;
    readonly details: Data;
  };
}

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** A folder of its own with a home that does not exist yet. The passphrase is in the environment unless `locked`. */
export function freshWorld(options: { readonly locked?: boolean; readonly home?: string } = {}): World {
  const dir = mkdtempSync(join(tmpdir(), 'auths-cli-'));
  folders.push(dir);
  const home = join(dir, options.home ?? 'home');
  const env: Record<string, string> = {
    PATH: process.env['PATH'] ?? '',
    HOME: dir,
    AUTHS_HOME: home,
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_AUTHOR_NAME: 'A',
    GIT_AUTHOR_EMAIL: 'a@example.org',
    GIT_COMMITTER_NAME: 'A',
    GIT_COMMITTER_EMAIL: 'a@example.org',
    ...(options.locked === true ? {} : { AUTHS_PASSPHRASE: 'correct horse' }),
  };
  const run = (
    program: string,
    args: readonly string[],
    { env: more, cwd = dir, input = '' }: RunOptions,
  ): Outcome => {
    const result = spawnSync(program, args, {
      env: { ...env, ...more },
      cwd,
      input,
      encoding: 'utf8',
      timeout: 50_000,
    });
    return { status: result.status, stdout: result.stdout, stderr: result.stderr };
  };
  return {
    dir,
    home,
    env,
    auths: (args, how = {}) => run(process.execPath, [auths, ...args], how),
    json(args, how = {}) {
      const { status, stdout, stderr } = run(process.execPath, [auths, ...args, '--json'], how);
      if (!stdout.endsWith('\n') || stdout.trimEnd().includes('\n')) {
        throw new Error(`not one JSON document: ${stdout}${stderr}`);
      }
      return { status, document: JSON.parse(stdout) as Document };
    },
    start: (args, { env: more, cwd = dir } = {}) =>
      spawn(process.execPath, [auths, ...args], {
        env: { ...env, ...more },
        cwd,
        stdio: ['ignore', 'pipe', 'pipe'],
      }),
    git: (args, how = {}) => run('git', args, how),
  };
}

/**
 * Worlds that all begin as `prepare` leaves one: it runs once in a test file, and each further world is a copy whose homes
 * count as made where they lie.
 */
export function preparedWorlds(prepare: (world: World) => void): () => Promise<World> {
  let model: string | null = null;
  afterAll(() => {
    if (model !== null) rmSync(model, { recursive: true, force: true });
  });
  return async () => {
    const world = freshWorld();
    if (model === null) {
      prepare(world);
      model = mkdtempSync(join(tmpdir(), 'auths-cli-model-'));
      cpSync(world.dir, model, COPY);
      return world;
    }
    cpSync(model, world.dir, COPY);
    for (const name of readdirSync(world.dir)) {
      const home = join(world.dir, name);
      if (existsSync(join(home, 'machine.json'))) await recordMachine(home);
    }
    return world;
  };
}

const COPY = { recursive: true, preserveTimestamps: true, verbatimSymlinks: true } as const;

/** The outcome of a started process. */
export function ended(child: ChildProcess): Promise<Outcome> {
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (chunk: Buffer) => (stdout += chunk.toString('utf8')));
  child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString('utf8')));
  return new Promise((resolve) => {
    child.on('close', (status) => {
      resolve({ status, stdout, stderr });
    });
  });
}

export const hasSshKeygen = spawnSync('ssh-keygen', ['-?'], { stdio: 'ignore' }).error === undefined;
