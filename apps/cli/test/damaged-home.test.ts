/** A home that a disk, an old copy or a stranger to it has changed: what was lost is said, nothing is built on it, and what can be mended is. */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { ended, freshWorld, preparedWorlds, type Document, type World } from './program.ts';

let world: World;
let kel: string;
const object = (oid: string): string => join(world.home, 'objects', oid.slice(0, 2), oid.slice(2));
const inHome = (...args: readonly string[]): string => {
  const { status, stdout, stderr } = world.git([`--git-dir=${world.home}`, ...args]);
  expect(status, stderr).toBe(0);
  return stdout.trim();
};
function data(...args: readonly string[]): NonNullable<Document['data']> {
  const { status, document } = world.json(args);
  expect(status, JSON.stringify(document)).toBe(0);
  return document.data;
}

interface Finding {
  readonly check: string;
  readonly status: string;
  readonly detail: string;
  readonly hint: string | null;
}
function doctor(...flags: readonly string[]): {
  readonly exit: number | null;
  readonly bad: readonly string[];
} {
  const { status, document } = world.json(['doctor', '--yes', ...flags]);
  const checks = (document.data as { readonly checks: readonly Finding[] }).checks;
  return {
    exit: status,
    bad: checks
      .filter((one) => one.status === 'failed' || one.status === 'fixed')
      .map((one) => `${one.status} ${one.check}`),
  };
}

const found = (wanted: string, ...flags: readonly string[]): Finding | undefined =>
  (
    world.json(['doctor', '--yes', ...flags]).document.data as { readonly checks: readonly Finding[] }
  ).checks.find(({ check }) => check === wanted);

const worldWithHome = preparedWorlds((made) => {
  world = made;
  data('init', '--name', 'laptop', '--git', 'none');
  data('devices', 'rename', 'laptop', 'desk');
});

beforeEach(async () => {
  world = await worldWithHome();
  kel = `refs/did/keri/${readdirSync(join(world.home, 'refs/did/keri'))[0]}/kel`;
  data('whoami');
});

const kitText = (): string => readFileSync(join(world.home, 'recovery-kit.json'), 'utf8');
const again: readonly string[] = ['init', '--name', 'again', '--git', 'none'];
function loseIdentityDocument(): void {
  inHome('update-ref', '-d', 'refs/auths/identity');
  inHome('pack-refs', '--all');
}

describe('an identity document that is lost', () => {
  it.each([
    ['as it was made', false],
    ['after a rotation', true],
  ])('%s: is told, never replaced, and mended', (_how, rotated) => {
    if (rotated) data('id', 'rotate');
    const before = [data('whoami'), kitText()];
    loseIdentityDocument();
    expect(data('status')['next_steps']).toEqual([
      { summary: expect.stringMatching(/identity is gone/), command: 'auths doctor --fix' },
    ]);
    expect(world.json(again)).toMatchObject({
      status: 7,
      document: { error: { code: 'storage/corrupt', hint: 'auths doctor --fix' } },
    });
    expect(doctor()).toMatchObject({ exit: 1, bad: expect.arrayContaining(['failed refs']) });
    expect(doctor('--fix')).toEqual({ exit: 0, bad: ['fixed refs'] });
    expect([data('whoami'), kitText()]).toEqual(before);
  });

  it('with the cache too: a log that was rotated, or is not of this key, is not taken over', () => {
    data('id', 'rotate');
    const [before, held] = [kitText(), data('key', 'list')];
    loseIdentityDocument();
    rmSync(join(world.home, 'cache'), { recursive: true });
    expect(world.json(again)).toMatchObject({
      status: 7,
      document: { error: { message: expect.stringMatching(/not what says whose home it is/) } },
    });
    expect([kitText(), data('key', 'list')]).toEqual([before, held]);
    expect(doctor()).toMatchObject({ exit: 1, bad: ['failed refs', 'failed identity'] });
    expect(doctor('--fix')).toEqual({ exit: 0, bad: ['fixed refs'] });
    expect(data('whoami')).toMatchObject({ role: 'controller', device_name: 'desk' });
  });

  it('of a device: that does not become an identity of its own', () => {
    const owner = freshWorld();
    const did = String(
      owner.json(['init', '--name', 'owner', '--git', 'none']).document.data['controller_did'],
    );
    const device = freshWorld();
    const request = join(device.dir, 'request');
    const own = (...args: readonly string[]): Document['data'] => {
      const { status, document } = device.json(args);
      expect(status, JSON.stringify(document)).toBe(0);
      return document.data;
    };
    own('devices', 'request', request, '--identity', did, '--name', 'phone');
    const accept = [
      'devices',
      'accept',
      request,
      '--expect-device',
      String(own('key', 'show', 'device')['did']),
    ];
    expect(owner.json(accept).status).toBe(0);
    own('devices', 'request', '--answer', `${request}.answer`);
    expect(own('whoami')).toMatchObject({ controller_did: did, role: 'device' });
    rmSync(join(device.home, 'refs/auths/identity'));
    expect(device.json(again).status).toBe(7);
    rmSync(join(device.home, 'cache'), { recursive: true });
    expect(device.json(again).status).toBe(7);
    const aliases = (own('key', 'list')['keys'] as readonly { alias: string }[]).map(({ alias }) => alias);
    expect(aliases).toContain('device');
    expect(aliases).not.toContain('identity');
  });
});

describe('events that are lost', () => {
  const ways: readonly (readonly [string, () => void])[] = [
    ['with an object that a power cut emptied', () => truncateSync(object(inHome('rev-parse', kel)))],
    ['with an object that is gone', () => rmSync(object(inHome('rev-parse', kel)), { force: true })],
  ];

  it.each(ways)('%s: told, nothing is appended in their place, and a pull brings them back', (_how, lose) => {
    const remote = join(world.dir, 'remote.git');
    execFileSync('git', ['init', '--quiet', '--bare', remote]);
    expect(world.auths(['push', remote]).status).toBe(0);
    // Not remembered: otherwise every append would ask it first.
    for (const name of inHome('remote').split('\n')) inHome('remote', 'remove', name);
    lose();
    expect(found('log', '--fix')).toMatchObject({
      status: 'fixed',
      detail: expect.stringMatching(/ is set back to event 1\. auths pull REMOTE brings newer ones/),
    });
    // Looking does not make the shorter log the one to compare with.
    data('whoami');
    expect(data('status')['next_steps']).toContainEqual({
      summary: expect.stringMatching(/ends at event 1, and this machine has seen event 2 .* lost$/),
      command: 'auths doctor',
    });
    expect(doctor('--fix')).toEqual({ exit: 1, bad: ['failed log'] });
    expect(world.json(['devices', 'rename', 'laptop', 'other'])).toMatchObject({
      status: 6,
      document: { error: { code: 'kel/conflict', message: expect.stringMatching(/newest events are lost/) } },
    });
    expect(world.auths(['pull', remote]).status).toBe(0);
    expect(doctor()).toEqual({ exit: 0, bad: [] });
    data('devices', 'rename', 'desk', 'again');
  });

  it('by a ref that was set back, or leads to a branch that has lost: the event that was checked is put back', () => {
    data('devices', 'rename', 'desk', 'other');
    const lost = inHome('rev-parse', kel);
    data('id', 'rotate', '--reason', 'compromised', '--all');
    const newest = inHome('rev-parse', kel);
    for (const [wrong, words] of [
      [lost, /event 1 of the log is not the one that this machine has seen/],
      [`${newest}~1`, /the log ends at event 0, and this machine has seen event 1 of it/],
    ] as const) {
      inHome('update-ref', kel, wrong);
      expect(data('status')['next_steps']).toContainEqual({
        summary: expect.stringMatching(words),
        command: 'auths doctor',
      });
      expect(world.json(['devices', 'rename', 'laptop', 'x'])).toMatchObject({
        status: 6,
        document: { error: { code: 'kel/conflict', hint: 'auths doctor --fix' } },
      });
      expect(doctor().bad).toContain('failed log');
      expect(doctor('--fix')).toMatchObject({ exit: 0, bad: expect.arrayContaining(['fixed log']) });
      expect(inHome('rev-parse', kel)).toBe(newest);
    }
  });

  it('with what was checked of them: of two branches the person chooses, by what the hint says', () => {
    const before = inHome('rev-parse', kel);
    const signers = readFileSync(join(world.home, 'allowed_signers'), 'utf8');
    inHome('update-ref', kel, `${kel}~1`);
    rmSync(join(world.home, 'cache'), { recursive: true });
    data('devices', 'rename', 'laptop', 'a');
    data('devices', 'rename', 'a', 'b');
    inHome('update-ref', `refs/auths-remotes/theirs/${kel.slice('refs/'.length)}`, kel);
    for (const name of ['refs/did', 'cache']) rmSync(join(world.home, name), { recursive: true });
    writeFileSync(join(world.home, 'allowed_signers'), signers);
    const { document } = world.json(['doctor', '--fix', '--yes']);
    const log = (document.data as { readonly checks: readonly Finding[] }).checks.find(
      ({ check }) => check === 'log',
    );
    expect(log?.status).toBe('failed');
    // What has just been done in vain is no hint of any other check.
    expect(JSON.stringify(document.data)).not.toContain('"hint":"auths doctor --fix"');
    expect(log?.hint).toMatch(new RegExp(`event 3 .*, as remote theirs shows it; ${before} ends at event 2`));
    expect(readFileSync(join(world.home, 'allowed_signers'), 'utf8')).toBe(signers);
    const [, command = ''] = /take that one: (.*)$/.exec(log?.hint ?? '') ?? [];
    execFileSync('sh', ['-c', command.replace('COMMIT', before)], { env: world.env });
    expect(data('status')).toMatchObject({ sequence: 2 });
  });

  it('with the whole log: init makes no second one', () => {
    rmSync(join(world.home, 'refs'), { recursive: true });
    expect(world.json(['whoami'])).toMatchObject({ document: { error: { code: 'storage/corrupt' } } });
    mkdirSync(join(world.home, 'refs'));
    expect(world.json(['init', '--name', 'laptop', '--git', 'none'])).toMatchObject({
      status: 7,
      document: {
        error: { code: 'storage/corrupt', hint: expect.stringMatching(/doctor --fix .* id recover --from/) },
      },
    });
    expect(readdirSync(join(world.home, 'refs'))).toEqual([]);
  });
});

it('a cache with one wrong bit counts as none, and is made again', () => {
  const cases: readonly (readonly [string, string, string])[] = [
    ['identity.json', '"view"', '"viev"'],
    ['identity.json', 'controllerDid', 'controllerEid'],
    ['identity.json', '"controller"', '"controllep"'],
    ['devices.json', '"devices"', '"defices"'],
    ['devices.json', '"revokedAt":null', '"revokedAt":0'],
    ['devices.json', '"sum":"', '"sum":"0'],
    ['tip.json', '"sequence":2', '"sequence":3'],
  ];
  for (const [file, from, to] of cases) {
    const path = join(world.home, 'cache', file);
    const text = readFileSync(path, 'utf8');
    expect(text).toContain(from);
    writeFileSync(path, text.replace(from, to));
    expect(data('whoami'), `${file}: ${to}`).toMatchObject({ device_name: 'desk', device_status: 'active' });
    if (file !== 'tip.json') expect(readFileSync(path, 'utf8')).toBe(text);
  }
  expect(doctor()).toEqual({ exit: 0, bad: [] });
  data('devices', 'rename', 'desk', 'other');
  expect(readFileSync(join(world.home, 'cache/tip.json'), 'utf8')).toContain('"sequence":3');
});

describe('the configuration of a home', () => {
  it('is not taken for damaged where that of the folder is that one stands in', () => {
    inHome('config', 'auths.recovery', 'exported');
    const repository = join(world.dir, 'broken');
    execFileSync('git', ['init', '-q', repository]);
    writeFileSync(join(repository, '.git/config'), '[core\n');
    const before = readFileSync(join(world.home, 'config'), 'utf8');
    const { status } = world.auths(['doctor', '--fix', '--yes'], { cwd: repository });
    expect([status, readFileSync(join(world.home, 'config'), 'utf8')]).toEqual([0, before]);
    // What was put aside before is not written over.
    for (const text of ['[first\n', '[second\n']) {
      writeFileSync(join(world.home, 'config'), text);
      expect(doctor('--fix').bad).toContain('fixed repository');
    }
    const aside = ['config.unreadable', 'config.unreadable-2'];
    expect(aside.map((name) => readFileSync(join(world.home, name), 'utf8'))).toEqual([
      '[first\n',
      '[second\n',
    ]);
  });
});

describe('a ref that a power cut emptied', () => {
  it.each(['refs/auths/identity', 'refs/auths/devices', 'refs/did/keri'])('below %s is mended', (under) => {
    const refs = inHome('for-each-ref', '--format=%(refname)', under).split('\n');
    const ref = refs.find((name) => name !== kel) as string;
    for (const left of ['', '\0'.repeat(41)]) {
      writeFileSync(join(world.home, ref), left);
      expect(world.json(['status']).status).toBe(7);
      expect(doctor().exit).toBe(1);
      expect(doctor('--fix')).toEqual({ exit: 0, bad: ['fixed refs'] });
      expect(data('devices', 'list')).toMatchObject({ devices: [{ name: 'desk', status: 'active' }] });
      expect(doctor()).toEqual({ exit: 0, bad: [] });
    }
    data('devices', 'rename', 'desk', 'other');
  });
});

describe('a ref that is damaged, and nothing is cached', () => {
  const ways: readonly (readonly [string, () => string])[] = [
    ['is empty', () => ''],
    ['leads to a commit of something else', () => `${inHome('rev-parse', kel)}\n`],
    ['leads to nothing', () => `${'0123'.repeat(10)}\n`],
  ];
  const refs = ['refs/auths/identity', 'refs/auths/devices', 'refs/did/keri'];

  it.each(ways)('%s: what it held is found among the objects', (_how, text) => {
    const before = inHome('for-each-ref');
    for (const under of refs) {
      const ref = inHome('for-each-ref', '--format=%(refname)', under)
        .split('\n')
        .find((name) => name !== kel) as string;
      writeFileSync(join(world.home, ref), text());
      rmSync(join(world.home, 'cache'), { recursive: true });
      expect(doctor()).toMatchObject({ exit: 1, bad: expect.arrayContaining(['failed refs']) });
      expect(doctor('--fix')).toEqual({ exit: 0, bad: ['fixed refs'] });
    }
    expect(inHome('for-each-ref')).toBe(before);
  });
});

const allRefs = (): string => inHome('for-each-ref', '--format=%(refname) %(objectname)');
const records = (): readonly string[] =>
  inHome('for-each-ref', '--format=%(refname)', 'refs/auths/devices', 'refs/did/keri')
    .split('\n')
    .filter((name) => name !== kel);
describe('refs of records that are older than the log', () => {
  let before: string;
  /** What was cached knows nothing of the newest event. */
  function renameUnnoted(): void {
    cpSync(join(world.home, 'cache'), join(world.dir, 'cache'), { recursive: true });
    data('devices', 'rename', 'desk', 'newest');
    before = allRefs();
    rmSync(join(world.home, 'cache'), { recursive: true });
    renameSync(join(world.dir, 'cache'), join(world.home, 'cache'));
  }

  const ways: readonly (readonly [string, () => void])[] = [
    [
      'emptied, and cached from before',
      () => {
        for (const ref of records()) writeFileSync(join(world.home, ref), '');
      },
    ],
    [
      'set back to what was cached',
      () => {
        for (const ref of records()) inHome('update-ref', ref, `${ref}~1`);
      },
    ],
    [
      'gone, with the cache too',
      () => {
        for (const name of [...records(), 'cache']) rmSync(join(world.home, name), { recursive: true });
      },
    ],
    [
      'gone, with the cache and the ref of the log',
      () => {
        for (const name of [...records(), kel, 'cache']) rmSync(join(world.home, name), { recursive: true });
      },
    ],
  ];

  it.each(ways)('%s: the newest that is here is put back', (_how, lose) => {
    renameUnnoted();
    lose();
    expect(doctor().exit).toBe(1);
    expect(doctor('--fix')).toMatchObject({ exit: 0, bad: expect.arrayContaining(['fixed refs']) });
    expect(allRefs()).toBe(before);
    expect(doctor()).toEqual({ exit: 0, bad: [] });
    expect(data('devices', 'list')).toMatchObject({ devices: [{ name: 'newest', status: 'active' }] });
  });

  it('and the newest lies nowhere here: what helps is said', () => {
    renameUnnoted();
    for (const ref of records()) {
      const newest = inHome('rev-parse', ref);
      inHome('update-ref', ref, `${ref}~1`);
      rmSync(object(newest));
    }
    expect(found('device')?.hint).toMatch(
      /^auths doctor --fix, .*; else auths pull REMOTE .* auths devices revoke did:key:/,
    );
    expect(found('device', '--fix')?.hint).toMatch(/^auths pull REMOTE /);
  });
});

describe('a home that stock git has tidied', () => {
  it.each([['gc'], ['repack', '-adq'], ['pack-refs', '--all']])(
    'with git %s: nothing is wrong',
    (...command) => {
      inHome(...command, ...(command[0] === 'gc' ? ['--quiet'] : []));
      expect(doctor()).toEqual({ exit: 0, bad: [] });
      expect(doctor('--fix')).toEqual({ exit: 0, bad: [] });
      data('devices', 'rename', 'desk', 'other');
    },
  );

  it('whose HEAD is empty is mended', () => {
    writeFileSync(join(world.home, 'HEAD'), '');
    expect(doctor()).toMatchObject({ exit: 1, bad: expect.arrayContaining(['failed repository']) });
    expect(doctor('--fix')).toEqual({ exit: 0, bad: ['fixed repository'] });
    data('devices', 'rename', 'desk', 'other');
  });
});

function inPlace(name: string, make: () => void): void {
  rmSync(join(world.home, name), { recursive: true });
  make();
}

describe('a file without which git takes the home for no repository', () => {
  const spoil: readonly (readonly [string, string, () => void])[] = [
    ['HEAD', 'gone', () => rmSync(join(world.home, 'HEAD'))],
    ['config', 'gone', () => rmSync(join(world.home, 'config'))],
    ['config', 'not readable for git', () => writeFileSync(join(world.home, 'config'), '[core\n')],
    [
      'refs',
      'gone, and all of them packed',
      () => {
        inHome('pack-refs', '--all');
        rmSync(join(world.home, 'refs'), { recursive: true });
      },
    ],
  ];
  const error = { code: 'storage/corrupt', hint: 'auths doctor --fix' };

  it.each(spoil)('%s, %s: said by whatever needs it, and put back', (file, how, damage) => {
    damage();
    rmSync(join(world.home, 'cache/devices.json'));
    const words = file === 'refs' ? [] : [['devices', 'rename', 'desk', 'other']];
    if (file === 'HEAD') words.push(['status'], ['kel', 'show'], ['init', '--name', 'x', '--git', 'none']);
    for (const each of words)
      expect(world.json(each), each.join(' ')).toMatchObject({ status: 7, document: { error } });
    expect(doctor()).toMatchObject({ exit: 1, bad: expect.arrayContaining(['failed repository']) });
    expect(doctor('--fix')).toEqual({ exit: 0, bad: ['fixed repository'] });
    data('devices', 'rename', 'desk', 'other');
    if (how.startsWith('not readable'))
      expect(readFileSync(join(world.home, 'config.unreadable'), 'utf8')).toBe('[core\n');
  });

  const others: readonly (readonly [string, () => void, readonly string[]])[] = [
    ['HEAD is a folder', () => inPlace('HEAD', () => mkdirSync(join(world.home, 'HEAD'))), []],
    ['packed-refs is a folder', () => mkdirSync(join(world.home, 'packed-refs')), []],
    ['packed-refs is noise', () => writeFileSync(join(world.home, 'packed-refs'), 'xx\n'), []],
    [
      'refs is a file',
      () => inPlace('refs', () => writeFileSync(join(world.home, 'refs'), 'x')),
      ['refs', 'log'],
    ],
    [
      'refs is a file, and nothing is cached',
      () => {
        rmSync(join(world.home, 'cache'), { recursive: true });
        inPlace('refs', () => writeFileSync(join(world.home, 'refs'), 'x'));
      },
      ['refs', 'log'],
    ],
    [
      'a line of packed-refs is noise, and the last one is cut',
      () => {
        inHome('pack-refs', '--all');
        const path = join(world.home, 'packed-refs');
        const text = readFileSync(path, 'utf8').replace(/^.*( refs\/auths\/identity)/m, 'garbled$1');
        writeFileSync(path, text.slice(0, -9));
      },
      ['refs', 'log'],
    ],
  ];
  it.each(others)('%s: put aside, and what it held is mended as far as it is found', (_how, damage, more) => {
    const refs = inHome('for-each-ref');
    damage();
    expect(doctor()).toMatchObject({ exit: 1, bad: expect.arrayContaining(['failed repository']) });
    const { exit, bad } = doctor('--fix');
    expect([exit, [...new Set(bad)]]).toEqual([
      0,
      ['fixed repository', ...more.map((one) => `fixed ${one}`)],
    ]);
    expect(doctor()).toEqual({ exit: 0, bad: [] });
    expect(inHome('for-each-ref')).toBe(refs);
    expect(readdirSync(world.home).filter((name) => /\.(?:unreadable|tmp|lock)$/.test(name))).toHaveLength(1);
    data('devices', 'rename', 'desk', 'other');
  });

  it('objects, gone: nothing here brings them back, and no hint says that something does', () => {
    rmSync(join(world.home, 'objects'), { recursive: true });
    const hint = expect.stringMatching(/copy of the home.*id recover --from/);
    expect(world.json(['devices', 'rename', 'desk', 'other'])).toMatchObject({
      status: 7,
      document: { error: { code: 'storage/corrupt', hint } },
    });
    expect(doctor('--fix')).toMatchObject({ exit: 1, bad: expect.arrayContaining(['failed repository']) });
  });
});

it('a log whose ref is gone is found among the objects', () => {
  rmSync(join(world.home, kel));
  expect(world.json(['kel', 'show'])).toMatchObject({
    status: 7,
    document: { error: { code: 'storage/corrupt', hint: 'auths doctor --fix' } },
  });
  expect(doctor('--fix')).toEqual({ exit: 0, bad: ['fixed log'] });
  expect(data('kel', 'show')['events']).toHaveLength(3);
});

it.each([
  ['with what was checked of it', () => {}],
  [
    'gone, and nothing is cached',
    () => ['cache', kel].forEach((name) => rmSync(join(world.home, name), { recursive: true })),
  ],
])('a rotation that was undone is not the last state of a log whose ref is damaged, %s', (_how, lose) => {
  const lock = join(world.home, `${kel}.lock`);
  const before = inHome('rev-parse', kel);
  writeFileSync(lock, '');
  expect(world.json(['id', 'rotate'])).toMatchObject({
    status: 7,
    document: { error: { code: 'storage/locked', hint: 'auths doctor --fix' } },
  });
  rmSync(lock);
  expect(world.auths(['devices', 'revoke', 'nosuch', '--reason', 'lost']).stderr).toContain('was undone');
  writeFileSync(join(world.home, kel), '');
  lose();
  expect(doctor('--fix')).toEqual({ exit: 0, bad: ['fixed log'] });
  expect(inHome('rev-parse', kel)).toBe(before);
  data('devices', 'rename', 'desk', 'other');
  data('id', 'rotate');
  expect(data('recovery', 'check')).toMatchObject({ fits: true });
  // The rotation that stands is put back, and no other one.
  const newest = inHome('rev-parse', kel);
  writeFileSync(join(world.home, kel), '');
  expect(doctor('--fix')).toEqual({ exit: 0, bad: ['fixed log'] });
  expect(inHome('rev-parse', kel)).toBe(newest);
  expect(doctor()).toEqual({ exit: 0, bad: [] });
});

it('a rotation that waits to be finished is, where the ref of its log was emptied before', () => {
  const lock = join(world.home, `${kel}.lock`);
  writeFileSync(lock, '');
  expect(world.json(['id', 'rotate']).status).toBe(7);
  rmSync(lock);
  writeFileSync(join(world.home, kel), '');
  expect(doctor('--fix')).toMatchObject({ exit: 0, bad: expect.arrayContaining(['fixed log']) });
  data('devices', 'rename', 'desk', 'other');
  expect(data('recovery', 'check')).toMatchObject({ fits: true });
  expect(doctor()).toEqual({ exit: 0, bad: [] });
});

it('a recovery kit that is damaged is told, and the words on paper make a new one', () => {
  const page = join(world.dir, 'page.txt');
  data('recovery', 'export', '--words', '--output', page);
  const kit = join(world.home, 'recovery-kit.json');
  truncateSync(kit, 300);
  expect(doctor('--fix')).toEqual({ exit: 1, bad: ['failed recovery kit'] });
  for (const [words, hint] of [
    [['id', 'rotate'], /copy of it, or the 24 recovery words: --words -/],
    [['recovery', 'export', '--output', join(world.dir, 'kit.json')], /id rotate --words -/],
  ] as const)
    expect(world.json(words)).toMatchObject({
      status: 7,
      document: { error: { code: 'storage/corrupt', hint: expect.stringMatching(hint) } },
    });
  const input = (readFileSync(page, 'utf8').match(/\d+[ .)]+([a-z]+)/g) ?? [])
    .join(' ')
    .replace(/[^a-z]+/g, ' ');
  expect(world.json(['id', 'rotate', '--words', '-'], { input })).toMatchObject({ status: 0 });
  expect(doctor()).toEqual({ exit: 0, bad: [] });
  data('recovery', 'check');
});

it('a device.pub that is gone is made again before the device is looked for', () => {
  rmSync(join(world.home, 'device.pub'));
  expect(doctor('--fix')).toEqual({ exit: 0, bad: ['fixed device key'] });
});

it('the lock of a process that lives is named, and nothing of it is cleared away', () => {
  const holder = JSON.stringify({ pid: process.pid, started: '' });
  const mine = join(world.home, 'init.lock.001122334455667788.tmp');
  for (const path of [join(world.home, 'init.lock'), mine]) writeFileSync(path, holder);
  const long = new Date(Date.now() - 86_400_000);
  utimesSync(mine, long, long);
  const { status, document } = world.json(['doctor', '--fix', '--yes']);
  expect(status).toBe(0);
  expect((document.data as { checks: readonly Finding[] }).checks).toContainEqual({
    check: 'locks',
    status: 'warning',
    detail: expect.stringContaining(`init.lock is held by process ${process.pid}, which lives`),
    hint: expect.stringContaining(`kill -9 ${process.pid}`),
  });
  expect(readFileSync(mine, 'utf8')).toBe(holder);
});

const holder = (pid: number): string => JSON.stringify({ pid, started: '' });

it('a dead lock that a living process takes over meanwhile is left to that one', async () => {
  const path = (name: string): string => join(world.home, name);
  const { pid: dead } = spawnSync('true');
  writeFileSync(path('init.lock'), holder(dead));
  writeFileSync(path('init-takeover.lock'), holder(process.pid));
  const child = world.start(['doctor', '--fix', '--yes']);
  const end = ended(child);
  // The doctor has found the dead lock, and waits for whoever is taking it over.
  while (
    child.exitCode === null &&
    !readdirSync(world.home).some((name) => name.startsWith('init-takeover.lock.'))
  )
    await new Promise((resume) => setTimeout(resume, 10));
  writeFileSync(path('mine'), holder(process.pid));
  renameSync(path('mine'), path('init.lock'));
  rmSync(path('init-takeover.lock'));
  await end;
  expect(readFileSync(path('init.lock'), 'utf8')).toBe(holder(process.pid));
});

it('a dead lock is cleared away, and the one that a dead process took to take it over', () => {
  const { pid } = spawnSync('true');
  const locks = ['init.lock', 'init-takeover.lock', 'keys.enc.lock', 'keys.enc-takeover.lock'];
  for (const name of locks) writeFileSync(join(world.home, name), holder(pid));
  expect(doctor().bad).toEqual(locks.map(() => 'failed locks'));
  expect(doctor('--fix')).toEqual({ exit: 0, bad: locks.map(() => 'fixed locks') });
  expect(readdirSync(world.home).filter((name) => name.endsWith('.lock'))).toEqual([]);
});

it('a lock from the future is an old one', () => {
  const lock = join(world.home, `${kel}.lock`);
  writeFileSync(lock, '');
  const later = new Date(Date.now() + 86_400_000);
  utimesSync(lock, later, later);
  expect(doctor('--fix')).toEqual({ exit: 0, bad: ['fixed locks'] });
  data('devices', 'rename', 'desk', 'other');
});

describe('where a command is run', () => {
  it('a folder that is gone is told', () => {
    const gone = join(world.dir, 'gone');
    for (const words of ['verify HEAD', 'whoami', 'status', 'push', 'doctor']) {
      mkdirSync(gone);
      const script = `rmdir "$PWD" && exec "$0" "$@" ${words} --json`;
      const node = process.execPath;
      const program = join(import.meta.dirname, '../dist/auths.js');
      const { stdout } = spawnSync('sh', ['-c', script, node, program], {
        cwd: gone,
        env: world.env,
        encoding: 'utf8',
      });
      expect(JSON.parse(stdout), words).toMatchObject({
        error: { code: 'storage/failed', message: expect.stringMatching(/started in is gone/) },
      });
    }
  });

  it('a file or a link to itself as the home is not called a home without an identity', () => {
    const file = join(world.dir, 'file');
    const loop = join(world.dir, 'loop');
    writeFileSync(file, '');
    symlinkSync('loop', loop);
    for (const [home, errno] of [
      [file, 'ENOTDIR'],
      [loop, 'ELOOP'],
    ] as const)
      for (const words of [['pull'], ['whoami'], ['devices', 'rename', 'desk', 'other']])
        expect(world.json(words, { env: { AUTHS_HOME: home } }), words.join(' ')).toMatchObject({
          status: 7,
          document: { error: { code: 'storage/failed', message: expect.stringContaining(errno) } },
        });
  });

  it('a home under a name with a line break is not made', () => {
    const home = join(world.dir, 'a\nb');
    expect(world.json(['init', '--name', 'x', '--git', 'none'], { env: { AUTHS_HOME: home } })).toMatchObject(
      {
        status: 2,
        document: { error: { code: 'usage/invalid' } },
      },
    );
    expect(readdirSync(world.dir)).not.toContain('a\nb');
  });

  it('a home is no remote of its own', () => {
    renameSync(world.home, `${world.home}-2`);
    const env = { AUTHS_HOME: `${world.home}-2` };
    for (const words of [
      ['push', env.AUTHS_HOME],
      ['pull', `file://${env.AUTHS_HOME}`],
    ])
      expect(world.json(words, { env })).toMatchObject({
        status: 2,
        document: { error: { code: 'usage/invalid', message: expect.stringMatching(/this home itself/) } },
      });
  });
});
