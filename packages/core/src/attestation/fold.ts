/**
 * The state of every device of one identity: its records folded in the order in which the KEL seals
 * them (storage-and-verification.md 3). A record counts only where its digest is sealed, with an
 * identity signature by the key in force there.
 */
import type { DidKey, Said } from '../identifiers.ts';
import type {
  AttestationRecord,
  ExtensionRecord,
  LinkRecord,
  ObjectName,
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
import { findSealed } from './sealed.ts';
import type { SealedRecord, SealedRecords, SealInput } from './sealed.ts';
import { digestOf } from './signed-bytes.ts';

export interface FoldInput extends SealInput {
  readonly grants?: Grants;
}

/** False for events whose links, extensions and anchors do not count (identity-life.md 4). Revocations always do. */
export type Grants = (event: SealingEvent) => boolean;

/** Folds; never throws on what the evidence says. */
export function foldDevices(input: FoldInput): DeviceFold {
  return foldSealed(findSealed(input), input.grants);
}

/** The same for seals that were looked up before. */
export function foldSealed(sealed: SealedRecords, grants: Grants = () => true): DeviceFold {
  const state: Folding = { devices: new Map(), anchors: new Map(), refused: new Map() };
  for (const one of sealed.refused) state.refused.set(one.record, one);
  for (const one of sealed.seals) applySealed(state, one, grants);
  const { issuer, missing } = sealed;
  const refused = [...state.refused.values()];
  const inOrder = missing.toSorted((a, b) => compare(a.sealedAt, b.sealedAt));
  let byVersion: ReadonlyMap<string, RefusedRecord> | null = null;
  return {
    issuer,
    devices: [...state.devices.values()].map((device) => withMissing(device, inOrder)),
    anchors: [...state.anchors.values()],
    missing,
    refused,
    refusalOf: (record) => {
      if (!sealed.isSealed(digestOf(record))) return sealed.judgeUnsealed(record);
      byVersion ??= new Map(refused.toReversed().map((one) => [versionOf(one.record), one]));
      return byVersion.get(versionOf(record)) ?? sealed.judgeVersion(record);
    },
  };
}

interface FoldingDevice extends Omit<DeviceState, 'missing' | 'revocation'> {
  readonly revocation: (DeviceRevocation & { readonly good: ObjectName[] }) | null;
  readonly firstLinkedAt: SealPosition;
  /** Digests of the revocations whose vouched tips are in `revocation.good`. */
  readonly reviews: Set<Said>;
}

interface Folding {
  readonly devices: Map<DidKey, FoldingDevice>;
  /** By digest, where each was sealed first: a later seal of the same record shows nothing more. */
  readonly anchors: Map<Said, Anchor>;
  /** A record that is sealed twice is refused once. */
  readonly refused: Map<AttestationRecord, RefusedRecord>;
}

function applySealed(state: Folding, sealed: SealedRecord, grants: Grants): void {
  const { event, record, digest, sealedAt } = sealed;
  const refuse: Refuse = (why, detail) => {
    if (!state.refused.has(record)) state.refused.set(record, { record, why, detail });
  };
  if (record.type === 'revocation') return applyRevocation(state, record, sealed, refuse);
  if (!grants(event))
    return refuse('not-counted-here', `sealed at s=${event.sequence}, which only the proposal has`);
  switch (record.type) {
    case 'link':
      return applyLink(state, record, sealed, refuse);
    case 'extension':
      return applyExtension(state, record, refuse);
    case 'anchor':
      if (!state.anchors.has(digest))
        state.anchors.set(digest, { objects: record.objects, anchoredAt: record.timestamp, sealedAt });
  }
}

type Refuse = (why: RefusedRecord['why'], detail: string) => void;

function applyLink(
  state: Folding,
  record: LinkRecord,
  { digest, sealedAt }: SealedRecord,
  refuse: Refuse,
): void {
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
    reviews: new Set(),
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
  { digest, sealedAt }: SealedRecord,
  refuse: Refuse,
): void {
  const device = state.devices.get(record.subject);
  if (device === undefined) return refuse('order', 'revokes a device that has no sealed link before it');
  const before = device.revocation;
  if (before === null || SEVERITY[record.reason] > SEVERITY[before.reason]) {
    const revocation = {
      reason: record.reason,
      revokedAt: record.revoked_at,
      digest,
      sealedAt,
      good: [...(record.good ?? [])],
    };
    state.devices.set(record.subject, { ...device, revocation, reviews: new Set([digest]) });
  } else if (record.reason === before.reason && before.digest !== digest) {
    // A later review of the same loss may vouch for more, once; the revocation itself stays where it was.
    if (!device.reviews.has(digest)) before.good.push(...(record.good ?? []));
    device.reviews.add(digest);
  } else {
    refuse('order', `the device was already revoked as ${before.reason}`);
  }
}

const SEVERITY: Readonly<Record<RevocationReason, number>> = { retired: 0, lost: 1, compromised: 2 };

function isFinal(reason: RevocationReason): boolean {
  return reason !== 'retired';
}

/** Missing seals of one device that are named. */
const MOST_MISSING = 16;

/** `missing` in the order of the trunk. */
function withMissing(device: FoldingDevice, missing: readonly MissingRecord[]): DeviceState {
  const { firstLinkedAt, reviews: _reviews, ...state } = device;
  let low = 0;
  let high = missing.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isBefore(firstLinkedAt, (missing[middle] as MissingRecord).sealedAt)) high = middle;
    else low = middle + 1;
  }
  return { ...state, missing: missing.slice(low, low + MOST_MISSING) };
}

function compare(a: SealPosition, b: SealPosition): number {
  return a.sequence - b.sequence || a.index - b.index;
}

/** A record that is sealed anew keeps its digest. */
function versionOf(record: AttestationRecord): string {
  return `${digestOf(record)} ${record.identity_signature}`;
}
