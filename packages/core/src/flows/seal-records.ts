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
import type { KelVerdict } from '../keri/key-state.ts';
import type {
  AttestationStore,
  EventLog,
  Signer,
  StoredEvent,
  StoredLog,
  StoredRecord,
  VerifyEngine,
} from '../ports.ts';

/** What it takes to append to one's own log. */
export interface SealingPorts {
  readonly log: EventLog;
  readonly records: AttestationStore;
  readonly engine: VerifyEngine;
  /** The identity key that the log names now. */
  readonly identity: Signer;
  /** Asked anew before each attempt to append; rejects when nothing may be sealed upon the log as it stands. */
  readonly mayAppend?: () => Promise<void>;
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

const ATTEMPTS = 16;

/**
 * Signs and seals. What the log has sealed already is not sealed again, so that an interrupted run may be
 * repeated. `identity/none` without a log, `kel/invalid` when it does not replay, `key/not-found` when the
 * signer is not the log's current key, `kel/conflict` when other writers were always faster.
 */
export async function sealRecords(
  ports: SealingPorts,
  issuer: DidKeri,
  drafts: readonly Draft[],
): Promise<SealedRecords> {
  const prefix = prefixOf(issuer);
  const records = await Promise.all(drafts.map((draft) => signed(ports.identity, draft)));
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const { log, verdict } = await readOwnLog(ports, issuer);
    requireCurrentKey(verdict, ports.identity);
    const tip = verdict.events.at(-1);
    if (tip === undefined) throw invalid(issuer, verdict);
    const sealed = sealedDigests(verdict);
    const open = records.filter((record) => !sealed.has(digestOf(record)));
    // After the version was read: what it does not see yet makes the append below too late.
    if (open.length > 0) await ports.mayAppend?.();
    const sequence = tip.sequence + 1;
    // The ones sealed before are put again too: a run that died may have lost them.
    await ports.records.put(
      issuer,
      records.map((record) => storedRecord(record, sealed.get(digestOf(record)) ?? sequence)),
    );
    if (open.length === 0) return { records, event: null, log };
    const built = interact({
      prefix,
      sequence,
      prior: tip.said,
      seals: open.map((record) => ({ d: digestOf(record) })),
    });
    const event = storedEvent(built, [{ index: 0, signature: await ports.identity.sign(built.event) }]);
    const grown = await ports.log.append(prefix, log.version, [event]);
    if (grown !== null) return { records, event, log: grown };
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

function requireCurrentKey(verdict: KelVerdict, identity: Signer): void {
  const keys = verdict.events.at(-1)?.keys ?? [];
  if (keys.length === 1 && equalBytes(keys[0] as Uint8Array, identity.publicKey)) return;
  throw new AuthsError('key/not-found', 'the identity key here is not the one that the log names now', {
    hint: 'auths doctor',
    details: { alias: 'identity' },
  });
}

/** Digest → sequence of the newest event that seals it. */
function sealedDigests(verdict: KelVerdict): ReadonlyMap<Said, number> {
  const sealed = new Map<Said, number>();
  for (const event of verdict.events) {
    for (const seal of event.seals) {
      if (typeof seal === 'object' && seal !== null && 'd' in seal && typeof seal.d === 'string') {
        sealed.set(seal.d as Said, event.sequence);
      }
    }
  }
  return sealed;
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
