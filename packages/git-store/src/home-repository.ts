/**
 * The bare repository at AUTHS_HOME (or at a registry's --repo): SHA-1 object format, mode 0700, no hooks,
 * no templates (storage-and-verification.md 1). Its few files are written here and not by `git init`, so that
 * no template, no default of the user's configuration and no second process changes what comes out.
 */
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { AuthsError } from '@auths/core/errors';
import { corrupt, errnoOf, readSmallText, syncDirectory } from './files.ts';
import { gitVersion, runGit } from './git.ts';
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

const HEAD = 'ref: refs/heads/main\n';
const CONFIG = `[core]
\trepositoryformatversion = 0
\tbare = true
\tlogallrefupdates = false
[gc]
\tauto = 0
[receive]
\tdenyDeletes = true
\tdenyNonFastForwards = true
`;

/** True when there is a repository in `dir`. */
export function homeExists(dir: string): boolean {
  return existsSync(join(dir, 'HEAD'));
}

/**
 * Creates the repository unless it is there; other files in `dir` stay. Any number of processes may do so
 * at once, and one that died half-way is completed by the next. `git/missing` without a usable git.
 */
export function createHome(dir: string): Home {
  if (homeExists(dir)) return openHome(dir);
  gitVersion();
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  chmodSync(dir, 0o700);
  for (const name of ['objects/info', 'objects/pack', 'refs'])
    mkdirSync(join(dir, name), { recursive: true });
  placeFile(join(dir, 'config'), CONFIG);
  placeFile(join(dir, 'HEAD'), HEAD);
  return openHome(dir);
}

/** HEAD of a home leads nowhere and only has to be there; with `fix` it is written anew where it is not what it was. */
export async function mendHead(dir: string, fix: boolean): Promise<'sound' | 'damaged' | 'mended'> {
  const path = join(dir, 'HEAD');
  const text = readSmallText(path, 4096) ?? '';
  if (/^(?:ref: refs\/\S+|[0-9a-f]{40})\n?$/.test(text)) return 'sound';
  if (!fix) return 'damaged';
  renameSync(writeTemporary(path, HEAD), path);
  await syncDirectory(dir);
  return 'mended';
}

/** Opens what `createHome` made. `git/not-a-repository` when nothing is there, `storage/version` for a format we do not write. */
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
    throw new AuthsError('git/not-a-repository', `there is no auths repository in ${dir}`, {
      hint: 'auths init',
      details: { path: dir },
      cause,
    });
  }
}

/** Beside `path`, synced; where it lies. */
function writeTemporary(path: string, text: string): string {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  const descriptor = openSync(temporary, 'wx', 0o600);
  writeSync(descriptor, text);
  fsyncSync(descriptor);
  closeSync(descriptor);
  return temporary;
}

/** Whoever links first wins and the bytes are the same; a file that is there, and may have grown since, is left alone. */
function placeFile(path: string, text: string): void {
  const temporary = writeTemporary(path, text);
  try {
    linkSync(temporary, path);
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
  } finally {
    unlinkSync(temporary);
  }
}
