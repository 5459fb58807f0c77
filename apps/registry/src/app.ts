/**
 * The Fastify instance of a registry: the pairing routes of packages/pairing-http, health, and the manners
 * of a public server. It knows nothing of flags, signals or ports: `main.ts` does.
 */
import fastifyCors from '@fastify/cors';
import { fastify, LogController } from 'fastify';
import type { FastifyBaseLogger, FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { AuthsError } from '@auths/core/errors';
import { BODY_BYTES } from '@auths/core/pairing/limits';
import { answerClientError } from '@auths/pairing-http/client-errors';
import type { PairingHttpDeps, PairingHttpResponse } from '@auths/pairing-http/http';
import { problemOf } from '@auths/pairing-http/problem';
import { handlePairing } from '@auths/pairing-http/routes';
import { parseBody } from '@auths/pairing-http/schema';
import { hostAllowed } from './host-rule.ts';
import { routeOf } from './request-log.ts';
import { addWitness, type WitnessRoutes } from './witness/routes.ts';

export interface AppOptions {
  readonly pairing: PairingHttpDeps;
  readonly cors: boolean;
  readonly trustProxy: readonly string[];
  readonly allowHosts: readonly string[];
  /** Is the directory's repository writable? For /ready. */
  readonly ready: () => Promise<boolean>;
  /** Aborts when the server drains: long-polls answer at once and new sessions are refused. */
  readonly draining: AbortSignal;
  /** Structured log; null for none. */
  readonly logger: FastifyBaseLogger | null;
  readonly version: string;
  /** Absent: this registry is no witness, and its routes are not there. */
  readonly witness?: WitnessRoutes;
}

/** Long enough for a slow phone to send 16 KiB, short enough that a dripping client frees its place. */
const REQUEST_MS = 15_000;
const HEADERS_MS = 10_000;
const HEADER_BYTES = 8_192;

const PAIR_PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Pair a device</title>
<h1>Pair this device</h1>
<p>The address of this page is a pairing link. Copy it whole, and on the device that shall join run:</p>
<pre>auths pair --join -</pre>
<p>then paste it there. It is good for five minutes and for one device; whoever has it is asked for the fingerprint all the same.</p>
`;

/** Builds the server; it does not listen yet. Every refusal is a problem document. */
export async function createApp(options: AppOptions): Promise<FastifyInstance> {
  const app = fastify({
    ...(options.logger === null ? { logger: false } : { loggerInstance: options.logger }),
    // Fastify's own request lines hold the path, which may hold a nameplate.
    logController: new LogController({ disableRequestLogging: true }),
    requestIdHeader: false,
    bodyLimit: BODY_BYTES,
    requestTimeout: REQUEST_MS,
    connectionTimeout: 60_000,
    keepAliveTimeout: 30_000,
    trustProxy: options.trustProxy.length === 0 ? false : [...options.trustProxy],
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false, useDefaults: false } },
    http: {
      maxHeaderSize: HEADER_BYTES,
      headersTimeout: HEADERS_MS,
      requestTimeout: REQUEST_MS,
      connectionsCheckingInterval: 1_000,
    },
    clientErrorHandler: answerClientError,
    frameworkErrors: (_error, _request, reply) => {
      void sendProblem(reply, badRequest());
    },
  });

  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => {
    try {
      done(null, body.length === 0 ? undefined : parseBody(new Uint8Array(body as Buffer)));
    } catch (error) {
      done(error as Error);
    }
  });
  addManners(app, options);
  if (options.cors) {
    await app.register(fastifyCors, {
      origin: '*',
      methods: ['GET', 'POST', 'DELETE'],
      allowedHeaders: ['authorization', 'content-type'],
      exposedHeaders: ['retry-after', 'x-request-id'],
      maxAge: 600,
    });
  }
  addPages(app, options);
  if (options.witness !== undefined) await addWitness(app, options.witness);
  app.all('/v1/pairing/*', async (request, reply) => {
    const response = await handlePairing(options.pairing, pairingRequest(request), goneOr(options, reply));
    return send(reply, response);
  });
  return app;
}

function pairingRequest(request: FastifyRequest): Parameters<typeof handlePairing>[1] {
  const { authorization } = request.headers;
  return {
    method: request.method,
    path: pathOf(request),
    query: request.query as Readonly<Record<string, string | readonly string[]>>,
    headers: { authorization },
    ...(request.body === undefined || request.body === null ? {} : { body: request.body }),
    remoteAddress: request.ip,
  };
}

/** Host rule, drain, headers and log of every request, found or not. */
function addManners(app: FastifyInstance, options: AppOptions): void {
  app.addHook('onRequest', async (request, reply) => {
    void reply.headers({
      'x-request-id': request.id,
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
    });
    if (!hostAllowed(request.headers.host, options.allowHosts)) {
      return sendProblem(
        reply,
        new AuthsError('pairing/misdirected-host', 'this server does not answer to that host name'),
      );
    }
    if (!options.draining.aborted) return undefined;
    void reply.header('connection', 'close');
    if (request.method !== 'POST' || pathOf(request) !== '/v1/pairing/sessions') return undefined;
    void reply.header('retry-after', '10');
    return sendProblem(reply, new AuthsError('pairing/capacity-exhausted', 'this server is shutting down'));
  });
  app.addHook('onResponse', async (request, reply) => {
    request.log.info(
      {
        method: request.method,
        route: routeOf(pathOf(request)),
        status: reply.statusCode,
        ms: Math.round(reply.elapsedTime),
      },
      'request',
    );
  });
  app.setNotFoundHandler((_request, reply) =>
    sendProblem(reply, new AuthsError('pairing/not-found', 'not found')),
  );
  app.setErrorHandler((error: FastifyError, request, reply) => {
    if (error instanceof AuthsError) return sendProblem(reply, error);
    if (error.statusCode === 413) {
      return sendProblem(reply, new AuthsError('pairing/payload-too-large', 'the body is too large'));
    }
    if (error.statusCode !== undefined && error.statusCode < 500) return sendProblem(reply, badRequest());
    // The message of an unknown error may quote a body: its kind is enough to find it.
    request.log.error({ kind: error.name, code: error.code }, 'internal error');
    return sendProblem(reply, new AuthsError('internal/bug', 'internal error'));
  });
}

function addPages(app: FastifyInstance, { ready, version, draining, witness }: AppOptions): void {
  const roles = [
    'relay for device pairing: auths pair --registry <this address>',
    ...(witness === undefined ? [] : ['witness: auths id rotate --witness <this address>']),
  ].join('\n');
  app.get('/', async (_request, reply) =>
    reply
      .type('text/plain; charset=utf-8')
      .send(`auths-registry ${version}\n${roles}\nhealth: /health  ready: /ready\n`),
  );
  // Where a link leads whoever clicks on it. What stands after the # never gets here, and no script runs that could read it.
  app.get('/pair', async (_request, reply) =>
    reply
      .headers({ 'content-security-policy': "default-src 'none'", 'referrer-policy': 'no-referrer' })
      .type('text/html; charset=utf-8')
      .send(PAIR_PAGE),
  );
  app.get('/health', async (_request, reply) => reply.type('text/plain; charset=utf-8').send('ok'));
  app.get('/ready', async (_request, reply) => {
    const fit = !draining.aborted && (await ready());
    return reply
      .code(fit ? 200 : 503)
      .type('text/plain; charset=utf-8')
      .send(fit ? 'ready' : draining.aborted ? 'draining' : 'repository not writable');
  });
}

function sendProblem(reply: FastifyReply, error: AuthsError): FastifyReply {
  return send(reply, problemOf(error));
}

function send(reply: FastifyReply, { status, headers, body }: PairingHttpResponse): FastifyReply {
  void reply.code(status).headers({ ...headers });
  if (body === null) return reply.send();
  if (!('content-type' in headers)) void reply.type('application/json; charset=utf-8');
  return reply.send(JSON.stringify(body));
}

/** Aborts when the client goes away or the server drains. */
function goneOr({ draining }: AppOptions, reply: FastifyReply): AbortSignal {
  const gone = new AbortController();
  reply.raw.once('close', () => {
    gone.abort();
  });
  return AbortSignal.any([gone.signal, draining]);
}

function pathOf(request: FastifyRequest): string {
  return request.raw.url?.split('?')[0] ?? '';
}

function badRequest(): AuthsError {
  return new AuthsError('pairing/malformed', 'the request cannot be read');
}
