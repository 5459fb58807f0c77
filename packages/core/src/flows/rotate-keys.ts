/**
 * Rotation: the next key takes over, a new next key is committed to (identity-life.md 3). Every prefix of the writes
 * can be finished or undone, and `finishRotation` decides which, by the log alone:
 *   1. the new kit, beside the old one       the old kit stays until the rot stands
 *   2. the new identity seed, as `identity-next`
 *   3. the records, signed by the new key
 *   4. the log: the rot                      one compare-and-swap, the commit point
 *   5. records that the rot re-seals under the very name they had
 *   6. the seed becomes `identity`, the new kit takes the old one's place, `identity-next` goes
 */
import type { AttestationRecord, UnsignedRecord } from '../attestation/attestation.ts';
import { digestOf, resigned, signedBytes, withSignatures } from '../attestation/sign.ts';
import { concat, equalBytes, fromHex, wipe } from '../encoding/bytes.ts';
import { latin1 } from '../encoding/text.ts';
import { AuthsError } from '../errors.ts';
import { prefixOf, type DidKeri, type Said } from '../identifiers.ts';
import { nextDigestOf, rotate, storedEvent, type WitnessChange } from '../keri/build.ts';
import { replay, type KelVerdict } from '../keri/key-state.ts';
import type { Random, Signer, StoredEvent, StoredLog, VerifyEngine } from '../ports.ts';
import { finishRotation, NEXT_IDENTITY, type FinishPorts } from './finish-rotation.ts';
import { readOwnLog, storedRecord, type Draft } from './seal-records.ts';
import { sealsOf } from './seals.ts';

export interface RotationPorts extends FinishPorts {
  readonly random: Random;
}

/** Where a rot stands by somebody's word on what a log holds: good for that log alone. */
export interface Place {
  /** Sequence of the rot: behind the tip, or at the first event that is given up. */
  readonly at: number;
  /** The newest event that was looked at. What came after it, a revocation perhaps, nobody has decided on. */
  readonly upon: Said;
}

export interface Rotation {
  readonly issuer: DidKeri;
  /** The seed that the log commits to; the caller wipes it. */
  readonly nextSeed: Uint8Array;
  /** Default behind the tip. */
  readonly place?: Place;
  /** Sealed before, to be sealed by the rot again, in this order. They keep bytes and device signature. */
  readonly reseal?: readonly AttestationRecord[];
  /** New records, sealed after those. */
  readonly drafts?: readonly Draft[];
  readonly witnesses?: WitnessChange;
}

export interface Rotated {
  readonly sequence: number;
  readonly said: Said;
  /** 32 raw bytes each. */
  readonly previousKey: Uint8Array;
  readonly key: Uint8Array;
  readonly records: readonly AttestationRecord[];
  readonly log: StoredLog;
}

const ATTEMPTS = 4;

/**
 * Rotates. `key/weak` is never seen: seeds are drawn. `input/malformed` for a seed that the log does not commit to or more
 * seals than an event holds, `kel/invalid`, `kel/conflict` when another program appended meanwhile; nothing is changed then.
 */
export async function rotateKeys(ports: RotationPorts, rotation: Rotation): Promise<Rotated> {
  // Behind the tip it holds upon whatever was appended meanwhile; at another place it is a person's word on what they saw.
  for (let left = rotation.place === undefined ? ATTEMPTS : 1; left > 0; left--) {
    const rotated = await rotateOnce(ports, rotation);
    if (rotated !== null) return rotated;
  }
  throw logHasGrown(rotation.issuer);
}

/** Somebody appended between the look at the log and the rotation: what to keep and to give up has to be decided anew. */
export function logHasGrown(issuer: DidKeri): AuthsError<'kel/conflict'> {
  return new AuthsError('kel/conflict', 'the log has grown meanwhile, and no rotation is made', {
    hint: 'run the same command again: it looks at what is new too',
    details: { prefix: prefixOf(issuer) },
  });
}

/** Null, and undone, when another program was faster, or has moved the log since its place was decided. */
async function rotateOnce(ports: RotationPorts, rotation: Rotation): Promise<Rotated | null> {
  const { issuer } = rotation;
  await finishRotation(ports, issuer);
  const { log, verdict } = await readOwnLog(ports, issuer);
  if (rotation.place !== undefined && log.tip !== rotation.place.upon) return null;
  const signer = ports.signerOf(rotation.nextSeed);
  const at = placeOf(verdict, rotation, signer);
  const records = await signAll(signer, rotation);
  const nextSeed = ports.random.bytes(32);
  try {
    const event = await makeRotation(ports, verdict, rotation, signer, at, records, nextSeed);
    const kept = log.stream.subarray(0, verdict.events[at - 1]?.end);
    const stream = concat(kept, event.event, latin1(event.attachments));
    await ports.kit.prepare({ prefix: prefixOf(issuer), nextSeed, stream });
    await ports.keys.put(NEXT_IDENTITY, rotation.nextSeed, { did: issuer, replace: true });
    await putRecords(ports, issuer, verdict, records, at);
    const grown =
      at === verdict.events.length
        ? await ports.log.append(log.prefix, log.version, [event])
        : await ports.log.supersede(log.prefix, log.version, at, [event]);
    await finishRotation(ports, issuer);
    if (grown === null) return null;
    const previousKey = verdict.events[at - 1]?.keys[0] as Uint8Array;
    return { sequence: at, said: event.said, previousKey, key: signer.publicKey, records, log: grown };
  } finally {
    wipe(nextSeed);
  }
}

function placeOf(verdict: KelVerdict, { place, issuer }: Rotation, signer: Signer): number {
  const tip = verdict.events.at(-1);
  const length = verdict.events.length;
  if (tip === undefined) throw new AuthsError('internal/bug', 'a log without events');
  if (tip.authority.next.length !== 1 || tip.authority.next[0] !== nextDigestOf(signer.publicKey)) {
    throw new AuthsError('input/malformed', `that key is not the one that the log of ${issuer} commits to`, {
      hint: 'auths recovery check FILE says which kit fits',
    });
  }
  const at = place?.at ?? length;
  if (at > tip.authority.sequence && at <= length) return at;
  throw new AuthsError(
    'usage/invalid',
    `a rotation can stand at event ${tip.authority.sequence + 1} to ${length}, not at ${at}`,
    { hint: 'auths kel show' },
  );
}

async function signAll(
  signer: Signer,
  { reseal = [], drafts = [] }: Rotation,
): Promise<readonly AttestationRecord[]> {
  const signed: AttestationRecord[] = [];
  for (const record of reseal) signed.push(resigned(record, await signer.sign(signedBytes(record))));
  for (const { device_signature, ...unsigned } of drafts) {
    const identity = await signer.sign(signedBytes(unsigned));
    const device = device_signature === undefined ? {} : { device: fromHex(device_signature, 64) };
    signed.push(withSignatures(unsigned as UnsignedRecord, { identity, ...device }));
  }
  return signed;
}

async function makeRotation(
  ports: RotationPorts,
  verdict: KelVerdict,
  { issuer, witnesses }: Rotation,
  signer: Signer,
  at: number,
  records: readonly AttestationRecord[],
  nextSeed: Uint8Array,
): Promise<StoredEvent> {
  const prior = verdict.events[at - 1];
  if (prior === undefined) throw new AuthsError('internal/bug', `no event before ${at}`);
  const built = rotate({
    prefix: prefixOf(issuer),
    sequence: at,
    prior: prior.said,
    key: signer.publicKey,
    nextDigest: nextDigestOf(ports.signerOf(nextSeed).publicKey),
    // Who witnessed so far goes on witnessing.
    witnesses: witnesses ?? { cut: [], add: [], threshold: prior.authority.witnessThreshold },
    seals: records.map((record) => ({ d: digestOf(record) })),
  });
  return storedEvent(built, [{ index: 0, signature: await signer.sign(built.event) }]);
}

/** All but those whose name the standing log still needs for its own version: they follow the rot. */
async function putRecords(
  ports: RotationPorts,
  issuer: DidKeri,
  verdict: KelVerdict,
  records: readonly AttestationRecord[],
  at: number,
): Promise<void> {
  const standing = sealsOf(verdict.events.slice(at, at + 1));
  const free = records.filter((record) => !standing.has(digestOf(record)));
  if (free.length > 0)
    await ports.records.put(
      issuer,
      free.map((record) => storedRecord(record, at)),
    );
}

/** Whether a seed opens the commitment of a log (exact CESR bytes), and if not, whether it did once. */
export function fitOfSeed(
  engine: VerifyEngine,
  stream: Uint8Array,
  publicKey: Uint8Array,
): 'fits' | 'used' | 'current' | 'foreign' {
  const { events } = replay(stream, { engine });
  const digest = nextDigestOf(publicKey);
  const tip = events.at(-1);
  if (tip?.authority.next.includes(digest) === true) return 'fits';
  const holds = (keys: readonly Uint8Array[]): boolean => keys.some((key) => equalBytes(key, publicKey));
  if (tip !== undefined && holds(tip.keys)) return 'current';
  return events.some(({ authority }) => authority.next.includes(digest)) ? 'used' : 'foreign';
}
