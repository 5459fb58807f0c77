/**
 * An identity made with pencil and paper: real keys from fixed seeds, real events and records, no store and
 * no program around it. Tests of verification build logs with it, and break them.
 */
import {
  buildAnchor,
  buildExtension,
  buildLink,
  buildRevocation,
  digestOf,
  encodeRecord,
  signedBytes,
  withSignatures,
} from '@auths/core/attestation/sign';
import type {
  AttestationRecord,
  LinkRecord,
  ObjectName,
  RevocationReason,
  UnsignedRecord,
} from '@auths/core/attestation/attestation';
import { publicKeyOf, signEd25519 } from '@auths/core/crypto/ed25519';
import { concat } from '@auths/core/encoding/bytes';
import { encodeDidKey } from '@auths/core/encoding/did-key';
import { latin1 } from '@auths/core/encoding/text';
import { didKeriOf, type DidKeri, type DidKey, type Prefix } from '@auths/core/identifiers';
import {
  incept,
  interact,
  nextDigestOf,
  rotate,
  storedEvent,
  type BuiltEvent,
  type Seal,
} from '@auths/core/keri/build';
import type { StoredEvent, StoredRecord } from '@auths/core/ports';

/** A key pair from a seed. */
export interface PaperKey {
  readonly seed: Uint8Array;
  readonly publicKey: Uint8Array;
}

/** The key of a seed filled with one byte. */
export function paperKey(fill: number): PaperKey {
  return keyOfSeed(new Uint8Array(32).fill(fill));
}

export function keyOfSeed(seed: Uint8Array): PaperKey {
  return { seed, publicKey: publicKeyOf(seed) };
}

export interface LinkOptions {
  readonly name?: string;
  readonly capabilities?: readonly string[];
  readonly issuedAt?: number;
  readonly expiresAt?: number;
}

/** 2026-03-01T00:00:00Z. */
export const PAPER_TIME = 1_772_323_200_000;

/** Grows a log event by event. Every method that seals returns the record, or the event. */
export class PaperIdentity {
  readonly events: StoredEvent[] = [];
  readonly records: StoredRecord[] = [];
  readonly prefix: Prefix;
  readonly did: DidKeri;
  #keys: readonly [PaperKey, PaperKey];
  #fill: number;
  #rids = 0;
  readonly #first: number;

  /** Keys are made from `fill` and the numbers after it. */
  constructor(fill = 1) {
    this.#keys = [paperKey(fill), paperKey(fill + 1)];
    this.#fill = fill + 1;
    this.#first = fill;
    const built = incept({ key: this.key.publicKey, nextDigest: nextDigestOf(this.#keys[1].publicKey) });
    this.prefix = built.prefix;
    this.did = didKeriOf(built.prefix);
    this.#push(built);
  }

  /** A copy that goes its own way from here. */
  fork(): PaperIdentity {
    const copy = new PaperIdentity(this.#first);
    copy.events.splice(0, 1, ...this.events);
    copy.records.push(...this.records);
    copy.#keys = this.#keys;
    copy.#fill = this.#fill;
    copy.#rids = this.#rids + 64;
    return copy;
  }

  /** The identity key in force. */
  get key(): PaperKey {
    return this.#keys[0];
  }

  get tip(): StoredEvent {
    return this.events.at(-1) as StoredEvent;
  }

  get stream(): Uint8Array {
    return concat(...this.events.map(messageOf));
  }

  link(device: PaperKey, options: LinkOptions = {}): LinkRecord {
    const { issuedAt = PAPER_TIME, expiresAt } = options;
    const unsigned = buildLink({
      rid: new Uint8Array(16).fill(++this.#rids),
      issuer: this.did,
      devicePublicKey: device.publicKey,
      capabilities: options.capabilities ?? ['sign_commit', 'sign_tag'],
      name: options.name ?? 'laptop',
      issuedAt,
      ...(expiresAt === undefined ? {} : { expiresAt }),
    });
    const record = this.sign(unsigned, device) as LinkRecord;
    this.seal(record);
    return record;
  }

  extend(
    link: LinkRecord,
    options: {
      readonly capabilities?: readonly string[];
      readonly expiresAt?: number;
      readonly name?: string;
    },
  ): AttestationRecord {
    const device = {
      rid: link.rid,
      issuer: link.issuer,
      subject: link.subject,
      linkDigest: digestOf(link),
      capabilities: link.capabilities,
    };
    const record = this.sign(buildExtension({ device, issuedAt: PAPER_TIME + 1000, ...options }));
    this.seal(record);
    return record;
  }

  revoke(link: LinkRecord, reason: RevocationReason, good: readonly ObjectName[] = []): AttestationRecord {
    const record = this.sign(buildRevocation({ device: link, reason, revokedAt: PAPER_TIME + 60_000, good }));
    this.seal(record);
    return record;
  }

  anchor(objects: readonly ObjectName[], anchoredAt: number = PAPER_TIME): AttestationRecord {
    const record = this.sign(
      buildAnchor({ rid: new Uint8Array(16).fill(++this.#rids), issuer: this.did, objects, anchoredAt }),
    );
    this.seal(record);
    return record;
  }

  /** Signed by the key in force, and by the device where the record is a link. */
  sign(record: UnsignedRecord, device?: PaperKey): AttestationRecord {
    const bytes = signedBytes(record);
    const identity = signEd25519(this.key.seed, bytes);
    return withSignatures(
      record,
      device === undefined ? { identity } : { identity, device: signEd25519(device.seed, bytes) },
    );
  }

  /** One interaction event that seals these records. */
  seal(...records: readonly AttestationRecord[]): StoredEvent {
    const event = this.interact(records.map((record) => ({ d: digestOf(record) })));
    for (const record of records) this.keep(record, event.sequence);
    return event;
  }

  /** Keeps a record as sealed at this sequence, without an event. */
  keep(record: AttestationRecord, sealedAt: number): void {
    this.records.push({
      subject: record.type === 'anchor' ? null : record.subject,
      digest: digestOf(record),
      sealedAt,
      bytes: encodeRecord(record),
    });
  }

  interact(seals: readonly Seal[]): StoredEvent {
    return this.#push(
      interact({ prefix: this.prefix, sequence: this.tip.sequence + 1, prior: this.tip.said, seals }),
    );
  }

  /** Rotates to the committed key; `at` supersedes the events from there on (a recovery). */
  rotate(seals: readonly Seal[] = [], at: number = this.tip.sequence + 1): StoredEvent {
    this.events.splice(at);
    this.#fill += 1;
    this.#keys = [this.#keys[1], paperKey(this.#fill)];
    const nextDigest = nextDigestOf(this.#keys[1].publicKey);
    return this.#push(
      rotate({
        prefix: this.prefix,
        sequence: at,
        prior: this.tip.said,
        key: this.key.publicKey,
        nextDigest,
        seals,
      }),
    );
  }

  #push(built: BuiltEvent): StoredEvent {
    const event = storedEvent(built, [{ index: 0, signature: signEd25519(this.key.seed, built.event) }]);
    this.events.push(event);
    return event;
  }
}

/** Event and attachments, as one message of a stream. */
export function messageOf({ event, attachments }: StoredEvent): Uint8Array {
  return concat(event, latin1(attachments));
}

export function didOf(key: PaperKey): DidKey {
  return encodeDidKey(key.publicKey);
}
