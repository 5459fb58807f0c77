/**
 * The end of a rotation, in the same run or in the next one: what its log says decides whether it is finished or undone
 * (rotate-keys.ts has the order of its writes).
 */
import type { AttestationRecord } from '../attestation/attestation.ts';
import { readableRecord } from '../attestation/attestation.ts';
import { digestOf, resigned, signedBytes } from '../attestation/sign.ts';
import { verifyRecordSignatures } from '../attestation/verify.ts';
import { equalBytes, wipe } from '../encoding/bytes.ts';
import { AuthsError } from '../errors.ts';
import { prefixOf, type DidKeri, type Prefix, type Said } from '../identifiers.ts';
import type { AttestationStore, EventLog, KeyStore, Signer, VerifyEngine } from '../ports.ts';
import { readOwnLog, storedRecord } from './seal-records.ts';
import { sealsOf } from './seals.ts';

/** The alias under which the new identity seed waits until its rotation stands. */
export const NEXT_IDENTITY = 'identity-next';

/** What the next recovery kit holds. */
export interface NextKit {
  readonly prefix: Prefix;
  /** 32 bytes: the seed of the key that the next rotation will reveal. */
  readonly nextSeed: Uint8Array;
  /** The log with the rotation, exact CESR bytes. */
  readonly stream: Uint8Array;
}

/** Where the new kit waits while the old one is still the one that counts. */
export interface KitShelf {
  /** Durable and read back when it resolves. */
  prepare(kit: NextKit): Promise<void>;
  /** The prepared kit takes the old one's place; nothing to do is no error. */
  promote(): Promise<void>;
  /** The prepared kit is dropped; nothing to do is no error. */
  discard(): Promise<void>;
}

export interface FinishPorts {
  readonly engine: VerifyEngine;
  readonly keys: KeyStore;
  readonly kit: KitShelf;
  readonly log: EventLog;
  readonly records: AttestationStore;
  /** A signer for a 32-byte Ed25519 seed. */
  readonly signerOf: (seed: Uint8Array) => Signer;
}

/**
 * Finishes a rotation whose rot stands, undoes one whose rot does not; `kel/conflict` where the log has lost it. For the first step of whatever opens the identity
 * key; the caller holds the home's lock, so that no other process is in the middle of one.
 */
export async function finishRotation(
  ports: FinishPorts,
  issuer: DidKeri,
): Promise<'none' | 'undone' | 'finished'> {
  const waiting = (await ports.keys.list()).some(({ alias }) => alias === NEXT_IDENTITY);
  if (!waiting) {
    // Prepared, and nothing of it published: the seed goes into the key store before the rot.
    await ports.kit.discard();
    return 'none';
  }
  const next = await ports.keys.get(NEXT_IDENTITY);
  if (next === null) return 'none';
  try {
    const signer = ports.signerOf(next.bytes);
    const finished = await stands(ports, issuer, signer);
    if (finished) {
      await healRecords(ports, issuer, signer);
      await ports.keys.put('identity', next.bytes, { did: issuer, replace: true });
      await ports.kit.promote();
    } else {
      await requireUnpublished(ports, issuer, next.bytes);
      await ports.kit.discard();
    }
    await ports.keys.remove(NEXT_IDENTITY);
    return finished ? 'finished' : 'undone';
  } finally {
    wipe(next.bytes);
  }
}

/** The key takes its place only after its rot stands: a log without that has lost it, and the kit is the only one there is. */
async function requireUnpublished(ports: FinishPorts, issuer: DidKeri, next: Uint8Array): Promise<void> {
  const current = await ports.keys.get('identity');
  const isInForce = current !== null && equalBytes(current.bytes, next);
  if (current !== null) wipe(current.bytes);
  if (!isInForce) return;
  throw new AuthsError('kel/conflict', 'the rotation to the key of this home is not in its log any more', {
    hint: 'auths pull REMOTE brings it back from where it was pushed, or put back a copy of the home',
    details: { prefix: prefixOf(issuer) },
  });
}

/** True when the log's keys in force are this signer's. */
async function stands(
  ports: Pick<FinishPorts, 'log' | 'engine'>,
  issuer: DidKeri,
  signer: Signer,
): Promise<boolean> {
  if ((await ports.log.read(prefixOf(issuer))) === null) return false;
  const { verdict } = await readOwnLog(ports, issuer);
  const key = verdict.events.at(-1)?.keys[0];
  return key !== undefined && equalBytes(key, signer.publicKey);
}

/** Every record that the rot seals is there with a signature of its key. */
async function healRecords(
  ports: Pick<FinishPorts, 'log' | 'records' | 'engine'>,
  issuer: DidKeri,
  signer: Signer,
): Promise<void> {
  const { verdict } = await readOwnLog(ports, issuer);
  const rot = verdict.events.findLast(({ ilk }) => ilk === 'rot');
  if (rot === undefined) return;
  const sealed = sealsOf([rot]);
  if (sealed.size === 0) return;
  const versions = new Map<Said, AttestationRecord>();
  for (const { bytes, digest } of await ports.records.list(issuer)) {
    const record = sealed.has(digest) ? readableRecord(bytes) : null;
    if (record === null || digestOf(record) !== digest) continue;
    const good = verifyRecordSignatures(ports.engine, record, signer.publicKey).identity;
    if (good || !versions.has(digest)) versions.set(digest, record);
  }
  const healed: AttestationRecord[] = [];
  for (const record of versions.values())
    healed.push(resigned(record, await signer.sign(signedBytes(record))));
  await ports.records.put(
    issuer,
    healed.map((record) => storedRecord(record, rot.sequence)),
  );
}
