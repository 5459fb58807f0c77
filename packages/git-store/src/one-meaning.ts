/**
 * What a name in somebody's words means: HEAD's own commit, and no ref by a name that could mean another. Where what is
 * meant is not there, git goes on to a tag of that name, and where both are there it takes the tag and warns where nobody
 * looks: whoever may push a tag would choose the base of a range, and whose roots count.
 */
import { AuthsError } from '@auths/core/errors';
import { runGit } from './git.ts';
import { plainHead } from './plain-objects.ts';
import type { Repository } from './repository.ts';

/** The commit that HEAD leads to; null where there is none yet. A tag that is called HEAD is not asked. */
export function headCommit(repository: Repository): Promise<string | null> {
  const head = heads.get(repository) ?? readHead(repository);
  heads.set(repository, head);
  return head;
}

const heads = new WeakMap<Repository, Promise<string | null>>();

async function readHead(repository: Repository): Promise<string | null> {
  const oid = (repository.isPlain ? plainHead(repository.gitDir) : null) ?? (await askHead(repository));
  return oid === null ? null : ((await repository.objects.info(`${oid}^{commit}`))?.oid ?? null);
}

async function askHead({ gitDir }: Repository): Promise<string | null> {
  const symbolic = await runGit(['symbolic-ref', '--quiet', 'HEAD'], { gitDir, accept: [1, 128] });
  const ref = symbolic.stdout.toString('utf8').trim();
  const args =
    symbolic.status === 0
      ? ['show-ref', '--verify', '--hash', '--', ref]
      : ['rev-parse', '--verify', '--quiet', 'HEAD'];
  const { status, stdout } = await runGit(args, { gitDir, accept: [1, 128] });
  return status === 0 ? stdout.toString('latin1').trim() : null;
}

/** The name with HEAD's commit in place of HEAD; null where it begins with HEAD and there is none. */
export async function withoutHead(repository: Repository, name: string): Promise<string | null> {
  const word = /^(?:HEAD|@)(?=$|[~^:])/.exec(name)?.[0];
  if (word === undefined) return name;
  const head = await headCommit(repository);
  return head === null ? null : `${head}${name.slice(word.length)}`;
}

/**
 * `verify/bad-target` for a name that git knows several refs by, or a ref and an object, and for one by which it finds a tag
 * where something else is meant. A name in full is that ref or none. What a range starts from, and whose roots count, is a
 * tag only by `tags/NAME`: by a short name it could stand in for any branch or commit that is not here.
 */
export async function requireOneMeaning(
  repository: Repository,
  name: string,
  { isBase }: { readonly isBase: boolean },
): Promise<void> {
  const base = /^(?:@\{[^}]*\}|[^~^:@]*(?:@(?!\{)[^~^:@]*)*)/.exec(name)?.[0] ?? '';
  if (isBase && name.startsWith(':/'))
    throw badTarget(name, 'git looks for that text in whatever was fetched');
  if (base === '' || base.startsWith('-') || isWholeId(repository, base)) return;
  const { gitDir } = repository;
  if (base.startsWith('refs/')) {
    const { status } = await runGit(['show-ref', '--verify', '--quiet', '--', base], {
      gitDir,
      accept: [1, 128],
    });
    if (status !== 0) throw badTarget(base, 'no such ref here');
    return;
  }
  const asked = ['-c', 'core.warnAmbiguousRefs=true', 'rev-parse', '--symbolic-full-name'];
  const { stdout, stderr } = await runGit([...asked, '--end-of-options', base], { gitDir, accept: [1, 128] });
  const full = /^refs\/.*$/m.exec(stdout.toString('utf8'))?.[0] ?? null;
  const described = full === null ? undefined : DESCRIBED.exec(base)?.[1];
  const isTwice =
    /refname '.*' is ambiguous/.test(stderr) ||
    (described !== undefined && (await repository.objects.info(described)) !== null);
  const isTag = full?.startsWith('refs/tags/') === true && !base.startsWith('tags/');
  if (!isTwice && !(isTag && (isBase || (await isElsewhere(repository, base))))) return;
  const why = isTwice ? 'it means more than one thing here' : `git finds only a tag by that name, ${full}`;
  const hint = isTwice
    ? `name it in full, as git show-ref lists it: refs/heads/${base}, refs/remotes/${base} or refs/tags/${base}`
    : `if you mean the tag: ${full ?? ''}`;
  throw badTarget(base, why, hint);
}

/** As git describe says it, which names a commit by the end of its id. */
const DESCRIBED = /-g([0-9a-f]{4,})$/;

/** Of the other kind of repository it is a name like any other. */
function isWholeId({ objectFormat }: Repository, name: string): boolean {
  return name.length === (objectFormat === 'sha1' ? 40 : 64) && /^[0-9a-f]+$/.test(name);
}

/** The name of a branch here or at a remote, of a remote, of a branch that was left, or of what git itself keeps (ORIG_HEAD). */
async function isElsewhere({ gitDir }: Repository, base: string): Promise<boolean> {
  if (base.startsWith('@{') || /^[A-Z_]*HEAD$/.test(base) || /^(?:heads|remotes)\//.test(base)) return true;
  const { stdout } = await runGit(['remote'], { gitDir });
  const remotes = stdout.toString('utf8').split('\n');
  if (remotes.some((one) => one !== '' && `${base}/`.startsWith(`${one}/`))) return true;
  const there = await runGit(['for-each-ref', '--count=1', `refs/remotes/**/${base}`], { gitDir });
  return there.stdout.length > 0;
}

export function badTarget(target: string, why: string, hint?: string): AuthsError<'verify/bad-target'> {
  return new AuthsError('verify/bad-target', `"${target.slice(0, 200)}": ${why}`, {
    ...(hint === undefined ? {} : { hint }),
    details: { target },
  });
}
