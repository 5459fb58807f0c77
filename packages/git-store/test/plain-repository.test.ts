/** What is read without git must be what git says, or nothing. */
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { readPlainSettings } from '../src/plain-config.ts';
import { findPlainRepository } from '../src/plain-repository.ts';
import { findRepository, listRepositoryRefs } from '../src/repository.ts';

let root: string;
const git = (cwd: string, ...args: readonly string[]): string =>
  execFileSync('git', ['-C', cwd, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();

beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'auths-plain-')));
  vi.stubEnv('HOME', root);
  vi.stubEnv('XDG_CONFIG_HOME', '');
  for (const name of Object.keys(process.env))
    if (/^GIT_CONFIG(?!_NOSYSTEM$)/.test(name)) vi.stubEnv(name, undefined);
  vi.stubEnv('GIT_CONFIG_NOSYSTEM', '1');
  git(root, 'init', '-q', '-b', 'main', 'clone');
  git(
    join(root, 'clone'),
    '-c',
    'user.name=a',
    '-c',
    'user.email=a@b',
    'commit',
    '-q',
    '--allow-empty',
    '-m',
    'x',
  );
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(root, { recursive: true, force: true });
});

describe('findPlainRepository', () => {
  it('says of a plain clone what git says, from any folder in it and through a link', () => {
    mkdirSync(join(root, 'clone', 'a', 'b'), { recursive: true });
    symlinkSync(join(root, 'clone', 'a'), join(root, 'link'));
    for (const place of ['clone', 'clone/a/b', 'link/b']) {
      const found = findPlainRepository(join(root, place));
      expect(found?.gitDir).toBe(git(join(root, place), 'rev-parse', '--absolute-git-dir'));
      expect(found?.workTree).toBe(git(join(root, place), 'rev-parse', '--show-toplevel'));
      expect(found?.shallow).toBe(false);
    }
  });

  it.each<[string, (clone: string) => string]>([
    ['a folder outside', () => root],
    ['a bare repository', () => (git(root, 'init', '-q', '--bare', 'bare'), join(root, 'bare'))],
    ['inside .git', (clone) => join(clone, '.git')],
    ['another work tree', (clone) => (git(clone, 'worktree', 'add', '-q', '../other'), join(root, 'other'))],
    ['SHA-256', () => (git(root, 'init', '-q', '--object-format=sha256', 's'), join(root, 's'))],
    ['core.worktree', (clone) => (git(clone, 'config', 'core.worktree', root), clone)],
    ['an included file', (clone) => (git(clone, 'config', 'include.path', '/nowhere'), clone)],
    ['a second core.bare', (clone) => (git(clone, 'config', '--add', 'core.bare', 'true'), clone)],
    [
      'a setting on the line of its section',
      (clone) => (appendFileSync(join(clone, '.git/config'), '[core] bare = true\n'), clone),
    ],
  ])('leaves %s to git', (_, place) => {
    expect(findPlainRepository(place(join(root, 'clone')))).toBeNull();
  });

  it('sees refs that are loose, packed, or neither', async () => {
    const clone = join(root, 'clone');
    const names = async (): Promise<readonly string[]> => {
      await using repository = await findRepository(clone);
      return [...(await listRepositoryRefs(repository, 'refs/did/keri', 'refs/auths-remotes')).keys()];
    };
    expect(await names()).toEqual([]);
    git(clone, 'update-ref', 'refs/did/keri/x/kel', 'HEAD');
    expect(await names()).toEqual(['refs/did/keri/x/kel']);
    git(clone, 'pack-refs', '--all', '--prune');
    expect(await names()).toEqual(['refs/did/keri/x/kel']);
  });
});

describe('readPlainSettings', () => {
  const KEYS = ['gpg.format', 'gpg.ssh.program'];
  const read = (): Readonly<Record<string, string>> | null => {
    const found = readPlainSettings(join(root, 'clone'), KEYS);
    return found === null
      ? null
      : Object.fromEntries([...found].map(([k, v]) => [k, `${v.scope} ${v.value}`]));
  };
  const asked = (): Readonly<Record<string, string>> =>
    Object.fromEntries(
      KEYS.map((key) => [
        key,
        git(join(root, 'clone'), 'config', '--show-scope', '--get', key).replace('\t', ' '),
      ]),
    );

  it('agrees with git on what git wrote, in both scopes', () => {
    git(root, 'config', '--global', 'gpg.format', 'ssh');
    git(root, 'config', '--global', 'gpg.ssh.program', '/opt/one');
    expect(read()).toEqual(asked());
    git(join(root, 'clone'), 'config', 'gpg.ssh.program', '/opt/two');
    expect(read()).toEqual(asked());
    expect(read()?.['gpg.ssh.program']).toBe('local /opt/two');
    git(join(root, 'clone'), 'config', '--add', 'gpg.ssh.program', '/opt/three');
    expect(read()).toEqual(asked());
  });

  it.each([
    ['a key that is not set', '[gpg]\n\tformat = ssh\n'],
    ['quotes', '[gpg]\n\tformat = ssh\n[gpg "ssh"]\n\tprogram = "/a b"\n'],
    ['a comment behind a value', '[gpg]\n\tformat = ssh # x\n[gpg "ssh"]\n\tprogram = /a\n'],
    ['a section and a key in one line', '[gpg] format = ssh\n[gpg "ssh"]\n\tprogram = /a\n'],
    ['a continued line', '[gpg]\n\tformat = ssh\n[gpg "ssh"]\n\tprogram = /a\\\nb\n'],
    ['an include', '[include]\n\tpath = x\n[gpg]\n\tformat = ssh\n[gpg "ssh"]\n\tprogram = /a\n'],
  ])('leaves %s to git', (_, text) => {
    writeFileSync(join(root, '.gitconfig'), text);
    expect(read()).toBeNull();
  });

  it('leaves settings of the environment to git', () => {
    writeFileSync(join(root, '.gitconfig'), '[gpg]\n\tformat = ssh\n[gpg "ssh"]\n\tprogram = /a\n');
    expect(read()).not.toBeNull();
    vi.stubEnv('GIT_CONFIG_COUNT', '1');
    expect(read()).toBeNull();
  });
});
