/**
 * Sealing records: one interaction event on the issuer's log that carries the digests of any number of
 * them. Appends on one home serialise by the compare-and-swap of the log; the loser builds its event anew
 * (identity-life.md 1). The records are stored first, the event is the commit point.
 */
import type { AttestationRecord, UnsignedRecord } from '../attestation/attestation.ts';
import { digestOf, encodeRecord, signedBytes, withSignatures } from '../attestation/sign.ts';
import { equalBytes, fromHex } from '../encoding/bytes.ts';
import { AuthsError } from '../errors.ts';
import { prefixOf } from '../identifiers.ts';
import type { DidKeri, Said } from '../identifiers.ts';
import { interact, storedEvent } from '../keri/build.ts';
import { replay } from '../keri/key-state.ts';
import type { KelVerdict, ReplayedEvent } from '../keri/key-state.ts';
import type {
  AttestationStore,
  EventLog,
  Signer,
  StoredEvent,
  StoredLog,
  StoredRecord,
  VerifyEngine,
} from '../ports.ts';
import { sealsOf } from './seals.ts';

/** What it takes to append to one's own log. */
export interface SealingPorts {
  readonly log: EventLog;
  readonly records: AttestationStore;
  readonly engine: VerifyEngine;
  /** The identity key that the log named when it was opened. */
  readonly identity: Signer;
  /** Opens it once more, when another command has rotated it meanwhile. */
  readonly reopen?: () => Promise<Signer>;
}

/** A record to seal: a link brings the device's signature; an identity signature that is there is made anew (Ed25519 gives the same). */
export type Draft = (UnsignedRecord | AttestationRecord) & { readonly device_signature?: string };

export interface SealedRecords {
  readonly records: readonly AttestationRecord[];
  /** The event; null when every record was sealed before. */
  readonly event: StoredEvent | null;
  /** The log as it stands now. */
  readonly log: StoredLog;
}

/** What is to be sealed upon a log, as it was decided on that very log, and what else was found there. */
export interface Decision<T> {
  readonly drafts: readonly Draft[];
  readonly found: T;
}

const ATTEMPTS = 16;

/** Signs and seals what holds upon any log. Rejects as `sealDecided` does. */
export async function sealRecords(
  ports: SealingPorts,
  issuer: DidKeri,
  drafts: readonly Draft[],
): Promise<SealedRecords> {
  return sealDecided(ports, issuer, async () => ({ drafts, found: null }));
}

/**
 * Signs and seals what `decide` makes of the log; it is asked anew for each log that is appended to, and what it rejects
 * with ends everything. What the log has sealed already is not sealed again, so that an interrupted run may be
 * repeated. `identity/none` without a log, `kel/invalid` when it does not replay, `key/not-found` when the
 * signer is not the log's current key, `kel/conflict` when other writers were always faster.
 */
export async function sealDecided<T>(
  ports: SealingPorts,
  issuer: DidKeri,
  decide: (verdict: KelVerdict) => Promise<Decision<T>>,
): Promise<SealedRecords & { readonly found: T }> {
  const prefix = prefixOf(issuer);
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const { log, verdict } = await readOwnLog(ports, issuer);
    const tip = verdict.events.at(-1);
    if (tip === undefined) throw invalid(issuer, verdict);
    // After the version was read: what it does not see yet makes the append below too late.
    const { drafts, found } = await decide(verdict);
    if (drafts.length === 0) return { records: [], event: null, log, found };
    const identity = await identityInForce(ports, verdict);
    const records = await Promise.all(drafts.map((draft) => signed(identity, draft)));
    const sealed = sealedBy(verdict);
    const open = records.filter((record) => !sealed.has(digestOf(record)));
    await ports.records.put(issuer, toStore(records, sealed, tip));
    if (open.length === 0) return { records, event: null, log, found };
    const built = interact({
      prefix,
      sequence: tip.sequence + 1,
      prior: tip.said,
      seals: open.map((record) => ({ d: digestOf(record) })),
    });
    const event = storedEvent(built, [{ index: 0, signature: await identity.sign(built.event) }]);
    const grown = await ports.log.append(prefix, log.version, [event]);
    if (grown !== null) return { records, event, log: grown, found };
  }
  throw new AuthsError('kel/conflict', 'other programs kept appending to the log', {
    hint: 'try again',
    details: { prefix },
  });
}

/** The log of an identity in this home with its replay; anything but accepted is `kel/invalid`. */
export async function readOwnLog(
  ports: Pick<SealingPorts, 'log' | 'engine'>,
  issuer: DidKeri,
): Promise<{ readonly log: StoredLog; readonly verdict: KelVerdict }> {
  const log = await ports.log.read(prefixOf(issuer));
  if (log === null)
    throw new AuthsError('identity/none', `there is no log of ${issuer} here`, {
      hint: 'auths doctor --fix',
    });
  const verdict = replay(log.stream, { engine: ports.engine });
  if (verdict.verdict !== 'accepted') throw invalid(issuer, verdict);
  return { log, verdict };
}

/** A record as the store files it. */
export function storedRecord(record: AttestationRecord, sealedAt: number | null): StoredRecord {
  return {
    subject: record.type === 'anchor' ? null : record.subject,
    digest: digestOf(record),
    sealedAt,
    bytes: encodeRecord(record),
  };
}

async function signed(identity: Signer, draft: Draft): Promise<AttestationRecord> {
  const {
    identity_signature: _old,
    device_signature,
    ...unsigned
  } = draft as Draft & { readonly identity_signature?: string };
  const signature = await identity.sign(signedBytes(unsigned));
  return withSignatures(unsigned as UnsignedRecord, {
    identity: signature,
    ...(device_signature === undefined ? {} : { device: fromHex(device_signature, 64) }),
  });
}

/** The ways on where the identity key of a home is not the one that its log names. */
export const KEY_NOT_IN_FORCE =
  'put back a newer copy of the keys of this home, or let the key of the recovery kit take over: auths id rotate, with --recovery-file FILE where the kit was moved away';

/** The signer of the key that the log names: opened once more where it was rotated meanwhile. `key/not-found` when it is not here. */
export async function identityInForce(
  { identity, reopen }: Pick<SealingPorts, 'identity' | 'reopen'>,
  { events }: KelVerdict,
): Promise<Signer> {
  const keys = events.at(-1)?.keys ?? [];
  if (isOnlyKey(keys, identity)) return identity;
  const now = await reopen?.();
  if (now !== undefined && isOnlyKey(keys, now)) return now;
  throw new AuthsError('key/not-found', 'the identity key here is not the one that the log names now', {
    hint: KEY_NOT_IN_FORCE,
    details: { alias: 'identity' },
  });
}

/** Whether an event's keys are this one and no other. */
export function isOnlyKey(keys: readonly Uint8Array[], { publicKey }: Pick<Signer, 'publicKey'>): boolean {
  return keys.length === 1 && equalBytes(keys[0] as Uint8Array, publicKey);
}

/**
 * The ones sealed before are put again too, for a run that died may have lost them; but not over a version that an older
 * key has signed, which is the one that counts where that key was in force.
 */
function toStore(
  records: readonly AttestationRecord[],
  sealed: ReadonlyMap<Said, ReplayedEvent>,
  tip: ReplayedEvent,
): readonly StoredRecord[] {
  return records.flatMap((record) => {
    const at = sealed.get(digestOf(record));
    if (at === undefined) return [storedRecord(record, tip.sequence + 1)];
    const isSameKey = equalBytes(at.keys[0] as Uint8Array, tip.keys[0] as Uint8Array);
    return isSameKey ? [storedRecord(record, at.sequence)] : [];
  });
}

/** Digest → the newest event that seals it. */
function sealedBy({ events }: KelVerdict): ReadonlyMap<Said, ReplayedEvent> {
  const found = [...sealsOf(events)];
  return new Map(found.map(([digest, sequence]) => [digest, events[sequence] as ReplayedEvent]));
}

function invalid(issuer: DidKeri, verdict: KelVerdict): AuthsError<'kel/invalid'> {
  return new AuthsError(
    'kel/invalid',
    `the log of ${issuer} does not replay: ${verdict.reason ?? verdict.verdict}`,
    {
      hint: 'auths doctor',
      details: { prefix: prefixOf(issuer), at: verdict.at, rule: verdict.rule ?? verdict.verdict },
    },
  );
}
