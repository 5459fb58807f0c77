/**
 * `dist/auths-verify.js`: `auths verify` of one target. Hooks and pipelines run it most, and the whole program is
 * five times as much to read.
 */
import { availableParallelism } from 'node:os';
import { setFlagsFromString } from 'node:v8';
import { verify } from './commands/verify.ts';
import { runProcess } from './run-process.ts';

if (process.argv.some((word) => word.includes('..'))) {
  // Optimising a program that lives for a few tenths of a second takes a third of them, on a thread that the checking
  // of signatures could use. With a budget fifteen times the usual one, only long ranges get there.
  setFlagsFromString('--interrupt-budget=2000000');
  // What is young is collected each time that it fills a mebibyte; once it has to grow, it does so at once.
  setFlagsFromString('--semi-space-growth-factor=16');
  // The pool checks signatures for this thread, which has enough to do: more of its threads than cores would only push it aside.
  process.env['UV_THREADPOOL_SIZE'] ??= String(Math.min(4, availableParallelism()));
}

runProcess([{ name: 'verify', summary: '', load: () => Promise.resolve(verify) }]);
