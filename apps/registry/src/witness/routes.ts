/**
 * The routes of a witness (registry.md 3), streams in and receipts out:
 *   GET  /v1/witness                            {v: 1, aid}
 *   POST /v1/witness/{prefix}/events            a CESR stream → the rct message for its last event
 *   GET  /v1/witness/{prefix}/receipts/{said}   the rct message of an event that was receipted
 */
import type { FastifyInstance, FastifyReply } from 'fastify';
import { AuthsError, isAuthsError, type ErrorCode } from '@auths/core/errors';
import { receiptEvents, receiptFor } from '@auths/core/flows/witness-log';
import { CESR_TYPE, WITNESS_PATH } from '@auths/core/flows/witness-wire';
import { isPrefix, isSaid } from '@auths/core/identifiers';
import { PROBLEMS } from '@auths/pairing-http/problem';
import type { WindowLimiter } from './limiter.ts';
import type { Witness } from './open.ts';

export interface WitnessRoutes {
  readonly witness: Witness;
  /** Events sent, and identities that were not known, by address. */
  readonly events: WindowLimiter;
  readonly identities: WindowLimiter;
}

/** Mounts the routes, with a body parser of their own. */
export async function addWitness(app: FastifyInstance, routes: WitnessRoutes): Promise<void> {
  const { witness } = routes;
  await app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser(
      CESR_TYPE,
      { parseAs: 'buffer', bodyLimit: witness.ports.limits.logBytes },
      (_request, body, done) => done(null, body),
    );
    scope.setErrorHandler((error: Error & { readonly statusCode?: number }, request, reply) => {
      if (!isAuthsError(error) && (error.statusCode ?? 500) >= 500) {
        request.log.error({ kind: error.name }, 'internal error');
      }
      return sendError(reply, error);
    });
    scope.get(WITNESS_PATH, (_request, reply) => reply.send({ v: 1, aid: witness.aid }));
    scope.post<{ Params: { prefix: string } }>(`${WITNESS_PATH}/:prefix/events`, async (request, reply) => {
      take(routes.events, request.ip);
      const { prefix } = request.params;
      const { body } = request;
      if (!isPrefix(prefix)) throw notFound();
      if (!(body instanceof Uint8Array))
        throw new AuthsError('input/malformed', 'the body is no CESR stream');
      const receipt = await receiptEvents(
        { ...witness.ports, mayBegin: async () => take(routes.identities, request.ip) },
        prefix,
        new Uint8Array(body),
      );
      return reply.type(CESR_TYPE).send(Buffer.from(receipt));
    });
    scope.get<{ Params: { prefix: string; said: string } }>(
      `${WITNESS_PATH}/:prefix/receipts/:said`,
      async (request, reply) => {
        const { prefix, said } = request.params;
        if (!isPrefix(prefix) || !isSaid(said)) throw notFound();
        const receipt = await receiptFor(witness.ports, prefix, said);
        if (receipt === null) throw notFound();
        return reply.type(CESR_TYPE).send(Buffer.from(receipt));
      },
    );
  });
}

function take(limiter: WindowLimiter, address: string): void {
  const wait = limiter(address);
  if (wait === null) return;
  throw new AuthsError('pairing/rate-limited', 'too many requests from this address', {
    details: { retry_after: wait },
  });
}

function notFound(): AuthsError {
  return new AuthsError('pairing/not-found', 'nothing by that name');
}

/** RFC 9457, with the code of the error table whole: what a witness refuses is not the relay's to name. */
function sendError(reply: FastifyReply, error: Error & { readonly statusCode?: number }): FastifyReply {
  const known = isAuthsError(error) ? error : null;
  const tooLarge = error.statusCode === 413;
  const ours = (error.statusCode ?? 500) >= 500;
  const code: ErrorCode =
    known?.code ?? (tooLarge ? 'pairing/payload-too-large' : ours ? 'internal/bug' : 'input/malformed');
  const { status, title } = PROBLEMS[code];
  const tells = known !== null && status < 500;
  const wait = known?.details['retry_after'];
  if (typeof wait === 'number') void reply.header('retry-after', String(wait));
  return reply
    .code(status)
    .type('application/problem+json')
    .send(
      JSON.stringify({
        type: `urn:auths:error:${code}`,
        title,
        status,
        error: code,
        message: tells ? known.message : `${title}.`,
      }),
    );
}
