/**
 * One HTTP exchange without a framework: what the LAN host's node:http server, the registry's Fastify
 * and the in-process transport each turn their own request into.
 */
import type { Clock } from '@auths/core/ports';
import type { PairingLimits } from '@auths/core/pairing/limits';
import type { SessionStore } from '@auths/core/pairing/relay';
import type { RateLimiter } from './rate-limiter.ts';

export interface PairingHttpRequest {
  /** Upper case. */
  readonly method: string;
  /** As on the request line, without the query and not percent-decoded: `/v1/pairing/sessions/…`. */
  readonly path: string;
  /** Decoded query members. A member given twice is given as an array (and refused). */
  readonly query: Readonly<Record<string, string | readonly string[]>>;
  readonly headers: { readonly authorization?: string | undefined };
  /** The value of `parseBody` for a request with a body; undefined without one. */
  readonly body?: unknown;
  readonly remoteAddress: string;
  /** True for calls that never crossed a network: the LAN host's own. They pass the address limits. */
  readonly local?: boolean;
}

export interface PairingHttpResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** JSON value, or null for an empty answer. Problem documents say so in `headers['content-type']`. */
  readonly body: unknown;
}

export interface PairingHttpDeps {
  readonly store: SessionStore;
  readonly limits: PairingLimits;
  readonly limiter: RateLimiter;
  /** For the floor under by-code answers. */
  readonly clock: Clock;
  /** Who may POST sessions: a registry says `anyone`, a LAN host `local`. */
  readonly mayCreate: 'anyone' | 'local';
}
