/** A host that could not grant says so before anybody compares anything; what changes while a person is asked is seen before a key signs. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  buildPrograms,
  createWorld,
  programs,
  removePrograms,
  watch,
  type Machine,
  type Running,
  type World,
} from './programs.ts';
import { endOf, joinArgv } from './stage.ts';

// oxlint-disable-next-line typescript/no-explicit-any
type Data = any;

const HOST = ['pair', '--json', '--bind', '127.0.0.1', '--no-mdns'];
const canMount = process.platform === 'linux' && process.getuid?.() === 0;

let world: World;
let laptop: Machine;
let home: string;
let kit: string;
let asked: string;
const folders: string[] = [];
beforeAll(async () => {
  buildPrograms();
  world = createWorld();
  laptop = world.machine('laptop');
  home = String(laptop.env['AUTHS_HOME']);
  kit = join(laptop.folder, 'kit');
  const made = await laptop.data('init', '--name', 'laptop', '--git', 'none', '--recovery-file', kit);
  const did = String(made['controller_did']);
  asked = join(laptop.folder, 'asks.request');
  await world.machine('asks').data('devices', 'request', asked, '--identity', did, '--name', 'asks');
  // Paired once, so that there is a list to break.
  const desk = world.machine('desk');
  const host = laptop.start(...HOST);
  const joiner = await joinAt(desk, host);
  await host.event('joined');
  host.say('y');
  expect([await endOf(host), await endOf(joiner)]).toEqual(['0 paired', '0 paired']);
}, 120_000);
afterAll(async () => {
  await world.end();
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  removePrograms();
});

async function joinAt(device: Machine, host: Running): Promise<Running> {
  const offer = await host.event('offer');
  return device.start(...joinArgv(String(offer['code']), device.name), '--host', String(offer['endpoint']));
}

const eventsOf = (running: Running): readonly string[] => running.events().map(({ event }) => event);
const errorOf = (running: Running): Data => running.events().at(-1)?.['error'];
const sequence = async (): Promise<number> => Number((await laptop.data('id', 'show'))['sequence']);

/** Breaks what is at `path`; what was there comes back. */
async function broken(
  path: string,
  make: (path: string) => void,
  during: () => Promise<void>,
): Promise<void> {
  const was = `${path}.was`;
  if (existsSync(path)) renameSync(path, was);
  try {
    make(path);
    await during();
  } finally {
    rmSync(path, { recursive: true, force: true });
    if (existsSync(was)) renameSync(was, path);
  }
}

/** Neither `pair` nor `devices accept` shows or asks anything. */
async function refuses(code: string, path: string): Promise<void> {
  const host = laptop.start(...HOST);
  host.hush();
  expect([await endOf(host), eventsOf(host)]).toEqual([`7 ${code}`, ['error']]);
  expect(errorOf(host)).toMatchObject({ details: { path }, hint: expect.any(String) as string });
  const accept = laptop.start('devices', 'accept', asked, '--json');
  accept.say('nothing');
  accept.hush();
  const { exit, stdout } = await accept.done;
  expect([exit, JSON.parse(stdout).error.code], stdout).toEqual([7, code]);
}

function cut(path: string): void {
  writeFileSync(path, readFileSync(`${path}.was`).subarray(0, 40));
}
function placeFolder(path: string): void {
  mkdirSync(path);
}
function placeText(path: string): void {
  writeFileSync(path, 'x');
}

describe('a list of paired devices that cannot be kept', { timeout: 60_000 }, () => {
  it.each([
    ['cut off', 'allow-list.json', cut, 'storage/corrupt'],
    ['empty', 'allow-list.json', (path: string) => writeFileSync(path, ''), 'storage/corrupt'],
    ['gone', 'allow-list.json', () => {}, 'storage/corrupt'],
    ['a folder', 'allow-list.json', placeFolder, 'storage/corrupt'],
    ['with a folder for its backup', 'allow-list.json.bak', placeFolder, 'storage/corrupt'],
    ['locked by a dead program', 'allow-list.json.lock', placeText, 'storage/locked'],
    ['with a file for the journal', 'journal', placeText, 'storage/failed'],
  ])('%s: no code is shown, nobody is asked, nothing is repaired', async (_, name, make, code) => {
    const path = join(home, name);
    const before = await sequence();
    await broken(path, make, async () => {
      const kind = lstatSync(path, { throwIfNoEntry: false })?.isFile();
      const bytes = kind === true ? readFileSync(path) : null;
      await refuses(code, path);
      expect(lstatSync(path, { throwIfNoEntry: false })?.isFile()).toBe(kind);
      if (bytes !== null) expect(readFileSync(path)).toEqual(bytes);
    });
    expect(await sequence()).toBe(before);
    expect(readdirSync(join(home, 'journal'))).toEqual([]);
    expect(readdirSync(home).filter((each) => each.endsWith('.tmp'))).toEqual([]);
  });

  it.skipIf(!canMount).each([
    ['the home', '.', 'allow-list.json'],
    ['the list', 'allow-list.json', 'allow-list.json'],
    ['the journal', 'journal', join('journal', 'probe.json')],
  ])('%s mounted read-only (needs the right to mount)', async (_, name, told) => {
    const path = join(home, name);
    execFileSync('mount', ['--bind', path, path]);
    try {
      execFileSync('mount', ['-o', 'remount,bind,ro', path]);
      const host = laptop.start(...HOST);
      host.hush();
      expect([await endOf(host), eventsOf(host)]).toEqual(['7 storage/failed', ['error']]);
      expect(errorOf(host)).toMatchObject({
        details: { path: join(home, told) },
        hint: expect.stringContaining('read-only') as string,
      });
    } finally {
      spawnSync('umount', [path]);
    }
  });
});

/** A folder for PATH with this git alone, or with none. */
function pathWith(script: string | null): string {
  const folder = mkdtempSync(join(tmpdir(), 'auths-path-'));
  folders.push(folder);
  if (script !== null) writeFileSync(join(folder, 'git'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return folder;
}

describe('a git that cannot be used', { timeout: 60_000 }, () => {
  it.each([
    ['none', null, /git was not found in PATH/],
    ['2.20.1', 'echo git version 2.20.1', /git 2\.20\.1 is too old/],
    ['one that says nothing', 'exit 0', /does not say which version/],
  ])('%s: the session ends, whoever comes is not asked about', async (_, script, words) => {
    const at = (...argv: readonly string[]): Running =>
      watch(
        spawn(process.execPath, [programs().auths, ...argv], {
          env: { ...laptop.env, PATH: pathWith(script) },
          cwd: laptop.folder,
          stdio: 'pipe',
        }),
      );
    const host = at(...HOST);
    expect(await endOf(host)).toBe('7 git/missing');
    expect(eventsOf(host)).not.toContain('joined');
    expect(errorOf(host)).toMatchObject({
      message: expect.stringMatching(words) as string,
      hint: 'install git 2.38 or newer',
    });
    const accept = at('devices', 'accept', asked, '--json');
    accept.say('nothing');
    accept.hush();
    const { exit, stdout } = await accept.done;
    expect([exit, JSON.parse(stdout).error.code]).toEqual([7, 'git/missing']);
  });
});

describe('an identity that is rotated while a person is asked', { timeout: 60_000 }, () => {
  it('is not granted for by the key of before', async () => {
    const before = await laptop.data('devices', 'list', '--all');
    const host = laptop.start(...HOST);
    const late = world.machine('late');
    const joiner = await joinAt(late, host);
    await host.event('joined');
    await laptop.data('id', 'rotate', '--recovery-file', kit);
    const rotated = await sequence();
    host.say('y');
    expect(await endOf(host)).toMatch(/^\d identity\/not-authority$/);
    expect(errorOf(host)).toMatchObject({
      message: expect.stringContaining('rotated while this command waited') as string,
      hint: expect.stringContaining('run auths pair again') as string,
    });
    expect(await endOf(joiner)).toBe('6 pairing/cancelled');
    expect((await late.run('whoami', '--json')).exit).not.toBe(0);
    expect([await sequence(), readdirSync(join(home, 'journal'))]).toEqual([rotated, []]);
    expect(await laptop.data('devices', 'list', '--all')).toEqual(before);
  });
});
