/** What an end that knows the code can say instead of the truth: a sealed introduction opened by who made it, changed, and sealed again. */
import { openEnvelope, sealEnvelope, type Direction } from '@auths/core/crypto/seal';
import { fromUtf8, utf8 } from '@auths/core/encoding/text';
import type { SessionId } from '@auths/core/identifiers';
import type { PairingKeys } from '@auths/core/pairing/transcript';

export type Members = Readonly<Record<string, unknown>>;
/** Of the JSON text of an introduction. */
export type Lie = (text: string) => string;

/** Other members, or more of them. */
export function members(change: Members): Lie {
  return (text) => JSON.stringify({ ...(JSON.parse(text) as object), ...change });
}

/** P2 (j2h) or P3 (h2j) as it was sealed, in clear. */
export function introductionOf(
  keys: PairingKeys,
  sessionId: SessionId,
  direction: Direction,
  sealed: string,
): string {
  const bytes = new Uint8Array(Buffer.from(sealed, 'base64url'));
  return fromUtf8(openEnvelope(keyOf(keys, direction), { sessionId, direction, seq: 0 }, bytes));
}

/** The same with a lie in it, sealed at the same place. */
export function resealed(
  keys: PairingKeys,
  sessionId: SessionId,
  direction: Direction,
  sealed: string,
  lie: Lie,
): string {
  const text = lie(introductionOf(keys, sessionId, direction, sealed));
  const bytes = sealEnvelope(keyOf(keys, direction), { sessionId, direction, seq: 0 }, utf8(text));
  return Buffer.from(bytes).toString('base64url');
}

function keyOf(keys: PairingKeys, direction: Direction): Uint8Array {
  return direction === 'j2h' ? keys.envJ2h : keys.envH2j;
}
