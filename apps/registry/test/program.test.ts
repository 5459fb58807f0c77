/** The built program as a process: its environment, its exit codes, its end. */
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const program = join(root, 'apps/registry/dist/auths-registry.js');
const home = mkdtempSync(join(tmpdir(), 'auths-registry-'));
beforeAll(() => {
  execFileSync(process.execPath, [join(root, 'scripts/build.mjs')], { stdio: 'ignore' });
}, 120_000);
afterAll(() => {
  rmSync(home, { recursive: true, force: true });
});

interface Run {
  readonly exit: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly ms: number;
}

/** Runs to the end; `stopWith` is sent once it listens. */
function run(argv: readonly string[], env: Record<string, string>, stopWith?: NodeJS.Signals): Promise<Run> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [program, ...argv], {
      env: { PATH: process.env['PATH'] ?? '', HOME: home, ...env },
      stdio: 'pipe',
    });
    let stdout = '';
    let stderr = '';
    let stopped = 0;
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
      if (stopWith === undefined || stopped !== 0 || !stderr.includes('reachable at')) return;
      stopped = performance.now();
      child.kill(stopWith);
    });
    child.once('close', (exit) => resolve({ exit, stdout, stderr, ms: performance.now() - stopped }));
  });
}

describe('auths-registry', () => {
  it('says its settings, their source and where it is reachable, and drains on SIGTERM', async () => {
    const env = { AUTHS_BIND_ADDR: '127.0.0.1:0', AUTHS_LOG_LEVEL: 'silent', AUTHS_CORS: 'on' };
    const ended = await run(['--bind', '127.0.0.1:1', '--limit', 'createPerMinute=60'], env, 'SIGTERM');
    expect(ended.exit).toBe(0);
    expect(ended.ms).toBeLessThan(10_000);
    expect(ended.stderr).toMatch(/bind +127\.0\.0\.1:0 +\(AUTHS_BIND_ADDR\)/);
    expect(ended.stderr).toMatch(/cors +on +\(AUTHS_CORS\)/);
    expect(ended.stderr).toMatch(/limits +createPerMinute=60 +\(--limit\)/);
    expect(ended.stderr).toMatch(/reachable at http:\/\/127\.0\.0\.1:\d+/);
    expect(ended.stdout).toBe('');
    expect(existsSync(join(home, '.auths', 'registry.git', 'HEAD'))).toBe(true);
    expect(existsSync(join(home, '.auths', 'HEAD'))).toBe(false);
  });

  it.each([
    [[], { AUTHS_CORS: 'maybe' }, 'AUTHS_CORS'],
    [[], { AUTHS_BIND_ADDR: 'nowhere' }, 'AUTHS_BIND_ADDR'],
    [[], { AUTHS_REDIS_URL: 'redis://localhost' }, 'AUTHS_REDIS_URL'],
    [['--witness'], {}, 'AUTHS_PASSPHRASE'],
    [['--passphrase-file', 'x'], {}, '--witness'],
    [['--log-level', 'loud'], {}, '--log-level'],
    [['--nonsense'], {}, '--nonsense'],
  ])('does not start with %j %j', async (argv, env, named) => {
    const ended = await run(argv, env);
    expect(ended.exit).toBe(2);
    expect(ended.stderr).toContain(named);
  });

  it('ends with 4 when the port is taken, and names the way out', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const { port } = taken.address() as AddressInfo;
    const ended = await run(['--bind', `127.0.0.1:${port}`], {});
    taken.close();
    expect(ended.exit).toBe(4);
    expect(ended.stderr).toContain('--bind');
  });

  it('runs its relay though the directory cannot be made, and says so', async () => {
    const ended = await run(['--bind', '127.0.0.1:0', '--repo', join(program, 'under-a-file')], {}, 'SIGINT');
    expect(ended.exit).toBe(0);
    expect(ended.stderr).toContain('warning: no identity directory');
  });
});
