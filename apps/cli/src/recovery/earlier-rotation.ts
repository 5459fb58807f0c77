/** What a rotation that had been interrupted, and is complete now, leaves to be done of what is asked for. */
import { surveySeals } from '@auths/core/flows/survey-seals';
import { prefixOf } from '@auths/core/identifiers';
import type { Context } from '../command.ts';
import { verifyEngine } from '../engines.ts';
import { readDeviceKey } from '../home/device-key.ts';
import type { IdentityStores } from '../remotes/pull-remote.ts';
import { hasWitnesses, type WitnessFlags } from '../witnesses/witness-change.ts';
import { collectSources, sourcesHere } from './branch-sources.ts';
import { nothingToRepair } from './rot-place.ts';
import { readStanding, requireAs, requireAsAsked, type StandingRotation } from './standing-rotation.ts';
import type { VouchFlags } from './vouching.ts';

/** Null: another rotation follows it. `usage/invalid` where it stands otherwise than asked for and none can change that. */
export async function earlierRotation(
  context: Context,
  stores: IdentityStores,
  reason: 'retired' | 'compromised' | 'forked',
  flags: Partial<VouchFlags>,
  witnesses: WitnessFlags,
): Promise<StandingRotation | null> {
  const prefix = prefixOf(stores.identity.controller_did);
  const sources = await (reason === 'retired'
    ? sourcesHere(stores, prefix)
    : collectSources(context, stores, prefix));
  const standing = await readStanding(stores, prefix, sources);
  const { rot, survey } = standing;
  if (reason === 'compromised') {
    const own = readDeviceKey(context.home)?.did ?? null;
    await requireAsAsked(context, 'rotation', standing, flags, own);
  }
  if (reason === 'forked') {
    if (typeof surveySeals(verifyEngine, prefix, sources)?.fork === 'number') {
      context.note('another branch shows behind it, so another rotation follows');
      return null;
    }
    requireAs('rotation', standing, { at: rot.sequence, dropped: [] });
    if (survey.fork === null) throw nothingToRepair();
  }
  if (await hasWitnesses(context.home, rot.authority, witnesses)) return standing;
  context.note('it leaves the witnesses otherwise than you say now, so another rotation follows it');
  return null;
}
