/** Where a rotation after a theft or a fork stands, and what it seals again: decided on the log as it still is afterwards. */
import { AuthsError } from '@auths/core/errors';
import { logHasGrown } from '@auths/core/flows/rotate-keys';
import { surveySeals, type Survey } from '@auths/core/flows/survey-seals';
import { prefixOf, type Said } from '@auths/core/identifiers';
import type { Context } from '../command.ts';
import { verifyEngine } from '../engines.ts';
import { readDeviceKey } from '../home/device-key.ts';
import type { IdentityStores } from '../remotes/pull-remote.ts';
import { collectSources } from './branch-sources.ts';
import { vouch, type Vouched, type VouchFlags } from './vouching.ts';

/** What was decided, and the newest event of this home's log that it was decided on. */
export type Placed = Vouched & { readonly upon: Said };

const ATTEMPTS = 4;

/**
 * Asks every remote and a person, which takes as long as it takes: another command may append meanwhile, and what it
 * sealed (a revocation that was told as done) is looked at as well. Null where no log shows. `kel/conflict` when the log
 * never kept still; what `vouch` rejects with.
 */
export async function placeRotation(
  context: Context,
  stores: IdentityStores,
  reason: 'compromised' | 'forked',
  flags: Partial<VouchFlags>,
): Promise<Placed | null> {
  const issuer = stores.identity.controller_did;
  const tip = async (): Promise<Said | undefined> => (await stores.log.read(prefixOf(issuer)))?.tip;
  for (let left = ATTEMPTS; left > 0; left--) {
    // Before the look: what that does not see yet makes it out of date.
    const upon = await tip();
    const survey = await surveyBranches(context, stores);
    if (survey === null || upon === undefined) return null;
    const vouched = await (reason === 'forked' ? vouchAll(context, survey) : vouchBy(context, survey, flags));
    if ((await tip()) === upon) return { ...vouched, upon };
    context.note('the log has grown meanwhile: what is new is looked at too');
  }
  throw logHasGrown(issuer);
}

/** Everything within reach. */
async function surveyBranches(context: Context, stores: IdentityStores): Promise<Survey | null> {
  const prefix = prefixOf(stores.identity.controller_did);
  const survey = surveySeals(verifyEngine, prefix, await collectSources(context, stores, prefix));
  for (const { name, reason } of survey?.refused ?? []) context.note(`${name} was passed over: ${reason}`);
  return survey;
}

function vouchBy(
  context: Context,
  survey: Survey,
  { all = false, keep = [], 'vouch-until': until }: Partial<VouchFlags>,
): Promise<Vouched> {
  const own = readDeviceKey(context.home)?.did ?? null;
  return vouch(context, survey, { all, keep, 'vouch-until': until }, own);
}

/** Both branches are the owner's. */
async function vouchAll(context: Context, survey: Survey): Promise<Vouched> {
  if (survey.fork === null) throw nothingToRepair();
  const { fork, trunk, seals } = survey;
  const open = seals.filter(
    ({ onTrunk, sequence, record }) => record !== null && (!onTrunk || sequence >= fork),
  );
  const keep = open.map(({ digest }) => digest);
  return vouch(context, survey, { all: false, keep, 'vouch-until': String(trunk.events.length - 1) }, null);
}

export function nothingToRepair(): AuthsError<'usage/invalid'> {
  return new AuthsError(
    'usage/invalid',
    'there is nothing to repair: no place within reach shows another branch',
    { hint: 'auths pull REMOTE, if there is a remote that this home does not know yet' },
  );
}
