/**
 * The bare repository at AUTHS_HOME (or at a registry's --repo): SHA-1 object format, mode 0700, no hooks,
 * no templates (storage-and-verification.md 1). Its few files are home-files.ts.
 */
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { AuthsError } from '@auths/core/errors';
import { corrupt, errnoOf } from './files.ts';
import { gitVersion, runGit } from './git.ts';
import { placeHomeFiles } from './home-files.ts';
import { homeExists, lostPart } from './home-parts.ts';
import { openObjectReader } from './object-reader.ts';
import {
  readLooseObject,
  writeLooseObjects,
  type NewObject,
  type ObjectType,
  type RawObject,
} from './objects.ts';
import { writePack } from './pack.ts';
import { listNames, listRefs, readRef } from './ref-files.ts';
import { updateRefs, type RefChange } from './refs.ts';

/** A repository that is ours alone. */
export interface Home extends AsyncDisposable {
  /** Absolute path; it is the git directory too. */
  readonly dir: string;
  readRef(ref: string): string | null;
  listRefs(under: string): ReadonlyMap<string, string>;
  /** The names directly below, of refs that go on below those. */
  listNames(under: string): readonly string[];
  /** All changes or none; false when a ref held something else (compare-and-swap). */
  updateRefs(changes: readonly RefChange[]): Promise<boolean>;
  /** An object that must be there, of this type: missing, damaged or of another type is `storage/corrupt`. */
  object(oid: string, type: ObjectType): Promise<Uint8Array>;
  /** Makes objects durable, in one batch. */
  writeObjects(objects: readonly NewObject[]): Promise<void>;
  /** Rolls loose objects and small packs together. Nothing is ever pruned. */
  repack(): Promise<void>;
  /** Ends child processes. */
  close(): Promise<void>;
}

/**
 * Creates the repository unless it is there; other files in `dir` stay. Any number of processes may do so
 * at once, and one that died half-way is completed by the next. `git/missing` without a usable git,
 * `storage/corrupt` where there was one that has lost a part.
 */
export function createHome(dir: string): Home {
  if (homeExists(dir)) return openHome(dir);
  const lost = lostPart(dir);
  if (lost !== null) throw lost;
  gitVersion();
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  chmodSync(dir, 0o700);
  placeHomeFiles(dir);
  return openHome(dir);
}

/** Opens what `createHome` made. `git/not-a-repository` when nothing is there, `storage/corrupt` when a part of it is gone, `storage/version` for a format we do not write. */
export function openHome(dir: string): Home {
  const config = readConfig(dir);
  if (/^\s*\[extensions\]/im.test(config) || existsSync(join(dir, 'reftable'))) {
    throw new AuthsError(
      'storage/version',
      `${dir} uses a git repository format that this version cannot write`,
      {
        details: { path: dir, version: 'extensions' },
      },
    );
  }
  const reader = openObjectReader(dir, { isolated: true });

  async function read(oid: string): Promise<RawObject | null> {
    return readLooseObject(dir, oid) ?? (await reader.read(oid, { maxSize: 256 << 20 }));
  }

  const home: Home = {
    dir,
    readRef: (ref) => readRef(dir, ref),
    listRefs: (under) => listRefs(dir, under),
    listNames: (under) => listNames(dir, under),
    updateRefs: (changes) => updateRefs(dir, changes),
    async object(oid, type) {
      const object = await read(oid);
      if (object === null) throw corrupt(dir, `${type} ${oid} is missing`);
      if (object.type !== type) throw corrupt(dir, `${oid} is a ${object.type} where a ${type} is needed`);
      return object.bytes;
    },
    async writeObjects(objects) {
      if (objects.length <= MAX_LOOSE_BATCH) await writeLooseObjects(dir, objects);
      else await writePack(dir, objects);
    },
    async repack() {
      await runGit(['repack', '--geometric=2', '-d', '-l', '-q'], {
        gitDir: dir,
        write: true,
        isolated: true,
      });
    },
    close: () => reader.close(),
    [Symbol.asyncDispose]: () => reader.close(),
  };
  return home;
}

/** Above this, one pack costs less than a file and a sync for each object. */
const MAX_LOOSE_BATCH = 48;

function readConfig(dir: string): string {
  try {
    if (!statSync(join(dir, 'objects')).isDirectory()) throw corrupt(dir, 'objects is not a directory');
    const config = join(dir, 'config');
    if (!statSync(config).isFile()) {
      throw new AuthsError('storage/corrupt', `${config}: it is not a regular file`, {
        hint: 'move it away and put an empty file in its place',
        details: { path: config },
      });
    }
    return readFileSync(config, 'utf8');
  } catch (cause) {
    if (errnoOf(cause) !== 'ENOENT' && errnoOf(cause) !== 'ENOTDIR') throw cause;
    const lost = lostPart(dir);
    if (lost !== null) throw lost;
    throw new AuthsError('git/not-a-repository', `there is no auths repository in ${dir}`, {
      hint: 'auths init',
      details: { path: dir },
      cause,
    });
  }
}
