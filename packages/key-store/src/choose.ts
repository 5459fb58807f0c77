/** Which key store a home uses: `AUTHS_KEYCHAIN`, else the encrypted file. Never a silent fallback from what was asked for. */
import { join } from 'node:path';
import { AuthsError } from '@auths/core/errors';
import type { KeyStore } from '@auths/core/ports';
import { encryptedFileStore, type AskPassphrase } from './encrypted-file.ts';
import { memoryKeyStore } from './memory.ts';

export type KeychainKind = 'os' | 'file' | 'memory';

/** The value of AUTHS_KEYCHAIN; empty or absent is the default `file`, anything unknown `usage/invalid`. */
export function parseKeychainKind(value: string | undefined): KeychainKind {
  if (value === undefined || value === '') return 'file';
  if (value === 'os' || value === 'file' || value === 'memory') return value;
  throw new AuthsError(
    'usage/invalid',
    `AUTHS_KEYCHAIN=${value.slice(0, 40)} is not one of os, file, memory`,
  );
}

/** The store of the home in `dir`. `os` is `keychain/unavailable` in this build. */
export function chooseKeyStore(kind: KeychainKind, dir: string, askPassphrase: AskPassphrase): KeyStore {
  if (kind === 'file') return encryptedFileStore(join(dir, 'keys.enc'), askPassphrase);
  if (kind === 'memory') return memoryKeyStore();
  throw new AuthsError('keychain/unavailable', 'this build cannot use the keychain of the operating system', {
    hint: 'use AUTHS_KEYCHAIN=file (an encrypted file under a passphrase)',
  });
}
