/**
 * The end of a rotation, in the same run or in the next one: what its log says decides whether it is finished or undone
 * (rotate-keys.ts has the order of its writes).
 */
import type { AttestationRecord } from '../attestation/attestation.ts';
import { readableRecord } from '../attestation/attestation.ts';
import { digestOf, resigned, signedBytes } from '../attestation/sign.ts';
import { verifyRecordSignatures } from '../attestation/verify.ts';
import { equalBytes, wipe } from '../encoding/bytes.ts';
import { encodeCesr } from '../encoding/cesr.ts';
import { AuthsError } from '../errors.ts';
import { prefixOf, type DidKeri, type Prefix, type Said } from '../identifiers.ts';
import { nextDigestOf } from '../keri/build.ts';
import type { Establishment } from '../keri/event.ts';
import type { ReplayedEvent } from '../keri/key-state.ts';
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
  /** The seed in the prepared kit; null where there is none, or none that opens here. The caller wipes it. */
  prepared(): Promise<Uint8Array | null>;
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
  /** Keeps events that were made and never published from being taken for the log's own, by any repair. Durable when it resolves. */
  readonly disown: (prefix: Prefix, isUndone: (made: Establishment) => boolean) => Promise<void>;
  /** A signer for a 32-byte Ed25519 seed. */
  readonly signerOf: (seed: Uint8Array) => Signer;
}

/**
 * Finishes a rotation whose rot stands, undoes one whose rot does not; `kel/conflict` where the log has lost it. `kit`: the
 * rot stands, its keys are lost, and its kit has taken its place. For the first step of whatever opens the identity key; the
 * caller holds the home's lock, so that no other process is in the middle of one.
 */
export async function finishRotation(
  ports: FinishPorts,
  issuer: DidKeri,
): Promise<'none' | 'kit' | 'undone' | 'finished'> {
  const waiting = (await ports.keys.list()).some(({ alias }) => alias === NEXT_IDENTITY);
  // The seed goes into the key store before the rot; but a key store is lost, or an older copy of it is put back.
  if (!waiting) return (await settleKit(ports, issuer)) ? 'kit' : 'none';
  const next = await ports.keys.get(NEXT_IDENTITY);
  if (next === null) return 'none';
  try {
    const signer = ports.signerOf(next.bytes);
    if (await stands(ports, issuer, signer)) {
      await healRecords(ports, issuer, signer);
      await ports.keys.put('identity', next.bytes, { did: issuer, replace: true });
      await ports.kit.promote();
      await ports.keys.remove(NEXT_IDENTITY);
      return 'finished';
    }
    await requireUnpublished(ports, issuer, next.bytes);
    const key = encodeCesr('D', signer.publicKey);
    await ports.disown(prefixOf(issuer), ({ keys }) => keys.includes(key));
    const kept = await settleKit(ports, issuer);
    await ports.keys.remove(NEXT_IDENTITY);
    return kept ? 'kit' : 'undone';
  } finally {
    wipe(next.bytes);
  }
}

/**
 * True for a kit that the log commits to: it is the only one that opens anything, whatever became of the keys, and takes
 * the old one's place. It is dropped where the key in force is here, which shows that its rot was never published; where
 * nothing shows that, it stays, until a rotation that the log accepts from another kit prepares its own.
 */
async function settleKit(ports: FinishPorts, issuer: DidKeri): Promise<boolean> {
  const seed = await ports.kit.prepared();
  if (seed === null) return false;
  try {
    const tip = await tipOf(ports, issuer);
    if (tip === undefined) return false;
    const digest = nextDigestOf(ports.signerOf(seed).publicKey);
    if (tip.authority.next.includes(digest)) {
      await ports.kit.promote();
      return true;
    }
    if (await isInForce(ports, tip)) {
      await ports.disown(prefixOf(issuer), ({ next }) => next.includes(digest));
      await ports.kit.discard();
    }
    return false;
  } finally {
    wipe(seed);
  }
}

/** Whether the identity key of this home is the one that the log names. */
async function isInForce(ports: FinishPorts, { keys: [key] }: ReplayedEvent): Promise<boolean> {
  const current = await ports.keys.get('identity');
  if (current === null || key === undefined) return false;
  const { publicKey } = ports.signerOf(current.bytes);
  wipe(current.bytes);
  return equalBytes(key, publicKey);
}

/** The key takes its place only after its rot stands: a log without that has lost it, and the kit is the only one there is. */
async function requireUnpublished(ports: FinishPorts, issuer: DidKeri, next: Uint8Array): Promise<void> {
  const current = await ports.keys.get('identity');
  const hasReplaced = current !== null && equalBytes(current.bytes, next);
  if (current !== null) wipe(current.bytes);
  if (!hasReplaced) return;
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
  const key = (await tipOf(ports, issuer))?.keys[0];
  return key !== undefined && equalBytes(key, signer.publicKey);
}

/** The newest event; none where there is no log. */
async function tipOf(
  ports: Pick<FinishPorts, 'log' | 'engine'>,
  issuer: DidKeri,
): Promise<ReplayedEvent | undefined> {
  if ((await ports.log.read(prefixOf(issuer))) === null) return undefined;
  return (await readOwnLog(ports, issuer)).verdict.events.at(-1);
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
