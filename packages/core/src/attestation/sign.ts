/** Making records (storage-and-verification.md 3); what is signed stands in signed-bytes.ts. */
import { isStrongKey } from '../crypto/ed25519.ts';
import { fromHex, toHex } from '../encoding/bytes.ts';
import { encodeDidKey } from '../encoding/did-key.ts';
import { jcs } from '../encoding/jcs.ts';
import { utf8 } from '../encoding/text.ts';
import { formatTime } from '../encoding/time.ts';
import { AuthsError } from '../errors.ts';
import type { DidKeri, DidKey, Said } from '../identifiers.ts';
import { cleanDeviceName, parseRecordValue, parseUnsignedRecord } from './attestation.ts';
import type {
  AnchorRecord,
  AttestationRecord,
  ExtensionRecord,
  LinkRecord,
  ObjectName,
  RevocationReason,
  RevocationRecord,
  UnsignedAnchor,
  UnsignedExtension,
  UnsignedLink,
  UnsignedRecord,
  UnsignedRevocation,
} from './attestation.ts';
import { sortCapabilities } from './capability.ts';

export { digestOf, signedBytes, subjectKey } from './signed-bytes.ts';

/** The exact bytes that are stored and travel: JCS, no white space. */
export function encodeRecord(record: AttestationRecord): Uint8Array {
  return utf8(jcs(record));
}

export interface LinkInput {
  /** 16 random bytes, or the hex of an earlier link's. */
  readonly rid: Uint8Array | string;
  readonly issuer: DidKeri;
  readonly devicePublicKey: Uint8Array;
  /** In any order. */
  readonly capabilities: readonly string[];
  readonly name: string;
  /** Epoch ms. */
  readonly issuedAt: number;
  readonly expiresAt?: number;
  readonly note?: string;
  readonly introducedBy?: DidKey;
}

/** A link to sign. A key of small order or with torsion is `key/weak`; the name is cleaned, capabilities sorted. */
export function buildLink(input: LinkInput): UnsignedLink {
  if (!isStrongKey(input.devicePublicKey)) {
    throw new AuthsError(
      'key/weak',
      'the device key is a weak Ed25519 key: it would accept signatures that nobody made',
    );
  }
  return parseUnsignedRecord({
    version: 1,
    type: 'link',
    rid: ridText(input.rid),
    issuer: input.issuer,
    subject: encodeDidKey(input.devicePublicKey),
    device_public_key: toHex(input.devicePublicKey),
    capabilities: sortCapabilities(input.capabilities),
    timestamp: formatTime(input.issuedAt),
    name: cleanDeviceName(input.name),
    ...optional('expires_at', input.expiresAt === undefined ? undefined : formatTime(input.expiresAt)),
    ...optional('note', input.note),
    ...optional('introduced_by', input.introducedBy),
  }) as UnsignedLink;
}

/** The device as it stands, which an extension or a revocation is about; a `DeviceState` fits. */
export interface DeviceOf {
  readonly rid: string;
  readonly issuer: DidKeri;
  readonly subject: DidKey;
}

export interface ExtensionInput {
  readonly device: DeviceOf & {
    /** Digest of the link that is extended. */
    readonly linkDigest: Said;
    readonly capabilities: readonly string[];
  };
  /** What is left of the device's capabilities; by default all. */
  readonly capabilities?: readonly string[];
  readonly issuedAt: number;
  readonly name?: string;
  readonly expiresAt?: number;
  readonly note?: string;
}

/** An extension to sign by the identity. Capabilities that the device does not have now are `attestation/invalid`: they need a new link. */
export function buildExtension(input: ExtensionInput): UnsignedExtension {
  const { device } = input;
  const capabilities = sortCapabilities(input.capabilities ?? device.capabilities);
  const added = capabilities.filter((name) => !device.capabilities.includes(name));
  if (added.length > 0) {
    throw new AuthsError('attestation/invalid', `an extension cannot add ${added.join(', ')}`, {
      hint: 'pair the device again with the capabilities it shall have',
    });
  }
  return parseUnsignedRecord({
    version: 1,
    type: 'extension',
    rid: device.rid,
    issuer: device.issuer,
    subject: device.subject,
    extends: device.linkDigest,
    capabilities,
    timestamp: formatTime(input.issuedAt),
    ...optional('name', input.name === undefined ? undefined : cleanDeviceName(input.name)),
    ...optional('expires_at', input.expiresAt === undefined ? undefined : formatTime(input.expiresAt)),
    ...optional('note', input.note),
  }) as UnsignedExtension;
}

export interface RevocationInput {
  readonly device: DeviceOf;
  readonly reason: RevocationReason;
  readonly revokedAt: number;
  readonly good?: readonly ObjectName[];
  readonly note?: string;
}

/** A revocation to sign by the identity. */
export function buildRevocation(input: RevocationInput): UnsignedRevocation {
  const revokedAt = formatTime(input.revokedAt);
  return parseUnsignedRecord({
    version: 1,
    type: 'revocation',
    rid: input.device.rid,
    issuer: input.device.issuer,
    subject: input.device.subject,
    reason: input.reason,
    timestamp: revokedAt,
    revoked_at: revokedAt,
    ...optional('good', input.good === undefined || input.good.length === 0 ? undefined : input.good),
    ...optional('note', input.note),
  }) as UnsignedRevocation;
}

export interface AnchorInput {
  readonly rid: Uint8Array | string;
  readonly issuer: DidKeri;
  readonly objects: readonly ObjectName[];
  readonly anchoredAt: number;
  readonly note?: string;
}

/** An anchor to sign by the identity: these objects exist now. */
export function buildAnchor(input: AnchorInput): UnsignedAnchor {
  return parseUnsignedRecord({
    version: 1,
    type: 'anchor',
    rid: ridText(input.rid),
    issuer: input.issuer,
    objects: input.objects,
    timestamp: formatTime(input.anchoredAt),
    ...optional('note', input.note),
  }) as UnsignedAnchor;
}

export interface Signatures {
  /** 64 bytes by the identity key in force at the sealing event. */
  readonly identity: Uint8Array;
  /** 64 bytes by the device key; links only. */
  readonly device?: Uint8Array;
}

/** The signed record. A link without a device signature, or another type with one, is `attestation/invalid`. Nothing is verified here. */
export function withSignatures(record: UnsignedLink, signatures: Signatures): LinkRecord;
export function withSignatures(record: UnsignedExtension, signatures: Signatures): ExtensionRecord;
export function withSignatures(record: UnsignedRevocation, signatures: Signatures): RevocationRecord;
export function withSignatures(record: UnsignedAnchor, signatures: Signatures): AnchorRecord;
export function withSignatures(record: UnsignedRecord, signatures: Signatures): AttestationRecord;
export function withSignatures(record: UnsignedRecord, signatures: Signatures): AttestationRecord {
  return parseRecordValue({
    ...record,
    identity_signature: toHex(signatures.identity),
    ...optional('device_signature', signatures.device === undefined ? undefined : toHex(signatures.device)),
  });
}

/** The same record sealed anew: digest and device signature stay, the identity signs again (identity-life.md 3). */
export function resigned<R extends AttestationRecord>(record: R, identitySignature: Uint8Array): R {
  return parseRecordValue({ ...record, identity_signature: toHex(identitySignature) }) as R;
}

function ridText(rid: Uint8Array | string): string {
  if (typeof rid !== 'string') return toHex(rid);
  fromHex(rid, 16);
  return rid;
}

function optional<K extends string, V>(name: K, value: V | undefined): { readonly [N in K]?: V } {
  return (value === undefined ? {} : { [name]: value }) as { readonly [N in K]?: V };
}
