/** Where a recovery gets log and records from: a bundle, or a bare git repository by any address that `auths pull` takes. */
import { existsSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { AuthsError, hasCode, isAuthsError } from '@auths/core/errors';
import { isBundle, parseBundle } from '@auths/core/flows/identity-bundle';
import { fitOfSeed } from '@auths/core/flows/rotate-keys';
import type { SurveySource } from '@auths/core/flows/survey-seals';
import { didKeriOf, isPrefix, type Prefix } from '@auths/core/identifiers';
import { resolveRemote, type Remote } from '@auths/git-store/remote-address';
import { listRemote } from '@auths/git-store/remote-evidence';
import { createSigner } from '@auths/key-store/signer';
import type { Context } from '../command.ts';
import { verifyEngine } from '../engines.ts';
import { readInput } from '../input-file.ts';
import { transportOf } from '../remotes/pull-remote.ts';
import { sourceOf } from './branch-sources.ts';
import { misfit } from './misfit.ts';
import type { NextSeed } from './next-seed.ts';

const MAX_BUNDLE = 64 << 20;

export interface Found {
  readonly prefix: Prefix;
  /** The kit's log first, where there is a kit: it is the floor. */
  readonly sources: readonly SurveySource[];
  /** To be remembered in the new home. */
  readonly remotes: readonly Remote[];
}

/** Finds the identity whose log commits to the seed. `network/unreachable`, `input/malformed`, and what `misfit` explains. */
export async function findIdentity(
  context: Context,
  gitDir: string,
  next: NextSeed,
  from: readonly string[],
): Promise<Found> {
  const places = [...new Set([...from, ...(next.kit?.remotes ?? [])])];
  if (places.length === 0) {
    throw new AuthsError('usage/missing-answer', 'from where shall the log of the identity come?', {
      hint: 'give --from REMOTE (a bare git repository) or --from FILE (of auths id export)',
      details: { flag: '--from' },
    });
  }
  const key = createSigner(next.seed).publicKey;
  const shown: { prefix: Prefix; source: SurveySource }[] = [];
  const remotes: Remote[] = [];
  for (const place of places) {
    const file = resolve(context.cwd, place);
    if (existsSync(file) && statSync(file).isFile()) {
      shown.push(await bundleIn(context, place));
      continue;
    }
    if (place.startsWith('http://')) throw notYet(place);
    try {
      const remote = await resolveRemote(gitDir, place, context.cwd);
      const refs = await listRemote(gitDir, remote, transportOf(context));
      for (const [prefix, names] of refs) {
        if (next.kit !== null && next.kit.prefix !== prefix) continue;
        if (isPrefix(prefix) && names.has('kel'))
          shown.push({ prefix, source: await sourceOf(context, remote, prefix, names) });
      }
      remotes.push(remote);
    } catch (error) {
      // Asked as well, because it may know of a revocation that the places which were named do not show.
      if (
        from.length === 0 ||
        from.includes(place) ||
        !isAuthsError(error) ||
        hasCode(error, 'storage/failed')
      )
        throw error;
      context.note(`${place}, which the kit names, was not asked: ${error.message}`);
    }
  }
  const fits = shown.map(({ prefix, source }) => ({
    prefix,
    fit: fitOfSeed(verifyEngine, source.stream, key),
  }));
  const best = fits.find(({ fit }) => fit === 'fits') ?? fits.find(({ fit }) => fit !== 'foreign') ?? fits[0];
  if (best === undefined) {
    throw new AuthsError(
      'input/malformed',
      `${places.join(', ')}: no identity${next.kit === null ? '' : ` ${didKeriOf(next.kit.prefix)}`} is there`,
      {
        hint: 'give --from another place',
      },
    );
  }
  if (best.fit !== 'fits') throw misfit(best.fit, didKeriOf(best.prefix), next.name);
  const sources = shown.filter(({ prefix }) => prefix === best.prefix).map(({ source }) => source);
  const kit = next.kit === null ? [] : [{ name: 'the kit', stream: next.kit.kel, records: [] }];
  return { prefix: best.prefix, sources: [...kit, ...sources], remotes };
}

async function bundleIn(
  context: Context,
  place: string,
): Promise<{ readonly prefix: Prefix; readonly source: SurveySource }> {
  const bytes = await readInput(context, place, MAX_BUNDLE);
  if (!isBundle(bytes)) {
    throw new AuthsError('input/malformed', `${place} is not a bundle of auths id export`, {
      hint: 'give --from a bundle or a bare git repository',
    });
  }
  const { prefix, stream, records } = parseBundle(bytes, verifyEngine);
  return { prefix, source: { name: place, stream, records } };
}

function notYet(place: string): AuthsError<'usage/invalid'> {
  return new AuthsError('usage/invalid', `${place}: recovering from a registry is not possible yet`, {
    hint: 'give --from a git remote (https, ssh, file, a folder) or a bundle',
  });
}
