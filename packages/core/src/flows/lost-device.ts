/**
 * Which device a recovery revokes with the home that was lost (identity-life.md 3). A thief who holds the identity key may
 * have linked, named and noted anything since: only what the owner vouches for says which device that home had.
 */
import type { AttestationRecord, LinkRecord } from '../attestation/attestation.ts';
import type { DeviceState } from '../attestation/device-state.ts';
import { foldDevices, type FoldInput } from '../attestation/fold.ts';
import type { DidKeri } from '../identifiers.ts';
import type { VerifyEngine } from '../ports.ts';

/** The note of the link that a recovery makes, by which the next one finds the device of the home that it replaces. */
export const RECOVERED_NOTE = 'recovered here';

export interface LostHome {
  readonly issuer: DidKeri;
  /** The trunk before the recovery. */
  readonly events: FoldInput['events'];
  readonly records: readonly AttestationRecord[];
  readonly engine: VerifyEngine;
  /** Sequence of the recovery: the owner vouches for what lies below. */
  readonly at: number;
}

/**
 * The device of the last recovery below `at`, else the first device of all; with nothing below, the first of the whole
 * trunk. Null when the owner has revoked it already, or there is none.
 */
export function deviceOfLostHome({ events, at, ...rest }: LostHome): DeviceState | null {
  const below = foldDevices({ ...rest, events: events.slice(0, at) }).devices;
  const [first] = below.length > 0 ? below : foldDevices({ ...rest, events }).devices;
  const lost = below.findLast(({ link }) => isRecovered(link)) ?? first ?? null;
  return lost === null || (below.length > 0 && lost.revocation !== null) ? null : lost;
}

function isRecovered({ note }: LinkRecord): boolean {
  return note === RECOVERED_NOTE;
}
