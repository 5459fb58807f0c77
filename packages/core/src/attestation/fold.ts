/**
 * The state of every device of one identity: its records folded in the order in which the KEL seals
 * them (storage-and-verification.md 3). A record counts only where its digest is sealed, with an
 * identity signature by the key in force there.
 */
import { toHex } from '../encoding/bytes.ts';
import type { DidKey, DidKeri, Said } from '../identifiers.ts';
import type { VerifyEngine } from '../ports.ts';
import type {
  AttestationRecord,
  ExtensionRecord,
  LinkRecord,
  RevocationReason,
  RevocationRecord,
} from './attestation.ts';
import { isBefore } from './device-state.ts';
import type {
  Anchor,
  DeviceFold,
  DeviceRevocation,
  DeviceState,
  MissingRecord,
  RefusedRecord,
  SealingEvent,
  SealPosition,
} from './device-state.ts';
import { digestOf } from './signed-bytes.ts';
import { verifyRecordSignatures } from './verify.ts';

export interface FoldInput {
  readonly issuer: DidKeri;
  /** The accepted trunk, s = 0 first. */
  readonly events: readonly SealingEvent[];
  /** Everything at hand, of any issuer, in any order; the same record may come in several versions (re-sealed). */
  readonly records: readonly AttestationRecord[];
  readonly engine: VerifyEngine;
  /** False for events whose links, extensions and anchors do not count (identity-life.md 4). Revocations always do. */
  readonly grants?: (event: SealingEvent) => boolean;
}

/** Folds; never throws on what the evidence says. */
export function foldDevices(input: FoldInput): DeviceFold {
  const versions = byDigest(input);
  const state: Folding = { devices: new Map(), anchors: [], missing: [], refused: [] };
  const sealed = new Set<Said>();
  for (const event of input.events) {
    const grants = input.grants?.(event) ?? true;
    event.seals.forEach((seal, index) => {
      const digest = recordDigest(seal);
      if (digest === null) return;
      sealed.add(digest);
      const sealedAt = { sequence: event.sequence, said: event.said, index };
      const found = versions.get(digest);
      if (found === undefined) state.missing.push({ digest, sealedAt });
      else applySealed(state, input, { event, found, digest, sealedAt, grants });
    });
  }
  for (const [digest, records] of versions) if (!sealed.has(digest)) refuseUnsealed(state, input, records);
  return {
    issuer: input.issuer,
    devices: [...state.devices.values()].map((device) => withMissing(device, state.missing)),
    anchors: state.anchors,
    missing: state.missing,
    refused: state.refused,
  };
}

interface FoldingDevice extends Omit<DeviceState, 'missing'> {
  readonly firstLinkedAt: SealPosition;
}

interface Folding {
  readonly devices: Map<DidKey, FoldingDevice>;
  readonly anchors: Anchor[];
  readonly missing: MissingRecord[];
  readonly refused: RefusedRecord[];
}

interface Sealed {
  readonly event: SealingEvent;
  readonly found: readonly AttestationRecord[];
  readonly digest: Said;
  readonly sealedAt: SealPosition;
  readonly grants: boolean;
}

/** Of several versions one with good signatures is enough; with none, the record is as good as missing: nobody can hide a revocation by spoiling its signature. */
function applySealed(state: Folding, input: FoldInput, sealed: Sealed): void {
  const { event, found, digest, sealedAt } = sealed;
  const key = event.keys.length === 1 ? event.keys[0] : undefined;
  const record = found.find((one) => {
    if (key === undefined) return false;
    const signatures = verifyRecordSignatures(input.engine, one, key);
    return signatures.identity && signatures.device !== false;
  });
  if (record === undefined) {
    const detail =
      key === undefined
        ? `the event at s=${event.sequence} has ${event.keys.length} keys; only an identity with one key attests`
        : `no signature by the keys in force at s=${event.sequence}`;
    for (const one of found) state.refused.push({ record: one, why: 'signature', detail });
    state.missing.push({ digest, sealedAt });
    return;
  }
  const refuse = (why: RefusedRecord['why'], detail: string): void =>
    void state.refused.push({ record, why, detail });
  if (record.type === 'revocation') return applyRevocation(state, record, sealed, refuse);
  if (!sealed.grants)
    return refuse('not-counted-here', `sealed at s=${event.sequence}, which only the proposal has`);
  switch (record.type) {
    case 'link':
      return applyLink(state, record, sealed, refuse);
    case 'extension':
      return applyExtension(state, record, refuse);
    case 'anchor':
      state.anchors.push({ objects: record.objects, anchoredAt: record.timestamp, sealedAt });
  }
}

type Refuse = (why: RefusedRecord['why'], detail: string) => void;

function applyLink(state: Folding, record: LinkRecord, { digest, sealedAt }: Sealed, refuse: Refuse): void {
  const before = state.devices.get(record.subject);
  if (before?.revocation != null && isFinal(before.revocation.reason)) {
    return refuse('order', `the key was revoked as ${before.revocation.reason}, which is final`);
  }
  state.devices.set(record.subject, {
    issuer: record.issuer,
    subject: record.subject,
    rid: record.rid,
    name: record.name,
    note: record.note ?? null,
    capabilities: record.capabilities,
    introducedBy: record.introduced_by ?? null,
    issuedAt: record.timestamp,
    expiresAt: record.expires_at ?? null,
    link: record,
    linkDigest: digest,
    linkedAt: sealedAt,
    firstLinkedAt: before?.firstLinkedAt ?? sealedAt,
    revocation: null,
    fault: null,
  });
}

function applyExtension(state: Folding, record: ExtensionRecord, refuse: Refuse): void {
  const device = state.devices.get(record.subject);
  if (device === undefined) return refuse('order', 'extends a device that has no sealed link before it');
  if (device.revocation !== null) return refuse('order', 'extends a device that was revoked before');
  const added = record.capabilities.filter((name) => !device.capabilities.includes(name));
  const fault =
    record.extends !== device.linkDigest || record.rid !== device.rid
      ? 'an extension names another link than the device has'
      : added.length > 0
        ? `an extension adds ${added.join(', ')}, which needs a new link`
        : null;
  if (fault !== null) {
    state.devices.set(record.subject, { ...device, fault });
    return refuse('order', fault);
  }
  state.devices.set(record.subject, {
    ...device,
    name: record.name ?? device.name,
    note: record.note ?? device.note,
    capabilities: record.capabilities,
    expiresAt: record.expires_at ?? device.expiresAt,
  });
}

function applyRevocation(
  state: Folding,
  record: RevocationRecord,
  { digest, sealedAt }: Sealed,
  refuse: Refuse,
): void {
  const device = state.devices.get(record.subject);
  if (device === undefined) return refuse('order', 'revokes a device that has no sealed link before it');
  const before = device.revocation;
  const revocation: DeviceRevocation = {
    reason: record.reason,
    revokedAt: record.revoked_at,
    digest,
    sealedAt,
    good: record.good ?? [],
  };
  if (before === null || SEVERITY[record.reason] > SEVERITY[before.reason]) {
    state.devices.set(record.subject, { ...device, revocation });
  } else if (record.reason === before.reason && before.digest !== digest) {
    // A later review of the same loss may vouch for more; the revocation itself stays where it was.
    const good = [...before.good, ...revocation.good];
    state.devices.set(record.subject, { ...device, revocation: { ...before, good } });
  } else {
    refuse('order', `the device was already revoked as ${before.reason}`);
  }
}

const SEVERITY: Readonly<Record<RevocationReason, number>> = { retired: 0, lost: 1, compromised: 2 };

function isFinal(reason: RevocationReason): boolean {
  return reason !== 'retired';
}

function refuseUnsealed(state: Folding, input: FoldInput, records: readonly AttestationRecord[]): void {
  const keys = new Map(input.events.flatMap((event) => event.keys).map((key) => [toHex(key), key]));
  for (const record of records) {
    const signed = [...keys.values()].some(
      (key) => verifyRecordSignatures(input.engine, record, key).identity,
    );
    state.refused.push(
      signed
        ? { record, why: 'unanchored', detail: 'no event of its issuer seals it' }
        : { record, why: 'signature', detail: 'not signed by any key of its issuer' },
    );
  }
}

function byDigest(input: FoldInput): ReadonlyMap<Said, readonly AttestationRecord[]> {
  const versions = new Map<Said, AttestationRecord[]>();
  for (const record of input.records) {
    if (record.issuer !== input.issuer) continue;
    const digest = digestOf(record);
    const known = versions.get(digest);
    if (known === undefined) versions.set(digest, [record]);
    else known.push(record);
  }
  return versions;
}

/** A record's seal is `{"d": "E…"}` and nothing else; any other seal belongs to somebody else. */
function recordDigest(seal: unknown): Said | null {
  if (typeof seal !== 'object' || seal === null || Array.isArray(seal)) return null;
  const entries = Object.entries(seal);
  const [name, value] = entries[0] ?? [];
  return entries.length === 1 && name === 'd' && typeof value === 'string' ? (value as Said) : null;
}

function withMissing(device: FoldingDevice, missing: readonly MissingRecord[]): DeviceState {
  const { firstLinkedAt, ...state } = device;
  return { ...state, missing: missing.filter(({ sealedAt }) => isBefore(firstLinkedAt, sealedAt)) };
}
