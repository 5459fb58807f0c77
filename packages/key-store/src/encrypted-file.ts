/**
 * keys.enc: the KeyStore port in one encrypted file (storage-and-verification.md 2). JSON of
 *   {v:1, kdf, check, entries:[{alias, did, nonce, ciphertext}], mac}
 * key = scrypt(passphrase, kdf); check and mac are boxes of nothing, so that a wrong passphrase can be told from
 * a changed file:
 *   check   AAD LV("auths-keys/1") || LV("check") || LV(JCS(kdf))
 *   entry   AAD LV("auths-keys/1") || LV("entry") || LV(JCS(kdf)) || LV(alias) || LV(did or "")
 *   mac     AAD LV("auths-keys/1") || LV("file")  || LV(JCS({kdf, entries}))
 */
import { equalConstantTime, wipe } from '@auths/core/encoding/bytes';
import { jcs } from '@auths/core/encoding/jcs';
import { AuthsError } from '@auths/core/errors';
import type { KeyStore } from '@auths/core/ports';
import { corruptFile } from './atomic-file.ts';
import { withFileLock } from './file-lock.ts';
import {
  ALIAS,
  checkAad,
  damagedKeys,
  entryAad,
  loadKeyFile,
  macAad,
  saveKeyFile,
  sealFile,
  type Entry,
  type KeyFile,
} from './key-file.ts';
import { deriveKey, newKdf, open, seal, wrongPassphrase, type Kdf } from './passphrase-box.ts';

/** Asked at most once per process and file; must reject (`key/passphrase-required`) rather than guess. */
export type AskPassphrase = () => Promise<string>;

export interface EncryptedFileStore extends KeyStore {
  /** Seals everything anew under another passphrase, with a new salt. */
  changePassphrase(next: string): Promise<void>;
}

/** The store in the file at `path`, which the first `put` creates. Nothing is read or asked before the first call. */
export function encryptedFileStore(path: string, askPassphrase: AskPassphrase): EncryptedFileStore {
  let derived: { readonly kdf: string; readonly key: Promise<Uint8Array> } | null = null;
  let passphrase: Promise<string> | null = null;

  /** One scrypt per process: the key is kept as long as the header stays the same. */
  async function keyFor(kdf: Kdf): Promise<Uint8Array> {
    const id = jcs(kdf);
    if (derived?.kdf !== id) {
      passphrase ??= askPassphrase();
      derived = { kdf: id, key: passphrase.then((text) => deriveKey(text, kdf)) };
    }
    try {
      return await derived.key;
    } catch (error) {
      derived = null;
      passphrase = null;
      throw error;
    }
  }

  async function unlocked(file: KeyFile): Promise<Uint8Array> {
    const key = await keyFor(file.kdf);
    if (open(key, checkAad(file.kdf), file.check) === null) {
      // The next call asks again: a person may have mistyped.
      derived = null;
      passphrase = null;
      throw wrongPassphrase(path);
    }
    if (open(key, macAad(file.kdf, file.entries), file.mac) === null) {
      throw damagedKeys(path, 'it was changed by something else than auths');
    }
    return key;
  }

  /** Reads, changes and writes under the lock; scrypt runs before it, so that others do not wait for it. */
  async function change(edit: (file: KeyFile, key: Uint8Array) => readonly Entry[] | null): Promise<void> {
    const before = await loadKeyFile(path);
    if (before !== null) await unlocked(before);
    // Two first writers derive from different salts; the one that comes second takes the salt of the first.
    const fresh = before === null ? emptyFile(await keyForNew()) : null;
    await withFileLock(path, async () => {
      const current = (await loadKeyFile(path)) ?? fresh;
      if (current === null) throw corruptFile(path, 'it was removed while it was in use');
      const key = await unlocked(current);
      const entries = edit(current, key);
      if (entries !== null) await saveKeyFile(path, sealFile(current.kdf, entries, key));
    });
  }

  async function keyForNew(): Promise<readonly [Kdf, Uint8Array]> {
    const kdf = newKdf();
    return [kdf, await keyFor(kdf)];
  }

  function openEntry(file: KeyFile, key: Uint8Array, alias: string): Uint8Array | null {
    const entry = file.entries.find((candidate) => candidate.alias === alias);
    if (entry === undefined) return null;
    const bytes = open(key, entryAad(file.kdf, entry.alias, entry.did), entry);
    if (bytes === null)
      throw damagedKeys(path, `the entry "${alias}" was changed by something else than auths`);
    return bytes;
  }

  return {
    async get(alias) {
      const file = await loadKeyFile(path);
      const entry = file?.entries.find((candidate) => candidate.alias === alias);
      if (file === null || entry === undefined) return null;
      const bytes = openEntry(file, await unlocked(file), alias);
      return bytes === null ? null : { bytes, did: entry.did };
    },

    async put(alias, bytes, { did, replace = false } = {}) {
      if (!ALIAS.test(alias)) throw new AuthsError('internal/bug', `"${alias}" cannot be an alias`);
      await change((file, key) => {
        const others = file.entries.filter((entry) => entry.alias !== alias);
        const there = file.entries.find((entry) => entry.alias === alias);
        const held = openEntry(file, key, alias);
        const same = held !== null && equalConstantTime(held, bytes) && there?.did === (did ?? null);
        if (held !== null) wipe(held);
        if (same) return null;
        if (there !== undefined && !replace) throw keyExists(alias);
        const box = seal(key, entryAad(file.kdf, alias, did ?? null), bytes);
        return [...others, { alias, did: did ?? null, ...box }].toSorted((a, b) =>
          a.alias < b.alias ? -1 : 1,
        );
      });
    },

    async list() {
      return ((await loadKeyFile(path))?.entries ?? []).map(({ alias, did }) => ({ alias, did }));
    },

    async remove(alias) {
      if ((await loadKeyFile(path)) === null) return false;
      let found = false;
      await change((file) => {
        found = file.entries.some((entry) => entry.alias === alias);
        return found ? file.entries.filter((entry) => entry.alias !== alias) : null;
      });
      return found;
    },

    async changePassphrase(next) {
      const kdf = newKdf();
      const nextKey = await deriveKey(next, kdf);
      const before = await loadKeyFile(path);
      if (before === null)
        throw new AuthsError('key/not-found', `there is no ${path}`, { details: { alias: '*' } });
      await unlocked(before);
      await withFileLock(path, async () => {
        const file = await loadKeyFile(path);
        if (file === null) throw corruptFile(path, 'it was removed while it was in use');
        const key = await unlocked(file);
        const entries = file.entries.map(({ alias, did }) => {
          const bytes = openEntry(file, key, alias) as Uint8Array;
          const box = seal(nextKey, entryAad(kdf, alias, did), bytes);
          wipe(bytes);
          return { alias, did, nonce: box.nonce, ciphertext: box.ciphertext };
        });
        await saveKeyFile(path, sealFile(kdf, entries, nextKey));
      });
      passphrase = Promise.resolve(next);
      derived = { kdf: jcs(kdf), key: Promise.resolve(nextKey) };
    },
  };
}

function keyExists(alias: string): AuthsError<'key/exists'> {
  return new AuthsError('key/exists', `the key store already holds another secret as "${alias}"`, {
    details: { alias },
  });
}

function emptyFile([kdf, key]: readonly [Kdf, Uint8Array]): KeyFile {
  return sealFile(kdf, [], key);
}
