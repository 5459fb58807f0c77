/** Who may speak in a session: the host's token, a joiner's, a claim. Secrets are compared as hashes, in constant time. */
import { sha256 } from '@noble/hashes/sha2.js';
import { fromBase64url } from '../encoding/base64url.ts';
import { equalConstantTime } from '../encoding/bytes.ts';
import { relayError } from './relay-errors.ts';
import type { Direction, RelayRun, RelaySession, RelaySlot } from './session.ts';

/** The slot whose claim hash opens with `claim` (H(claim) = claim_hash), else `unauthorized`. */
export function slotOfClaim(session: RelaySession, claim: Uint8Array): RelaySlot {
  let found: RelaySlot | null = null;
  for (const slot of session.slots) if (slot.claimHash !== null && opens(claim, slot.claimHash)) found = slot;
  if (found === null) throw relayError('unauthorized');
  return found;
}

/** Throws `unauthorized` unless `token` is the host's. */
export function requireHost(session: RelaySession, token: Uint8Array | null): void {
  if (token === null || !opens(token, session.hostTokenHash)) throw relayError('unauthorized');
}

/** The run whose joiner token this is, else `unauthorized`. */
export function runOfJoiner(session: RelaySession, token: Uint8Array | null): RelayRun {
  let found: RelayRun | null = null;
  if (token !== null) for (const run of session.runs) if (opens(token, run.joinerTokenHash)) found = run;
  if (found === null) throw relayError('unauthorized');
  return found;
}

/** Whose messages a token may post: the host's own, or those of the joiner whose response stands. */
export function directionOf(session: RelaySession, token: Uint8Array | null): Direction {
  if (token !== null && opens(token, session.hostTokenHash)) return 'h2j';
  if (runOfJoiner(session, token) !== session.runs.at(-1)) throw relayError('unauthorized');
  return 'j2h';
}

function opens(secret: Uint8Array, hash: string): boolean {
  return equalConstantTime(sha256(secret), fromBase64url(hash));
}
