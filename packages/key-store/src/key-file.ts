/** The file keys.enc: its members, what each box is bound to, strict reading and durable writing. */
import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { lv } from '@auths/core/encoding/framing';
import { jcs } from '@auths/core/encoding/jcs';
import { exactObject, parseJson } from '@auths/core/encoding/json';
import { fromUtf8, utf8 } from '@auths/core/encoding/text';
import { KEYS_LABEL } from '@auths/core/crypto/domains';
import { AuthsError, hasCode } from '@auths/core/errors';
import { corruptFile, readFileBounded, writeFileAtomic } from './atomic-file.ts';
import { parseKdf, seal, type Box, type Kdf } from './passphrase-box.ts';
import { nextKitPath } from './recovery-kit.ts';

/** One secret, sealed. */
export interface Entry extends Box {
  readonly alias: string;
  readonly did: string | null;
}

/** The whole file, parsed. */
export interface KeyFile {
  readonly v: 1;
  readonly kdf: Kdf;
  readonly check: Box;
  readonly entries: readonly Entry[];
  readonly mac: Box;
}

const MAX_FILE = 4 << 20;
/** What an alias may be. */
export const ALIAS: RegExp = /^[a-z0-9][A-Za-z0-9:._-]{0,199}$/;

/** A file of these entries, with its check and mac. */
export function sealFile(kdf: Kdf, entries: readonly Entry[], key: Uint8Array): KeyFile {
  const nothing = new Uint8Array(0);
  const check = seal(key, checkAad(kdf), nothing);
  return { v: 1, kdf, check, entries, mac: seal(key, macAad(kdf, entries), nothing) };
}

/** Bound to `check`: tells a wrong passphrase. */
export function checkAad(kdf: Kdf): Uint8Array {
  return lv(KEYS_LABEL, 'check', jcs(kdf));
}

/** Bound to an entry: it opens under no other alias or DID. */
export function entryAad(kdf: Kdf, alias: string, did: string | null): Uint8Array {
  return lv(KEYS_LABEL, 'entry', jcs(kdf), alias, did ?? '');
}

/** Bound to `mac`: nothing was added, removed or changed. */
export function macAad(kdf: Kdf, entries: readonly Entry[]): Uint8Array {
  return lv(KEYS_LABEL, 'file', jcs({ kdf, entries }));
}

/** Replaces the file. */
export async function saveKeyFile(path: string, file: KeyFile): Promise<void> {
  await writeFileAtomic(path, utf8(`${JSON.stringify(file, null, 1)}\n`));
}

/** The file, null when there is none, `storage/corrupt` when it is anything else. */
export async function loadKeyFile(path: string): Promise<KeyFile | null> {
  const bytes = await readFileBounded(path, MAX_FILE).catch((cause: unknown) => {
    throw hasCode(cause, 'storage/corrupt')
      ? damagedKeys(path, cause.message.replace(`${path}: `, ''), cause)
      : cause;
  });
  if (bytes === null) return null;
  try {
    return parseKeyFile(fromUtf8(bytes), path);
  } catch (cause) {
    if (!hasCode(cause, 'input/malformed')) throw cause;
    throw damagedKeys(path, `it is not a key file (${cause.message})`, cause);
  }
}

function parseKeyFile(text: string, path: string): KeyFile {
  const value = parseJson(text, { maxLength: MAX_FILE });
  const version = typeof value === 'object' && value !== null && 'v' in value ? value['v'] : null;
  if (typeof version === 'number' && version !== 1) {
    throw new AuthsError('storage/version', `${path} has version ${version}, which this auths cannot read`, {
      hint: 'use a newer auths',
      details: { path, version },
    });
  }
  const { v, kdf, check, entries, mac } = exactObject(value, ['v', 'kdf', 'check', 'entries', 'mac']);
  if (v !== 1 || !Array.isArray(entries)) throw new AuthsError('input/malformed', 'not a key file');
  const parsed = entries.map((entry: unknown, index) => parseEntry(entry, `$.entries[${index}]`));
  if (new Set(parsed.map(({ alias }) => alias)).size !== parsed.length) {
    throw new AuthsError('input/malformed', 'an alias is doubled');
  }
  return {
    v,
    kdf: parseKdf(kdf),
    check: parseBox(check, '$.check'),
    entries: parsed,
    mac: parseBox(mac, '$.mac'),
  };
}

function parseEntry(value: unknown, path: string): Entry {
  const { alias, did, nonce, ciphertext } = exactObject(
    value,
    ['alias', 'did', 'nonce', 'ciphertext'],
    [],
    path,
  );
  if (typeof alias !== 'string' || !ALIAS.test(alias) || (did !== null && typeof did !== 'string')) {
    throw new AuthsError('input/malformed', `${path}: alias or did is not one`);
  }
  return { alias, did, ...parseBox({ nonce, ciphertext }, path) };
}

function parseBox(value: unknown, path: string): Box {
  const { nonce, ciphertext } = exactObject(value, ['nonce', 'ciphertext'], [], path);
  if (typeof nonce !== 'string' || typeof ciphertext !== 'string') {
    throw new AuthsError('input/malformed', `${path}: a box is two texts`);
  }
  return { nonce, ciphertext };
}

/** Keys that cannot be had back from anything else in the home. */
export function damagedKeys(path: string, why: string, cause?: unknown): AuthsError<'storage/corrupt'> {
  return corruptFile(path, why, cause, lostKeysHint(dirname(path)));
}

/**
 * What is left where the home in `dir` has lost its keys: a home that has an identity is never recovered in its own place. Only
 * the home of the identity (`controller`) has a recovery kit; whoever does not know the role tells of both.
 */
export function lostKeysHint(dir: string, role: 'controller' | 'device' | null = null): string {
  const [copy, there] = [
    'put back a copy of that file. Without one its keys are gone',
    'AUTHS_HOME=~/.auths-new',
  ];
  const again = `${there} auths pair --join CODE`;
  if (role === 'device') return `${copy}, and this device pairs again: ${again}`;
  const recover = (file: string): string =>
    `${there} auths id recover --from '${dir}' --recovery-file '${file}'`;
  const own = `${dir}/recovery-kit.json`;
  const next = nextKitPath(own);
  // Of a rotation that was interrupted: once its rot stands, the old kit is used up.
  const kit =
    statSync(next, { throwIfNoEntry: false })?.isFile() === true
      ? `the recovery kit of the rotation that was interrupted goes on in a new home: ${recover(next)}; if the log never committed to that one, the kit from before does, there or where it was moved to: ${recover(own)}`
      : `the recovery kit, there or where it was moved to, goes on in a new home: ${recover(own)}`;
  return role === 'controller'
    ? `${copy}: ${kit}`
    : `${copy}: where the identity was made, ${kit}; a device that was paired pairs again: ${again}`;
}
