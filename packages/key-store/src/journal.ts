/**
 * journal/<name>.json of a home: what was begun and must be finished or undone after a crash
 * (storage-and-verification.md 1). An entry is durable when `write` resolves, gone for good when `remove` does.
 */
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parseJson, type JsonValue } from '@auths/core/encoding/json';
import { utf8 } from '@auths/core/encoding/text';
import { AuthsError, hasCode } from '@auths/core/errors';
import {
  corruptFile,
  errnoOf,
  readFileBounded,
  removeFile,
  requireReplaceable,
  storageFailed,
  writeFileAtomic,
} from './atomic-file.ts';

export interface Journal {
  /** Writes or replaces an entry. The value is plain JSON; names are [a-z0-9._-], at most 100 characters. */
  write(name: string, value: JsonValue): Promise<void>;
  /** The entry as `parse` takes it, null when there is none; `storage/corrupt` when it cannot be read, also by `parse`, `storage/version` for a newer one. */
  read<T>(name: string, parse: (value: JsonValue) => T): Promise<T | null>;
  /** Names of all entries, sorted. */
  list(): Promise<readonly string[]>;
  /** False when there was none. */
  remove(name: string): Promise<boolean>;
}

const MAX_ENTRY = 64 << 20;
const NAME = /^[a-z0-9][a-z0-9._-]{0,99}$/;
const SUFFIX = '.json';

/** Throws when no entry could be written in the home in `dir` now. */
export async function requireJournal(dir: string): Promise<void> {
  const journal = folderOf(dir);
  await makeFolder(journal);
  await requireReplaceable(join(journal, `probe${SUFFIX}`));
}

/** The journal of the home in `dir`. */
export function openJournal(dir: string): Journal {
  const journal = folderOf(dir);
  const pathOf = (name: string): string => {
    if (!NAME.test(name)) throw new AuthsError('internal/bug', `"${name}" cannot name a journal entry`);
    return join(journal, `${name}${SUFFIX}`);
  };

  return {
    async write(name, value) {
      const path = pathOf(name);
      await makeFolder(journal);
      await writeFileAtomic(path, utf8(`${JSON.stringify(value)}\n`));
    },

    async read(name, parse) {
      const path = pathOf(name);
      const bytes = await readFileBounded(path, MAX_ENTRY);
      if (bytes === null) return null;
      try {
        const value = parseJson(bytes, { maxLength: MAX_ENTRY });
        requireVersion(value, path);
        return parse(value);
      } catch (cause) {
        if (!hasCode(cause, 'input/malformed') && !hasCode(cause, 'attestation/invalid')) throw cause;
        throw corruptFile(path, 'it is not a journal entry', cause);
      }
    },

    async list() {
      let files: readonly string[];
      try {
        files = await readdir(journal);
      } catch (error) {
        if (errnoOf(error) === 'ENOENT') return [];
        throw storageFailed(journal, error);
      }
      // What a crash left under a temporary name was never written.
      const names = files
        .filter((file) => file.endsWith(SUFFIX))
        .map((file) => file.slice(0, -SUFFIX.length));
      return names.filter((name) => NAME.test(name)).toSorted();
    },

    remove: (name) => removeFile(pathOf(name)),
  };
}

/** What a newer auths has begun is for that one to end: it is not damaged, and nothing here may put it aside. */
function requireVersion(value: JsonValue, path: string): void {
  const version = typeof value === 'object' && value !== null && 'v' in value ? value['v'] : 1;
  if (typeof version !== 'number' || version === 1) return;
  throw new AuthsError('storage/version', `${path} has version ${version}, which this auths cannot read`, {
    hint: 'use a newer auths',
    details: { path, version },
  });
}

function folderOf(dir: string): string {
  return join(dir, 'journal');
}

async function makeFolder(journal: string): Promise<void> {
  await mkdir(journal, { recursive: true, mode: 0o700 }).catch((cause: unknown) => {
    throw storageFailed(journal, cause);
  });
}
