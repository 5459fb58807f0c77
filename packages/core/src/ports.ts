/**
 * What core asks of the world. Adapters in the other packages implement these; the two composition
 * roots choose. Every port has a contract suite in packages/testing.
 */
import type { DidKey, DidKeri, Prefix, Said, SessionId } from './identifiers.ts';

/** Wall and monotonic time, and waiting. All in milliseconds. */
export interface Clock {
  /** Wall clock, epoch milliseconds. May jump. */
  now(): number;
  /** Monotonic milliseconds from an arbitrary start. Never goes back; may stand still while a machine sleeps. */
  monotonic(): number;
  /** Resolves after `ms`, or rejects with the signal's reason when it aborts. */
  sleep(ms: number, signal?: CancelSignal): Promise<void>;
}

/** The part of AbortSignal that core uses, so that core needs no DOM types. */
export interface CancelSignal {
  readonly aborted: boolean;
  readonly reason: unknown;
  addEventListener(type: 'abort', listener: () => void, options?: { once?: boolean }): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}

export interface Random {
  /** `length` bytes from a cryptographic source. Throws when the source fails. */
  bytes(length: number): Uint8Array;
}

/**
 * One Ed25519 equation: encode(S·B − k·A) = R, cofactorless (RFC 8032 5.1.7 without the factor 8).
 * Only `crypto/verify-ed25519` calls it, after it has checked that A and R are canonical and not of small
 * order and that S < L.
 */
export interface VerifyEngine {
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
  /** The same answer, worked out beside this thread. Only engines that have other threads offer it. */
  verifyLater?(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): Promise<boolean>;
}

/** Holds one Ed25519 private key and never shows it. */
export interface Signer {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** 64 bytes, RFC 8032. */
  sign(message: Uint8Array): Promise<Uint8Array>;
}

/** A secret as the key store holds it. The bytes are the caller's own copy: wipe them after use. */
export interface Secret {
  readonly bytes: Uint8Array;
  /** The identifier that the secret belongs to, bound to it by the store; null when none was given. */
  readonly did: string | null;
}

export interface KeyEntry {
  readonly alias: string;
  readonly did: string | null;
}

/**
 * Secrets at rest under aliases: `identity`, `device`, `channel`, `host:<controller did>`.
 * A put that resolved survives a crash; writers in several processes lose nothing of each other.
 */
export interface KeyStore {
  /** Null when there is no such alias. `key/wrong-passphrase` when the store does not open. */
  get(alias: string): Promise<Secret | null>;
  /**
   * Stores a secret. The same bytes and DID again change nothing; other bytes under an alias that exists
   * are `key/exists` unless `replace` says so, because a lost seed cannot be had again.
   */
  put(
    alias: string,
    bytes: Uint8Array,
    options?: { readonly did?: string; readonly replace?: boolean },
  ): Promise<void>;
  /** Aliases in code-unit order; needs no passphrase, so it is not authenticated. */
  list(): Promise<readonly KeyEntry[]>;
  /** True when something was removed. */
  remove(alias: string): Promise<boolean>;
}

/** A key event log as stored: the whole CESR stream in trunk order, exact bytes. */
export interface StoredLog {
  readonly prefix: Prefix;
  /** Every event with its attachments, s = 0 first. */
  readonly stream: Uint8Array;
  /** SAID of the newest event. */
  readonly tip: Said;
  /** Opaque version for compare-and-swap (the commit id in git). */
  readonly version: string;
}

/** Key event logs, one per prefix. The store never judges events: callers validate before they append. */
export interface EventLog {
  read(prefix: Prefix): Promise<StoredLog | null>;
  list(): Promise<readonly Prefix[]>;
  /**
   * Writes the new trunk iff the stored version is still `expected` (null: nothing stored yet).
   * `events` are the messages (event bytes and attachments) to add after those already stored.
   * Resolves to the new log, or `null` when another writer was first (nothing changed).
   */
  append(prefix: Prefix, expected: string | null, events: readonly StoredEvent[]): Promise<StoredLog | null>;
  /**
   * Replaces the trunk from sequence `from` on (a recovery), keeping the superseded branch under
   * `disputed/<said of its tip>`. Same compare-and-swap as `append`.
   */
  supersede(
    prefix: Prefix,
    expected: string,
    from: number,
    events: readonly StoredEvent[],
  ): Promise<StoredLog | null>;
}

/** One event message: exact event bytes, its attachments as CESR text, and what a store needs to file it. */
export interface StoredEvent {
  readonly sequence: number;
  readonly said: Said;
  /** Exact bytes, `{` to `}`. */
  readonly event: Uint8Array;
  /** CESR text of the attachments (one -V frame). */
  readonly attachments: string;
}

/**
 * Records (links, extensions, revocations, anchors) as exact JSON bytes, filed under issuer and subject.
 * The tip holds every version; nothing is ever removed.
 */
export interface AttestationStore {
  /** Every record of this issuer, in no particular order. */
  list(issuer: DidKeri): Promise<readonly StoredRecord[]>;
  /** Adds records; those already there (same name and bytes) change nothing. */
  put(issuer: DidKeri, records: readonly StoredRecord[]): Promise<void>;
}

export interface StoredRecord {
  /** The device; null for an anchor, which has no subject. */
  readonly subject: DidKey | null;
  /** `E…` digest that the KEL seals. */
  readonly digest: Said;
  /** Sequence number of the event that seals it; null while it is not sealed yet. */
  readonly sealedAt: number | null;
  /** Exact JSON bytes. */
  readonly bytes: Uint8Array;
}

/** Answer of a relay, or of the LAN host's own server. `body` is parsed JSON, or null for 204. */
export interface RelayResponse {
  readonly status: number;
  readonly body: unknown;
  /** Seconds, from Retry-After. */
  readonly retryAfter?: number;
}

export interface RelayRequest {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** Path with query, below the origin: `/v1/pairing/…`. */
  readonly path: string;
  /** Value of the Authorization header. */
  readonly authorization?: string;
  readonly body?: unknown;
}

/**
 * Carries pairing calls to whoever serves them: over HTTP, or straight into the routes on a LAN host.
 * Rejects with `network/unreachable` when nobody answers; every HTTP status is an answer.
 */
export interface PairingTransport {
  send(request: RelayRequest, signal?: CancelSignal): Promise<RelayResponse>;
}

export type { DidKey, DidKeri, Prefix, Said, SessionId };
