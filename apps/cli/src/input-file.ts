/** The bytes of a FILE argument, `-` for stdin, bounded. */
import { open } from 'node:fs/promises';
import { resolve } from 'node:path';
import { AuthsError } from '@auths/core/errors';
import type { Context } from './command.ts';

/**
 * At most `limit + 1` bytes, so that a reader with a bound of `limit` sees that there were too many.
 * What cannot be read is `input/unreadable`.
 */
export async function readInput(context: Context, path: string, limit: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let size = 0;
  try {
    const file = path === '-' ? null : await open(resolve(context.cwd, path), 'r');
    try {
      const stream = file === null ? context.stdin : file.createReadStream({ autoClose: false, end: limit });
      for await (const chunk of stream as AsyncIterable<Buffer>) {
        parts.push(chunk);
        size += chunk.length;
        if (size > limit) break;
      }
    } finally {
      await file?.close();
    }
  } catch (cause) {
    const why = (cause as { code?: string }).code ?? 'it cannot be read';
    throw new AuthsError('input/unreadable', `${path} cannot be read: ${why}`, { details: { path }, cause });
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
