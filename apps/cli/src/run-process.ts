/**
 * Binds the front door to this process; only here and in the two entry files is `process` known.
 * Ctrl+C ends a command at once unless it asked for a moment to tell the other side.
 */
import { AuthsError } from '@auths/core/errors';
import type { CommandEntry } from './command.ts';
import { exitCodes } from './exit-codes.ts';
import type { OutputStream } from './context.ts';
import { startRun } from './front-door.ts';
import { standardOutput, type Output } from './standard-output.ts';
import { workingFolder } from './working-folder.ts';

/** Runs the command that the arguments name and ends the process with its exit code. */
export function runProcess(commands: readonly CommandEntry[]): void {
  // Should the event loop run dry before the run is over, the program must not look like a success.
  process.exitCode = 70;
  const interruption = new AbortController();
  let stdout: Output | undefined;
  const met = new Set<OutputStream>();
  // A reader that went away (`auths … | head`) is no error; what was being done ends like an interruption.
  const guarded = (stream: OutputStream): OutputStream => {
    if (met.has(stream)) return stream;
    met.add(stream);
    return stream.on('error', (error: Error & { readonly code?: string }) =>
      process.exit(error.code === 'EPIPE' ? (run.exit ?? 130) : exitCodes['storage/failed']),
    );
  };
  const run = startRun(
    {
      argv: process.argv.slice(2),
      env: process.env,
      get cwd() {
        return workingFolder(process);
      },
      get stdin() {
        return process.stdin;
      },
      get stdout() {
        return (stdout ??= standardOutput(() => guarded(process.stdout)));
      },
      get stderr() {
        return guarded(process.stderr);
      },
      platform: process.platform,
      node: process.execPath,
      signal: interruption.signal,
    },
    commands,
  );
  const stop = (error: unknown): void => {
    void run.fail(error).then(() => process.exit(run.exit ?? 70));
  };
  const interrupt = (): void => {
    if (interruption.signal.aborted || run.graceMs === 0) {
      stop(new AuthsError('interrupted', 'interrupted'));
      return;
    }
    interruption.abort(new AuthsError('interrupted', 'interrupted'));
    setTimeout(() => {
      stop(interruption.signal.reason);
    }, run.graceMs).unref();
  };

  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, interrupt);
  process.on('uncaughtException', stop);
  process.on('unhandledRejection', stop);
  void run.done.then(() => process.exit(run.exit ?? 70));
}
