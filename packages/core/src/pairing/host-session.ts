/** A host's session before anybody answers: its keys, its ways in, and what it publishes of them (docs/protocol.md, "Messages", step 1). */
import { sha256 } from '@noble/hashes/sha2.js';
import { randomScalar, spake2Share } from '../crypto/spake2.ts';
import { toBase64url } from '../encoding/base64url.ts';
import type { Random } from '../ports.ts';
import type { DrawnSession, DrawnSlot } from './drawn-session.ts';
import { ATTEMPTS_PER_SLOT } from './limits.ts';
import { claimKey, type Offer } from './offer.ts';
import type { CreateBody, Instant } from './relay.ts';
import { deriveW, type Scrypt } from './transcript.ts';

/** The same with its key exchange. `attempt` counts its failures; each attempt has its own y, so no scalar meets two guesses. */
export interface HostSlot extends DrawnSlot {
  readonly w: bigint;
  readonly shares: readonly { readonly scalar: bigint; readonly point: Uint8Array }[];
  readonly attempt: number;
}

/** A session that can be answered. */
export interface HostSession extends DrawnSession {
  readonly slots: readonly HostSlot[];
}

/** w of every slot, and a pB for each of its attempts: all that a joiner's answer is judged by. `random` as for the draw. */
export async function openHostSession(
  drawn: DrawnSession,
  { random, scrypt }: { readonly random: Random; readonly scrypt?: Scrypt | undefined },
): Promise<HostSession> {
  const openSlot = async (slot: DrawnSlot): Promise<HostSlot> => {
    const w = await deriveW(slot.secretText, drawn.sessionId, scrypt);
    const shares = Array.from({ length: ATTEMPTS_PER_SLOT }, () => {
      const scalar = randomScalar(random);
      return { scalar, point: spake2Share('host', w, scalar) };
    });
    return { ...slot, w, shares, attempt: 0 };
  };
  return { ...drawn, slots: await Promise.all(drawn.slots.map(openSlot)) };
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
