/** Something else where a file of the home belongs: said, never waited for, and mended where the file follows from the log. */
import { execFileSync, spawnSync, type ChildProcess } from 'node:child_process';
import {
  closeSync,
  constants,
  mkdirSync,
  openSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { execPath } from 'node:process';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { auths, ended, freshWorld, preparedWorlds, type World } from './program.ts';

/** A command that waits for a pipe waits for ever. */
const TIMEOUT = 30_000;

interface Ended {
  readonly exit: number | null;
  readonly code: string | null;
  readonly text: string;
}

function run(world: World, ...words: readonly string[]): Ended {
  const { status, stdout } = spawnSync(execPath, [auths, ...words, '--json'], {
    cwd: world.dir,
    env: world.env,
    encoding: 'utf8',
    timeout: TIMEOUT,
  });
  const document = (stdout === '' ? {} : JSON.parse(stdout)) as { error?: { code: string } };
  return { exit: status, code: document.error?.code ?? null, text: stdout };
}

type Kind = 'folder' | 'pipe' | 'loop' | 'nothing in it';
const KINDS: readonly Kind[] = ['folder', 'pipe', 'loop', 'nothing in it'];

function put(path: string, kind: Kind): void {
  rmSync(path, { recursive: true, force: true });
  if (kind === 'folder') mkdirSync(path);
  else if (kind === 'pipe') execFileSync('mkfifo', [path]);
  else if (kind === 'loop') symlinkSync(basename(path), path);
  else writeFileSync(path, '');
}

const worldWithHome = preparedWorlds((world) => {
  expect(run(world, 'init', '--name', 'laptop', '--git', 'none').exit).toBe(0);
});

describe.each(['device.pub', 'allowed_signers', 'cache/devices.json', 'config', 'machine.json', 'keys.enc'])(
  '%s of a home',
  (file) => {
    it.each(KINDS)('that is a %s', async (kind) => {
      const world = await worldWithHome();
      put(join(world.home, file), kind);
      for (const words of [['whoami'], ['devices', 'list'], ['status']]) {
        const { exit, code } = run(world, ...words);
        // Only the device's own key is needed to say who this is.
        expect([exit, code], words.join(' ')).toEqual(
          file === 'device.pub' ? [7, 'storage/corrupt'] : [0, null],
        );
      }
      const mended = run(world, 'doctor', '--fix', '--yes');
      expect([0, 1]).toContain(mended.exit);
      expect(mended.text).not.toMatch(/auths itself failed|the check itself failed/);
      // A folder may hold something: it is for the person to move.
      if (file === 'keys.enc') expect(mended.text).toContain('put back a copy of that file');
      if (file === 'config' && kind !== 'nothing in it') expect(mended.exit).toBe(1);
      const stays = kind === 'folder' || ['config', 'keys.enc'].includes(file);
      if (!stays) expect([run(world, 'whoami').exit, run(world, 'doctor').exit]).toEqual([0, 0]);
    });
  },
);

/** `kel verify` of a pipe, from when it waits there; `writer` is the other end. */
async function waiting(): Promise<{ readonly child: ChildProcess; readonly writer: number }> {
  const world = freshWorld();
  const path = join(world.dir, 'events');
  put(path, 'pipe');
  const child = world.start(['kel', 'verify', path, '--json']);
  for (;;) {
    try {
      // ENXIO while nobody reads.
      return { child, writer: openSync(path, constants.O_WRONLY | constants.O_NONBLOCK) };
    } catch {
      await setTimeout(20);
    }
  }
}

describe('a pipe as FILE', () => {
  it('is waited for, and read to its end', async () => {
    const { child, writer } = await waiting();
    const end = ended(child);
    writeSync(writer, 'no ');
    await setTimeout(100);
    writeSync(writer, 'event');
    closeSync(writer);
    const { status, stdout } = await end;
    expect([status, JSON.parse(stdout)]).toEqual([
      1,
      expect.objectContaining({ data: expect.objectContaining({ rule: 'version-string' }) }),
    ]);
  });

  it('that nobody writes to is left by Ctrl+C', async () => {
    const { child, writer } = await waiting();
    const end = ended(child);
    child.kill('SIGINT');
    expect((await end).status).toBe(130);
    closeSync(writer);
  });
});
