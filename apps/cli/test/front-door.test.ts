import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, openSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { homePlace } from '../src/home/home-place.ts';
import { auths, ended, freshWorld } from './program.ts';

describe('the front door', () => {
  it('prints the version, also as JSON', () => {
    const world = freshWorld();
    expect(world.auths(['--version'])).toEqual({ status: 0, stdout: '0.1.0\n', stderr: '' });
    expect(world.json(['--version']).document.data).toEqual({ version: '0.1.0' });
  });

  it('without a command shows what to type first', () => {
    const { status, stdout } = freshWorld().auths([]);
    expect(status).toBe(0);
    expect(stdout.indexOf('auths init')).toBeLessThan(stdout.indexOf('Flags of every command'));
  });

  it('never takes the folder one stands in for the home', () => {
    const before = process.env['HOME'];
    try {
      for (const home of ['', 'relative']) {
        process.env['HOME'] = home;
        expect(homePlace({}, '/work-tree')).toBe(join(userInfo().homedir, '.auths'));
        expect(homePlace({ AUTHS_HOME: '' }, '/work-tree')).toBe(join(userInfo().homedir, '.auths'));
      }
    } finally {
      process.env['HOME'] = before;
    }
    expect(homePlace({ AUTHS_HOME: 'keys' }, '/work-tree')).toBe('/work-tree/keys');
  });

  it.skipIf(!existsSync('/dev/full'))('a result that could not be written is no success', () => {
    const world = freshWorld();
    for (const args of [['kel', '--help'], ['status'], ['--version']]) {
      const child = spawnSync(process.execPath, [auths, ...args], {
        env: world.env,
        stdio: ['ignore', openSync('/dev/full', 'w'), 'pipe'],
      });
      expect([args, child.status]).toEqual([args, 7]);
    }
  });

  it.each([
    [['statsu'], 'did you mean auths status?'],
    [['devices', 'revok', 'x'], 'did you mean auths devices revoke?'],
    [['init', '--nmae', 'x'], 'did you mean --name?'],
    [['git'], 'auths git setup'],
    [['init', '--git', 'sometimes'], 'auths init --help'],
    [['kel', 'verify'], 'auths kel verify'],
    [['status', 'extra'], 'auths status --help'],
    [['--jsno', 'status'], 'did you mean --json?'],
    [['status', '--passphrase-file'], '- for stdin'],
  ])('%j is a usage error with a hint, exit 2', (args, hint) => {
    const { status, stdout, stderr } = freshWorld().auths(args);
    expect(status).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toContain(hint);
  });

  it('usage errors are one JSON document too, wherever --json stands', () => {
    const world = freshWorld();
    for (const args of [
      ['init', '--bogus', '--json'],
      ['--json', 'init', '--bogus'],
      ['--json', 'nothing'],
    ]) {
      const { status, stdout, stderr } = world.auths(args);
      const document = JSON.parse(stdout);
      expect(status).toBe(2);
      expect(stderr).toBe('');
      expect(document).toMatchObject({ v: 1, ok: false, error: { code: 'usage/invalid', details: {} } });
      expect(Object.keys(document.error).toSorted()).toEqual(['code', 'details', 'hint', 'message']);
    }
  });

  it('takes global flags before, between and after the words of a command', () => {
    const world = freshWorld();
    for (const args of [
      ['--json', 'id', 'show'],
      ['id', '--json', 'show'],
      ['id', 'show', '--json'],
      ['id', 'show', '--quiet', '--json'],
    ]) {
      const { status, stdout } = world.auths(args);
      expect(status).toBe(3);
      expect(JSON.parse(stdout)).toMatchObject({
        ok: false,
        command: 'id show',
        error: { code: 'identity/none' },
      });
    }
  });

  it('aliases are the same command', () => {
    const world = freshWorld();
    for (const args of [['devices'], ['devices', 'list'], ['id', 'show-devices']]) {
      expect(world.json(args).document).toMatchObject({
        command: 'devices list',
        error: { code: 'identity/none' },
      });
    }
  });

  it('help shows examples before flags for every command, and as JSON', () => {
    const world = freshWorld();
    const { commands } = world.json(['help']).document.data;
    expect(commands.length).toBeGreaterThan(25);
    for (const name of ['init', 'devices revoke', 'kel verify', 'completion']) {
      const { status, stdout } = world.auths([...name.split(' '), '--help']);
      expect(status).toBe(0);
      expect(stdout.indexOf('Examples')).toBeGreaterThan(0);
      expect(stdout.indexOf('Examples')).toBeLessThan(stdout.indexOf('Flags of every command'));
    }
    expect(world.auths(['help', 'devices']).stdout).toContain('auths devices revoke');
    expect(world.auths(['help', 'nonsense']).status).toBe(2);
  });

  it('colours a pipe only when told to', () => {
    const world = freshWorld();
    expect(world.auths(['status']).stdout).not.toContain('\u001b[');
    expect(world.auths(['status'], { env: { FORCE_COLOR: '1' } }).stdout).toContain('\u001b[');
    expect(world.auths(['status', '--no-color'], { env: { FORCE_COLOR: '1' } }).stdout).not.toContain(
      '\u001b[',
    );
    expect(world.auths(['status'], { env: { NO_COLOR: '1' } }).stdout).not.toContain('\u001b[');
  });

  it('a reader that goes away is no error and no noise', async () => {
    const world = freshWorld();
    const child = world.start(['help']);
    child.stdout?.destroy();
    const { stderr } = await ended(child);
    expect(stderr).toBe('');
  });

  it('ends with 130 on Ctrl+C, and the next run goes on', async () => {
    const world = freshWorld();
    const child = world.start(['init', '--json']);
    const done = ended(child);
    while (!existsSync(world.home)) await new Promise((resolve) => setTimeout(resolve, 10));
    child.kill('SIGINT');
    const { status, stdout } = await done;
    expect(status).toBe(130);
    expect(JSON.parse(stdout)).toMatchObject({ ok: false, error: { code: 'interrupted' } });
    expect(world.json(['init'])).toMatchObject({ status: 0 });
  });

  it('storage that cannot be written is exit 7 naming the path, never a bug', () => {
    if (process.getuid?.() === 0) {
      // Root writes everywhere; a file where the folder should be refuses everybody.
      const world = freshWorld({ home: 'file/home' });
      const { status, document } = world.json(['init'], { env: { AUTHS_HOME: '/dev/null/home' } });
      expect(status).toBe(7);
      expect(document.error?.code).toMatch(/^storage\//);
      return;
    }
    const world = freshWorld();
    mkdirSync(world.home);
    chmodSync(world.home, 0o500);
    const { status, document } = world.json(['init']);
    chmodSync(world.home, 0o700);
    expect(status).toBe(7);
    expect(document.error?.code).toMatch(/^storage\//);
  });
});

describe('help errors', () => {
  it('explains one code, all codes, and suggests the nearest', () => {
    const world = freshWorld();
    expect(world.json(['help', 'errors', 'identity/none']).document.data).toMatchObject({
      code: 'identity/none',
      exit: 3,
    });
    expect(world.json(['help', 'errors', 'no-peer']).document.data.code).toBe('pairing/no-peer');
    expect(world.json(['help', 'errors']).document.data.errors.length).toBeGreaterThan(60);
    expect(world.auths(['help', 'errors', 'identity/nnoe']).stderr).toContain('did you mean');
  });
});
