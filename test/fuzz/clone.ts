/** A repository whose objects are written byte by byte, so that it may hold what git itself would never write. */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { deflateSync } from 'node:zlib';
import { afterAll, expect } from 'vitest';
import type { PaperKey } from '../../packages/testing/src/paper-identity.ts';
import { device, signedCommit } from './samples.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const { build } = (await import(join(root, 'scripts/build.mjs'))) as { build: () => Promise<unknown> };
await build();
const program = join(root, 'apps/cli/dist/auths.js');

const made: string[] = [];
afterAll(() => {
  for (const directory of made) rmSync(directory, { recursive: true, force: true });
});

export function temporary(): string {
  const directory = mkdtempSync(join(tmpdir(), 'auths-fuzz-'));
  made.push(directory);
  return directory;
}

export interface Entry {
  readonly mode: string;
  /** One character a byte. */
  readonly name: string;
  readonly oid: string;
}

export class Clone {
  readonly dir: string = temporary();

  constructor() {
    spawnSync('git', ['init', '-q', '-b', 'main', this.dir], { env: environment(this.dir) });
  }

  put(type: string, bytes: Uint8Array): string {
    const raw = Buffer.concat([Buffer.from(`${type} ${bytes.length}\0`), bytes]);
    const oid = createHash('sha1').update(raw).digest('hex');
    const folder = join(this.dir, '.git/objects', oid.slice(0, 2));
    const path = join(folder, oid.slice(2));
    if (!existsSync(path)) {
      mkdirSync(folder, { recursive: true });
      writeFileSync(path, deflateSync(raw, { level: 1 }));
    }
    return oid;
  }

  /** Entries stand as given: unsorted and doubled ones too. */
  tree(entries: readonly Entry[]): string {
    const parts = entries.flatMap(({ mode, name, oid }) => [
      Buffer.from(`${mode} ${name}\0`, 'latin1'),
      Buffer.from(oid, 'hex'),
    ]);
    return this.put('tree', Buffer.concat(parts));
  }

  /** `.auths` with this evidence, roots and whatever else is given. */
  auths(evidence: string, more: readonly Entry[] = []): string {
    return this.tree([{ mode: '40000', name: 'evidence', oid: evidence }, ...more]);
  }

  blob(content: string | Uint8Array): string {
    return this.put('blob', typeof content === 'string' ? Buffer.from(content) : content);
  }

  /** A commit by this device whose tree holds `.auths`; HEAD points at it. */
  commit(folder: Entry | string, key: PaperKey = device): string {
    const entry = typeof folder === 'string' ? { mode: '40000', name: '.auths', oid: folder } : folder;
    return this.head(signedCommit(key, headers(this.tree([entry]))));
  }

  /** These bytes as a commit at HEAD. */
  head(commit: Uint8Array): string {
    const oid = this.put('commit', commit);
    writeFileSync(join(this.dir, '.git/refs/heads/main'), `${oid}\n`);
    return oid;
  }
}

/** Headers of a root commit of this tree. */
export function headers(tree: string): string {
  const who = 'A <a@b> 1772323200 +0000';
  return `tree ${tree}\nauthor ${who}\ncommitter ${who}\n`;
}

export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Most memory that the process held, in bytes, where the system tells. */
  readonly peak: number;
}

function environment(dir: string): NodeJS.ProcessEnv {
  return {
    PATH: process.env['PATH'],
    HOME: dir,
    AUTHS_HOME: join(dir, '.no-home'),
    GIT_CONFIG_NOSYSTEM: '1',
    AUTHS_PASSPHRASE: 'correct horse',
    NO_COLOR: '1',
  };
}

/** Runs the built `auths`; ends it after `limitMs`, which fails the test. */
export async function auths(
  args: readonly string[],
  options: {
    readonly cwd: string;
    readonly input?: Uint8Array;
    readonly env?: NodeJS.ProcessEnv;
    readonly limitMs?: number;
  },
): Promise<Ended> {
  const child = spawn(process.execPath, [program, ...args], {
    cwd: options.cwd,
    env: { ...environment(options.cwd), ...options.env },
  });
  let peak = 0;
  const watch = setInterval(() => {
    try {
      const status = readFileSync(`/proc/${child.pid ?? 0}/status`, 'latin1');
      peak = Math.max(peak, Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1_024);
    } catch {
      // Ended, or a system without /proc.
    }
  }, 10);
  const limit = setTimeout(() => child.kill('SIGKILL'), options.limitMs ?? 30_000);
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString('latin1')));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString('latin1')));
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input ?? '');
  const status = await new Promise<number | null>((resolve) => {
    child.on('close', resolve);
  });
  clearInterval(watch);
  clearTimeout(limit);
  return { status, stdout, stderr, peak };
}

/** One JSON document, an exit code of the table, no bug, nothing that moves a cursor, bounded in words and memory. */
export function requireOrderlyEnd(
  { status, stdout, stderr, peak }: Ended,
  what: string,
  mostMemory = 512 << 20,
): Answer {
  const about = `${what}\n${stdout.slice(0, 600)}\n${stderr.slice(0, 600)}`;
  expect(status, about).not.toBeNull();
  expect(status, about).not.toBe(70);
  expect([0, 1, 2, 3, 4, 5, 6, 7], about).toContain(status);
  expect(stdout.length + stderr.length, what).toBeLessThan(1 << 20);
  // oxlint-disable-next-line no-control-regex -- control characters are what must not be there
  expect(/[\u0000-\u0009\u000b-\u001f\u007f]/.test(stdout + stderr), about).toBe(false);
  expect(peak, what).toBeLessThan(mostMemory);
  const answer = JSON.parse(stdout) as Answer;
  expect(answer.error?.code, about).not.toBe('internal/bug');
  return answer;
}

export interface Answer {
  readonly ok: boolean;
  readonly data?: {
    readonly results?: readonly { readonly verdict: string }[];
    readonly verdict?: string;
    readonly events?: unknown;
  };
  readonly error?: { readonly code: string };
}
