/**
 * What passes between an end and the relay (docs/protocol.md, "Routes"): the bodies as they stand on the
 * wire, the two ends' view of a relay, and the port behind which a relay keeps its sessions. A relay
 * can refuse and delay; nothing that it says is believed without the MACs and seals inside.
 */
import type { SessionId } from '../identifiers.ts';
import type { CancelSignal } from '../ports.ts';
import type { SlotKind } from './code.ts';
import type { RelaySession } from './session.ts';

/** One way into a session: a typed code has a nameplate, a QR or link a claim hash (both base64url or A31/Crockford text). */
export interface SlotBody {
  readonly kind: SlotKind;
  readonly nameplate?: string;
  readonly claim_hash?: string;
  /** pB of attempts 0, 1 and 2: base64url of 65 bytes each. */
  readonly pake: readonly [string, string, string];
}

/** POST /v1/pairing/sessions. Bytes are base64url, `expires_at` unix seconds and opaque to the relay. */
export interface CreateBody {
  readonly v: 1;
  readonly session_id: SessionId;
  readonly ttl_seconds: number;
  readonly ephemeral_pubkey: string;
  readonly host_commit: string;
  readonly expires_at: number;
  readonly slots: readonly SlotBody[];
  readonly host_token_hash: string;
}

/** The public offer of one slot at its present attempt, as by-code and the Claim answer carry it. */
export interface OfferToken {
  readonly v: 1;
  readonly kind: SlotKind;
  readonly attempt: number;
  readonly nameplate?: string;
  readonly ephemeral_pubkey: string;
  readonly host_commit: string;
  readonly expires_at: number;
  readonly pake_msg: string;
}

/** POST …/response. */
export interface ResponseBody {
  readonly v: 1;
  readonly kind: SlotKind;
  readonly attempt: number;
  readonly device_x25519_pubkey: string;
  readonly device_nonce: string;
  readonly pake_msg: string;
  readonly pake_confirm: string;
  readonly sealed: string;
  readonly joiner_token_hash: string;
}

/** POST …/confirm, and what GET …/confirmation hands on. */
export type ConfirmBody =
  | {
      readonly attempt: number;
      readonly result: 'ok';
      readonly pake_confirm: string;
      readonly sealed: string;
    }
  | { readonly attempt: number; readonly result: 'reject' | 'abort' };

/** POST …/messages: `seq` is the envelope's own, from 1 (P2 and P3 are 0). */
export interface MessageBody {
  readonly seq: number;
  readonly sealed: string;
}

/** Relay-side states (docs/protocol.md, "State machines"); the last five are final. */
export type RelayStatus =
  'pending' | 'responded' | 'confirmed' | 'completed' | 'aborted' | 'cancelled' | 'expired' | 'exhausted';

export interface SessionView {
  readonly session_id: SessionId;
  readonly status: RelayStatus;
  /** Whole seconds left for a response, 0 when over. */
  readonly ttl_seconds: number;
}

/** To the host alone (Bearer ht): the response that waits for its word, if any. */
export interface HostView extends SessionView {
  readonly response?: ResponseBody;
}

/** To a joiner: `token` is an `OfferToken` if the relay is honest; the joiner machine parses it. */
export interface FoundOffer extends SessionView {
  readonly token: unknown;
}

/** Calls of one session that host and joiner share. `token` is the raw ht or jt, 32 bytes. */
export interface MessageRelay {
  /** Where this relay is, for people and for binding: an http(s) origin. */
  readonly endpoint: string;
  send(session: SessionId, token: Uint8Array, message: MessageBody, signal?: CancelSignal): Promise<void>;
  /** Messages of the other direction with seq > `after`; waits up to 25 s, then resolves to []. */
  receive(
    session: SessionId,
    token: Uint8Array,
    after: number,
    signal?: CancelSignal,
  ): Promise<readonly MessageBody[]>;
}

/** The host's view. Every refusal is an `AuthsError` with the wire's name behind `pairing/`. */
export interface HostRelay extends MessageRelay {
  create(body: CreateBody, signal?: CancelSignal): Promise<SessionView>;
  /** Waits up to 25 s for a response. */
  watch(session: SessionId, token: Uint8Array, signal?: CancelSignal): Promise<HostView>;
  confirm(session: SessionId, token: Uint8Array, body: ConfirmBody, signal?: CancelSignal): Promise<void>;
  /** Ends the session as completed; waiting messages are still handed out. */
  complete(session: SessionId, token: Uint8Array, signal?: CancelSignal): Promise<void>;
  cancel(session: SessionId, token: Uint8Array, signal?: CancelSignal): Promise<void>;
}

/** The joiner's view. */
export interface JoinerRelay extends MessageRelay {
  findByNameplate(nameplate: string, signal?: CancelSignal): Promise<FoundOffer>;
  findByClaim(session: SessionId, claim: Uint8Array, signal?: CancelSignal): Promise<FoundOffer>;
  /** `claim` for the kinds qr and link, null for typed codes. */
  respond(
    session: SessionId,
    body: ResponseBody,
    claim: Uint8Array | null,
    signal?: CancelSignal,
  ): Promise<void>;
  /** Waits up to 25 s; null while the host has not spoken. */
  confirmation(session: SessionId, token: Uint8Array, signal?: CancelSignal): Promise<ConfirmBody | null>;
}

/** A moment on both of a store's clocks, in milliseconds. */
export interface Instant {
  readonly monotonic: number;
  readonly wall: number;
}

export type CreateOutcome =
  'created' | 'session-taken' | 'nameplate-taken' | 'nameplates-exhausted' | 'address-full' | 'full';

/**
 * Where a relay keeps its sessions. The rules live in `session.ts`; a store compares, swaps, forgets
 * and wakes. Every instance of a relay that shares a store sees the same sessions and the same time.
 */
export interface SessionStore {
  /** The clock that sessions of this store live by. */
  now(): Promise<Instant>;
  /** Adds a new session and takes its nameplates, all or nothing, within the limits. */
  create(session: RelaySession): Promise<CreateOutcome>;
  /** The newest version, ended ones included until their nameplate is free again; null when unknown. */
  read(id: SessionId): Promise<RelaySession | null>;
  /** The session that took this nameplate last and still holds it. */
  findNameplate(nameplate: string): Promise<SessionId | null>;
  /** Stores `next` iff the stored version is `next.version - 1`. */
  replace(next: RelaySession): Promise<'done' | 'stale' | 'full'>;
  /** Resolves when the stored version is no longer `version`, after `ms`, or when the signal aborts. Never rejects for these. */
  changed(id: SessionId, version: number, ms: number, signal?: CancelSignal): Promise<void>;
}
