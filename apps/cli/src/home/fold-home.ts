/** The slow half of identity-view: replay the log, check and fold the records. */
import { AuthsError } from '@auths/core/errors';
import { parseRecord, type AttestationRecord } from '@auths/core/attestation/attestation';
import type { DeviceState, MissingRecord } from '@auths/core/attestation/device-state';
import { foldDevices } from '@auths/core/attestation/fold';
import { prefixOf, type DidKeri } from '@auths/core/identifiers';
import { replay } from '@auths/core/keri/key-state';
import { gitAttestationStore } from '@auths/git-store/attestation-store';
import { gitEventLog } from '@auths/git-store/event-log';
import { homeExists } from '@auths/git-store/home-parts';
import { openHome, type Home } from '@auths/git-store/home-repository';
import { IDENTITY_REF, readIdentityDocument } from '@auths/git-store/identity-document';
import { verifyEngine } from '../engines.ts';
import { readLogView } from './identity-view.ts';
import { lostTip } from './lost-events.ts';
import {
  cacheCheckedTip,
  cacheIdentity,
  readCheckedTip,
  type CheckedTip,
  type DeviceView,
  type IdentityView,
  type LogView,
} from './view-cache.ts';

/** The whole view of the home in `dir`, cached for the next time; null when it has no identity. */
export async function foldIdentity(dir: string): Promise<IdentityView | null> {
  if (!homeExists(dir)) return null;
  const home = openHome(dir);
  try {
    const ref = home.readRef(IDENTITY_REF);
    const identity = await readIdentityDocument(home);
    if (identity === null) return null;
    const { role, controller_did: controllerDid, created_at: createdAt } = identity;
    cacheIdentity(dir, ref, { role, controllerDid, createdAt });
    const log = await readLogView(home, controllerDid);
    return { role, controllerDid, prefix: prefixOf(controllerDid), createdAt, ...log };
  } finally {
    await home.close();
  }
}

/** Folds what `home` holds of `did`. No log is `storage/corrupt`, one that does not replay `kel/invalid`. */
export async function foldHome(home: Home, did: DidKeri): Promise<LogView> {
  const { state, devices, lost } = await foldStates(home, did);
  return {
    sequence: state.sequence,
    said: state.said,
    keys: state.keys,
    witnesses: state.witnesses,
    witnessThreshold: state.witnessThreshold,
    devices: devices.map(viewOf),
    lost,
  };
}

/** The same with every detail, for `devices show` and for changes. */
export async function foldStates(
  home: Home,
  did: DidKeri,
): Promise<{
  readonly state: NonNullable<ReturnType<typeof replay>['state']>;
  readonly devices: readonly DeviceState[];
  /** What the log seals, and no record here is. */
  readonly missing: readonly MissingRecord[];
  /** An event that this machine has checked, and that the log does not hold any more. */
  readonly lost: CheckedTip | null;
}> {
  const prefix = prefixOf(did);
  const checked = readCheckedTip(home.dir, prefix);
  const log = await gitEventLog(home).read(prefix);
  if (log === null) {
    throw new AuthsError('storage/corrupt', `the key event log of ${did} is missing from this home`, {
      hint: 'auths doctor --fix',
      details: { path: `refs/did/keri/${prefix}/kel` },
    });
  }
  const engine = verifyEngine;
  const verdict = replay(log.stream, checked === null ? { engine } : { engine, resume: checked });
  if (verdict.verdict !== 'accepted' || verdict.state === null) {
    throw new AuthsError(
      'kel/invalid',
      `the key event log of ${did} does not replay: ${verdict.reason ?? verdict.verdict}`,
      {
        hint: 'auths doctor',
        details: { prefix, at: verdict.at, rule: verdict.rule ?? verdict.verdict },
      },
    );
  }
  const { sequence, said } = verdict.state;
  const lost = await lostTip(home, prefix, checked, verdict.events);
  if (said !== checked?.said && lost === null) cacheCheckedTip(home.dir, prefix, { sequence, said });
  const stored = await gitAttestationStore(home).list(did);
  const fold = foldDevices({
    issuer: did,
    events: verdict.events,
    records: stored.map(({ bytes }) => readable(bytes)).filter((record) => record !== null),
    engine: verifyEngine,
  });
  return { state: verdict.state, devices: fold.devices, missing: fold.missing, lost };
}

/** A record that cannot be read counts for nobody; its seal then says that something is missing. */
function readable(bytes: Uint8Array): AttestationRecord | null {
  try {
    return parseRecord(bytes);
  } catch {
    return null;
  }
}

function viewOf(device: DeviceState): DeviceView {
  const missing = device.missing[0];
  return {
    did: device.subject,
    name: device.name,
    capabilities: device.capabilities,
    issuedAt: device.issuedAt,
    expiresAt: device.expiresAt,
    revokedAt: device.revocation?.revokedAt ?? null,
    reason: device.revocation?.reason ?? null,
    fault:
      device.fault ?? (missing === undefined ? null : `the record for seal ${missing.digest} is missing`),
  };
}
