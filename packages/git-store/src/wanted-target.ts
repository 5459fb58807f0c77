/** What `auths verify TARGET` means: a range of commits, one object that git knows, or an attestation in a file. */
import { lstatSync, readFileSync, type Stats } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { parseRecord, RECORD_MAX_BYTES, type AttestationRecord } from '@auths/core/attestation/attestation';
import { hasCode, isAuthsError } from '@auths/core/errors';
import { errnoOf } from './files.ts';
import { badTarget, requireOneMeaning, withoutHead } from './one-meaning.ts';
import { listCommits, type Repository } from './repository.ts';
import { namesTree } from './repository-trees.ts';

export type Wanted =
  | {
      readonly kind: 'range';
      readonly from: string;
      readonly to: string;
      /** Under way: git lists them, oldest first. `verify/bad-target` for none. */
      readonly oids: Promise<readonly string[]>;
    }
  | {
      readonly kind: 'object';
      readonly oid: string;
      /** What it leads to; null where that is no commit, or one that names no tree. */
      readonly commit: string | null;
      readonly isHead: boolean;
    }
  | { readonly kind: 'record'; readonly record: AttestationRecord; readonly bytes: Uint8Array };

/** A range with `..`; else what git resolves; else a path. */
export async function resolveWanted(
  repository: Repository,
  { target, cwd }: { readonly target: string; readonly cwd: string },
): Promise<Wanted> {
  const isPath = /^\.{0,2}\//.test(target);
  if (!isPath && target.includes('..')) return resolveRange(repository, target);
  const found = isPath ? null : await infoOf(repository, target, { isBase: false });
  if (found !== null) {
    const commit = (await repository.objects.info(`${found.oid}^{commit}`))?.oid ?? null;
    const isHead = target === 'HEAD' || target === '@';
    const isWhole = isHead || commit === null || (await namesTree(repository, commit));
    return { kind: 'object', oid: found.oid, commit: isWhole ? commit : null, isHead };
  }
  return readFileTarget(isAbsolute(target) ? target : join(cwd, target), target);
}

async function resolveRange(repository: Repository, target: string): Promise<Wanted> {
  const [from = '', to = '', ...rest] = target.split('..');
  if (rest.length > 0 || to.startsWith('.')) throw badTarget(target, 'a range has two ends: A..B');
  // It will be asked for the commits of the range.
  repository.objects.start();
  const [a, b] = await Promise.all([
    commitOf(repository, from || 'HEAD', { isBase: true }),
    commitOf(repository, to || 'HEAD', { isBase: false }),
  ]);
  const oids = listRange(repository, `${a}..${b}`, target);
  // A rejection is met when the list is wanted; until then it must not count as unhandled.
  oids.catch(() => undefined);
  return { kind: 'range', from: a, to: b, oids };
}

async function listRange(repository: Repository, range: string, target: string): Promise<readonly string[]> {
  const oids = await listCommits(repository, range);
  if (oids === null) throw badTarget(target, 'git cannot list its commits (git fsck says what is damaged)');
  if (oids.length === 0) throw badTarget(target, 'it holds no commits, and nothing is not a pass');
  return oids;
}

/** The commit that a name leads to; `verify/bad-target` where there is none. A base is what decides who is trusted, or what is looked at. */
export async function commitOf(
  repository: Repository,
  name: string,
  role: { readonly isBase: boolean },
): Promise<string> {
  // What stands behind `:/` is text, to its end.
  const info = await infoOf(repository, name.startsWith(':/') ? name : `${name}^{commit}`, role);
  if (info === null)
    throw badTarget(
      name,
      repository.shallow
        ? 'no such commit here (a shallow clone: git fetch --unshallow)'
        : 'no such commit here',
    );
  return info.oid;
}

/** git ends over a reflog entry or an upstream that there is none of, where it calls every other name missing. */
async function infoOf(
  repository: Repository,
  name: string,
  role: { readonly isBase: boolean },
): ReturnType<Repository['objects']['info']> {
  const fixed = await withoutHead(repository, name);
  if (fixed === null) return null;
  try {
    const [found] = await Promise.all([
      repository.objects.info(fixed),
      requireOneMeaning(repository, fixed, role),
    ]);
    return found;
  } catch (error) {
    const said =
      hasCode(error, 'git/failed') && name.includes('@{') ? /fatal: (.*)/.exec(error.message) : null;
    if (said === null) throw error;
    throw badTarget(name.replace(/\^\{commit\}$/, ''), said[1] as string);
  }
}

function readFileTarget(path: string, target: string): Wanted {
  const facts = factsOf(path);
  if (facts?.isFile() !== true)
    throw badTarget(target, target === 'HEAD' ? 'there is no commit yet' : 'neither a revision nor a file');
  if (facts.size > RECORD_MAX_BYTES) throw badTarget(target, 'a file, but no attestation');
  const bytes = new Uint8Array(readFileSync(path));
  try {
    return { kind: 'record', record: parseRecord(bytes), bytes };
  } catch (error) {
    if (isAuthsError(error)) throw badTarget(target, `a file, but ${error.message}`);
    throw error;
  }
}

/** Undefined for a path that leads to nothing, of whatever kind. */
function factsOf(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch (error) {
    if (['ENOTDIR', 'ENAMETOOLONG', 'ELOOP'].includes(errnoOf(error) ?? '')) return undefined;
    throw error;
  }
}
