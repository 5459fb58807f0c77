/** A host's session before anybody answers: its keys, its ways in, and what it publishes of them (docs/protocol.md, "Messages", step 1). */
import { sha256 } from '@noble/hashes/sha2.js';
import { randomScalar, spake2Share } from '../crypto/spake2.ts';
import { x25519PublicKey } from '../crypto/x25519.ts';
import { toBase64url } from '../encoding/base64url.ts';
import { toHex } from '../encoding/bytes.ts';
import { AuthsError } from '../errors.ts';
import type { SessionId } from '../identifiers.ts';
import type { Random } from '../ports.ts';
import {
  generateCode,
  generateSecret,
  secretText,
  type CodeKind,
  type PairingCode,
  type SlotKind,
} from './code.ts';
import { ATTEMPTS_PER_SLOT, TTL_SECONDS } from './limits.ts';
import { claimKey, hostCommit, type Offer } from './offer.ts';
import type { CreateBody, Instant } from './relay.ts';
import { deriveW, type Scrypt } from './transcript.ts';
import type { OutOfBand } from './out-of-band.ts';

/** One way in. `attempt` counts its failures; each attempt has its own y, so no scalar meets two guesses. */
export interface HostSlot {
  readonly kind: SlotKind;
  /** For typed kinds. */
  readonly code: PairingCode | null;
  /** 16 bytes, for qr and link. */
  readonly secret: Uint8Array | null;
  /** Canonical text of either: the password. */
  readonly secretText: string;
  readonly w: bigint;
  readonly shares: readonly { readonly scalar: bigint; readonly point: Uint8Array }[];
  readonly attempt: number;
}

/** Every secret here is new for each session, renewed ones included. */
export interface HostSession {
  readonly sessionId: SessionId;
  readonly x25519Secret: Uint8Array;
  readonly x25519Public: Uint8Array;
  readonly hostNonce: Uint8Array;
  readonly hostCommit: Uint8Array;
  /** ht, 32 bytes. */
  readonly token: Uint8Array;
  readonly created: Instant;
  readonly ttlSeconds: number;
  /** Unix seconds. */
  readonly expiresAt: number;
  readonly slots: readonly HostSlot[];
}

export interface HostSessionInput {
  /** A guarded source (`guardedRandom`), one for the whole command. */
  readonly random: Random;
  readonly now: Instant;
  readonly ttlSeconds: number;
  readonly code: CodeKind | null;
  readonly qr: boolean;
  readonly link: boolean;
  readonly controllerDid: string;
  readonly signingKey: Uint8Array;
  readonly hostStatic: Uint8Array;
  readonly scrypt?: Scrypt;
}

/** Draws a session. A life outside 30..300 s is `ttl-out-of-range`, no way in at all `internal/bug`. */
export function createHostSession(input: HostSessionInput): HostSession {
  const { random, ttlSeconds } = input;
  if (!Number.isInteger(ttlSeconds) || ttlSeconds < TTL_SECONDS.min || ttlSeconds > TTL_SECONDS.max) {
    throw new AuthsError(
      'pairing/ttl-out-of-range',
      `a session lives ${TTL_SECONDS.min} to ${TTL_SECONDS.max} seconds`,
    );
  }
  const sessionId = toHex(random.bytes(16)) as SessionId;
  const x25519Secret = random.bytes(32);
  const hostNonce = random.bytes(32);
  const slots: HostSlot[] = [];
  if (input.code !== null) {
    const code = generateCode(input.code, random);
    slots.push(createSlot(input, sessionId, { kind: code.kind, code, secret: null, secretText: code.text }));
  }
  for (const kind of ['qr', 'link'] as const) {
    if (!input[kind]) continue;
    const secret = generateSecret(random);
    slots.push(createSlot(input, sessionId, { kind, code: null, secret, secretText: secretText(secret) }));
  }
  if (slots.length === 0) throw new AuthsError('internal/bug', 'a session needs a way in');
  return {
    sessionId,
    x25519Secret,
    x25519Public: x25519PublicKey(x25519Secret),
    hostNonce,
    hostCommit: hostCommit({
      sessionId,
      hostNonce,
      hostStatic: input.hostStatic,
      controllerDid: input.controllerDid,
      hostSigningKey: input.signingKey,
    }),
    token: random.bytes(32),
    created: input.now,
    ttlSeconds,
    expiresAt: Math.floor(input.now.wall / 1000) + ttlSeconds,
    slots,
  };
}

function createSlot(
  { random, scrypt }: HostSessionInput,
  sessionId: SessionId,
  way: Pick<HostSlot, 'kind' | 'code' | 'secret' | 'secretText'>,
): HostSlot {
  const w = deriveW(way.secretText, sessionId, scrypt);
  const shares = Array.from({ length: ATTEMPTS_PER_SLOT }, () => {
    const scalar = randomScalar(random);
    return { scalar, point: spake2Share('host', w, scalar) };
  });
  return { ...way, w, shares, attempt: 0 };
}

/** What the host posts to the relay. */
export function createBodyOf(session: HostSession): CreateBody {
  return {
    v: 1,
    session_id: session.sessionId,
    ttl_seconds: session.ttlSeconds,
    ephemeral_pubkey: toBase64url(session.x25519Public),
    host_commit: toBase64url(session.hostCommit),
    expires_at: session.expiresAt,
    slots: session.slots.map((slot) => ({
      kind: slot.kind,
      ...(slot.code === null ? {} : { nameplate: slot.code.nameplate }),
      ...(slot.secret === null
        ? {}
        : { claim_hash: toBase64url(sha256(claimKey(slot.secret, session.sessionId))) }),
      pake: slot.shares.map(({ point }) => toBase64url(point)) as [string, string, string],
    })),
    host_token_hash: toBase64url(sha256(session.token)),
  };
}

/** The offer that a slot's present attempt makes, as both sides bind it. */
export function offerOfSlot(session: HostSession, slot: HostSlot): Offer {
  return {
    sessionId: session.sessionId,
    kind: slot.kind,
    attempt: slot.attempt,
    nameplate: slot.code?.nameplate ?? '',
    hostX25519: session.x25519Public,
    hostCommit: session.hostCommit,
    expiresAt: session.expiresAt,
  };
}

/** What a QR code or link of this session carries; null when it has no such slot. */
export function outOfBandOf(session: HostSession, kind: 'qr' | 'link', endpoint: string): OutOfBand | null {
  const secret = session.slots.find((slot) => slot.kind === kind)?.secret;
  if (secret === undefined || secret === null) return null;
  return {
    endpoint,
    sessionId: session.sessionId,
    secret,
    hostX25519: session.x25519Public,
    hostCommit: session.hostCommit,
    expiresAt: session.expiresAt,
  };
}

/** The session after a failed attempt at one of its slots. */
export function withFailure(session: HostSession, failed: HostSlot): HostSession {
  const slots = session.slots.map((slot) =>
    slot.kind === failed.kind ? { ...slot, attempt: slot.attempt + 1 } : slot,
  );
  return { ...session, slots };
}

/** Milliseconds since creation by the clock that ran further. */
export function sessionAgeMs(session: HostSession, now: Instant): number {
  return Math.max(now.monotonic - session.created.monotonic, now.wall - session.created.wall);
}
