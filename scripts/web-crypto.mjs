/**
 * What the curves ask of `globalThis.crypto`: random bytes, from the same source. The global itself loads all of Web
 * Crypto when it is first read.
 */
import { randomFillSync } from 'node:crypto';

export const webCrypto = { getRandomValues: (array) => randomFillSync(array) };
