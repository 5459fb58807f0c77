/** The bytes of a FILE argument, `-` for stdin, bounded. */
import { constants, createReadStream, openSync, statSync } from 'node:fs';
import { Socket } from 'node:net';
import { dirname, resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { AuthsError, hasCode } from '@auths/core/errors';
import type { Context } from './command.ts';
import { shellWord } from './views/pair.ts';

/**
 * At most `limit + 1` bytes, so that a reader with a bound of `limit` sees that there were too many.
 * What cannot be read is `input/unreadable`; `origin` says there where such a file comes from.
 */
export async function readInput(
  context: Context,
  path: string,
  limit: number,
  origin?: string,
): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let size = 0;
  try {
    const stream = path === '-' ? context.stdin : openFile(resolve(context.cwd, path), limit);
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      parts.push(chunk);
      size += chunk.length;
      if (size > limit) break;
    }
  } catch (cause) {
    const why = (cause as { code?: string }).code ?? 'it cannot be read';
    const look = path === '-' ? 'give it on stdin' : lookAt(resolve(context.cwd, path), why);
    throw new AuthsError('input/unreadable', `${path} cannot be read: ${why}`, {
      hint: origin === undefined ? look : `${look}; ${origin}`,
      details: { path },
      cause,
    });
  }
  const bytes = new Uint8Array(Math.min(size, limit + 1));
  let at = 0;
  for (const part of parts) {
    bytes.set(part.subarray(0, bytes.length - at), at);
    at += part.length;
    if (at >= bytes.length) break;
  }
  return bytes;
}

/**
 * Closed when it is read, or read no further. To open a pipe that nobody writes to yet would hold a thread for which the
 * end of the program waits, Ctrl+C or not; a socket waits without one.
 */
function openFile(path: string, limit: number): Readable {
  if (!statSync(path).isFIFO()) return createReadStream(path, { end: limit });
  return new Socket({ fd: openSync(path, constants.O_RDONLY | constants.O_NONBLOCK), writable: false });
}

/** Runs `action` on what was in the file; what it finds malformed names the file. */
export async function naming<T>(path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (!hasCode(error, 'input/malformed')) throw error;
    const { code, message, hint, details } = error;
    throw new AuthsError(code, `${path === '-' ? 'stdin' : path}: ${message}`, {
      ...(hint === undefined ? {} : { hint }),
      details,
      cause: error,
    });
  }
}

function lookAt(path: string, why: string): string {
  if (why === 'ENOENT') return `see which files are there: ls ${shellWord(dirname(path))}`;
  if (why === 'EISDIR') return `it is a folder, name a file in it: ls ${shellWord(path)}`;
  return `see whose it is: ls -l ${shellWord(path)}`;
}
