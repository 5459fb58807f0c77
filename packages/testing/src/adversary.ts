/**
 * Somebody between two ends and their relay, with real sockets on both sides: each end is given an address of his own, and
 * of every exchange that carries something he may do one thing, in one of his manners or as a test tells him.
 */
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { cutOff } from './cut-off.ts';
import { changedAnswer, changedRequest, type Exchange, type MannerPlan } from './manners.ts';

export { MANNERS, type Exchange, type Manner, type MannerPlan } from './manners.ts';

export type Side = 'host' | 'joiner';
export type Json = Readonly<Record<string, unknown>>;

/** One message as he sees it pass: a request before the relay has it, or the answer on its way back. */
export interface Passing {
  readonly side: Side;
  /** `joiner response 1`: which exchange this is, or will be once it carries something. */
  readonly label: string;
  readonly way: 'request' | 'answer';
  /** Path and query. */
  readonly path: string;
  /** Of the request. */
  readonly headers: IncomingHttpHeaders;
  /** null where there is none, or where it is no JSON object. */
  readonly body: Json | null;
  /** Of an answer; 0 of a request. */
  readonly status: number;
}

/** What he makes of it. A request that is given a status is answered by him, and the relay never sees it. */
export interface Made {
  readonly status?: number;
  readonly body?: unknown;
}
/** Nothing made of it: it passes as it is. He may take his time. */
export type Change = (passing: Passing) => Made | null | undefined | Promise<Made | null | undefined>;
export type Plan = MannerPlan | Change | null;

export interface Adversary {
  readonly origin: (side: Side) => string;
  /** Every exchange that carried something, as the ends meant it, in the order in which they ended. */
  readonly seen: Exchange[];
  /** True once he has done what he was to do. */
  readonly acted: () => boolean;
  readonly stop: () => Promise<void>;
}

const STALL_MS = 250;

/** Opens both addresses. Without a plan everything is passed on and written down. */
export async function startAdversary(target: string, given: Plan = null): Promise<Adversary> {
  const plan = typeof given === 'function' ? null : given;
  const change = typeof given === 'function' ? given : null;
  const seen: Exchange[] = [];
  const counts = new Map<string, number>();
  let acted = false;
  const servers = new Map<Side, Server>();
  for (const side of ['host', 'joiner'] as const) {
    const server = createServer((request, response) => {
      pass(side, request, response).catch(() => response.destroy());
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    servers.set(side, server);
  }

  async function make(passing: Passing): Promise<Made | null> {
    const made = (await change?.(passing)) ?? null;
    if (made !== null) acted = true;
    return made;
  }

  async function pass(side: Side, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await textOf(request);
    const [method, path] = [request.method ?? '', request.url ?? ''];
    const name = `${side} ${nameOf(method, path)}`;
    const label = `${name} ${(counts.get(name) ?? 0) + 1}`;
    const isNext = plan !== null && !acted && plan.label === label;
    const mayAct = isNext && body !== '';
    if (mayAct && (plan.manner === 'drop request' || plan.manner === 'truncate request')) {
      acted = true;
      if (plan.manner === 'truncate request') {
        await cutOff(target, { method, path, headers: headersOf(request), body });
      }
      response.destroy();
      return;
    }
    if (mayAct && plan.manner === 'stall') {
      acted = true;
      await sleep(STALL_MS);
    }
    let sent = mayAct ? changedRequest(plan, body, seen) : body;
    if (sent !== body) acted = true;
    const seeing = { side, label, path, headers: request.headers };
    const own = await make({ ...seeing, way: 'request', body: objectOf(body), status: 0 });
    if (own?.body !== undefined) sent = JSON.stringify(own.body);
    const answer =
      own?.status === undefined ? await forward(target, request, sent) : ownAnswer(own.status, own.body);
    const carrying = carries(method, answer);
    if (carrying) {
      counts.set(name, (counts.get(name) ?? 0) + 1);
      seen.push({ label, request: body, answer: answer.text });
    }
    if (own?.status === undefined && change !== null) {
      const { text, status } = answer;
      const made = await make({ ...seeing, way: 'answer', body: objectOf(text), status });
      const other = made?.body === undefined ? text : JSON.stringify(made.body);
      reply(response, { ...answer, status: made?.status ?? status }, other);
      return;
    }
    if (!carrying || !isNext || acted) {
      reply(response, answer, answer.text);
      return;
    }
    acted = true;
    switch (plan.manner) {
      case 'drop answer':
        response.destroy();
        return;
      case 'repeat':
        await forward(target, request, body);
        reply(response, answer, answer.text);
        return;
      case 'stall':
        await sleep(STALL_MS);
        reply(response, answer, answer.text);
        return;
      case 'truncate answer':
        response.writeHead(answer.status, {
          'content-type': answer.type,
          'content-length': String(Buffer.byteLength(answer.text)),
        });
        response.write(answer.text.slice(0, answer.text.length >> 1), () => response.destroy());
        return;
      default: {
        const changed = changedAnswer(plan, answer.text, seen);
        acted = changed !== answer.text;
        reply(response, answer, changed);
      }
    }
  }

  return {
    origin: (side) => `http://127.0.0.1:${((servers.get(side) as Server).address() as AddressInfo).port}`,
    seen,
    acted: () => acted,
    stop: async () => {
      for (const server of servers.values()) {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
    },
  };
}

/** What a call is for, without what names the session. */
function nameOf(method: string, url: string): string {
  const [path = ''] = url.split('?');
  const [, id, action] = /^\/v1\/pairing\/sessions(?:\/([^/]+))?(?:\/([^/]+))?$/.exec(path) ?? [];
  if (id === undefined) return 'create';
  if (id === 'by-code') return 'look up';
  if (action === 'messages') return method === 'POST' ? 'send' : 'receive';
  return action ?? (method === 'DELETE' ? 'cancel' : 'look');
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly text: string;
  readonly retryAfter: string | null;
}

async function forward(target: string, request: IncomingMessage, body: string): Promise<Answer> {
  const response = await fetch(`${target}${request.url ?? ''}`, {
    method: request.method ?? 'GET',
    headers: headersOf(request),
    ...(body === '' ? {} : { body }),
  });
  return {
    status: response.status,
    type: response.headers.get('content-type') ?? '',
    text: await response.text(),
    retryAfter: response.headers.get('retry-after'),
  };
}

function ownAnswer(status: number, body: unknown): Answer {
  const type = status < 400 ? 'application/json' : 'application/problem+json';
  return { status, type, text: body === undefined ? '' : JSON.stringify(body), retryAfter: null };
}

function headersOf(request: IncomingMessage): Readonly<Record<string, string>> {
  const { authorization, 'content-type': type } = request.headers;
  return {
    ...(authorization === undefined ? {} : { authorization }),
    ...(type === undefined ? {} : { 'content-type': type }),
  };
}

/** Polls that found nothing are air between the messages; their number depends on the machine. */
function carries(method: string, { status, text }: Answer): boolean {
  if (method !== 'GET') return true;
  if (status !== 200) return false;
  return /"(?:token|response|result)":/.test(text) || /"messages":\[\{/.test(text);
}

function reply(response: ServerResponse, answer: Answer, text: string): void {
  response.writeHead(answer.status, {
    ...(answer.type === '' ? {} : { 'content-type': answer.type }),
    ...(answer.retryAfter === null ? {} : { 'retry-after': answer.retryAfter }),
  });
  response.end(text);
}

function objectOf(text: string): Json | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Json) : null;
  } catch {
    return null;
  }
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = '';
  request.setEncoding('utf8');
  for await (const chunk of request) text += String(chunk);
  return text;
}
