/**
 * Runs git: an argument list, never a shell; a cleaned environment, data on stdin, output bounded.
 * The store's own repositories see no configuration of the user or the machine (storage-and-verification.md 1, 6).
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { env } from 'node:process';
import { AuthsError, storageHint } from '@auths/core/errors';
import { diskTrouble } from './disk-trouble.ts';
import { corrupt } from './files.ts';

export interface GitOptions {
  /** Added as an explicit `--git-dir`, so nothing is discovered. */
  readonly gitDir?: string;
  /** Working directory (`-C`); for commands that discover their repository. */
  readonly cwd?: string;
  /** Bytes or text for stdin; without it stdin is empty. */
  readonly input?: Uint8Array | string;
  /** True for commands that write: fsync everything. Reads take no optional locks. */
  readonly write?: boolean;
  /** True for a repository that is ours alone: user and system configuration are not read. */
  readonly isolated?: boolean;
  /** Exit statuses that are answers, beside 0. */
  readonly accept?: readonly number[];
  /** Bytes of stdout allowed; default 64 MiB. More is `git/failed`. */
  readonly maxOutput?: number;
}

export interface GitResult {
  readonly status: number;
  readonly stdout: Buffer;
  readonly stderr: string;
}

const DEFAULT_MAX_OUTPUT = 64 << 20;

/** One git command. `git/missing` without a git, `git/failed` for a status that is neither 0 nor accepted. */
export function runGit(args: readonly string[], options: GitOptions = {}): Promise<GitResult> {
  const full = gitArguments(args, options);
  const maxOutput = options.maxOutput ?? DEFAULT_MAX_OUTPUT;
  return new Promise((resolve, reject) => {
    // Without a free file descriptor there is a child and none of its streams.
    const child: ChildProcess = spawn('git', full, { env: gitEnvironment(options), windowsHide: true });
    const out: Buffer[] = [];
    let err = '';
    let size = 0;
    child.on('error', (cause) => {
      reject(spawnFault(cause));
    });
    child.stdout?.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > maxOutput) child.kill();
      else out.push(chunk);
    });
    child.stderr?.on('data', (chunk: Buffer) => {
      if (err.length < 16_384) err += chunk.toString('utf8');
    });
    // A git that ends early closes its stdin; what it says on stderr is the news, not the broken pipe.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(options.input ?? '');
    child.on('close', (status) => {
      if (size > maxOutput) reject(failure(args, status, `more than ${maxOutput} bytes of output`, options));
      else if (isAnswer(status, options))
        resolve({ status: status ?? 0, stdout: Buffer.concat(out), stderr: err });
      else reject(failure(args, status, err, options));
    });
  });
}

/** The same, blocking: for start-up paths where one call decides everything. */
export function runGitSync(args: readonly string[], options: GitOptions = {}): GitResult {
  const result = spawnSync('git', gitArguments(args, options), {
    env: gitEnvironment(options),
    input: options.input ?? '',
    maxBuffer: options.maxOutput ?? DEFAULT_MAX_OUTPUT,
    windowsHide: true,
  });
  if (result.error !== undefined) throw spawnFault(result.error);
  const stderr = result.stderr.toString('utf8');
  if (!isAnswer(result.status, options)) throw failure(args, result.status, stderr, options);
  return { status: result.status ?? 0, stdout: result.stdout, stderr };
}

/** Arguments with the settings that every call carries. */
export function gitArguments(args: readonly string[], options: GitOptions): string[] {
  const full: string[] = [];
  if (options.cwd !== undefined) full.push('-C', options.cwd);
  if (options.gitDir !== undefined) full.push(`--git-dir=${options.gitDir}`);
  // A hook of a global core.hooksPath would run on every ref update.
  full.push('-c', 'core.hooksPath=/dev/null', '-c', 'log.showSignature=false', '-c', 'gc.auto=0');
  // A stale or forged commit-graph file could hide commits from a walk.
  full.push('-c', 'core.commitGraph=false');
  if (options.write === true) full.push('-c', 'core.fsync=all', '-c', 'core.logAllRefUpdates=false');
  full.push(...args);
  return full;
}

/** Variables of git that choose files, credentials and transport; every other GIT_* is dropped. */
const KEPT = new Set([
  'GIT_ASKPASS',
  'GIT_CONFIG_GLOBAL',
  'GIT_CONFIG_NOSYSTEM',
  'GIT_CONFIG_SYSTEM',
  'GIT_EXEC_PATH',
  'GIT_PROXY_COMMAND',
  'GIT_PROXY_SSL_CAINFO',
  'GIT_SSH',
  'GIT_SSH_COMMAND',
  'GIT_SSH_VARIANT',
  'GIT_SSL_CAINFO',
  'GIT_SSL_CAPATH',
  'GIT_SSL_CERT',
  'GIT_SSL_KEY',
]);

/**
 * The environment for git. GIT_DIR, GIT_INDEX_FILE, GIT_OBJECT_DIRECTORY, GIT_NAMESPACE, GIT_CONFIG_COUNT and
 * their like are dropped: inside a hook they point elsewhere, and a hostile caller could answer for git.
 * Replace refs and lazy fetches are off: the bytes under an id must be the bytes of that id.
 */
export function gitEnvironment(options: Pick<GitOptions, 'write' | 'isolated'> = {}): NodeJS.ProcessEnv {
  const environment: NodeJS.ProcessEnv = {};
  for (const [name, value] of Object.entries(env)) {
    if (name.toUpperCase().startsWith('GIT_') && !KEPT.has(name.toUpperCase())) continue;
    // Nothing here is a Node program; the certificates would only slow one down.
    if (name === 'AUTHS_PASSPHRASE' || name === 'NODE_EXTRA_CA_CERTS') continue;
    environment[name] = value;
  }
  environment['LC_ALL'] = 'C';
  environment['GIT_TERMINAL_PROMPT'] = '0';
  environment['GIT_NO_REPLACE_OBJECTS'] = '1';
  environment['GIT_NO_LAZY_FETCH'] = '1';
  // git before 2.39.4 and 2.45 does not know that variable, and a lazy fetch runs programs that the repository names.
  environment['GIT_ALLOW_PROTOCOL'] = '';
  // info/grafts gives commits other parents, and no switch of git turns it off.
  environment['GIT_GRAFT_FILE'] = '/dev/null';
  if (options.write !== true) environment['GIT_OPTIONAL_LOCKS'] = '0';
  if (options.isolated === true) {
    environment['GIT_CONFIG_GLOBAL'] = '/dev/null';
    environment['GIT_CONFIG_NOSYSTEM'] = '1';
  }
  return environment;
}

/** Oldest git that has all that is used here (`merge-tree --write-tree`, `cat-file --batch-command`). */
export const OLDEST_GIT = [2, 38] as const;

let known: string | undefined;

/** The version of the git in PATH, for example "2.39.5"; `git/missing` when there is none or it is older than 2.38. */
export function gitVersion(): string {
  return (known ??= usable(runGitSync(['--version'], { isolated: true })));
}

/** The same question, asked while other work goes on. */
export async function requireGit(): Promise<void> {
  known ??= usable(await runGit(['--version'], { isolated: true }));
}

function usable({ stdout }: GitResult): string {
  const text = stdout.toString('utf8');
  const match = /(\d+)\.(\d+)(?:\.\d+)*/.exec(text);
  const hint = `install git ${OLDEST_GIT.join('.')} or newer`;
  if (match === null) {
    throw new AuthsError('git/missing', 'the git in PATH does not say which version it is', { hint });
  }
  const [major, minor] = [Number(match[1]), Number(match[2])];
  if (major < OLDEST_GIT[0] || (major === OLDEST_GIT[0] && minor < OLDEST_GIT[1])) {
    throw new AuthsError('git/missing', `git ${match[0]} is too old`, { hint });
  }
  return match[0];
}

/** The error for a git that could not be started. */
export function spawnFault(cause: Error & { readonly code?: string }): AuthsError {
  if (cause.code === 'ENOENT') {
    return new AuthsError('git/missing', 'git was not found in PATH', {
      hint: `install git ${OLDEST_GIT.join('.')} or newer`,
      cause,
    });
  }
  return new AuthsError('git/failed', `git could not be started (${cause.code ?? cause.message})`, {
    details: { args: [], status: null },
    cause,
  });
}

function isAnswer(status: number | null, options: GitOptions): boolean {
  return status === 0 || (status !== null && (options.accept ?? []).includes(status));
}

function failure(
  args: readonly string[],
  status: number | null,
  stderr: string,
  { gitDir }: GitOptions,
): AuthsError {
  const lines = stderr.trim().split('\n');
  // What happened stands in git's first "fatal:"; advice for people follows it.
  const said = lines.find((line) => line.startsWith('fatal: ')) ?? lines.at(-1) ?? '';
  const message = `git ${args[0] ?? ''} failed: ${said === '' ? `status ${status}` : said}`;
  const trouble = diskTrouble(stderr, gitDir);
  if (trouble !== undefined) {
    const path = /'(\/[^']+)'/.exec(stderr)?.[1] ?? gitDir ?? '';
    return new AuthsError('storage/failed', message, { hint: storageHint(trouble), details: { path } });
  }
  if (gitDir !== undefined && stderr.includes(` in file ${join(gitDir, 'config')}`))
    return corrupt(join(gitDir, 'config'), message);
  return new AuthsError('git/failed', message, { details: { args, status } });
}
