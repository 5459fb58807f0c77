/**
 * Somebody between two ends and their relay, with real sockets on both sides: each end is given an address of his own, and
 * of every exchange that carries something he may do one thing.
 */
import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export type Side = 'host' | 'joiner';

/** What he does to one exchange. Of a request: before it reaches the relay. */
export const MANNERS = [
  'drop request',
  'drop answer',
  'repeat',
  'stall',
  'truncate',
  'hold back',
  'flip request',
  'flip answer',
  'forge request',
  'forge answer',
  'replay request',
  'replay answer',
  'swap request',
  'swap answer',
] as const;
export type Manner = (typeof MANNERS)[number];

/** One exchange that carries something: `host confirm`, `joiner send 2`, … */
export interface Exchange {
  readonly label: string;
  readonly request: string;
  readonly answer: string;
}

export interface Adversary {
  readonly origin: (side: Side) => string;
  /** Every exchange that carried something, as the ends meant it, in the order in which they ended. */
  readonly seen: Exchange[];
  /** True once he has done what he was to do. */
  readonly acted: () => boolean;
  readonly stop: () => Promise<void>;
}

interface Plan {
  readonly label: string;
  readonly manner: Manner;
  /** Exchanges of an earlier session. */
  readonly earlier?: readonly Exchange[];
}

const STALL_MS = 250;

/** Opens both addresses. Without a plan everything is passed on and written down. */
export async function startAdversary(target: string, plan: Plan | null = null): Promise<Adversary> {
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

  async function pass(side: Side, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await textOf(request);
    const name = `${side} ${nameOf(request.method ?? '', request.url ?? '')}`;
    const next = (counts.get(name) ?? 0) + 1;
    const isNext = plan !== null && !acted && plan.label === `${name} ${next}`;
    if (isNext && body !== '' && plan.manner === 'drop request') {
      acted = true;
      response.destroy();
      return;
    }
    if (isNext && body !== '' && plan.manner === 'stall') {
      acted = true;
      await sleep(STALL_MS);
    }
    const sent = isNext && body !== '' ? changedRequest(plan, body, seen) : body;
    if (sent !== body) acted = true;
    const answer = await forward(target, request, sent);
    if (!carries(request.method ?? '', answer)) {
      reply(response, answer, answer.text);
      return;
    }
    const label = `${name} ${next}`;
    counts.set(name, next);
    seen.push({ label, request: body, answer: answer.text });
    if (!isNext || acted) {
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
      case 'truncate':
        response.writeHead(answer.status, {
          'content-type': answer.type,
          'content-length': String(Buffer.byteLength(answer.text)),
        });
        response.write(answer.text.slice(0, answer.text.length >> 1), () => response.destroy());
        return;
      case 'hold back': {
        const held = heldBack(answer.text);
        acted = held !== answer.text;
        reply(response, answer, held);
        return;
      }
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
  const { authorization, 'content-type': type } = request.headers;
  const response = await fetch(`${target}${request.url ?? ''}`, {
    method: request.method ?? 'GET',
    headers: {
      ...(authorization === undefined ? {} : { authorization }),
      ...(type === undefined ? {} : { 'content-type': type }),
    },
    ...(body === '' ? {} : { body }),
  });
  return {
    status: response.status,
    type: response.headers.get('content-type') ?? '',
    text: await response.text(),
    retryAfter: response.headers.get('retry-after'),
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

/** The messages of an answer arrive later, and the first of them then behind the others. */
function heldBack(text: string): string {
  const body = JSON.parse(text) as { readonly messages?: readonly unknown[] };
  if (body.messages === undefined) return text;
  return JSON.stringify({ messages: body.messages.length > 1 ? body.messages.toReversed() : [] });
}

function changedRequest(plan: Plan, body: string, seen: readonly Exchange[]): string {
  if (plan.manner === 'swap request') return swap(body, seen);
  if (plan.manner === 'flip request') return flip(body);
  if (plan.manner === 'forge request') return forge(body);
  if (plan.manner === 'replay request') return earlierOf(plan)?.request ?? body;
  return body;
}

function changedAnswer(plan: Plan, text: string, seen: readonly Exchange[]): string {
  if (plan.manner === 'swap answer') return swap(text, seen);
  if (plan.manner === 'flip answer') return flip(text);
  if (plan.manner === 'forge answer') return forge(text);
  if (plan.manner === 'replay answer') return earlierOf(plan)?.answer ?? text;
  return text;
}

function earlierOf({ earlier = [], label }: Plan): Exchange | undefined {
  return earlier.find((exchange) => exchange.label === label);
}

/** One character of the longest text inside becomes another one that may stand there. */
function flip(text: string): string {
  const [longest] = [...text.matchAll(/"([\w-]{22,})"/g)].toSorted((a, b) => b[0].length - a[0].length);
  if (longest === undefined) return text;
  const at = longest.index + 1 + (longest[1] as string).length / 2;
  const place = Math.floor(at);
  return text.slice(0, place) + (text[place] === 'A' ? 'B' : 'A') + text.slice(place + 1);
}

/** Two keys of one message change places; where there are none, another sealed text of this session stands in its place. */
function swap(text: string, seen: readonly Exchange[]): string {
  const [first, second] = [...text.matchAll(/"([\w-]{43})"/g)];
  if (first !== undefined && second !== undefined) {
    const between = text.slice(first.index + 45, second.index);
    return text.slice(0, first.index) + second[0] + between + first[0] + text.slice(second.index + 45);
  }
  const sealed = /"sealed":"([\w-]+)"/;
  const own = sealed.exec(text)?.[1];
  const others = seen
    .flatMap(({ request, answer }) => [request, answer])
    .map((said) => sealed.exec(said)?.[1]);
  const other = others.find((one) => one !== undefined && one !== own);
  return own === undefined || other === undefined ? text : text.replace(own, other);
}

/** Every key, commitment, MAC and sealed text becomes one of his own. */
function forge(text: string): string {
  return text.replace(/"([\w-]{43,})"/g, (_all, given: string) => {
    const own = randomBytes(Math.floor((given.length * 3) / 4)).toString('base64url');
    return `"${own.padEnd(given.length, 'A').slice(0, given.length)}"`;
  });
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = '';
  request.setEncoding('utf8');
  for await (const chunk of request) text += String(chunk);
  return text;
}
