/** Temporary homes for tests, and real child processes that run TypeScript (bundled once). */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { onTestFinished } from 'vitest';

/** A directory that is gone after the test. */
export function scratch(): string {
  const dir = mkdtempSync(join(tmpdir(), 'auths-keys-'));
  onTestFinished(() => {
    rmSync(dir, { recursive: true, force: true });
  });
  return dir;
}

/** Bundles a worker to one file that plain node runs. */
export async function bundle(entry: string, dir: string): Promise<string> {
  const outfile = join(dir, 'worker.mjs');
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    logLevel: 'silent',
  });
  return outfile;
}

/**
 * Runs a bundled worker to its end; resolves to its exit code. With `killAfterMs` it is killed (-9) that long after
 * its first output, and the code is null.
 */
export function run(file: string, args: readonly string[], killAfterMs?: number): Promise<number | null> {
  const child = spawn(process.execPath, [file, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  child.stdout.once('data', () => {
    if (killAfterMs !== undefined) setTimeout(() => child.kill('SIGKILL'), killAfterMs);
  });
  child.stdout.resume();
  return new Promise((resolve) => child.on('close', resolve));
}
