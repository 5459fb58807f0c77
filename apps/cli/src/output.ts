/** What reaches stdout and stderr at the end: the result or the error, as text or as the one JSON document. */
import { AuthsError, isAuthsError, sanitise, storageHint } from '@auths/core/errors';
import type { CommandResult, Style } from './command.ts';
import { exitCodes } from './exit-codes.ts';

/** The error member of every JSON error. */
interface ErrorDocument {
  readonly code: string;
  readonly message: string;
  readonly hint: string | null;
  readonly details: Readonly<Record<string, unknown>>;
}

export function successDocument(command: string, data: unknown): string {
  return `${JSON.stringify({ v: 1, ok: true, command, data })}\n`;
}

export function failureDocument(command: string | null, error: AuthsError): string {
  return `${JSON.stringify({ v: 1, ok: false, command, error: errorDocument(error) })}\n`;
}

/** The last event of a command that writes events; it is a whole error document too. */
export function failureEvent(command: string | null, error: AuthsError): string {
  return `${JSON.stringify({ v: 1, event: 'error', ok: false, command, error: errorDocument(error) })}\n`;
}

function errorDocument(error: AuthsError): ErrorDocument {
  return { code: error.code, message: error.message, hint: error.hint ?? null, details: error.details };
}

/** What happened, why if known, and the command to type. */
export function failureText(error: AuthsError, style: Style): string {
  if (error.code === 'interrupted') return '';
  const lines = [`${style.bad('error:')} ${error.message}`];
  const because = isAuthsError(error.cause) ? error.cause.message : null;
  if (because !== null && because !== error.message) lines.push(`  because: ${because}`);
  if (error.hint !== undefined) lines.push(`  ${style.accent('→')} ${error.hint}`);
  lines.push(style.dim(`  (${error.code})`));
  return `${lines.join('\n')}\n`;
}

export function exitCodeOf(error: AuthsError): number {
  return exitCodes[error.code];
}

/** The bytes of a result for stdout. */
export function resultText(result: CommandResult): string | Uint8Array {
  if (typeof result.text !== 'string' || result.text === '' || result.text.endsWith('\n')) return result.text;
  return `${result.text}\n`;
}

/**
 * Any thrown value as an AuthsError. A failed system call is storage trouble; the rest is our bug, told
 * without its message, because a message may hold what was being worked on.
 */
export function toAuthsError(error: unknown): AuthsError {
  if (isAuthsError(error)) return error;
  if (isSystemError(error)) {
    const path = typeof error.path === 'string' ? sanitise(error.path) : '';
    return new AuthsError('storage/failed', `${error.syscall} ${path} failed: ${error.code}`, {
      hint: storageHint(error.code),
      details: { path },
      cause: error,
    });
  }
  const name = error instanceof Error ? error.name : typeof error;
  return new AuthsError('internal/bug', `auths itself failed (${name}${whereFrom(error)})`, {
    hint: 'please report this, with the command you typed; auths doctor may tell more',
    cause: error,
  });
}

/** Calls of the file system; those of sockets are the business of whoever opened one. */
const FILE_CALLS = new Set(
  'access chmod close copyfile fsync link lstat mkdir mkdtemp open read rename rmdir scandir stat unlink write'.split(
    ' ',
  ),
);

interface SystemError {
  readonly code: string;
  readonly syscall: string;
  readonly path?: unknown;
}

function isSystemError(error: unknown): error is SystemError {
  const { code, syscall } = (error instanceof Error ? error : {}) as Partial<SystemError>;
  return typeof code === 'string' && typeof syscall === 'string' && FILE_CALLS.has(syscall);
}

/** The first frame of the stack: a function and a line of the program, never data. */
function whereFrom(error: unknown): string {
  const frame =
    error instanceof Error ? /\n\s+at ([\w.<>]+) \(.*?([\w.-]+:\d+):\d+\)/.exec(error.stack ?? '') : null;
  return frame === null ? '' : ` in ${frame[1]}, ${frame[2]}`;
}
