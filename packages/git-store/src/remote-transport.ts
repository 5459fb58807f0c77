/**
 * git over a transport: with the person's own configuration (credential helpers, proxies, ssh), but only by https, ssh
 * and files, with every object checked on the way in, and within bounds of time and size.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { kill } from 'node:process';
import { AuthsError } from '@auths/core/errors';
import { gitArguments, gitEnvironment, spawnFault } from './git.ts';

export interface TransportOptions {
  /** Default 120,000. */
  readonly timeoutMs?: number;
  /** True: nobody is asked for anything, and no terminal is at hand. For comparisons that a person did not ask for. */
  readonly unattended?: boolean;
  readonly signal?: AbortSignal;
}

interface Call extends TransportOptions {
  /** The address, for errors. */
  readonly url: string;
  readonly gitDir: string;
  readonly input?: string;
  /** A folder that may not grow beyond this many bytes meanwhile. */
  readonly watch?: { readonly dir: string; readonly maxBytes: number };
}

export interface TransportResult {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

const MAX_OUTPUT = 16 << 20;
const DEFAULT_TIMEOUT_MS = 120_000;

/** One git command that talks to a remote; a status that is not 0 is an answer too. `network/unreachable` when its time is over. */
export async function callRemote(args: readonly string[], call: Call): Promise<TransportResult> {
  const { timeoutMs = DEFAULT_TIMEOUT_MS, signal, watch } = call;
  if (signal?.aborted === true) throw signal.reason;
  const unattended = call.unattended === true;
  const child = spawn('git', gitArguments([...SETTINGS, ...args], { gitDir: call.gitDir, write: true }), {
    env: environment(unattended),
    // A session of its own has no terminal that ssh could ask on; the group is ended as one.
    detached: unattended,
    stdio: ['pipe', 'pipe', 'pipe'],
    windowsHide: true,
  });
  let stopped: Error | null = null;
  const stop = (why: Error): void => {
    stopped ??= why;
    endGroup(child, unattended);
  };
  const timer = setTimeout(() => {
    stop(unreachable(call.url, `no answer within ${Math.round(timeoutMs / 1000)} s`));
  }, timeoutMs);
  const watcher =
    watch === undefined
      ? undefined
      : setInterval(() => {
          if (sizeOf(watch.dir) > watch.maxBytes) stop(tooMuch(call.url, watch.maxBytes));
        }, 100);
  const onAbort = (): void => {
    stop(signal?.reason instanceof Error ? signal.reason : new AuthsError('interrupted', 'interrupted'));
  };
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    const result = await collect(child, call, stop);
    if (stopped !== null) throw stopped;
    return result;
  } finally {
    clearTimeout(timer);
    clearInterval(watcher);
    signal?.removeEventListener('abort', onAbort);
  }
}

/** What every call fixes against the person's configuration: checks on, side effects off. */
const SETTINGS = [
  ['transfer.fsckObjects', 'true'],
  ['fetch.fsckObjects', 'true'],
  ['fetch.recurseSubmodules', 'false'],
  ['fetch.writeCommitGraph', 'false'],
  ['fetch.prune', 'false'],
  ['fetch.pruneTags', 'false'],
  ['push.gpgSign', 'false'],
  ['push.followTags', 'false'],
  ['push.recurseSubmodules', 'no'],
  ['maintenance.auto', 'false'],
  ['core.bigFileThreshold', '8m'],
].flatMap(([key, value]) => ['-c', `${key}=${value}`]);

function environment(unattended: boolean): NodeJS.ProcessEnv {
  const quiet = { GIT_ASKPASS: 'true', SSH_ASKPASS_REQUIRE: 'never' };
  return {
    ...gitEnvironment({ write: true }),
    GIT_ALLOW_PROTOCOL: 'https:ssh:file',
    // A tree or commit that claims gigabytes ends git, not the machine.
    GIT_ALLOC_LIMIT: '512m',
    ...(unattended ? quiet : {}),
  };
}

function collect(child: ChildProcess, call: Call, stop: (why: Error) => void): Promise<TransportResult> {
  return new Promise((resolve, reject) => {
    const out: Buffer[] = [];
    let size = 0;
    let stderr = '';
    child.on('error', (cause) => {
      reject(spawnFault(cause));
    });
    child.stdout?.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > MAX_OUTPUT) stop(tooMuch(call.url, MAX_OUTPUT));
      else out.push(chunk);
    });
    child.stderr?.on('data', (chunk: Buffer) => {
      if (stderr.length < 16_384) stderr += chunk.toString('utf8');
    });
    // A git that ends early closes its stdin; what it says on stderr is the news.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(call.input ?? '');
    child.on('close', (status) => {
      resolve({ status: status ?? 1, stdout: Buffer.concat(out).toString('utf8'), stderr });
    });
  });
}

function endGroup(child: ChildProcess, detached: boolean): void {
  try {
    if (detached && child.pid !== undefined) kill(-child.pid, 'SIGKILL');
    else child.kill('SIGTERM');
  } catch {
    // It has ended already.
  }
}

function sizeOf(dir: string): number {
  let size = 0;
  for (const entry of readdirSync(dir, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    size += statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.size ?? 0;
  }
  return size;
}

/** git's own words about what went wrong: its first "fatal:" or "error:" line, without any password in an address. */
export function wordsOf(stderr: string): string {
  const lines = stderr.split('\n').map((line) => line.trim());
  const said =
    lines.find((line) => /^(?:fatal|error): /.test(line)) ?? lines.findLast((line) => line !== '') ?? '';
  return said.replace(/^(?:fatal|error): /, '').replace(/\/\/[^/@\s]*:[^/@\s]*@/g, '//…@');
}

export function unreachable(url: string, why: string): AuthsError<'network/unreachable'> {
  return new AuthsError('network/unreachable', `${url} cannot be reached: ${why}`, {
    hint: 'check the address and your access to it: git ls-remote',
    details: { url },
  });
}

function tooMuch(url: string, bytes: number): AuthsError<'input/malformed'> {
  return new AuthsError(
    'input/malformed',
    `${url} sends more than ${bytes >> 20} MiB, which no identity needs`,
  );
}
