/** Requests that never became one: headers too large or too slow, bytes that are not HTTP. */
import type { Duplex } from 'node:stream';
import { AuthsError } from '@auths/core/errors';
import { problemOf } from './problem.ts';

const ANSWERS = {
  HPE_HEADER_OVERFLOW: { status: 431, reason: 'Request Header Fields Too Large', name: 'payload-too-large' },
  ERR_HTTP_REQUEST_TIMEOUT: { status: 408, reason: 'Request Timeout', name: 'timeout' },
} as const;
const OTHER = { status: 400, reason: 'Bad Request', name: 'malformed' } as const;

/** Answers with a problem document and closes; a connection that is gone already is let go. */
export function answerClientError(error: Error & { readonly code?: string }, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || socket.destroyed || !socket.writable) {
    socket.destroy();
    return;
  }
  const known = Object.entries(ANSWERS).find(([code]) => code === error.code);
  const { status, reason, name } = known?.[1] ?? OTHER;
  const problem = problemOf(new AuthsError(`pairing/${name}`, reason)).body as object;
  const body = JSON.stringify({ ...problem, status });
  const head = [
    `HTTP/1.1 ${status} ${reason}`,
    'content-type: application/problem+json',
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}
