/** Where engines for signatures are chosen: apart from composition.ts, because `verify` needs no store and loads none. */
import type { VerifyEngine } from '@auths/core/ports';
import { nodeVerifyEngine, pooledVerifyEngine } from '@auths/key-store/verify-engine';

/** The one Ed25519 equation by OpenSSL. */
export const verifyEngine: VerifyEngine = nodeVerifyEngine;

/** The same for whole histories, on other threads. */
export const rangeVerifyEngine: VerifyEngine = pooledVerifyEngine;
