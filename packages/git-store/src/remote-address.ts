/**
 * What REMOTE|PATH|URL means: a remote of the home's git configuration, one of the repository that the person stands
 * in, a transport that git may use here (https, ssh, file), or a folder.
 */
import { createHash } from 'node:crypto';
import { existsSync, realpathSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { AuthsError, hasCode } from '@auths/core/errors';
import { readSmallText } from './files.ts';
import { runGit } from './git.ts';
import { configList, configSet } from './git-config.ts';

/** Of a home's git configuration, which is a few lines. */
const MAX_CONFIG = 1 << 20;

export interface Remote {
  /** Names its refs below refs/auths-remotes and its memory in seen/: one ref component. */
  readonly name: string;
  /** What git is given. Holds no password. */
  readonly url: string;
  /** True when the home's configuration lists it, so that it is compared before every append. */
  readonly known: boolean;
}

/**
 * The remotes in the home's git configuration, by name. Starts git only when there are any. One whose address cannot be
 * used here is left out and told to `onUnusable`.
 */
export async function knownRemotes(
  gitDir: string,
  onUnusable: (name: string, why: string) => void = () => undefined,
): Promise<readonly Remote[]> {
  // Asked before every append: a home without remotes must not pay for a process.
  const config = join(gitDir, 'config');
  const text = readSmallText(config, MAX_CONFIG) ?? '';
  if (!/^\s*\[\s*remote\b/im.test(text)) return [];
  const remotes = new Map<string, Remote>();
  for (const [key, url] of await configList({ scope: 'home', gitDir })) {
    const name = /^remote\.(.+)\.url$/s.exec(key)?.[1];
    if (name === undefined || remotes.has(name)) continue;
    try {
      remotes.set(name, { name: refComponent(name), url: checkedUrl(url, gitDir), known: true });
    } catch (error) {
      if (!hasCode(error, 'usage/invalid')) throw error;
      onUnusable(name, error.message);
    }
  }
  return [...remotes.values()];
}

/** What the person named; `cwd` is where relative paths start and where a repository may have a remote of that name. */
export async function resolveRemote(gitDir: string, word: string, cwd: string): Promise<Remote> {
  const known = await knownRemotes(gitDir);
  const named = known.find(({ name }) => name === refComponent(word) && isRemoteName(word));
  if (named !== undefined) return named;
  const url = (await remoteOfRepository(word, cwd)) ?? checkedUrl(word, cwd);
  if (isSameFolder(url, gitDir)) {
    throw new AuthsError('usage/invalid', `${word} is this home itself, which cannot be its own remote`, {
      hint: 'make a bare repository somewhere else: git init --bare PLACE, then auths push PLACE',
    });
  }
  return known.find((remote) => remote.url === url) ?? { name: nameFor(url), url, known: false };
}

function isSameFolder(url: string, folder: string): boolean {
  try {
    return realpathSync(url.replace(/^file:\/\//, '')) === realpathSync(folder);
  } catch {
    return false;
  }
}

/** Adds a remote to the home's configuration, where every later append finds it. */
export async function rememberRemote(gitDir: string, remote: Remote): Promise<void> {
  if (!remote.known) await configSet({ scope: 'home', gitDir }, `remote.${remote.name}.url`, remote.url);
}

/** A URL or path as git is given it; anything that could be an option, another transport or a secret is `usage/invalid`. */
function checkedUrl(text: string, base: string): string {
  // eslint-disable-next-line no-control-regex -- such an address is refused
  if (text === '' || text.startsWith('-') || /[\u0000-\u001f\u007f]/.test(text)) {
    throw new AuthsError('usage/invalid', 'that is not the address of a repository', { hint: WAYS });
  }
  if (/^[A-Za-z][A-Za-z0-9+.-]*::/.test(text)) throw otherTransport(text.slice(0, text.indexOf('::')));
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):\/\//.exec(text)?.[1]?.toLowerCase();
  if (scheme === undefined) return isScpLike(text) ? withoutSecret(text) : resolve(base, text);
  if (!['https', 'ssh', 'file'].includes(scheme)) throw otherTransport(scheme);
  return withoutSecret(text);
}

const WAYS = 'a remote name, a folder, or an https, ssh or file URL';

/** `host:path` and `user@host:path`, git's short form of ssh: a colon before any slash. */
function isScpLike(text: string): boolean {
  return /^(?:[^/\\:]{2,}|[^/\\:](?!:[/\\])):/.test(text) && !existsSync(text);
}

function withoutSecret(url: string): string {
  const authority = /^[^/]*:\/\/([^/]*)/.exec(url)?.[1] ?? /^[^/]*/.exec(url)?.[0] ?? '';
  if (!/^[^@:]*:.*@/.test(authority)) return url;
  throw new AuthsError(
    'usage/invalid',
    'that address holds a password, which would end up in files and logs',
    {
      hint: 'leave it out; git asks its credential helper',
    },
  );
}

function otherTransport(scheme: string): AuthsError<'usage/invalid'> {
  return new AuthsError('usage/invalid', `"${scheme.slice(0, 20)}" is not a transport that is used here`, {
    hint: WAYS,
  });
}

/** The URL of a remote of the repository that `cwd` lies in; null when there is none. */
async function remoteOfRepository(word: string, cwd: string): Promise<string | null> {
  if (!isRemoteName(word)) return null;
  const asked = await runGit(['remote', 'get-url', '--', word], { cwd, accept: [2, 128] });
  if (asked.status !== 0) return null;
  const top = await runGit(['rev-parse', '--show-toplevel'], { cwd, accept: [128] });
  const base = top.status === 0 ? top.stdout.toString('utf8').replace(/\n$/, '') : cwd;
  return checkedUrl(asked.stdout.toString('utf8').replace(/\n$/, ''), base);
}

function isRemoteName(word: string): boolean {
  return /^[A-Za-z0-9_][A-Za-z0-9._/-]*$/.test(word) && !word.includes('..');
}

/** A name of one's own for an address: its last part, for people, and a digest, so that two never share one. */
function nameFor(url: string): string {
  const last = url.split(/[/:\\]/).findLast((part) => part !== '') ?? '';
  const word = last
    .replace(/\.git$/, '')
    .replace(/[^A-Za-z0-9-]+/g, '-')
    .slice(0, 32);
  return `${word.replace(/^-+|-+$/g, '') || 'remote'}-${digestOf(url)}`;
}

function refComponent(name: string): string {
  return /^[A-Za-z0-9_][A-Za-z0-9_-]{0,63}$/.test(name)
    ? name
    : `${name.replace(/[^A-Za-z0-9-]+/g, '-').slice(0, 32)}-${digestOf(name)}`;
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 8);
}
