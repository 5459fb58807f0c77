/** The pairing screens as a terminal shows them, captured by tmux and kept under test-output/screens. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildPrograms, createWorld, programs, removePrograms, type Machine } from './programs.ts';
import { readQr } from './read-qr.ts';

const hasTmux = spawnSync('tmux', ['-V']).status === 0;
const socket = `auths-screens-${process.pid}`;
const world = createWorld();
let laptop: Machine;

beforeAll(async () => {
  buildPrograms();
  laptop = world.machine('laptop');
  await laptop.data('init', '--name', 'laptop', '--git', 'none');
  mkdirSync('test-output/screens', { recursive: true });
}, 120_000);
afterAll(async () => {
  spawnSync('tmux', ['-L', socket, 'kill-server']);
  await world.end();
  removePrograms();
});

interface Pane {
  /** What stands on the screen now; with `colours` the escapes too. */
  readonly see: (colours?: boolean) => string;
  readonly type: (...keys: readonly string[]) => void;
  /** Resolves with the screen once it matches. */
  readonly until: (pattern: RegExp) => Promise<string>;
}

function pane(
  machine: Machine,
  name: string,
  size: readonly [number, number],
  colour: boolean,
  words: readonly string[],
): Pane {
  const tmux = (...args: readonly string[]): string =>
    execFileSync('tmux', ['-L', socket, '-f', '/dev/null', ...args], {
      encoding: 'utf8',
      env: { ...machine.env, TERM: 'xterm-256color' },
    });
  const env = Object.entries({ ...machine.env, NO_COLOR: colour ? '' : '1', LC_ALL: 'C.UTF-8' }).map(
    ([key, value]) => `${key}='${value}'`,
  );
  const command = [process.execPath, programs().auths, ...words].map((word) => `'${word}'`).join(' ');
  // The pane stays when the program has ended, so that its last words can be read.
  tmux(
    '-u',
    'new-session',
    '-d',
    '-s',
    name,
    '-x',
    String(size[0]),
    '-y',
    String(size[1]),
    `env ${env.join(' ')} ${command}; read _`,
  );
  tmux('set-option', '-t', name, 'status', 'off');
  const see = (colours = false): string => tmux('capture-pane', '-p', ...(colours ? ['-e'] : []), '-t', name);
  return {
    see,
    type: (...keys) => tmux('send-keys', '-t', name, ...keys),
    until: async (pattern) => {
      for (;;) {
        const screen = see();
        if (pattern.test(screen)) return screen;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    },
  };
}

const keep = (name: string, screen: string): void => writeFileSync(`test-output/screens/${name}.txt`, screen);
const LAN = ['pair', '--bind', '127.0.0.1', '--no-mdns'];

describe.skipIf(!hasTmux)('the pairing screen', () => {
  it.each([
    [80, 24, true],
    [80, 24, false],
    [120, 40, true],
    [120, 40, false],
  ] as const)('is seen whole on %i × %i, colours %s', async (columns, rows, colour) => {
    const name = `host-${columns}x${rows}-${colour ? 'colour' : 'plain'}`;
    const host = pane(laptop, name, [columns, rows], colour, LAN);
    const screen = await host.until(/Waiting for the other device/);
    keep(name, colour ? host.see(true) : screen);
    // Without mDNS the code alone leads nowhere.
    expect(screen.replaceAll(/\s+/g, '')).not.toMatch(/--join[0-9A-Z]{3}-[0-9A-Z]{3}(?!.*--host)/);
    for (const part of [
      'PAIRING (LAN)',
      'Server:',
      'DID:',
      'mDNS:',
      'Capabilities:',
      'Expires:',
      '/health',
      'Ctrl+C',
    ])
      expect(screen).toContain(part);
    expect(screen).toMatch(/^.* [2-9A-HJKMNP-Z]{3}-[2-9A-HJKMNP-Z]{3}\s*$/m);
    // The QR stands at the left: 23 rows of 45 columns.
    const drawn = screen
      .split('\n')
      .slice(0, 23)
      .map((line) => line.slice(0, 45).padEnd(45));
    expect(readQr(drawn, colour ? 'drawn' : 'blank')).toMatch(/^AUTHS:/);
    host.type('C-c');
    await host.until(/interrupted|cancel/i);
  });

  it('on both sides, from the code to the end, at 80 × 24', async () => {
    const desktop = world.machine('desktop');
    const host = pane(laptop, 'both-host', [80, 24], false, LAN);
    const offer = await host.until(/Waiting for the other device/);
    const [, code = ''] = /--join (\S+)/.exec(offer) ?? [];
    const [, url = ''] = /Server: (\S+)/.exec(offer) ?? [];
    const words = ['pair', '--join', code, '--host', url, '--name', 'desktop', '--git', 'none'];
    const joiner = pane(desktop, 'both-joiner', [80, 24], false, words);
    const question = await joiner.until(/\[y\/N\]/);
    keep('joiner-asked-80x24', question);
    const [sas = ''] = /[0-9A-Z]{4}-[0-9A-Z]{4}/.exec(question) ?? [];
    expect(question).toContain('Identity:');
    const asked = await host.until(/\[y\/N\]/);
    keep('host-asked-80x24', asked);
    for (const part of ['A device wants to join', 'desktop', sas]) expect(asked).toContain(part);
    joiner.type('y', 'Enter');
    host.type('y', 'Enter');
    const [hostEnd, joinerEnd] = await Promise.all([
      host.until(/auths devices revoke desktop/),
      joiner.until(/Paired/),
    ]);
    keep('host-paired-80x24', hostEnd);
    keep('joiner-paired-80x24', joinerEnd);
    expect(joinerEnd).toContain('auths status');
  });

  it('says why there is no QR where it and a link do not fit', async () => {
    const host = pane(laptop, 'link', [60, 20], false, [...LAN, '--link']);
    const screen = await host.until(/Waiting for the other device/);
    keep('host-link-60x20', screen);
    // What is long and for copying comes first, so that the code stays in sight.
    expect(screen).toMatch(/^ {4}[2-9A-HJKMNP-Z]{3}-[2-9A-HJKMNP-Z]{3}$/m);
    expect(screen).toMatch(/no QR code: it and the rest take \d+ rows/);
    host.type('C-c');
  });
});
