/**
 * The hot path of `status` and `whoami`: identity document and log of a home, read straight from loose refs
 * and loose objects without starting git; what is packed is fetched by one `git cat-file`. Read-only, and with
 * the same checks as the stores.
 */
import { prefixOf } from '@auths/core/identifiers';
import type { StoredLog } from '@auths/core/ports';
import { gitEventLog } from './event-log.ts';
import { homeExists } from './home-parts.ts';
import { openHome } from './home-repository.ts';
import { readIdentityDocument, type IdentityDocument } from './identity-document.ts';

export interface HomeSummary {
  readonly identity: IdentityDocument;
  /** The identity's log; null when the home has lost it. */
  readonly log: StoredLog | null;
}

/** Null when there is no home in `dir` or it has no identity. Creates nothing. */
export async function readHomeSummary(dir: string): Promise<HomeSummary | null> {
  if (!homeExists(dir)) return null;
  const home = openHome(dir);
  try {
    const identity = await readIdentityDocument(home);
    if (identity === null) return null;
    return { identity, log: await gitEventLog(home).read(prefixOf(identity.controller_did)) };
  } finally {
    await home.close();
  }
}
