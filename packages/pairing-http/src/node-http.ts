/**
 * The pairing surface on node:http for the LAN host: bounded bodies, headers and times, an allow-list of Host
 * headers against DNS rebinding, no CORS, and /health for the person who tests the address with curl.
 */
import type { Socket } from 'node:net';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { AuthsError } from '@auths/core/errors';
import { BODY_BYTES } from '@auths/core/pairing/limits';
import { answerClientError } from './client-errors.ts';
import type { PairingHttpDeps, PairingHttpResponse } from './http.ts';
import { problemOf } from './problem.ts';
import { encodeBody, handleRaw } from './wire.ts';

/** Half of all connections. */
const CONNECTIONS_PER_ADDRESS = 128;

export interface PairingServerOptions {
  /** Judges the Host header, port included; a request without one is refused. */
  readonly allowHost: (host: string) => boolean;
  readonly maxConnections?: number;
  /** Times in ms until headers, and the whole request, must be there. */
  readonly headersMs?: number;
  readonly requestMs?: number;
}

/** A server that is not listening yet; the caller binds it (never to 0.0.0.0 by default) and closes it. */
export function createPairingServer(deps: PairingHttpDeps, options: PairingServerOptions): Server {
  const headersMs = options.headersMs ?? 5_000;
  const server = createServer(
    {
      maxHeaderSize: 8_192,
      headersTimeout: headersMs,
      requestTimeout: options.requestMs ?? 10_000,
      connectionsCheckingInterval: Math.min(1_000, headersMs),
      keepAliveTimeout: 5_000,
      // A request without Host is answered by the same rule as one with a wrong Host.
      requireHostHeader: false,
    },
    (request, response) => {
      void serve(deps, options, request, response);
    },
  );
  server.maxConnections = options.maxConnections ?? 256;
  server.on('connection', boundedByAddress());
  server.on('clientError', answerClientError);
  return server;
}

/** One neighbour, however many connections it opens, leaves room for the others. */
function boundedByAddress(): (socket: Socket) => void {
  const open = new Map<string, number>();
  return (socket) => {
    const address = socket.remoteAddress ?? '';
    const count = (open.get(address) ?? 0) + 1;
    if (count > CONNECTIONS_PER_ADDRESS) {
      socket.destroy();
      return;
    }
    open.set(address, count);
    socket.once('close', () => {
      const left = (open.get(address) ?? 1) - 1;
      if (left === 0) open.delete(address);
      else open.set(address, left);
    });
  };
}

async function serve(
  deps: PairingHttpDeps,
  { allowHost }: PairingServerOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const left = new AbortController();
  response.on('close', () => left.abort(new Error('the client left')));
  let result: PairingHttpResponse;
  try {
    result = await handleRaw(
      { ...deps, allowHost },
      {
        method: request.method ?? '',
        target: request.url ?? '',
        headers: request.headers,
        body: await readBody(request),
        address: request.socket.remoteAddress ?? '',
        signal: left.signal,
      },
    );
  } catch (error) {
    result = problemOf(error);
  }
  if (response.destroyed) return;
  const text = encodeBody(result.body);
  response.writeHead(result.status, {
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-store',
    ...result.headers,
    'content-length': String(Buffer.byteLength(text)),
    // What is left of an unread body must not be taken for the next request.
    ...(request.complete ? {} : { connection: 'close' }),
  });
  response.end(text);
}

/** Null without a body; beyond 16 KiB, announced or not, it stops reading. */
async function readBody(request: IncomingMessage): Promise<Uint8Array | null> {
  if (Number(request.headers['content-length'] ?? 0) > BODY_BYTES) throw tooLarge();
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > BODY_BYTES) throw tooLarge();
    chunks.push(chunk);
  }
  return length === 0 ? null : new Uint8Array(Buffer.concat(chunks));
}

function tooLarge(): AuthsError<'pairing/payload-too-large'> {
  return new AuthsError('pairing/payload-too-large', `a body has at most ${BODY_BYTES} bytes`);
}
