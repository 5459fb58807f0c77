/** Every view of an identity within reach: this home's trunk and disputed branches, and what its remotes show. */
import { hasCode, isAuthsError } from '@auths/core/errors';
import type { SurveySource } from '@auths/core/flows/survey-seals';
import { didKeriOf, type Prefix } from '@auths/core/identifiers';
import { knownRemotes, type Remote } from '@auths/git-store/remote-address';
import { disputedRefs } from '@auths/git-store/remote-disputes';
import { fetchIdentity, listRemote } from '@auths/git-store/remote-evidence';
import { readTrunk } from '@auths/git-store/trunk';
import type { Context } from '../command.ts';
import type { Stores } from '../composition.ts';
import { transportOf } from '../remotes/pull-remote.ts';

/** The name of such a source. */
export const KEPT_BRANCH = 'a disputed branch kept here';

/** The home first: it is the floor. A remote that cannot be read is told and passed over. */
export async function collectSources(
  context: Context,
  stores: Stores,
  prefix: Prefix,
): Promise<readonly SurveySource[]> {
  const here = await sourcesHere(stores, prefix);
  const remotes: SurveySource[] = [];
  for (const remote of await knownRemotes(stores.home.dir, () => undefined)) {
    try {
      const refs = (await listRemote(stores.home.dir, remote, transportOf(context))).get(prefix);
      if (refs?.has('kel') === true) remotes.push(await sourceOf(context, remote, prefix, refs));
    } catch (error) {
      // Trouble of this machine's own disk says nothing of the remote.
      if (!isAuthsError(error) || hasCode(error, 'storage/failed')) throw error;
      context.note(`${remote.name} was not looked at: ${error.message}`);
    }
  }
  const kept = here.filter(({ name }) => name === KEPT_BRANCH);
  return [...here.filter((source) => !kept.includes(source)), ...remotes, ...kept];
}

/** What this home holds by itself. */
export async function sourcesHere(
  { home, log, attestations }: Stores,
  prefix: Prefix,
): Promise<readonly SurveySource[]> {
  const sources: SurveySource[] = [];
  const own = await log.read(prefix);
  const records = own === null ? [] : await attestations.list(didKeriOf(prefix));
  if (own !== null) sources.push({ name: 'this home', stream: own.stream, records });
  for (const [ref, oid] of disputedRefs(home, prefix)) {
    const { stream } = await readTrunk(home, ref, oid);
    sources.push({ name: KEPT_BRANCH, stream, records: [] });
  }
  return sources;
}

/** What one remote shows of an identity. */
export async function sourceOf(
  context: Context,
  remote: Pick<Remote, 'url' | 'name'>,
  prefix: Prefix,
  refs: ReadonlyMap<string, string>,
): Promise<SurveySource> {
  const { stream, records, notes } = await fetchIdentity(remote, prefix, refs, transportOf(context));
  for (const note of notes) context.note(`${remote.name}: ${note}`);
  return { name: remote.name, stream, records };
}
