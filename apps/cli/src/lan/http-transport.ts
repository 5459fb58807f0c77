/**
 * Pairing calls over node:http to one neighbour. For link-local IPv6: its address needs a scope
 * (`fe80::1%eth0`), which the socket layer takes and no URL may carry.
 */
import { request } from 'node:http';
import { AuthsError } from '@auths/core/errors';
import { CALL_MS } from '@auths/core/pairing/limits';
import type { PairingTransport, RelayRequest, RelayResponse } from '@auths/core/ports';
import { socketAddress, urlHost } from './addresses.ts';
import type { CandidateAddress } from './discovery.ts';

/** More than the largest answer of the routes; a neighbour that sends more is not one of ours. */
const MAX_ANSWER_BYTES = 2 * 1024 * 1024;
const CONNECT_MS = 5_000;

export interface NeighbourTimes {
  /** For the whole of an answer, however steadily it drips. */
  readonly answerMs?: number;
  readonly connectMs?: number;
}

/** Sends to `address:port`. Rejects with `network/unreachable` when nobody answers in time; follows no redirect. */
export function createNeighbourTransport(
  address: CandidateAddress,
  port: number,
  { answerMs = CALL_MS, connectMs = CONNECT_MS }: NeighbourTimes = {},
): PairingTransport {
  const origin = `http://${urlHost(address.address)}:${port}`;
  return {
    send: (call, signal) =>
      exchange(
        call,
        { host: socketAddress(address), port, origin, answerMs, connectMs },
        signal as AbortSignal | undefined,
      ),
  };
}

interface Target {
  readonly host: string;
  readonly port: number;
  readonly origin: string;
  readonly answerMs: number;
  readonly connectMs: number;
}

async function exchange(call: RelayRequest, target: Target, signal?: AbortSignal): Promise<RelayResponse> {
  const body = call.body === undefined ? null : Buffer.from(JSON.stringify(call.body));
  return new Promise((resolve, reject) => {
    const fail = (cause: unknown): void => {
      if (signal?.aborted === true) reject(signal.reason as Error);
      else reject(unreachable(target.origin, cause));
    };
    const sent = request({
      host: target.host,
      port: target.port,
      path: call.path,
      method: call.method,
      ...(signal === undefined ? {} : { signal }),
      headers: {
        host: target.origin.slice('http://'.length),
        accept: 'application/json, application/problem+json',
        ...(call.authorization === undefined ? {} : { authorization: call.authorization }),
        ...(body === null ? {} : { 'content-type': 'application/json', 'content-length': body.length }),
      },
    });
    const giveUp = (): void => {
      const cause = noAnswer();
      fail(cause);
      sent.destroy(cause);
    };
    const answering = setTimeout(giveUp, target.answerMs);
    const connecting = setTimeout(giveUp, target.connectMs);
    sent.once('socket', (socket) => {
      // A connection that is used again is there already and never says so.
      if (socket.connecting) socket.once('connect', () => clearTimeout(connecting));
      else clearTimeout(connecting);
    });
    sent.once('error', fail);
    sent.once('close', () => {
      clearTimeout(answering);
      clearTimeout(connecting);
    });
    sent.once('response', (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > MAX_ANSWER_BYTES) sent.destroy(new Error('the answer is too large'));
        else chunks.push(chunk);
      });
      response.once('error', fail);
      response.once('end', () => {
        try {
          resolve(answerOf(response.statusCode ?? 0, response.headers['retry-after'], Buffer.concat(chunks)));
        } catch (error) {
          fail(error);
        }
      });
    });
    sent.end(body ?? undefined);
  });
}

function answerOf(status: number, retryAfter: string | undefined, bytes: Buffer): RelayResponse {
  const body: unknown = bytes.length === 0 ? null : JSON.parse(bytes.toString('utf8'));
  return /^\d{1,6}$/.test(retryAfter ?? '')
    ? { status, body, retryAfter: Number(retryAfter) }
    : { status, body };
}

/** In the words of the system, which would take minutes to say so. */
function noAnswer(): Error {
  return Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' });
}

function unreachable(url: string, cause: unknown): AuthsError<'network/unreachable'> {
  const why = cause instanceof Error ? cause.message : 'no answer';
  return new AuthsError('network/unreachable', `${url} cannot be reached: ${why}`, {
    details: { url },
    cause,
  });
}
