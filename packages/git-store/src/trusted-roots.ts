/**
 * Where roots and policy of a verification come from (identity-life.md 5): the target branch, a pin of this
 * clone, or flags; never the proposal's own tree. One set for the whole run.
 */
import { randomBytes } from 'node:crypto';
import { linkSync, lstatSync, mkdirSync, readFileSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DEFAULT_POLICY, parsePolicy } from '@auths/core/commit/policy';
import type { World } from '@auths/core/commit/world';
import { formatRoots, parseRootArgument, parseRoots, type Root } from '@auths/core/commit/roots';
import { fromUtf8 } from '@auths/core/encoding/text';
import { AuthsError, hasCode, isAuthsError } from '@auths/core/errors';
import { type Repository } from './repository.ts';
import { readPath } from './repository-trees.ts';

export type RootsFrom = 'flag' | 'ref' | 'target' | 'pinned' | 'first-use';

export interface TrustedRoots {
  readonly roots: readonly Root[];
  readonly from: RootsFrom;
  /** True when these roots were written down for this clone just now. */
  readonly pinned: boolean;
}

export interface RootsQuestion {
  /** `--root DID[@said]`, in order. */
  readonly flags: readonly string[];
  /** Commit of `--roots-from REF`. */
  readonly fromCommit: string | null;
  /** Where a first use takes them from: A of `A..B`, or HEAD; null without either. */
  readonly firstUse: string | null;
  /** False leaves the clone as it is: nothing is pinned. */
  readonly mayPin: boolean;
}

const NO_ROOTS_HINT =
  'name the identity to trust: auths verify --root did:keri:E…, or take the roots of a branch: --roots-from origin/main';

const POLICY_HINT = 'this policy needs a newer auths, or is damaged';

/** The roots to trust. None anywhere, or a file that does not parse, is `verify/no-roots`. */
export async function findTrustedRoots(
  repository: Repository,
  question: RootsQuestion,
): Promise<TrustedRoots> {
  const { flags, fromCommit, firstUse } = question;
  if (flags.length > 0)
    return { roots: uniqueRoots(flags.map(parseRootArgument)), from: 'flag', pinned: false };
  if (fromCommit !== null)
    return { roots: await rootsAt(repository, fromCommit, '--roots-from'), from: 'ref', pinned: false };
  const pin = join(repository.commonDir, 'auths', 'roots');
  const pinned = readPin(pin);
  if (pinned !== null) return { roots: readable(pinned, pin), from: 'pinned', pinned: false };
  if (firstUse === null) throw noRoots('there is no commit that could name the identities to trust');
  const roots = await rootsAt(repository, firstUse, firstUse.slice(0, 12));
  return { roots, from: 'first-use', pinned: question.mayPin && writePin(pin, formatRoots(roots)) };
}

/** The policy in a commit's tree; the default where there is none. One that cannot be read is a fault, never skipped. */
export async function readPolicy(repository: Repository, commit: string): Promise<World['policy']> {
  try {
    const file = await readPath(repository, commit, '.auths/policy.json', { maxSize: 1 << 20 });
    if (file === null) return DEFAULT_POLICY;
    if (file.mode !== '100644') return { fault: '.auths/policy.json is not a regular file', hint: null };
    return parsePolicy(file.bytes);
  } catch (error) {
    if (isAuthsError(error) && !error.code.startsWith('git/'))
      return { fault: `.auths/policy.json: ${error.message}`, hint: POLICY_HINT };
    throw error;
  }
}

/** The roots that a commit's tree names; none where it has no file or one that cannot be read. */
export async function rootsInTree(repository: Repository, commit: string): Promise<readonly Root[]> {
  try {
    return await rootsAt(repository, commit, commit);
  } catch (error) {
    if (isAuthsError(error)) return [];
    throw error;
  }
}

async function rootsAt(repository: Repository, commit: string, place: string): Promise<readonly Root[]> {
  const file = await readPath(repository, commit, '.auths/roots', { maxSize: 1 << 20 }).catch(
    (error: unknown) => {
      // Damaged, or too large.
      if (hasCode(error, 'storage/corrupt'))
        throw noRoots(`.auths/roots of ${place}: ${error.message}`, error);
      throw error;
    },
  );
  if (file === null) throw noRoots(`${place} has no .auths/roots`);
  if (file.mode !== '100644') throw noRoots(`.auths/roots of ${place} is not a regular file`);
  return readable(decoded(file.bytes, place), `.auths/roots of ${place}`);
}

function decoded(bytes: Uint8Array, place: string): string {
  try {
    return fromUtf8(bytes);
  } catch (cause) {
    throw noRoots(`.auths/roots of ${place} is not UTF-8`, cause);
  }
}

function readable(text: string, place: string): readonly Root[] {
  let roots: readonly Root[];
  try {
    roots = parseRoots(text);
  } catch (cause) {
    throw noRoots(`${place}: ${isAuthsError(cause) ? cause.message : 'not understood'}`, cause);
  }
  if (roots.length === 0) throw noRoots(`${place} names no identity`);
  return roots;
}

function uniqueRoots(roots: readonly Root[]): readonly Root[] {
  const unique = new Map<string, Root>();
  for (const root of roots) {
    const known = unique.get(root.did);
    if (known !== undefined && known.said !== root.said) {
      throw new AuthsError('usage/invalid', `--root names ${root.did} twice, with different events`);
    }
    unique.set(root.did, root);
  }
  return [...unique.values()];
}

/** Null when nothing is pinned; a pin that is no regular file is refused rather than passed over. */
function readPin(path: string): string | null {
  const facts = isDirectory(dirname(path)) ? lstatSync(path, { throwIfNoEntry: false }) : undefined;
  if (facts === undefined) return null;
  if (!facts.isFile() || facts.size > 1 << 20) throw noRoots(`${path} is not a regular file`);
  return readFileSync(path, 'utf8');
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

/** False when the clone cannot be written, or another process pinned first. */
function writePin(path: string, text: string): boolean {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(temporary, text, { flag: 'wx' });
    linkSync(temporary, path);
    return true;
  } catch {
    return false;
  } finally {
    try {
      unlinkSync(temporary);
    } catch {
      // It was never written.
    }
  }
}

function noRoots(why: string, cause?: unknown): AuthsError<'verify/no-roots'> {
  return new AuthsError('verify/no-roots', `no identity to trust: ${why}`, { hint: NO_ROOTS_HINT, cause });
}
