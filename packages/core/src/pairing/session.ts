/**
 * The relay's side of one pairing session as data and pure transitions: who may answer, once, until when.
 * It never sees a key or a code; every rule here can be run by an untrusted relay. States and rules:
 * docs/protocol.md, "State machines". Every transition bumps `version`, so a store only compares and swaps.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { toBase64url } from '../encoding/base64url.ts';
import { jcs } from '../encoding/jcs.ts';
import { utf8 } from '../encoding/text.ts';
import type { SessionId } from '../identifiers.ts';
import type { SlotKind } from './code.ts';
import { COMPLETION_MS } from './limits.ts';
import { relayError } from './relay-errors.ts';
import type {
  ConfirmBody,
  CreateBody,
  HostView,
  Instant,
  MessageBody,
  OfferToken,
  RelayStatus,
  ResponseBody,
  SessionView,
} from './relay.ts';

export interface RelaySlot {
  readonly kind: SlotKind;
  readonly nameplate: string | null;
  readonly claimHash: string | null;
  readonly pake: readonly [string, string, string];
  /** The attempt that it takes next, which is the number that failed. */
  readonly attempt: number;
}

/** One accepted response and what the host said to it. */
export interface RelayRun {
  readonly kind: SlotKind;
  readonly attempt: number;
  readonly joinerTokenHash: string;
  readonly digest: string;
  /** Kept until the host has answered it. */
  readonly response: ResponseBody | null;
  readonly confirmation: ConfirmBody | null;
  readonly confirmDigest: string | null;
}

/** The messages of one direction. */
export interface Lane {
  /** Highest seq accepted; 0 at first. */
  readonly last: number;
  readonly lastDigest: string | null;
  /** Highest seq handed out. */
  readonly fetched: number;
  /** Not yet known to have arrived, ascending. */
  readonly waiting: readonly MessageBody[];
}

export type Direction = 'j2h' | 'h2j';

/** JSON values only, so that any store can keep it. */
export interface RelaySession {
  readonly id: SessionId;
  readonly version: number;
  readonly status: RelayStatus;
  /** Address that created it, for the limits. */
  readonly owner: string;
  readonly created: Instant;
  readonly endedAt: Instant | null;
  readonly ttlSeconds: number;
  readonly createDigest: string;
  readonly hostTokenHash: string;
  readonly ephemeralPubkey: string;
  readonly hostCommit: string;
  readonly expiresAt: number;
  readonly slots: readonly RelaySlot[];
  readonly runs: readonly RelayRun[];
  readonly lanes: { readonly [D in Direction]: Lane };
}

const EMPTY_LANE: Lane = { last: 0, lastDigest: null, fetched: 0, waiting: [] };
/** Both directions before anything was said. */
export const NO_LANES: RelaySession['lanes'] = { j2h: EMPTY_LANE, h2j: EMPTY_LANE };

/** A new session from a validated body. */
export function createSession(body: CreateBody, owner: string, now: Instant): RelaySession {
  return {
    id: body.session_id,
    version: 1,
    status: 'pending',
    owner,
    created: now,
    endedAt: null,
    ttlSeconds: body.ttl_seconds,
    createDigest: digestOfBody(body),
    hostTokenHash: body.host_token_hash,
    ephemeralPubkey: body.ephemeral_pubkey,
    hostCommit: body.host_commit,
    expiresAt: body.expires_at,
    slots: body.slots.map((slot) => ({
      kind: slot.kind,
      nameplate: slot.nameplate ?? null,
      claimHash: slot.claim_hash ?? null,
      pake: slot.pake,
      attempt: 0,
    })),
    runs: [],
    lanes: NO_LANES,
  };
}

/**
 * The session as it stands at `now`: expired, and empty, when its life is over. An offer lives `ttl_seconds`, a run that
 * began within it 240 s more, by whichever of the two clocks runs out first.
 */
export function settle(session: RelaySession, now: Instant): RelaySession {
  const life = lifeMs(session);
  if (elapsedMs(session, now) < life) return session;
  if (session.endedAt !== null) return isEmptied(session) ? session : emptied(session);
  const endedAt = {
    monotonic: Math.min(now.monotonic, session.created.monotonic + life),
    wall: Math.min(now.wall, session.created.wall + life),
  };
  return { ...emptied(session), status: 'expired', endedAt };
}

/** Nobody can ask for what was sealed any more: what stays is who said what, for the repeats. */
function emptied(session: RelaySession): RelaySession {
  const runs = session.runs.map((run) => ({ ...run, response: null, confirmation: null }));
  return { ...session, runs, lanes: NO_LANES };
}

function isEmptied({ runs, lanes }: RelaySession): boolean {
  const said = runs.some((run) => run.response !== null || run.confirmation !== null);
  return !said && lanes.j2h.last === 0 && lanes.h2j.last === 0;
}

function lifeMs(session: RelaySession): number {
  return session.ttlSeconds * 1000 + (session.status === 'pending' ? 0 : COMPLETION_MS);
}

/** Milliseconds since creation by the clock that ran further: one sleeps with a machine, the other can be set back. */
export function elapsedMs(session: RelaySession, now: Instant): number {
  return Math.max(now.monotonic - session.created.monotonic, now.wall - session.created.wall);
}

/** When the store may forget it and free its nameplate, on the monotonic clock. */
export function forgetAt(session: RelaySession, coolDownSeconds: number): number {
  const longest = session.created.monotonic + session.ttlSeconds * 1000 + COMPLETION_MS;
  const ended = session.endedAt?.monotonic ?? session.created.monotonic + lifeMs(session);
  return Math.max(ended + coolDownSeconds * 1000, session.endedAt === null ? longest : 0);
}

export function isLive(session: RelaySession): boolean {
  return session.endedAt === null;
}

/** What anyone may know. */
export function viewOf(session: RelaySession, now: Instant): SessionView {
  const left = session.ttlSeconds * 1000 - elapsedMs(session, now);
  return {
    session_id: session.id,
    status: session.status,
    ttl_seconds:
      session.endedAt === null ? Math.min(session.ttlSeconds, Math.max(0, Math.ceil(left / 1000))) : 0,
  };
}

/** What the host may know besides: the response that waits for its word. */
export function hostViewOf(session: RelaySession, now: Instant): HostView {
  const run = session.runs.at(-1);
  const response = session.status === 'responded' ? (run?.response ?? null) : null;
  return response === null ? viewOf(session, now) : { ...viewOf(session, now), response };
}

/**
 * The public offer of the slot that `nameplate` or a claim led to. A session that is past offering is
 * `not-found` by nameplate (the code no longer names anything) and `already-used` by claim.
 */
export function offerOf(session: RelaySession, slot: RelaySlot): OfferToken {
  if (session.status === 'confirmed' || session.status === 'completed') {
    throw slot.nameplate === null ? relayError('already-used') : relayError('not-found');
  }
  refuseEnded(session);
  const pake = slot.pake[slot.attempt];
  if (pake === undefined) throw relayError('attempts-exhausted');
  return {
    v: 1,
    kind: slot.kind,
    attempt: slot.attempt,
    ...(slot.nameplate === null ? {} : { nameplate: slot.nameplate }),
    ephemeral_pubkey: session.ephemeralPubkey,
    host_commit: session.hostCommit,
    expires_at: session.expiresAt,
    pake_msg: pake,
  };
}

/** Throws what an ended session answers. */
export function refuseEnded(session: RelaySession): void {
  switch (session.status) {
    case 'cancelled':
    case 'aborted':
      throw relayError('cancelled');
    case 'expired':
      throw relayError('session-expired');
    case 'exhausted':
      throw relayError('attempts-exhausted');
    case 'completed':
      throw relayError('already-used');
    case 'pending':
    case 'responded':
    case 'confirmed':
  }
}

/** Tells a byte-identical repeat from anything else: H of the canonical body, base64url. */
export function digestOfBody(body: unknown): string {
  return toBase64url(sha256(utf8(jcs(body))));
}
