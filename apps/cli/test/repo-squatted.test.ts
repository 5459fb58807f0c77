/** What `auths repo` says where git keeps something else in the place of evidence, and that typing what it says leads out. */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { auths, freshWorld, type Document, type World } from './program.ts';

interface Place {
  readonly world: World;
  readonly cwd: string;
}

type Steps = readonly { readonly summary: string; readonly command: string }[];

function identity(name: string): { readonly world: World; readonly did: string; readonly folder: string } {
  const world = freshWorld();
  const { status, document } = world.json(['init', '--git', 'none', '--name', name], { cwd: world.dir });
  expect(status).toBe(0);
  const did = String(document.data['controller_did']);
  return { world, did, folder: `.auths/evidence/${did.slice('did:keri:'.length)}` };
}

function repository(world: World): string {
  const cwd = join(world.dir, 'repo');
  mkdirSync(cwd);
  world.git(['init', '-q', '-b', 'main', cwd]);
  git({ world, cwd }, 'commit', '-q', '--allow-empty', '-m', 'first');
  return cwd;
}

function git({ world, cwd }: Place, ...words: readonly string[]): string {
  const done = world.git(words, { cwd });
  expect(done.status, `git ${words.join(' ')}: ${done.stderr}`).toBe(0);
  return done.stdout;
}

function commitAll(place: Place): void {
  git(place, 'add', '-A');
  git(place, 'commit', '-q', '-m', 'change');
}

/** As another device's commit brings it, with what a checkout makes of it. */
function commitGitlink(place: Place, path: string): void {
  git(
    place,
    'update-index',
    '--add',
    '--cacheinfo',
    `160000,${git(place, 'rev-parse', 'HEAD').trim()},${path}`,
  );
  git(place, 'commit', '-q', '-m', 'a repository');
  mkdirSync(join(place.cwd, path), { recursive: true });
}

/** Types a command as it stands, in the root of the work tree. What `auths repo` in it finds has its own exit. */
function typed({ world, cwd }: Place, command: string): void {
  const done = spawnSync('sh', ['-c', `auths() { node '${auths}' "$@"; }\n${command}`], {
    cwd,
    env: world.env,
    encoding: 'utf8',
  });
  expect(done.stderr, command).not.toMatch(/^(?:error|fatal)/m);
  if (!command.includes('auths ')) expect(done.status, `${command}: ${done.stderr}`).toBe(0);
}

/** Types the first step of each answer, until there is none; the answers' steps. */
function typeItsWayOut(place: Place, first: Document['data']): readonly string[] {
  const said: string[] = [];
  let steps: Steps = first.next_steps;
  for (let step = steps[0]; step !== undefined; step = steps[0]) {
    said.push(step.command);
    expect(said.length, said.join('\n')).toBeLessThan(6);
    typed(place, step.command);
    steps = place.world.json(['repo', 'update'], { cwd: place.cwd }).document.data.next_steps;
  }
  const check = place.world.json(['repo', 'check'], { cwd: place.cwd });
  expect(check, JSON.stringify(check.document)).toMatchObject({
    status: 0,
    document: { data: { ok: true } },
  });
  return said;
}

/** Every file here is a regular file of HEAD, with these bytes. */
function expectInHead(place: Place, paths: readonly string[]): void {
  for (const path of paths) {
    expect(git(place, 'ls-tree', 'HEAD', '--', path), path).toMatch(/^100644 blob /);
    expect(git(place, 'show', `HEAD:${path}`), path).toBe(readFileSync(join(place.cwd, path), 'utf8'));
  }
  expect(git(place, 'status', '--porcelain')).toBe('');
}

describe('the name of a file that is not committed yet', () => {
  const squats: readonly (readonly [string, (place: Place, path: string) => void])[] = [
    [
      'folder',
      (place, path) => {
        mkdirSync(join(place.cwd, path));
        writeFileSync(join(place.cwd, path, 'x'), 'x');
        commitAll(place);
      },
    ],
    ['repository', commitGitlink],
    [
      'link',
      (place, path) => {
        symlinkSync('../../roots', join(place.cwd, path));
        commitAll(place);
      },
    ],
    [
      'link that git has not made',
      (place, path) => {
        git(place, 'config', 'core.symlinks', 'false');
        const file = join(place.world.dir, 'target');
        writeFileSync(file, '../../roots');
        const oid = git(place, 'hash-object', '-w', file).trim();
        git(place, 'update-index', '--add', '--cacheinfo', `120000,${oid},${path}`);
        git(place, 'commit', '-q', '-m', 'a link');
        git(place, 'checkout', '--', path);
      },
    ],
  ];
  it.each(squats)('is held by a %s: the rest is written, and what is said leads out', (_, squat) => {
    const { world, folder } = identity('desk');
    const place = { world, cwd: repository(world) };
    const { cwd } = place;
    expect(world.auths(['repo', 'init'], { cwd }).status).toBe(0);
    const newer = readdirSync(join(cwd, folder)).filter((name) => /^00000001-|-00000001\.json$/.test(name));
    const paths = newer.map((name) => `${folder}/${name}`).toSorted();
    expect(paths).toHaveLength(2);
    for (const path of paths) rmSync(join(cwd, path));
    commitAll(place);
    const [held, other] = paths.toReversed() as [string, string];
    squat(place, held);
    expect(world.json(['repo', 'check'], { cwd })).toMatchObject({
      status: 1,
      document: { data: { ok: false, differing: [held], changed: [other] } },
    });
    const update = world.json(['repo', 'update'], { cwd });
    expect(update).toMatchObject({
      status: 1,
      document: { data: { ok: false, differing: [held], changed: [other] } },
    });
    // The event alone would leave every clone without the record that it seals.
    expect(JSON.stringify(update.document.data.next_steps)).not.toContain('git commit');
    typeItsWayOut(place, update.document.data);
    expectInHead(place, paths);
  });

  it.each(['roots', 'policy.json', '.gitattributes'])(
    'is %s: the hint says what to do where git brings back the same',
    (name) => {
      const { world } = identity('desk');
      const place = { world, cwd: repository(world) };
      const { cwd } = place;
      expect(world.auths(['repo', 'init'], { cwd }).status).toBe(0);
      const path = `.auths/${name}`;
      rmSync(join(cwd, path));
      symlinkSync('nowhere', join(cwd, path));
      commitAll(place);
      const { error } = world.json(['repo', name === 'policy.json' ? 'init' : 'update'], { cwd }).document;
      expect(error).toMatchObject({ code: 'storage/failed', message: expect.stringContaining(path) });
      const [, once, again] = /: (git checkout .*?); .*: (git rm .*)$/.exec(error?.hint ?? '') ?? [];
      for (const command of [once, again]) {
        rmSync(join(cwd, path));
        typed(place, String(command));
      }
      commitAll(place);
      expect(world.json(['repo', 'check'], { cwd }).status).toBe(0);
      expectInHead(place, [path]);
    },
  );
});

describe('another repository that git keeps, with no .git on this disk', () => {
  it('is told by init and update where .auths belongs, with what takes it out', () => {
    const { world, folder } = identity('desk');
    const place = { world, cwd: repository(world) };
    const { cwd } = place;
    commitGitlink(place, '.auths');
    const told = { status: 1, document: { data: { ok: false, nested: ['.auths'] } } };
    const init = world.json(['repo', 'init'], { cwd });
    expect(init).toMatchObject(told);
    expect(world.json(['repo', 'update'], { cwd })).toMatchObject(told);
    expect(world.json(['repo', 'check'], { cwd })).toMatchObject(told);
    expect(world.auths(['repo', 'check'], { cwd }).stdout).toContain('another repository .auths');
    typeItsWayOut(place, init.document.data);
    const files = readdirSync(join(cwd, folder)).map((name) => `${folder}/${name}`);
    expectInHead(place, ['.auths/roots', '.auths/policy.json', ...files]);
  });

  it('is told to whoever trusts an identity whose evidence belongs there, and to that one', () => {
    const owner = identity('desk');
    const other = identity('laptop');
    const place = { world: owner.world, cwd: repository(owner.world) };
    const { cwd } = place;
    expect(owner.world.auths(['repo', 'init'], { cwd }).status).toBe(0);
    commitAll(place);
    commitGitlink(place, other.folder);
    const told = { status: 1, document: { data: { ok: false, nested: [other.folder] } } };
    const init = owner.world.json(['repo', 'init', '--root', other.did], { cwd });
    expect(init).toMatchObject(told);
    const update = other.world.json(['repo', 'update'], { cwd });
    expect(update).toMatchObject(told);
    expect(update.document.data.next_steps).toMatchObject([
      { command: `git rm -qf --cached -- :/${other.folder}` },
    ]);
    typeItsWayOut(place, init.document.data);
    expect(other.world.json(['repo', 'check'], { cwd })).toMatchObject({ status: 0 });
    expectInHead(
      place,
      readdirSync(join(cwd, other.folder)).map((name) => `${other.folder}/${name}`),
    );
  });
});

/** Trusts another identity too, whose evidence is committed. */
function withOther(): Place & { readonly folder: string; readonly files: readonly string[] } {
  const owner = identity('desk');
  const other = identity('laptop');
  const cwd = repository(owner.world);
  const place = { world: owner.world, cwd };
  expect(owner.world.auths(['repo', 'init'], { cwd }).status).toBe(0);
  expect(owner.world.auths(['repo', 'init', '--root', other.did], { cwd }).status).toBe(0);
  expect(other.world.auths(['repo', 'update'], { cwd }).status).toBe(0);
  commitAll(place);
  const names = readdirSync(join(cwd, other.folder));
  return {
    ...place,
    folder: other.folder,
    files: names.map((name) => `${other.folder}/${name}`).toSorted(),
  };
}

describe('evidence that git has and this disk lacks, of an identity that this home does not know', () => {
  it.each<readonly [string, (place: Place, folder: string, files: readonly string[]) => void]>([
    ['all of it', ({ cwd }, folder) => rmSync(join(cwd, folder), { recursive: true })],
    [
      'with another file in the place of its folder',
      ({ cwd }, folder) => {
        rmSync(join(cwd, folder), { recursive: true });
        symlinkSync('../roots', join(cwd, folder));
      },
    ],
    [
      'with folders in the place of its files',
      ({ cwd }, _, files) => {
        for (const file of files) {
          rmSync(join(cwd, file));
          mkdirSync(join(cwd, file));
          writeFileSync(join(cwd, file, 'x'), 'x');
        }
      },
    ],
  ])('is gone, %s: nothing says to add the folder before it is back', (_, take) => {
    const { world, cwd, folder, files } = withOther();
    // Something to write, so that there is something to commit.
    expect(world.auths(['id', 'rotate'], { cwd }).status).toBe(0);
    take({ world, cwd }, folder, files);
    for (const command of ['check', 'update']) {
      const { status, document } = world.json(['repo', command], { cwd });
      expect({ status, ok: document.data.ok, gone: document.data.gone }).toEqual({
        status: 1,
        ok: false,
        gone: files,
      });
      expect(document.data.changed.length).toBeGreaterThan(0);
      const steps: Steps = document.data.next_steps;
      expect(steps.at(-1)?.command).toContain('git checkout -- :/.auths/evidence/');
      for (const step of steps) expect(step.command).not.toContain('git add');
    }
    const update = world.json(['repo', 'update'], { cwd });
    typeItsWayOut({ world, cwd }, update.document.data);
    expectInHead({ world, cwd }, files);
  });

  it('is not gone where a sparse checkout keeps it off the disk', () => {
    const { world, cwd, folder } = withOther();
    git({ world, cwd }, 'sparse-checkout', 'set', '--no-cone', '/*', `!/${folder}/`);
    expect(existsSync(join(cwd, folder))).toBe(false);
    expect(world.json(['repo', 'check'], { cwd })).toMatchObject({
      status: 0,
      document: { data: { gone: [] } },
    });
  });
});

it('evidence that git keeps as executable is as it should be, and so is not told; roots that are it are, with what makes them a file', () => {
  const { world, folder } = identity('desk');
  const place = { world, cwd: repository(world) };
  const { cwd } = place;
  expect(world.auths(['repo', 'init'], { cwd }).status).toBe(0);
  const [name] = readdirSync(join(cwd, folder));
  chmodSync(join(cwd, folder, String(name)), 0o755);
  commitAll(place);
  expect(git(place, 'ls-files', '--stage', '.auths')).toContain('100755');
  expect(world.json(['repo', 'check'], { cwd })).toMatchObject({ status: 0 });
  chmodSync(join(cwd, '.auths/roots'), 0o755);
  commitAll(place);
  const check = world.json(['repo', 'check'], { cwd });
  expect(check).toMatchObject({
    status: 1,
    document: { data: { ok: false, kept_otherwise: ['.auths/roots'] } },
  });
  typeItsWayOut(place, check.document.data);
  expectInHead(place, ['.auths/roots']);
});

it('a device without manage_policy is told that another one has to take it out', () => {
  const owner = identity('desk');
  const device = freshWorld();
  const place = { world: owner.world, cwd: repository(owner.world) };
  const { cwd } = place;
  const data = (world: World, ...args: readonly string[]): Document['data'] => {
    const { status, document } = world.json(args, { cwd });
    expect(status, JSON.stringify(document)).toBe(0);
    return document.data;
  };
  const request = join(device.dir, 'request');
  data(device, 'devices', 'request', request, '--identity', owner.did, '--name', 'laptop');
  const key = String(data(device, 'key', 'show', 'device')['did']);
  data(owner.world, 'devices', 'accept', request, '--expect-device', key);
  data(device, 'devices', 'request', '--answer', `${request}.answer`, '--git', 'none');
  data(owner.world, 'repo', 'init');
  const newest = readdirSync(join(cwd, owner.folder)).find((name) => name.endsWith('-00000002.json'));
  const path = `${owner.folder}/${newest}`;
  rmSync(join(cwd, path));
  mkdirSync(join(cwd, path));
  writeFileSync(join(cwd, path, 'x'), 'x');
  commitAll(place);
  const [step] = device.json(['repo', 'update'], { cwd }).document.data.next_steps;
  typed({ world: device, cwd }, step.command);
  const byManager = { summary: expect.stringContaining('manage_policy') };
  expect(device.json(['repo', 'update'], { cwd }).document.data.next_steps).toMatchObject([byManager]);
  rmSync(join(cwd, path));
  git(place, 'checkout', '--', path);
  const { did } = identity('other');
  commitGitlink(place, `.auths/evidence/${did.slice('did:keri:'.length)}`);
  rmSync(join(cwd, path), { recursive: true });
  expect(device.json(['repo', 'update'], { cwd }).document.data.next_steps).toMatchObject([byManager]);
});
