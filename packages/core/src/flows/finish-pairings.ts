/** The last step of a pairing, now or at the next start: the grant is sealed into the log, then the device is active (docs/protocol.md, "Messages", step 9). */
import type { LinkRecord } from '../attestation/attestation.ts';
import { digestOf } from '../attestation/sign.ts';
import { formatTime, parseTime } from '../encoding/time.ts';
import { AuthsError, hasCode, isAuthsError } from '../errors.ts';
import { PROVISIONAL_MS } from '../pairing/limits.ts';
import type { StoredLog } from '../ports.ts';
import { requireNotRevoked } from './host-authority.ts';
import { devicesOn } from './own-devices.ts';
import type { GrantingIdentity, HostIdentity, PairingJournal, PairingWorld } from './pairing-ports.ts';
import { readOwnLog, sealDecided } from './seal-records.ts';
import { sealsOf } from './seals.ts';

export interface HostPorts extends PairingWorld {
  readonly host: HostIdentity;
}

/** What it takes to finish what was granted. */
export interface GrantingPorts extends PairingWorld {
  readonly host: GrantingIdentity;
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
export async function finishPairings(ports: GrantingPorts): Promise<FinishedPairings> {
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
 * that was revoked before its link was sealed, or that the log does not let in any more when it would become active, is
 * forgotten: `forbidden`.
 */
export async function anchorPairing(ports: GrantingPorts, journal: PairingJournal): Promise<StoredLog> {
  const { host, engine } = ports;
  const { link } = journal;
  try {
    const sealed = await sealDecided({ ...host, engine }, host.controllerDid, async ({ events }) => {
      if (!sealsOf(events).has(digestOf(link))) await requireNotRevoked(ports, link.subject);
      return { drafts: [link], found: null };
    });
    if (!(await host.devices.activate(journal, () => isInForce(ports, link)))) throw takenBack(link.name);
    return sealed.log;
  } catch (error) {
    if (hasCode(error, 'pairing/forbidden')) await host.devices.forget(journal);
    throw error;
  }
}

/** Whether the log as it is now seals that link, and has not revoked its device: a rotation may give up what was sealed before. */
async function isInForce({ host, engine }: GrantingPorts, link: LinkRecord): Promise<boolean> {
  const { verdict } = await readOwnLog({ log: host.log, engine }, host.controllerDid);
  if (!sealsOf(verdict.events).has(digestOf(link))) return false;
  const { devices } = await devicesOn({ records: host.records, engine }, host.controllerDid, verdict);
  return !devices.some(({ subject, revocation }) => subject === link.subject && revocation !== null);
}

/** What was granted, and is not any more before anybody could be told. */
export function takenBack(name: string): AuthsError<'pairing/forbidden'> {
  return new AuthsError(
    'pairing/forbidden',
    `another command has revoked ${name} meanwhile, or given it up by a rotation`,
    { hint: 'auths devices shows who is in; to let it in, begin again' },
  );
}

/** The same right after both sides have agreed. What keeps it from being sealed now leaves it to the next command, and says so. */
export async function anchorAgreed(ports: GrantingPorts, journal: PairingJournal): Promise<StoredLog> {
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
