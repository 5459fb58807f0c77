/** A program on a real pseudo-terminal, made by script(1). */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { programs, type Machine } from './programs.ts';

const children: ChildProcess[] = [];
export const hasScript: boolean = spawnSync('script', ['--version']).status === 0;

export interface Terminal {
  readonly shown: (pattern: RegExp) => Promise<RegExpExecArray>;
  readonly type: (text: string) => void;
  readonly text: () => string;
  readonly done: Promise<number | null>;
}

/** The program on `columns` × 24. */
export function onTerminal(machine: Machine, columns: number, ...argv: readonly string[]): Terminal {
  const words = [process.execPath, programs().auths, ...argv].map((word) => `'${word}'`).join(' ');
  const child = spawn('script', ['-qefc', `stty rows 24 cols ${columns}; exec ${words}`, '/dev/null'], {
    env: { ...machine.env, TERM: 'xterm-256color', NO_COLOR: '', SHELL: '/bin/sh' },
    cwd: machine.folder,
    stdio: 'pipe',
  });
  children.push(child);
  let text = '';
  let ended = false;
  let wake: (() => void)[] = [];
  const stir = (): void => {
    for (const one of wake.splice(0)) one();
  };
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
    stir();
  });
  const done = new Promise<number | null>((resolve) => {
    child.once('close', (exit) => {
      ended = true;
      stir();
      resolve(exit);
    });
  });
  wake = [];
  return {
    done,
    text: () => text,
    type: (typed) => child.stdin.write(typed),
    shown: async (pattern) => {
      for (;;) {
        const found = pattern.exec(text);
        if (found !== null) return found;
        if (ended) throw new Error(`ended before ${String(pattern)}\n${text}`);
        await new Promise<void>((resolve) => wake.push(resolve));
      }
    },
  };
}

/** Whatever a test has left behind. */
export function endTerminals(): void {
  for (const child of children.splice(0)) child.kill('SIGKILL');
}
