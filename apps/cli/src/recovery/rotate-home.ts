/** A rotation in the home of the identity: what waits is finished first, then the right event is chosen, and the witnesses. */
import { digestOf } from '@auths/core/attestation/sign';
import { finishRotation } from '@auths/core/flows/finish-rotation';
import { rotateKeys } from '@auths/core/flows/rotate-keys';
import { readOwnLog } from '@auths/core/flows/seal-records';
import type { WitnessChange } from '@auths/core/keri/build';
import type { ReplayedEvent } from '@auths/core/keri/key-state';
import { createSigner } from '@auths/key-store/signer';
import type { Context } from '../command.ts';
import { openKeys } from '../composition.ts';
import { verifyEngine } from '../engines.ts';
import { withInitLock } from '../home/home-lock.ts';
import type { IdentityStores } from '../remotes/pull-remote.ts';
import { giveUpWaiting, waitingEvent } from '../witnesses/waiting-event.ts';
import { changesWitnesses, planWitnesses, type WitnessFlags } from '../witnesses/witness-change.ts';
import { giveUpPairings } from './begun-pairings.ts';
import { earlierRotation } from './earlier-rotation.ts';
import { rotationPorts } from './kit-shelf.ts';
import { explainMisfit } from './misfit.ts';
import { readNextSeed } from './next-seed.ts';
import { placeRotation, type Placed } from './rot-place.ts';
import { standingJson } from './standing-rotation.ts';
import { droppedJson, recordJson, type VouchFlags } from './vouching.ts';

/** Why the key is rotated: its time has come, it was stolen, or two copies of a home have parted. */
export type RotationReason = 'retired' | 'compromised' | 'forked';

export type RotationFlags = Partial<VouchFlags> &
  Partial<WitnessFlags> & {
    readonly 'recovery-file': string | undefined;
    readonly words: string | undefined;
  };

/** What stands afterwards, as the command tells it; keys and witnesses as CESR text. */
export interface RotatedHome {
  readonly sequence: number;
  readonly said: string;
  readonly previous_key: string | undefined;
  readonly key: string | undefined;
  readonly resealed: readonly unknown[];
  readonly dropped: readonly unknown[];
  /** Names of devices whose pairing was agreed on and in no log yet. */
  readonly pairings_given_up: readonly string[];
  readonly witnesses: readonly string[];
  readonly witness_threshold: number;
  /** The witnesses whose receipts went along with the rotation. */
  readonly receipts: readonly string[];
}

/** Rotates, or completes what a run that died has begun. What `rotateKeys`, `readNextSeed` and the witnesses reject with. */
export async function rotateHome(
  context: Context,
  stores: IdentityStores,
  reason: RotationReason,
  flags: RotationFlags,
  remotes: readonly string[],
): Promise<RotatedHome> {
  const issuer = stores.identity.controller_did;
  const wish: WitnessFlags = {
    witness: flags.witness ?? [],
    'cut-witness': flags['cut-witness'] ?? [],
    'witness-threshold': flags['witness-threshold'],
  };
  return withInitLock(context.home, async () => {
    const givenUp = (placed: Placed | null): Promise<readonly string[]> =>
      reason === 'compromised' ? giveUpPairings(context, stores, placed) : Promise.resolve([]);
    const keys = await openKeys(context);
    const ports = await rotationPorts(context, stores, keys, remotes);
    const blocked = await waitingEvent(ports, issuer, reason !== 'retired' || changesWitnesses(wish));
    if (blocked === null && (await finishRotation(ports, issuer)) === 'finished') {
      context.note('a rotation that was interrupted is complete now');
      const pairings_given_up = await givenUp(null);
      const earlier = await earlierRotation(context, stores, reason, flags, wish);
      if (earlier !== null) return { ...(await told(stores)), ...standingJson(earlier), pairings_given_up };
    }
    const { seed, name } = await readNextSeed(context, flags);
    try {
      await explainMisfit(stores, issuer, createSigner(seed).publicKey, name);
      const placed = reason === 'retired' ? null : await placeRotation(context, stores, reason, flags);
      const witnesses = await witnessesFor(context, stores, wish);
      const pairings_given_up = await givenUp(placed);
      if (blocked !== null)
        await giveUpWaiting(context, stores, blocked, (await standing(stores)).tip.authority, witnesses);
      const rotated = await rotateKeys(ports, {
        issuer,
        nextSeed: seed,
        ...(placed === null ? {} : { place: placed, reseal: placed.reseal }),
        ...(witnesses === null ? {} : { witnesses }),
      });
      return {
        ...(await told(stores)),
        resealed: rotated.records.map((record) => recordJson(record, digestOf(record))),
        dropped: (placed?.dropped ?? []).map(droppedJson),
        pairings_given_up,
      };
    } finally {
      seed.fill(0);
    }
  });
}

/** Null: the witnesses stay as they are. */
async function witnessesFor(
  context: Context,
  stores: IdentityStores,
  wish: WitnessFlags,
): Promise<WitnessChange | null> {
  if (!changesWitnesses(wish)) return null;
  const { tip } = await standing(stores);
  return planWitnesses(context, tip.authority, wish);
}

/** The newest event of the log, the newest rotation, and the event below that. */
async function standing(
  stores: IdentityStores,
): Promise<{ readonly tip: ReplayedEvent; readonly rot: ReplayedEvent; readonly before: ReplayedEvent }> {
  const ports = { log: stores.log, engine: verifyEngine };
  const { events } = (await readOwnLog(ports, stores.identity.controller_did)).verdict;
  const at = events.findLastIndex(({ ilk }) => ilk === 'rot');
  const tip = events.at(-1) as ReplayedEvent;
  return { tip, rot: events[at] ?? tip, before: events[at - 1] ?? tip };
}

async function told(
  stores: IdentityStores,
): Promise<Omit<RotatedHome, 'resealed' | 'dropped' | 'pairings_given_up'>> {
  const { rot, before } = await standing(stores);
  const { witnesses, witnessThreshold, keys } = rot.authority;
  return {
    sequence: rot.sequence,
    said: rot.said,
    previous_key: before.authority.keys[0],
    key: keys[0],
    witnesses,
    witness_threshold: witnessThreshold,
    receipts: rot.receipts.map(({ index }) => witnesses[index] as string),
  };
}
