/** A home that held an identity and seems to hold none: never an empty place, where `init` would begin another one over it. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { AuthsError } from '@auths/core/errors';
import { beginAgain } from '@auths/git-store/home-parts';
import { IDENTITY_REF, listNames } from '@auths/git-store/ref-files';
import { hadIdentity } from './view-cache.ts';

/** Of a home without an identity: why there is none although there was one; null where there never was one. */
export function lostIdentity(dir: string): AuthsError<'storage/corrupt'> | null {
  if (listNames(dir, 'refs/did/keri').length > 0) {
    if (!hadIdentity(dir)) return null;
    return new AuthsError(
      'storage/corrupt',
      `${dir} holds an identity, and ${IDENTITY_REF} is gone from it`,
      {
        hint: 'auths doctor --fix',
        details: { path: join(dir, IDENTITY_REF) },
      },
    );
  }
  if (!existsSync(join(dir, 'cache', 'tip.json'))) return null;
  return new AuthsError('storage/corrupt', `${dir} held an identity, and its key event log is gone`, {
    hint: `auths doctor --fix looks for it. In vain: ${beginAgain(dir)}`,
    details: { path: `${dir}/refs/did/keri` },
  });
}
