/** What a rotation that had been interrupted, and is complete now, leaves to be done of what is asked for. */
import { surveySeals } from '@auths/core/flows/survey-seals';
import { prefixOf } from '@auths/core/identifiers';
import type { Context } from '../command.ts';
import { verifyEngine } from '../engines.ts';
import type { IdentityStores } from '../remotes/pull-remote.ts';
import { safeName } from '../views/layout.ts';
import { hasWitnesses, type WitnessFlags } from '../witnesses/witness-change.ts';
import { collectSources, sourcesHere } from './branch-sources.ts';
import { nothingToRepair, vouchBy } from './rot-place.ts';
import { readStanding, requireAsAsked, type StandingRotation } from './standing-rotation.ts';
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
  const { rot, survey, devices } = standing;
  if (reason === 'compromised') {
    // Who says nothing and cannot be asked vouches for nothing.
    const names = devices.filter(({ revocation }) => revocation === null).map(({ name }) => safeName(name));
    context.note(`it stands at event ${rot.sequence}, with these devices: ${names.join(', ')}`);
    const { all = false, 'vouch-until': until } = flags;
    const none = all || (until === undefined && !context.terminal.interactive);
    requireAsAsked('rotation', standing, await vouchBy(context, survey, { ...flags, all: none }));
  }
  if (reason === 'forked') {
    if (typeof surveySeals(verifyEngine, prefix, sources)?.fork === 'number') {
      context.note('another branch shows behind it, so another rotation follows');
      return null;
    }
    requireAsAsked('rotation', standing, { at: rot.sequence, dropped: [] });
    if (survey.fork === null) throw nothingToRepair();
  }
  if (await hasWitnesses(context.home, rot.authority, witnesses)) return standing;
  context.note('it leaves the witnesses otherwise than you say now, so another rotation follows it');
  return null;
}
