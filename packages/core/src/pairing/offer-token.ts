/** The public offer as a joiner takes it from an untrusted relay: read strictly, judged before anything is sent. */
import { fromBase64url } from '../encoding/base64url.ts';
import { equalBytes } from '../encoding/bytes.ts';
import { AuthsError } from '../errors.ts';
import type { SessionId } from '../identifiers.ts';
import { KIND_IDS, type SlotKind } from './code.ts';
import { ATTEMPTS_PER_SLOT, CLOCK_TOLERANCE_SECONDS, TTL_SECONDS } from './limits.ts';
import type { Offer } from './offer.ts';
import type { FoundOffer } from './relay.ts';

/** An offer with the share of its attempt. */
export interface ReceivedOffer extends Offer {
  /** pB, not yet checked to be a point. */
  readonly pake: Uint8Array;
  readonly ttlSeconds: number;
}

const MEMBERS = ['v', 'kind', 'attempt', 'ephemeral_pubkey', 'host_commit', 'expires_at', 'pake_msg'];

/**
 * The offer in a relay's answer. Not version 1, without pB, or with members that version 1 does not have:
 * `unsupported-version`, because there is nothing weaker to fall back to. Bad values: `malformed`.
 */
export function parseOffer(found: FoundOffer): ReceivedOffer {
  const { token } = found;
  if (typeof token !== 'object' || token === null || Array.isArray(token)) throw unsupported();
  const members = token as Readonly<Record<string, unknown>>;
  if (members['v'] !== 1) throw unsupported();
  for (const name of MEMBERS) if (!Object.hasOwn(members, name)) throw unsupported();
  for (const name of Object.keys(members)) {
    if (!MEMBERS.includes(name) && name !== 'nameplate') throw unsupported();
  }
  const { kind, attempt, nameplate, expires_at: expiresAt } = members;
  if (typeof kind !== 'string' || !Object.hasOwn(KIND_IDS, kind)) throw malformed('kind');
  if (!isWhole(attempt) || attempt >= ATTEMPTS_PER_SLOT) throw malformed('attempt');
  if (nameplate !== undefined && (typeof nameplate !== 'string' || nameplate.length > 4))
    throw malformed('nameplate');
  if (!isWhole(expiresAt)) throw malformed('expires_at');
  if (found.ttl_seconds < 1 || found.ttl_seconds > TTL_SECONDS.max) {
    throw new AuthsError(
      'pairing/ttl-out-of-range',
      `the offer lives ${found.ttl_seconds} s, not 1 to ${TTL_SECONDS.max}`,
    );
  }
  return {
    sessionId: found.session_id,
    kind: kind as SlotKind,
    attempt,
    nameplate: nameplate ?? '',
    hostX25519: bytesOf(members['ephemeral_pubkey'], 'ephemeral_pubkey', 32),
    hostCommit: bytesOf(members['host_commit'], 'host_commit', 32),
    expiresAt,
    pake: bytesOf(members['pake_msg'], 'pake_msg', 65),
    ttlSeconds: found.ttl_seconds,
  };
}

/** What the joiner knows of the offer before it asks. */
export interface ExpectedOffer {
  readonly kind: SlotKind;
  /** Empty for qr and link. */
  readonly nameplate: string;
  readonly sessionId: SessionId | null;
  /** From a QR or link. */
  readonly hostX25519: Uint8Array | null;
  readonly hostCommit: Uint8Array | null;
}

/**
 * Checks before anything is sent: the clock (`expires_at` from now − 300 to now + 600 s, else `clock-skew` with the
 * difference), the host's keys against QR or link (`host-key-mismatch`), kind and nameplate against the
 * code (`pake-failed`: both are in idB, so the run could only fail).
 */
export function checkOffer(offer: ReceivedOffer, expected: ExpectedOffer, nowMs: number): void {
  const ahead = offer.expiresAt - Math.floor(nowMs / 1000);
  if (ahead < -CLOCK_TOLERANCE_SECONDS || ahead > TTL_SECONDS.max + CLOCK_TOLERANCE_SECONDS) {
    const off = ahead < 0 ? -ahead + offer.ttlSeconds : ahead - offer.ttlSeconds;
    throw new AuthsError(
      'pairing/clock-skew',
      `the clocks of the two devices differ by about ${duration(off)}: this one is ${ahead < 0 ? 'ahead' : 'behind'}`,
      { hint: 'Set the clocks of both devices (automatic time) and try again.', details: { seconds: off } },
    );
  }
  if (
    (expected.hostX25519 !== null && !equalBytes(expected.hostX25519, offer.hostX25519)) ||
    (expected.hostCommit !== null && !equalBytes(expected.hostCommit, offer.hostCommit))
  ) {
    throw new AuthsError(
      'pairing/host-key-mismatch',
      'the host that answers is not the one whose QR code or link this is',
      {
        hint: 'Somebody may stand in between. Show a new QR code or link on the other device.',
      },
    );
  }
  if (offer.kind !== expected.kind || offer.nameplate !== expected.nameplate) {
    throw new AuthsError('pairing/pake-failed', 'the offer found is not the one that this code belongs to', {
      hint: 'Wrong code, or someone in between. Get a new code from the other device.',
    });
  }
}

function duration(seconds: number): string {
  return seconds < 120
    ? `${seconds} s`
    : seconds < 7200
      ? `${Math.round(seconds / 60)} min`
      : `${Math.round(seconds / 3600)} h`;
}

function isWhole(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 0xffff_ffff;
}

function bytesOf(value: unknown, name: string, length: number): Uint8Array {
  if (typeof value !== 'string' || value.length > 400) throw malformed(name);
  try {
    return fromBase64url(value, length);
  } catch {
    throw malformed(name);
  }
}

function unsupported(): AuthsError<'pairing/unsupported-version'> {
  return new AuthsError('pairing/unsupported-version', 'the offer is not one of auths-pair/1', {
    hint: 'Update auths on both devices.',
  });
}

function malformed(name: string): AuthsError<'pairing/malformed'> {
  return new AuthsError('pairing/malformed', `the offer's ${name} is not well formed`, {
    hint: 'Run auths pair on the host again; if that does not help, see auths --version on both devices.',
  });
}
