/** Starts the program of the third machine on a machine of a network. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execPath } from 'node:process';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { watch, type Running } from '../../apps/cli/test/pair/programs.ts';
import type { Task } from './neighbour.ts';
import type { Host } from './network.ts';

export interface ThirdMachine {
  /** Its tasks in one test. */
  readonly tasks: () => Tasks;
  readonly remove: () => void;
}

export interface Tasks {
  /** Begins one; ended by `stop`. */
  readonly start: (host: Host, task: Task) => Running;
  /** Ends them all. */
  readonly stop: () => Promise<void>;
}

/** Bundles the program once. */
export async function thirdMachine(): Promise<ThirdMachine> {
  const folder = mkdtempSync(join(tmpdir(), 'auths-neighbour-'));
  const program = join(folder, 'neighbour.mjs');
  await build({
    entryPoints: [fileURLToPath(new URL('./neighbour.ts', import.meta.url))],
    outfile: program,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
  });
  return {
    tasks: () => tasksOf(program),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function tasksOf(program: string): Tasks {
  const running: Running[] = [];
  return {
    start: (host, task) => {
      const [command, ...words] = [...host.within, execPath, program, JSON.stringify(task)];
      const one = watch(spawn(command, words, { stdio: 'pipe' }));
      running.push(one);
      return one;
    },
    stop: async () => {
      for (const { kill } of running) kill('SIGKILL');
      await Promise.all(running.map(({ done }) => done));
    },
  };
}
