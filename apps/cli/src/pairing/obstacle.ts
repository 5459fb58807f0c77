/** Why an address was not reached, as far as the system told, read out of an error and what caused it. */
import { isAuthsError } from '@auths/core/errors';

/** `refused`: the machine said no. `silent`: it said nothing. `absent`: no such neighbour. `no-route`: no way there from here. */
export type ObstacleKind =
  'refused' | 'silent' | 'absent' | 'no-route' | 'unknown-name' | 'filtered-here' | 'other';

export interface Obstacle {
  readonly kind: ObstacleKind;
  /** The origin that was tried. */
  readonly url: string;
}

/** The names that Node's sockets, resolver and fetch give. */
const KINDS: Readonly<Record<string, ObstacleKind>> = {
  ECONNREFUSED: 'refused',
  ETIMEDOUT: 'silent',
  UND_ERR_CONNECT_TIMEOUT: 'silent',
  UND_ERR_HEADERS_TIMEOUT: 'silent',
  EHOSTUNREACH: 'absent',
  EHOSTDOWN: 'absent',
  ENETUNREACH: 'no-route',
  ENETDOWN: 'no-route',
  EADDRNOTAVAIL: 'no-route',
  ENOTFOUND: 'unknown-name',
  EAI_AGAIN: 'unknown-name',
  EPERM: 'filtered-here',
  EACCES: 'filtered-here',
};

const WORDS: Readonly<Record<ObstacleKind, string>> = {
  refused: 'the machine refuses the connection',
  silent: 'no answer at all',
  absent: 'no device answers to that address',
  'no-route': 'this machine has no route to that network',
  'unknown-name': 'there is no such name',
  'filtered-here': 'this machine does not let the connection out',
  other: 'could not connect',
};

/** Null when `error` is about something else. */
export function obstacleOf(error: unknown): Obstacle | null {
  let url: string | null = null;
  let kind: ObstacleKind = 'other';
  let at: unknown = error;
  // Chains of our own making are short; a longer one is nobody's.
  for (let depth = 0; depth < 8 && at instanceof Error; depth += 1) {
    if (url === null && isAuthsError(at) && at.code === 'network/unreachable') {
      const { url: tried } = at.details as { readonly url?: unknown };
      if (typeof tried === 'string') url = tried;
    }
    const { code } = at as { readonly code?: unknown };
    if (typeof code === 'string' && KINDS[code] !== undefined) kind = KINDS[code];
    at = at instanceof AggregateError ? at.errors[0] : at.cause;
  }
  return url === null ? null : { kind, url };
}

export function obstacleWords(kind: ObstacleKind): string {
  return WORDS[kind];
}
