/** The KeyStore port in memory: for tests and for `AUTHS_KEYCHAIN=memory`, where everything is gone at exit. */
import { equalConstantTime } from '@auths/core/encoding/bytes';
import { AuthsError } from '@auths/core/errors';
import type { KeyStore, Secret } from '@auths/core/ports';

export function memoryKeyStore(): KeyStore {
  const secrets = new Map<string, Secret>();
  return {
    get(alias) {
      const secret = secrets.get(alias);
      return Promise.resolve(
        secret === undefined ? null : { bytes: new Uint8Array(secret.bytes), did: secret.did },
      );
    },
    async put(
      alias,
      bytes,
      { did = null, replace = false }: { readonly did?: string | null; readonly replace?: boolean } = {},
    ) {
      const there = secrets.get(alias);
      if (there !== undefined && there.did === did && equalConstantTime(there.bytes, bytes)) return;
      if (there !== undefined && !replace) {
        throw new AuthsError('key/exists', `the key store already holds another secret as "${alias}"`, {
          details: { alias },
        });
      }
      secrets.set(alias, { bytes: new Uint8Array(bytes), did });
    },
    list() {
      const entries = [...secrets].map(([alias, { did }]) => ({ alias, did }));
      return Promise.resolve(entries.toSorted((a, b) => (a.alias < b.alias ? -1 : 1)));
    },
    remove: (alias) => Promise.resolve(secrets.delete(alias)),
  };
}
