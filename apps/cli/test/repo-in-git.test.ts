/** What `auths repo` says of evidence that is on the disk and that others will not see, or not as it is. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { freshWorld, type Document, type World } from './program.ts';

interface Place {
  readonly world: World;
  readonly cwd: string;
}

/** A repository with `.auths` committed, but for the newest event and what it seals: `repo update` has two files to write. */
function start(): Place {
  const world = freshWorld();
  const cwd = join(world.dir, 'repo');
  mkdirSync(cwd);
  world.git(['init', '-q', '-b', 'main', cwd]);
  // A name that `ident` would change.
  expect(world.auths(['init', '--git', 'none', '--name', '$Id: x$ desk'], { cwd }).status).toBe(0);
  expect(world.auths(['repo', 'init'], { cwd }).status).toBe(0);
  const evidence = join(cwd, '.auths', 'evidence');
  for (const path of readdirSync(evidence, { recursive: true, encoding: 'utf8' }))
    if (/\/00000001-|-00000001\.json$/.test(path)) rmSync(join(evidence, path));
  commit({ world, cwd });
  return { world, cwd };
}

function commit({ world, cwd }: Place): void {
  expect(world.git(['add', '-A'], { cwd }).status).toBe(0);
  expect(world.git(['commit', '-q', '--allow-empty', '-m', 'change'], { cwd }).status).toBe(0);
}

/** Types the last command that a document names. */
function followLast({ world, cwd }: Place, steps: readonly { readonly command: string }[]): void {
  for (const part of (steps.at(-1)?.command ?? '').split(' && ')) {
    const [program, ...words] = [...part.matchAll(/"([^"]*)"|(\S+)/g)].map(
      (word) => word[1] ?? word[2] ?? '',
    );
    expect(program).toBe('git');
    expect(world.git(words, { cwd }).status, part).toBe(0);
  }
}

describe('evidence that git ignores', () => {
  const rules: readonly (readonly [string, string])[] = [
    ['.gitignore', '.auths/evidence/**/0000000[1-9]*\n*-0000000[1-9].json\n'],
    ['.auths/.gitignore', '0000000[1-9]*\n*-0000000[1-9].json\n'],
    ['.git/info/exclude', '.auths\n'],
  ];
  it('is told by update and check, with what adds it', () => {
    const place = start();
    const { world, cwd } = place;
    for (const [file, text] of rules) {
      writeFileSync(join(cwd, file), text);
      commit(place);
      const update = world.json(['repo', 'update'], { cwd }).document.data;
      expect(update.changed, file).toHaveLength(2);
      const told = {
        ignored: update.changed,
        next_steps: [{ command: 'git add -f .auths && git commit -m "Update auths evidence"' }],
      };
      expect(update).toMatchObject({ ok: true, ...told });
      // As somebody types who has not read it.
      world.git(['add', '.auths'], { cwd });
      expect(world.json(['repo', 'update'], { cwd }).document.data).toMatchObject({ changed: [], ...told });
      const check = world.json(['repo', 'check'], { cwd });
      expect(check).toMatchObject({
        status: 1,
        document: { data: { ok: false, not_added: [], kept_otherwise: [], ...told } },
      });
      const said = world.auths(['repo', 'check'], { cwd }).stdout;
      for (const path of update.changed) expect(said).toContain(`ignored by git ${path}`);
      followLast(place, check.document.data.next_steps);
      expect(world.json(['repo', 'check'], { cwd })).toMatchObject({
        status: 0,
        document: { data: { ok: true, ignored: [], next_steps: [] } },
      });
      world.git(['reset', '-q', '--hard', 'HEAD~2'], { cwd });
    }
  });

  it('is told by init, before there is any commit', () => {
    const { world, cwd } = start();
    rmSync(cwd, { recursive: true });
    world.git(['init', '-q', '-b', 'main', cwd]);
    writeFileSync(join(cwd, '.gitignore'), '.*\n');
    const init = world.json(['repo', 'init'], { cwd }).document.data;
    expect(new Set(init.ignored)).toEqual(new Set(init.changed));
    followLast({ world, cwd }, init.next_steps);
    expect(world.json(['repo', 'check'], { cwd }).status).toBe(0);
  });
});

describe('evidence that git keeps in other bytes', () => {
  it('is told before and after it is added, and no filter is run for it', () => {
    const place = start();
    const { world, cwd } = place;
    const attributes = join(cwd, '.git', 'info', 'attributes');
    const ran = join(world.dir, 'ran');
    world.git(['config', 'filter.loud.clean', `touch '${ran}'; tr a-z A-Z`], { cwd });
    for (const attribute of ['working-tree-encoding=IBM037', 'filter=loud', 'ident']) {
      rmSync(ran, { force: true });
      writeFileSync(attributes, `.auths/evidence/** ${attribute}\n`);
      const update = world.json(['repo', 'update'], { cwd });
      const { changed } = update.document.data;
      expect(changed, attribute).toHaveLength(2);
      expect(update).toMatchObject({
        status: 1,
        document: { data: { ok: false, changed, kept_otherwise: changed } },
      });
      expect(world.auths(['repo', 'update'], { cwd }).stdout).toContain('.gitattributes');
      expect(existsSync(ran)).toBe(false);
      commit(place);
      const check = world.json(['repo', 'check'], { cwd });
      expect(check).toMatchObject({ status: 1, document: { data: { ok: false, not_added: [] } } });
      const kept: readonly string[] = check.document.data.kept_otherwise;
      expect(kept.length).toBeGreaterThan(0);
      for (const path of kept) expect(isInHead(place, path), path).toBe(false);
      rmSync(attributes);
      // git takes what it has for what is here, because the files have not changed since.
      const mended = world.json(['repo', 'check'], { cwd });
      expect(mended).toMatchObject({
        status: 1,
        document: { data: { not_added: kept, kept_otherwise: [] } },
      });
      followLast(place, mended.document.data.next_steps);
      expect(world.json(['repo', 'check'], { cwd }).status).toBe(0);
      for (const path of kept) expect(isInHead(place, path), path).toBe(true);
      world.git(['reset', '-q', '--hard', 'HEAD~2'], { cwd });
    }
  });
});

it('attributes of the root are overruled, once a device with manage_policy has renewed older ones of .auths', () => {
  const place = start();
  const { world, cwd } = place;
  const { changed } = world.json(['repo', 'update'], { cwd }).document.data;
  writeFileSync(join(cwd, '.auths', '.gitattributes'), 'evidence/** -text\n');
  writeFileSync(join(cwd, '.gitattributes'), '.auths/evidence/** working-tree-encoding=IBM037\n');
  expect(world.json(['repo', 'check'], { cwd })).toMatchObject({
    status: 1,
    document: { data: { kept_otherwise: changed, next_steps: [{ command: 'auths repo update' }, {}] } },
  });
  const update = world.json(['repo', 'update'], { cwd });
  expect(update).toMatchObject({
    status: 0,
    document: { data: { changed: ['.auths/.gitattributes'], kept_otherwise: [] } },
  });
  followLast(place, update.document.data.next_steps);
  expect(world.json(['repo', 'check'], { cwd })).toMatchObject({
    status: 0,
    document: { data: { ok: true } },
  });
  for (const path of changed) expect(isInHead(place, path), path).toBe(true);
});

it('evidence that was never added fails the check, and another repository in its place is told', () => {
  const { world, cwd } = start();
  world.git(['rm', '-rq', '--cached', '.auths'], { cwd });
  world.git(['commit', '-q', '--amend', '--allow-empty', '-m', 'without it'], { cwd });
  expect(world.json(['repo', 'update'], { cwd })).toMatchObject({ status: 0 });
  const [prefix] = readdirSync(join(cwd, '.auths', 'evidence'));
  const inside = `.auths/evidence/${prefix}`;
  world.git(['init', '-q', inside], { cwd });
  const check = world.json(['repo', 'check'], { cwd });
  expect(check).toMatchObject({
    status: 1,
    document: {
      data: {
        ok: false,
        not_added: expect.arrayContaining(['.auths/roots', expect.stringContaining(inside)]),
        nested: [`${inside}/.git`],
        next_steps: [{ command: expect.stringContaining(`mv ${inside}/.git `) }],
      },
    },
  });
  rmSync(join(cwd, inside, '.git'), { recursive: true });
  const { next_steps: steps } = world.json(['repo', 'check'], { cwd }).document.data;
  followLast({ world, cwd }, steps);
  expect(world.json(['repo', 'check'], { cwd })).toMatchObject({ status: 0 });
});

it('a device without manage_policy is told to commit only what it may', () => {
  const owner = freshWorld();
  const device = freshWorld();
  const cwd = join(owner.dir, 'repo');
  mkdirSync(cwd);
  owner.git(['init', '-q', '-b', 'main', cwd]);
  const data = (world: World, ...args: readonly string[]): Document['data'] => {
    const { status, document } = world.json(args, { cwd });
    expect(status, JSON.stringify(document)).toBe(0);
    return document.data;
  };
  const did = String(data(owner, 'init', '--git', 'global', '--name', 'laptop')['controller_did']);
  const request = join(device.dir, 'request');
  data(device, 'devices', 'request', request, '--identity', did, '--name', 'desk');
  const key = String(data(device, 'key', 'show', 'device')['did']);
  data(owner, 'devices', 'accept', request, '--expect-device', key);
  data(device, 'devices', 'request', '--answer', `${request}.answer`, '--git', 'global');
  data(owner, 'repo', 'init');
  commit({ world: owner, cwd });
  data(owner, 'id', 'rotate');
  const remote = join(owner.dir, 'remote.git');
  owner.git(['init', '-q', '--bare', remote]);
  data(owner, 'push', remote);
  data(device, 'pull', remote);
  const attributes = join(cwd, '.auths', '.gitattributes');
  rmSync(attributes);
  const update = device.json(['repo', 'update'], { cwd });
  expect(update).toMatchObject({
    status: 1,
    document: {
      data: {
        changed: [expect.stringContaining('.auths/evidence/')],
        needs_manage_policy: ['.auths/.gitattributes', '.auths/roots'],
        gone: ['.auths/.gitattributes'],
      },
    },
  });
  const { next_steps: steps } = update.document.data;
  expect(steps).toContainEqual(expect.objectContaining({ command: 'auths repo update' }));
  followLast({ world: device, cwd }, steps);
  followLast({ world: device, cwd }, steps.slice(0, -1));
  expect(existsSync(attributes)).toBe(true);
  expect(data(device, 'verify', 'HEAD')).toMatchObject({ results: [{ verdict: 'valid', device_did: key }] });
  // What an older pin names the log still has to hold.
  expect(data(device, 'repo', 'check')).toMatchObject({ needs_manage_policy: ['.auths/roots'], changed: [] });
});

/** With the bytes that it has here. */
function isInHead({ world, cwd }: Place, path: string): boolean {
  return world.git(['show', `HEAD:${path}`], { cwd }).stdout === readFileSync(join(cwd, path), 'utf8');
}
