/**
 * recovery-kit.json (storage-and-verification.md 2): what ends the need for the lost home. It holds the next
 * identity seed, which therefore never lies in the key store.
 *   {v:1, controller_did, kdf, nonce, ciphertext}, AAD LV("auths-recovery/1") || LV(controller_did)
 */
import { fromBase64url, toBase64url } from '@auths/core/encoding/base64url';
import { equalConstantTime } from '@auths/core/encoding/bytes';
import { lv } from '@auths/core/encoding/framing';
import { exactObject, parseJson } from '@auths/core/encoding/json';
import { fromUtf8, utf8 } from '@auths/core/encoding/text';
import { RECOVERY_LABEL } from '@auths/core/crypto/domains';
import { AuthsError, hasCode } from '@auths/core/errors';
import { didKeriOf, isDidKeri, parsePrefix, type DidKeri, type Prefix } from '@auths/core/identifiers';
import { corruptFile, readFileBounded, writeFileAtomic } from './atomic-file.ts';
import { deriveKey, newKdf, open, parseKdf, seal, wrongPassphrase, type Kdf } from './passphrase-box.ts';

export interface RecoveryKit {
  readonly prefix: Prefix;
  /** 32 bytes: the seed of the key that the log's `n` commits to. */
  readonly nextSeed: Uint8Array;
  /** The log at export, exact CESR bytes. */
  readonly kel: Uint8Array;
  /** Git remotes to look for newer events. */
  readonly remotes: readonly string[];
  readonly registry: string | null;
}

interface SealedKit {
  readonly v: 1;
  readonly controller_did: DidKeri;
  readonly kdf: Kdf;
  readonly nonce: string;
  readonly ciphertext: string;
}

const MAX_KIT = 64 << 20;

/** The kit's file, sealed under its own salt. */
export async function sealRecoveryKit(kit: RecoveryKit, passphrase: string): Promise<Uint8Array> {
  const controller = didKeriOf(kit.prefix);
  const kdf = newKdf();
  const key = await deriveKey(passphrase, kdf);
  const plaintext = utf8(
    JSON.stringify({
      prefix: kit.prefix,
      next_seed: toBase64url(kit.nextSeed),
      kel: fromUtf8(kit.kel),
      remotes: kit.remotes,
      registry: kit.registry,
    }),
  );
  const box = seal(key, lv(RECOVERY_LABEL, controller), plaintext);
  plaintext.fill(0);
  key.fill(0);
  const file: SealedKit = { v: 1, controller_did: controller, kdf, ...box };
  return utf8(`${JSON.stringify(file, null, 1)}\n`);
}

/** What helps where a kit cannot be read: what it sealed lies nowhere else. */
const NEW_KIT =
  'put back a copy of it; or, with the 24 recovery words, auths id rotate --words - makes a new one';
const OTHER_KIT = 'take another copy of it, or the 24 recovery words: --words -';

/** Whose kit this is, without a passphrase: a claim of the file, proved only by opening it. `path` is for error texts. */
export function readRecoveryKitOwner(bytes: Uint8Array, path = 'recovery kit'): DidKeri {
  return parseSealedKit(bytes, path, NEW_KIT).controller_did;
}

/** Opens a kit. `key/wrong-passphrase` (also for a changed file: the two cannot be told apart), `storage/corrupt` when it is none. */
export async function openRecoveryKit(
  bytes: Uint8Array,
  passphrase: string,
  path = 'recovery kit',
): Promise<RecoveryKit> {
  const file = parseSealedKit(bytes, path, OTHER_KIT);
  const key = await deriveKey(passphrase, file.kdf);
  const plaintext = open(key, lv(RECOVERY_LABEL, file.controller_did), file);
  key.fill(0);
  if (plaintext === null) throw wrongPassphrase(path);
  try {
    const kit = parseKit(plaintext);
    if (didKeriOf(kit.prefix) === file.controller_did) return kit;
  } catch (cause) {
    if (!hasCode(cause, 'input/malformed')) throw cause;
    throw corruptFile(path, 'what it seals is not a recovery kit', cause, OTHER_KIT);
  } finally {
    plaintext.fill(0);
  }
  throw corruptFile(path, 'it seals the kit of another identity');
}

/** Writes the kit and proves it by reading it back and opening it, before anything may rely on it. */
export async function writeRecoveryKit(path: string, kit: RecoveryKit, passphrase: string): Promise<void> {
  await writeFileAtomic(path, await sealRecoveryKit(kit, passphrase));
  const bytes = await readFileBounded(path, MAX_KIT);
  const back = bytes === null ? null : await openRecoveryKit(bytes, passphrase, path);
  if (back === null || back.prefix !== kit.prefix || !equalConstantTime(back.nextSeed, kit.nextSeed)) {
    throw corruptFile(path, 'the recovery kit does not read back');
  }
}

/** Where a rotation keeps the kit that will take the place of the one at `path` once its rot stands. */
export function nextKitPath(path: string): string {
  return path.replace(/\.json$/, '') + '.next.json';
}

/** Reads and opens the kit at `path`; null when there is none. */
export async function readRecoveryKit(path: string, passphrase: string): Promise<RecoveryKit | null> {
  const bytes = await readFileBounded(path, MAX_KIT);
  return bytes === null ? null : openRecoveryKit(bytes, passphrase, path);
}

function parseSealedKit(bytes: Uint8Array, path: string, hint: string): SealedKit {
  try {
    const { v, controller_did, kdf, nonce, ciphertext } = exactObject(
      parseJson(bytes, { maxLength: MAX_KIT }),
      ['v', 'controller_did', 'kdf', 'nonce', 'ciphertext'],
    );
    if (typeof v === 'number' && v !== 1) {
      throw new AuthsError('storage/version', `${path} has version ${v}, which this auths cannot read`, {
        hint: 'use a newer auths',
        details: { path, version: v },
      });
    }
    if (v === 1 && typeof controller_did === 'string' && isDidKeri(controller_did)) {
      if (typeof nonce === 'string' && typeof ciphertext === 'string') {
        return { v, controller_did, kdf: parseKdf(kdf), nonce, ciphertext };
      }
    }
  } catch (cause) {
    if (!hasCode(cause, 'input/malformed')) throw cause;
    throw corruptFile(path, 'it is not a recovery kit', cause, hint);
  }
  throw corruptFile(path, 'it is not a recovery kit', undefined, hint);
}

function parseKit(plaintext: Uint8Array): RecoveryKit {
  const value = parseJson(plaintext, { maxLength: MAX_KIT });
  const { prefix, next_seed, kel, remotes, registry } = exactObject(value, [
    'prefix',
    'next_seed',
    'kel',
    'remotes',
    'registry',
  ]);
  const texts = Array.isArray(remotes) && remotes.every((remote) => typeof remote === 'string');
  if (typeof prefix !== 'string' || typeof next_seed !== 'string' || typeof kel !== 'string' || !texts) {
    throw new AuthsError('input/malformed', 'a member of the recovery kit has the wrong type');
  }
  if (registry !== null && typeof registry !== 'string') {
    throw new AuthsError('input/malformed', 'the registry of the recovery kit is not text');
  }
  return {
    prefix: parsePrefix(prefix),
    nextSeed: fromBase64url(next_seed, 32),
    kel: utf8(kel),
    remotes,
    registry,
  };
}
