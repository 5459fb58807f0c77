/** Records from elsewhere: which of them a trunk seals with the right signatures (storage-and-verification.md 3 and 5). */
import { readableRecord } from '../attestation/attestation.ts';
import { digestOf } from '../attestation/sign.ts';
import { verifyRecordSignatures } from '../attestation/verify.ts';
import { equalBytes } from '../encoding/bytes.ts';
import type { DidKeri, Said } from '../identifiers.ts';
import type { ReplayedEvent } from '../keri/key-state.ts';
import type { StoredRecord, VerifyEngine } from '../ports.ts';
import { sealsOf } from './seals.ts';

/** A record that does not count, and why. */
export interface IgnoredRecord {
  readonly digest: Said;
  readonly why: string;
}

export interface MergedRecords {
  /** To store: verified, and not known yet (or known only with bytes that do not verify). */
  readonly added: readonly StoredRecord[];
  readonly ignored: readonly IgnoredRecord[];
  /** Seals of the trunk for which no verified record is known, afterwards. */
  readonly missing: number;
}

/**
 * The union of what is known and what was offered, judged against the trunk: a record counts at the event that seals
 * its digest, with the signatures of the keys in force there. Never throws for what a record holds.
 */
export function mergeRecords(
  engine: VerifyEngine,
  issuer: DidKeri,
  trunk: readonly ReplayedEvent[],
  known: readonly StoredRecord[],
  offered: readonly StoredRecord[],
): MergedRecords {
  const sealed = sealsOf(trunk);
  const faultOf = (record: StoredRecord): string | null => faultIn(engine, issuer, trunk, record);
  const standing = new Map<string, StoredRecord>();
  const present = new Set<Said>();
  for (const record of known) {
    standing.set(nameOf(record), record);
    if (sealed.has(record.digest) && faultOf(record) === null) present.add(record.digest);
  }
  const added: StoredRecord[] = [];
  const ignored: IgnoredRecord[] = [];
  for (const record of offered) {
    const before = standing.get(nameOf(record));
    if (before !== undefined && equalBytes(before.bytes, record.bytes)) continue;
    const why = faultOf(record);
    if (why !== null) ignored.push({ digest: record.digest, why });
    else if (before === undefined || faultOf(before) !== null) {
      added.push(record);
      present.add(record.digest);
      standing.set(nameOf(record), record);
    }
  }
  return { added, ignored, missing: [...sealed.keys()].filter((digest) => !present.has(digest)).length };
}

function nameOf({ digest, sealedAt }: StoredRecord): string {
  return `${digest}-${sealedAt ?? ''}`;
}

/** Null for a record that stands where it says; one sentence otherwise. */
function faultIn(
  engine: VerifyEngine,
  issuer: DidKeri,
  trunk: readonly ReplayedEvent[],
  { bytes, digest, sealedAt, subject }: StoredRecord,
): string | null {
  const record = readableRecord(bytes);
  if (record === null) return 'it is not a record';
  if (record.issuer !== issuer) return 'another identity issued it';
  if (digestOf(record) !== digest) return 'its content is not what its name says';
  if ((record.type === 'anchor' ? null : record.subject) !== subject) return 'it belongs to another device';
  const event = sealedAt === null ? undefined : trunk[sealedAt];
  if (event === undefined || !sealsOf([event]).has(digest)) return 'the log does not seal it there';
  const key = event.keys.length === 1 ? event.keys[0] : undefined;
  if (key === undefined) return 'only an identity with one key attests';
  const signatures = verifyRecordSignatures(engine, record, key);
  return signatures.identity && signatures.device !== false ? null : 'a signature of it does not verify';
}
