import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { freshWorld, hasSshKeygen, type World } from './program.ts';

function repository(world: World, name = 'repo'): string {
  const dir = join(world.dir, name);
  world.git(['init', '-q', dir]);
  return dir;
}

function config(world: World, cwd: string, scope: '--global' | '--local' = '--global'): readonly string[] {
  return world.git(['config', scope, '--list'], { cwd }).stdout.trim().split('\n').toSorted();
}

describe('git setup, unset, status', () => {
  it('sets git up in one scope and gives back exactly what was there', () => {
    const world = freshWorld();
    world.json(['init']);
    const gitconfig = join(world.dir, '.gitconfig');
    writeFileSync(
      gitconfig,
      '# mine\n[user]\n\tname = A\n[commit]\n\tgpgsign = true\n[alias]\n\tst = status\n',
    );
    const before = config(world, world.dir);
    expect(world.json(['git', 'setup'])).toMatchObject({
      status: 0,
      document: { data: { scope: 'global' } },
    });
    const value = (key: string): string => world.git(['config', '--global', key]).stdout.trim();
    expect(value('gpg.format')).toBe('ssh');
    expect(value('user.signingkey')).toBe(join(world.home, 'device.pub'));
    expect(value('gpg.ssh.program')).toBe(join(world.home, 'bin/auths-ssh-sign'));
    expect(value('gpg.ssh.allowedSignersFile')).toBe(join(world.home, 'allowed_signers'));
    expect(value('tag.gpgsign')).toBe('true');
    expect(statSync(join(world.home, 'bin/auths-ssh-sign')).mode & 0o111).not.toBe(0);
    expect(world.json(['git', 'status']).document.data.git).toBe('global');
    expect(world.json(['status']).document.data.git).toBe('global');
    expect(world.json(['git', 'setup']).status).toBe(0);
    expect(world.json(['git', 'unset'])).toMatchObject({
      status: 0,
      document: { data: { changed: true, kept: [] } },
    });
    expect(config(world, world.dir)).toEqual(before);
    expect(readFileSync(gitconfig, 'utf8')).toContain('# mine');
    expect(world.json(['git', 'unset']).document.data.changed).toBe(false);
    expect(world.json(['git', 'status']).document.data.git).toBe('none');
  });

  it('never overwrites foreign values unasked; --yes does, and unset restores all of them', () => {
    const world = freshWorld();
    world.json(['init']);
    const gitconfig = join(world.dir, '.gitconfig');
    writeFileSync(
      gitconfig,
      '[gpg]\n\tformat = openpgp\n[user]\n\tsigningkey = ABCD\n\tsigningkey = "EF 01 # x"\n[commit]\n\tgpgsign = false\n',
    );
    const bytes = readFileSync(gitconfig, 'utf8');
    const before = config(world, world.dir);
    const refused = world.json(['git', 'setup']);
    expect(refused.status).toBe(2);
    expect(refused.document.error).toMatchObject({
      code: 'usage/missing-answer',
      details: { flag: '--yes' },
    });
    expect(readFileSync(gitconfig, 'utf8')).toBe(bytes);
    expect(world.json(['git', 'setup', '--yes']).status).toBe(0);
    expect(world.git(['config', '--global', '--get-all', 'user.signingkey']).stdout.trim()).toBe(
      join(world.home, 'device.pub'),
    );
    expect(world.json(['git', 'setup', '--yes']).status).toBe(0);
    world.json(['git', 'unset']);
    expect(config(world, world.dir)).toEqual(before);
  });

  it('init refuses foreign values before it writes anything', () => {
    const world = freshWorld();
    writeFileSync(join(world.dir, '.gitconfig'), '[gpg]\n\tformat = x509\n');
    expect(world.json(['init', '--git', 'global']).status).toBe(2);
    expect(existsSync(world.home)).toBe(false);
    expect(world.json(['init', '--git', 'global', '--yes']).document.data.git).toBe('global');
  });

  it('a value that a person changed after set-up is left alone by unset', () => {
    const world = freshWorld();
    world.json(['init', '--git', 'global']);
    world.git(['config', '--global', 'gpg.format', 'openpgp']);
    expect(world.json(['git', 'unset']).document.data.kept).toEqual(['gpg.format']);
    expect(world.git(['config', '--global', 'gpg.format']).stdout.trim()).toBe('openpgp');
    expect(world.git(['config', '--global', 'gpg.ssh.program']).status).toBe(1);
  });

  it('--local touches this repository only, and outside of one it is exit 2', () => {
    const world = freshWorld();
    const repo = repository(world);
    const before = config(world, repo, '--local');
    expect(world.json(['init', '--git', 'local'])).toMatchObject({
      status: 2,
      document: { error: { code: 'git/not-a-repository' } },
    });
    expect(world.json(['init', '--git', 'local'], { cwd: repo }).document.data.git).toBe('local');
    expect(world.git(['config', 'gpg.format'], { cwd: repo }).stdout.trim()).toBe('ssh');
    expect(world.git(['config', '--global', 'gpg.format']).status).toBe(1);
    expect(world.json(['status'], { cwd: repo }).document.data.git).toBe('local');
    expect(world.json(['status']).document.data.git).toBe('none');
    world.json(['git', 'unset', '--local'], { cwd: repo });
    expect(config(world, repo, '--local')).toEqual(before);
    expect(world.json(['git', 'setup', '--local', '--global'], { cwd: repo }).status).toBe(2);
  });

  it('another home does not take over unasked, and what was there first comes back in the end', () => {
    const world = freshWorld();
    const gitconfig = join(world.dir, '.gitconfig');
    writeFileSync(gitconfig, '[user]\n\tsigningkey = FIRST\n');
    const before = config(world, world.dir);
    world.json(['init', '--git', 'global', '--yes']);
    const second = { AUTHS_HOME: join(world.dir, 'second') };
    world.json(['init'], { env: second });
    expect(world.json(['git', 'setup'], { env: second }).status).toBe(2);
    expect(world.json(['git', 'setup', '--yes'], { env: second }).status).toBe(0);
    expect(world.json(['git', 'status'], { env: second }).document.data.git).toBe('global');
    expect(world.json(['git', 'status']).document.data.git).toBe('none');
    world.json(['git', 'unset'], { env: second });
    expect(config(world, world.dir)).toEqual(before);
  });
});

describe('git signs by auths-sign', () => {
  it.skipIf(!hasSshKeygen)(
    'a commit and a tag that stock git verifies, from a home with an awkward name',
    () => {
      const world = freshWorld({ home: 'it\'s a $HOME/"`x` ü' });
      mkdirSync(join(world.dir, "it's a $HOME"));
      const { document } = world.json(['init', '--git', 'global']);
      const repo = repository(world);
      expect(world.git(['commit', '-q', '--allow-empty', '-m', 'signed'], { cwd: repo })).toMatchObject({
        status: 0,
        stderr: '',
      });
      const verified = world.git(['verify-commit', 'HEAD'], { cwd: repo });
      expect(verified.status).toBe(0);
      expect(verified.stderr).toContain(document.data.controller_did);
      expect(world.git(['tag', '-m', 'one', 'v1'], { cwd: repo }).status).toBe(0);
      expect(world.git(['verify-tag', 'v1'], { cwd: repo }).status).toBe(0);
      expect(world.git(['log', '-1', '--format=%G?'], { cwd: repo }).stdout.trim()).toBe('G');
    },
  );

  it('says one line and signs nothing when it cannot: no passphrase, wrong passphrase, revoked', () => {
    const world = freshWorld();
    world.json(['init', '--name', 'laptop', '--git', 'global']);
    const repo = repository(world);
    const commit = (env: Record<string, string> = {}): ReturnType<World['git']> =>
      world.git(['commit', '-q', '--allow-empty', '-m', 'x'], { cwd: repo, env });
    const locked = commit({ AUTHS_PASSPHRASE: '' });
    expect(locked.status).not.toBe(0);
    expect(locked.stderr).toContain('set AUTHS_PASSPHRASE');
    expect(locked.stderr.split('\n').filter((line) => line.includes('auths-sign:'))).toHaveLength(1);
    expect(commit({ AUTHS_PASSPHRASE: 'wrong' }).status).not.toBe(0);
    expect(commit().status).toBe(0);
    expect(world.json(['devices', 'revoke', 'laptop', '--reason', 'lost']).status).toBe(0);
    const revoked = commit();
    expect(revoked.status).not.toBe(0);
    expect(revoked.stderr).toContain('revoked');
    expect(world.git(['rev-list', '--count', 'HEAD'], { cwd: repo }).stdout.trim()).toBe('1');
  });

  it('refuses another namespace, another key and arguments that it does not know', () => {
    const world = freshWorld();
    world.json(['init', '--git', 'global']);
    const wrapper = join(world.home, 'bin/auths-ssh-sign');
    const payload = join(world.dir, 'payload');
    writeFileSync(payload, 'tree x\n');
    const pub = join(world.home, 'device.pub');
    const other = join(world.dir, 'other.pub');
    writeFileSync(
      other,
      'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea x\n',
    );
    const sign = (...args: string[]): number | null =>
      world.git(['-c', 'alias.x=!f() { "$@"; }; f', 'x', wrapper, ...args]).status;
    expect(sign('-Y', 'sign', '-n', 'file', '-f', pub, payload)).not.toBe(0);
    expect(sign('-Y', 'sign', '-n', 'git', '-f', other, payload)).not.toBe(0);
    expect(sign('-Y', 'sign', '-n', 'git', '-f', pub, '--what', payload)).not.toBe(0);
    expect(existsSync(`${payload}.sig`)).toBe(false);
    expect(sign('-Y', 'sign', '-n', 'git', '-f', pub, '-U', payload)).toBe(0);
    expect(readFileSync(`${payload}.sig`, 'utf8')).toMatch(/^-----BEGIN SSH SIGNATURE-----\n/);
  });
});
