/** What a fold of records says about devices, and where in a key event log it says so. */
import { parseTime } from '../encoding/time.ts';
import type { DidKey, DidKeri, Said } from '../identifiers.ts';
import type { AttestationRecord, LinkRecord, ObjectName, RevocationReason } from './attestation.ts';

/** What the fold needs of a replayed event; `ReplayedEvent` of keri/key-state fits. */
export interface SealingEvent {
  readonly sequence: number;
  readonly said: Said;
  readonly seals: readonly unknown[];
  /** The keys in force for what this event seals. */
  readonly keys: readonly Uint8Array[];
}

/** Where in a trunk a record is sealed. Order: sequence, then index among the event's seals. */
export interface SealPosition {
  readonly sequence: number;
  /** Of the sealing event. */
  readonly said: Said;
  readonly index: number;
}

export interface DeviceRevocation {
  readonly reason: RevocationReason;
  /** RFC 3339. */
  readonly revokedAt: string;
  readonly digest: Said;
  readonly sealedAt: SealPosition;
  /** Tips still vouched for by the revoking records. */
  readonly good: readonly ObjectName[];
}

export interface DeviceState {
  readonly issuer: DidKeri;
  readonly subject: DidKey;
  readonly rid: string;
  readonly name: string;
  readonly note: string | null;
  readonly capabilities: readonly string[];
  readonly introducedBy: DidKey | null;
  /** The link's timestamp, RFC 3339. */
  readonly issuedAt: string;
  readonly expiresAt: string | null;
  readonly link: LinkRecord;
  readonly linkDigest: Said;
  readonly linkedAt: SealPosition;
  readonly revocation: DeviceRevocation | null;
  /** A sealed extension that contradicts its link: the device counts for nothing until a new link. */
  readonly fault: string | null;
  /** Seals after the device's first link whose records are not in the evidence: the first of them, for a log may seal any number. */
  readonly missing: readonly MissingRecord[];
}

export interface MissingRecord {
  readonly digest: Said;
  readonly sealedAt: SealPosition;
}

/** A sealed anchor: these objects existed when the issuer's log had come to `sealedAt`. */
export interface Anchor {
  readonly objects: readonly ObjectName[];
  /** The signed timestamp, RFC 3339. */
  readonly anchoredAt: string;
  readonly sealedAt: SealPosition;
}

export interface DeviceFold {
  readonly issuer: DidKeri;
  /** In the order of their first links. */
  readonly devices: readonly DeviceState[];
  readonly anchors: readonly Anchor[];
  readonly missing: readonly MissingRecord[];
  /** Sealed records that the evidence holds and that do not count, with the reason at the first such seal. */
  readonly refused: readonly RefusedRecord[];
  /** Why this record of the issuer does not count; null where it does. One that no event seals is checked only here, for whoever asks. */
  readonly refusalOf: (record: AttestationRecord) => RefusedRecord | null;
}

export interface RefusedRecord {
  readonly record: AttestationRecord;
  readonly why: 'unanchored' | 'signature' | 'not-counted-here' | 'order';
  readonly detail: string;
}

/** Revoked beats expired; expired from the very second of `expiresAt` on, by the clock of whoever asks (epoch ms). */
export function deviceStatus(device: DeviceState, now: number): 'active' | 'revoked' | 'expired' {
  if (device.revocation !== null) return 'revoked';
  return device.expiresAt !== null && parseTime(device.expiresAt) <= now ? 'expired' : 'active';
}

/** The order of a trunk: sequence first, then the index among one event's seals. */
export function isBefore(a: SealPosition, b: SealPosition): boolean {
  return a.sequence < b.sequence || (a.sequence === b.sequence && a.index < b.index);
}
