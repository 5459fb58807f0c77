/** Why a kit or words cannot rotate an identity, and what to do. */
import { existsSync } from 'node:fs';
import { AuthsError } from '@auths/core/errors';
import { fitOfSeed } from '@auths/core/flows/rotate-keys';
import { prefixOf, type DidKeri } from '@auths/core/identifiers';
import { homeFiles, type Stores } from '../composition.ts';
import { verifyEngine } from '../engines.ts';

/** `usage/invalid` unless the log of `issuer` in this home commits to the key. */
export async function explainMisfit(
  stores: Stores,
  issuer: DidKeri,
  publicKey: Uint8Array,
  name: string,
): Promise<void> {
  const log = await stores.log.read(prefixOf(issuer));
  if (log === null) return;
  const fit = fitOfSeed(verifyEngine, log.stream, publicKey);
  if (fit === 'fits') return;
  const { message, hint = '' } = misfit(fit, issuer, name);
  const { kit } = homeFiles(stores.home.dir);
  // One that a rotation has left here may be unknown to whoever moved an older one away.
  const isOther = fit !== 'foreign' && name !== kit && existsSync(kit);
  throw new AuthsError('usage/invalid', message, {
    hint: isOther ? `${hint}; if the kit of this home is that one: auths id rotate` : hint,
  });
}

/** The error for each way in which it does not fit. */
export function misfit(
  fit: 'used' | 'current' | 'foreign',
  issuer: string,
  name: string,
): AuthsError<'usage/invalid'> {
  if (fit === 'foreign') {
    return new AuthsError(
      'usage/invalid',
      `${name}: not of this identity, ${issuer} never committed to that key`,
      {
        hint: 'look for the kit or the words of this identity; auths recovery check FILE proves one',
      },
    );
  }
  return new AuthsError(
    'usage/invalid',
    `${name}: older than the last rotation of ${issuer}, which has used that key up`,
    { hint: 'use the kit or the words that were made at that rotation; older ones recover nothing' },
  );
}
