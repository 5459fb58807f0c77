/** The last step of a pairing, now or at the next start: the grant is sealed into the log, then the device is active (docs/protocol.md, "Messages", step 9). */
import { digestOf } from '../attestation/sign.ts';
import { formatTime, parseTime } from '../encoding/time.ts';
import { AuthsError, hasCode, isAuthsError } from '../errors.ts';
import { PROVISIONAL_MS } from '../pairing/limits.ts';
import type { StoredLog } from '../ports.ts';
import { requireNotRevoked } from './host-authority.ts';
import type { HostIdentity, PairingJournal, PairingWorld } from './pairing-ports.ts';
import { sealDecided } from './seal-records.ts';
import { sealsOf } from './seals.ts';

export interface HostPorts extends PairingWorld {
  readonly host: HostIdentity;
}

/** What was finished and what was given up, by device name. */
export interface FinishedPairings {
  readonly activated: readonly string[];
  readonly forgotten: readonly string[];
}

/**
 * Anchors every acknowledged pairing that a crash left behind and forgets those whose device never acknowledged within
 * 600 s. To be called before a host does anything else with devices.
 */
export async function finishPairings(ports: HostPorts): Promise<FinishedPairings> {
  const activated: string[] = [];
  const forgotten: string[] = [];
  for (const journal of await ports.host.devices.unfinished()) {
    if (journal.acknowledged) {
      const anchored = await anchorPairing(ports, journal).catch((error: unknown) => {
        if (hasCode(error, 'pairing/forbidden')) return null;
        throw error;
      });
      (anchored === null ? forgotten : activated).push(journal.link.name);
    } else if (isGone(journal.created_at, ports.clock.now())) {
      await ports.host.devices.forget(journal);
      forgotten.push(journal.link.name);
    }
  }
  return { activated, forgotten };
}

/**
 * Seals the link (once, however often this runs) and marks the device active. Resolves to the log as it stands then. A device
 * that was revoked before its link was sealed is forgotten: `forbidden`.
 */
export async function anchorPairing(ports: HostPorts, journal: PairingJournal): Promise<StoredLog> {
  const { host, engine } = ports;
  const { link } = journal;
  try {
    const sealed = await sealDecided({ ...host, engine }, host.controllerDid, async ({ events }) => {
      if (!sealsOf(events).has(digestOf(link))) await requireNotRevoked(ports, link.subject);
      return { drafts: [link], found: null };
    });
    await host.devices.activate(journal);
    return sealed.log;
  } catch (error) {
    if (hasCode(error, 'pairing/forbidden')) await host.devices.forget(journal);
    throw error;
  }
}

/** The same right after both sides have agreed. What keeps it from being sealed now leaves it to the next command, and says so. */
export async function anchorAgreed(ports: HostPorts, journal: PairingJournal): Promise<StoredLog> {
  try {
    return await anchorPairing(ports, journal);
  } catch (error) {
    if (!isAuthsError(error) || hasCode(error, 'pairing/forbidden')) throw error;
    const { code, message, hint = 'auths doctor', details } = error;
    throw new AuthsError(
      code,
      `${journal.link.name} is let in, but its place is not sealed yet: ${message}`,
      {
        hint: `${hint}; the next command here that opens the identity key seals it`,
        details: details as never,
        cause: error,
      },
    );
  }
}

/** Whether a provisional entry of that time (RFC 3339) without an acknowledgement counts as gone. Judged when read. */
export function isGone(createdAt: string, now: number): boolean {
  const age = now - parseTime(createdAt);
  // A time from the future is no reason to trust an entry for longer.
  return age >= PROVISIONAL_MS || age < -PROVISIONAL_MS;
}

/** Now, as journals write it. */
export function timeText(now: number): string {
  return formatTime(now);
}
