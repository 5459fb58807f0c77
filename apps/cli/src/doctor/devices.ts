/** Devices that count for nothing although nobody took them away: only whoever holds the identity can link them anew. */
import type { DeviceState } from '@auths/core/attestation/device-state';
import { linkAnew } from '@auths/core/flows/own-devices';
import { failed, type Finding } from './finding.ts';

/** One finding for each device whose records contradict each other. */
export function countForNothing(devices: readonly DeviceState[]): readonly Finding[] {
  return devices.flatMap(({ name, subject, revocation, fault }) =>
    revocation !== null || fault === null
      ? []
      : [failed('devices', `${name} ${subject} counts for nothing: ${fault}`, linkAnew(subject))],
  );
}
