/** What a home knows of its identity: role, log position, devices. From the cache where it fits, else by a fold of log and records. */
import { homeExists, whyNoHome } from '@auths/git-store/home-parts';
import type { Home } from '@auths/git-store/home-repository';
import { prefixOf, type DidKeri } from '@auths/core/identifiers';
import {
  cacheLog,
  madeFrom,
  readCachedLog,
  readCachedView,
  type IdentityView,
  type LogView,
} from './view-cache.ts';

export type { DeviceView, IdentityView, LogView } from './view-cache.ts';

/** Null when `dir` has no identity; creates nothing but the cache. `storage/corrupt` for one that has lost a part, `kel/invalid` for a log that does not replay. */
export async function readIdentityView(dir: string): Promise<IdentityView | null> {
  const cached = readCachedView(dir);
  if (cached !== null) return cached;
  if (!homeExists(dir)) {
    const broken = whyNoHome(dir);
    if (broken !== null) throw broken;
    return null;
  }
  const { foldIdentity } = await import('./fold-home.ts');
  return foldIdentity(dir);
}

/** The fold of one identity's log and records, from the cache where it fits. */
export async function readLogView(home: Home, did: DidKeri): Promise<LogView> {
  const prefix = prefixOf(did);
  const cached = readCachedLog(home.dir, prefix);
  if (cached !== null) return cached;
  const made = madeFrom(home.dir, prefix);
  const { foldHome } = await import('./fold-home.ts');
  const view = await foldHome(home, did);
  cacheLog(home.dir, made, view);
  return view;
}
