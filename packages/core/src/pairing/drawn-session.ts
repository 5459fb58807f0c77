/**
 * A host's session as it is drawn: keys, codes and commitment, all that is shown of it. The key exchange behind it takes
 * longer (host-session.ts), so nothing here needs a curve.
 */
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
import { TTL_SECONDS } from './limits.ts';
import { hostCommit } from './offer.ts';
import type { OutOfBand } from './out-of-band.ts';
import type { Instant } from './relay.ts';

/** One way in, as it is drawn. */
export interface DrawnSlot {
  readonly kind: SlotKind;
  /** For typed kinds. */
  readonly code: PairingCode | null;
  /** 16 bytes, for qr and link. */
  readonly secret: Uint8Array | null;
  /** Canonical text of either: the password. */
  readonly secretText: string;
}

/** Every secret here is new for each session, renewed ones included. What is shown of it is fixed from here on. */
export interface DrawnSession {
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
  readonly slots: readonly DrawnSlot[];
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
  /** X25519: the public key of a 32-byte private one. */
  readonly publicKeyOf: (privateKey: Uint8Array) => Uint8Array;
}

/** Draws a session, without the work of its key exchange. A life outside 30..300 s is `ttl-out-of-range`, no way in at all `internal/bug`. */
export function drawHostSession(input: HostSessionInput): DrawnSession {
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
  const slots: DrawnSlot[] = [];
  if (input.code !== null) {
    const code = generateCode(input.code, random);
    slots.push({ kind: code.kind, code, secret: null, secretText: code.text });
  }
  for (const kind of ['qr', 'link'] as const) {
    if (!input[kind]) continue;
    const secret = generateSecret(random);
    slots.push({ kind, code: null, secret, secretText: secretText(secret) });
  }
  if (slots.length === 0) throw new AuthsError('internal/bug', 'a session needs a way in');
  return {
    sessionId,
    x25519Secret,
    x25519Public: input.publicKeyOf(x25519Secret),
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

/** What a QR code or link of this session carries; null when it has no such slot. */
export function outOfBandOf(session: DrawnSession, kind: 'qr' | 'link', endpoint: string): OutOfBand | null {
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
