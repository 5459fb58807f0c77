/** Where engines for signatures are made: apart from composition.ts, because `verify` needs no store and loads none. */
import type { VerifyEngine } from '@auths/core/ports';
import { nodeVerifyEngine } from '@auths/key-store/verify-engine';

/** The one Ed25519 equation by OpenSSL. */
export const verifyEngine: VerifyEngine = nodeVerifyEngine;

/** The same for whole histories, which may bring in a thread. */
export async function rangeVerifyEngine(): Promise<VerifyEngine> {
  return (await import('@auths/key-store/verify-thread')).threadedVerifyEngine();
}
