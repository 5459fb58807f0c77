/** The side of a reach check that wants to be reached: one port, one check, one call. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { CancelSignal } from '@auths/core/ports';
import type { LanAddress } from '../lan/addresses.ts';
import { listenOnLan } from '../lan/server.ts';
import { proofOf } from './reach-address.ts';

export const REACH_PATH = '/v1/reach/';
/** More callers than two devices and somebody curious need. */
const CONNECTIONS = 32;

export interface ReachListener {
  readonly endpoint: string;
  readonly port: number;
  /** Addresses that called with another check so far, each once. */
  readonly strangers: ReadonlySet<string>;
  /** The address that called with the check, or null when `ms` have passed. Rejects with the reason of `signal`. */
  readonly called: (ms: number, signal: CancelSignal) => Promise<string | null>;
  readonly close: () => Promise<void>;
}

/** Listens where pairing would. `network/unreachable` says why that cannot be. */
export async function listenForReach(
  address: LanAddress,
  port: number,
  check: string,
): Promise<ReachListener> {
  const strangers = new Set<string>();
  let tell: (from: string) => void;
  const call = new Promise<string>((resolve) => {
    tell = resolve;
  });
  const serve = (request: IncomingMessage, response: ServerResponse): void => {
    const from = (request.socket.remoteAddress ?? '').replace(/^::ffff:/, '');
    const right = request.method === 'GET' && request.url === `${REACH_PATH}${check}`;
    const body = JSON.stringify(right ? { v: 1, proof: proofOf(check), from } : { v: 1 });
    request.resume();
    response.writeHead(right ? 200 : 404, {
      'content-type': 'application/json',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      connection: 'close',
    });
    if (!right && strangers.size < CONNECTIONS) strangers.add(from);
    // Said once it is out: the listener closes as soon as it knows.
    response.end(body, () => {
      if (right) tell(from);
    });
  };
  const create = (): Server => {
    const server = createServer(
      { maxHeaderSize: 8_192, headersTimeout: 5_000, requestTimeout: 5_000 },
      serve,
    );
    server.maxConnections = CONNECTIONS;
    return server;
  };
  const server = await listenOnLan({ address, port }, create);
  return {
    endpoint: server.endpoint,
    port: server.port,
    strangers,
    close: server.close,
    called: (ms, signal) =>
      new Promise((resolve, reject) => {
        const late = setTimeout(() => resolve(null), ms);
        signal.addEventListener('abort', () => {
          clearTimeout(late);
          reject(signal.reason);
        });
        void call.then((from) => {
          clearTimeout(late);
          resolve(from);
        });
      }),
  };
}
