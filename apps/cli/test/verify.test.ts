import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { freshWorld, type World } from './program.ts';

interface Place {
  readonly world: World;
  /** A repository with three commits signed by this home's device; `.auths` in the first. */
  readonly repo: string;
  readonly did: string;
  readonly device: string;
}

function start(): Place {
  const world = freshWorld();
  const repo = join(world.dir, 'repo');
  mkdirSync(repo);
  world.git(['init', '-q', '-b', 'main', repo]);
  const { document } = world.json(['init', '--git', 'local', '--name', 'laptop'], { cwd: repo });
  expect(document.ok).toBe(true);
  const init = world.json(['repo', 'init'], { cwd: repo });
  expect(init.document.data).toMatchObject({ roots: [document.data.controller_did], since: null, ok: true });
  for (let i = 0; i < 3; i++) commit(world, repo, `change ${i}`);
  return {
    world,
    repo,
    did: document.data.controller_did as string,
    device: document.data.device_did as string,
  };
}

function commit(world: World, repo: string, message: string, ...options: readonly string[]): string {
  writeFileSync(join(repo, 'file'), `${message} ${Math.random()}`);
  world.git(['add', '-A'], { cwd: repo });
  const done = world.git(['commit', '-q', '-m', message, ...options], { cwd: repo });
  expect(done.stderr).toBe('');
  return world.git(['rev-parse', 'HEAD'], { cwd: repo }).stdout.trim();
}

/** A clone as a stranger has it: no home, and none is made. */
function cloned({ world, repo }: Place): {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
} {
  const cwd = join(world.dir, `clone-${readdirSync(world.dir).length}`);
  world.git(['clone', '-q', repo, cwd]);
  return { cwd, env: { AUTHS_HOME: join(world.dir, 'no-home'), AUTHS_PASSPHRASE: '' } };
}

describe('auths verify', () => {
  it('git clone && auths verify, by somebody without an identity', () => {
    const place = start();
    const { world, did, device } = place;
    const stranger = cloned(place);
    const run = world.auths(['verify', 'HEAD~2..HEAD'], stranger);
    expect(run.status).toBe(0);
    expect(run.stdout).toContain(`valid: ${did} via ${device}`);
    expect(run.stdout).toContain('2 of 2 good');
    expect(run.stderr).toContain('first use');
    const { status, document } = world.json(['verify', 'HEAD~2..HEAD'], stranger);
    expect(status).toBe(0);
    expect(document).toMatchObject({
      v: 1,
      ok: true,
      command: 'verify',
      data: {
        target: 'HEAD~2..HEAD',
        roots: [did],
        roots_from: 'pinned',
        summary: { verdict: 'pass', total: 2, passed: 2, failed: 0, unverifiable: 0 },
        results: [
          {
            verdict: 'valid',
            controller_did: did,
            device_did: device,
            device_name: 'laptop',
            freshness: 'unknown',
            hint: null,
          },
          { verdict: 'valid' },
        ],
      },
    });
    expect(document.data.results[0].as_of).toEqual({
      sequence: 1,
      said: expect.stringMatching(/^E[\w-]{43}$/) as string,
    });
    expect(existsSync(join(world.dir, 'no-home'))).toBe(false);
  });

  it('says no with exit 1 and ok:true, cannot say with 2 and ok:false', () => {
    const place = start();
    const { world, repo } = place;
    commit(world, repo, 'not signed', '--no-gpg-sign');
    const stranger = cloned(place);
    expect(world.json(['verify'], stranger)).toMatchObject({
      status: 1,
      document: {
        ok: true,
        data: {
          summary: { verdict: 'fail' },
          results: [{ verdict: 'unsigned', controller_did: null, device_did: null }],
        },
      },
    });
    expect(world.auths(['verify', '--mode', 'warn'], stranger).status).toBe(0);
    for (const target of ['HEAD..HEAD', 'nope', 'nope..HEAD']) {
      expect(world.json(['verify', target], stranger)).toMatchObject({
        status: 2,
        document: { ok: false, error: { code: 'verify/bad-target' } },
      });
    }
    const empty = join(world.dir, 'empty');
    world.git(['init', '-q', empty]);
    writeFileSync(join(empty, 'x'), 'x');
    world.git(['add', '-A'], { cwd: empty });
    world.git(['commit', '-q', '-m', 'x', '--no-gpg-sign'], { cwd: empty });
    expect(world.json(['verify'], { cwd: empty })).toMatchObject({
      status: 2,
      document: { ok: false, error: { code: 'verify/no-roots' } },
    });
    expect(world.json(['verify'], { cwd: world.dir })).toMatchObject({
      status: 2,
      document: { ok: false, error: { code: 'git/not-a-repository' } },
    });
  });

  it('speaks to CI, and only with somebody to trust named', () => {
    const place = start();
    const { world, repo } = place;
    commit(world, repo, 'unsigned <&"> %0A::error::', '--no-gpg-sign');
    const stranger = cloned(place);
    for (const format of ['junit', 'github']) {
      expect(world.auths(['verify', '--format', format], stranger).status).toBe(2);
    }
    const junit = world.auths(
      ['verify', 'HEAD~2..HEAD', '--format', 'junit', '--roots-from', 'HEAD~2'],
      stranger,
    );
    expect(junit.status).toBe(1);
    expect(junit.stdout).toMatch(/<testsuites tests="2" failures="1" errors="0">/);
    expect(junit.stdout).toContain('<failure type="unsigned"');
    const summary = join(world.dir, 'summary.md');
    const github = world.auths(['verify', 'HEAD~2..HEAD', '--format', 'github', '--roots-from', 'HEAD~2'], {
      ...stranger,
      env: { ...stranger.env, GITHUB_STEP_SUMMARY: summary },
    });
    expect(github.status).toBe(1);
    expect(github.stdout.match(/^::/gm)).toHaveLength(1);
    expect(readFileSync(summary, 'utf8')).toContain('| unsigned |');
    const json = world.auths(['verify', '--format', 'json', '--roots-from', 'HEAD~2'], stranger);
    expect(JSON.parse(json.stdout)).toMatchObject({ v: 1, ok: true, command: 'verify' });
  });

  it('a tampered copy fails, a tag is judged as a tag', () => {
    const place = start();
    const { world, repo } = place;
    expect(world.git(['tag', '-s', '-m', 'first', 'v1'], { cwd: repo }).status).toBe(0);
    const stranger = cloned(place);
    expect(world.json(['verify', 'v1'], stranger)).toMatchObject({
      status: 0,
      document: { data: { results: [{ type: 'tag', verdict: 'valid' }] } },
    });
    const raw = world.git(['cat-file', 'commit', 'HEAD'], stranger).stdout;
    const forged = world
      .git(['hash-object', '-t', 'commit', '-w', '--stdin'], {
        ...stranger,
        input: raw.replace('change 2', 'change 3'),
      })
      .stdout.trim();
    world.git(['update-ref', 'refs/heads/main', forged], stranger);
    expect(world.json(['verify'], stranger)).toMatchObject({
      status: 1,
      document: { data: { results: [{ verdict: 'bad-signature' }] } },
    });
  });

  it('a rotation after a theft, which seals the records again where they stood, reaches the next clone', () => {
    const place = start();
    const { world, repo } = place;
    const here = { cwd: repo };
    expect(world.json(['id', 'rotate', '--reason', 'compromised', '--all'], here).status).toBe(0);
    expect(world.json(['repo', 'check'], here).status).toBe(1);
    expect(world.json(['repo', 'update'], here)).toMatchObject({
      status: 0,
      document: { data: { changed: expect.arrayContaining([expect.stringMatching(/\.json$/)]) } },
    });
    commit(world, repo, 'after the theft');
    expect(world.json(['repo', 'check'], here).status).toBe(0);
    const { status, document } = world.json(['verify', 'HEAD'], cloned(place));
    expect(document).toMatchObject({ data: { results: [{ verdict: 'valid' }] } });
    expect(status).toBe(0);
  });

  it('a home that lacks the pinned event adds nothing to the evidence', () => {
    const { world, repo } = start();
    const here = { cwd: repo };
    const kel = world.git([
      `--git-dir=${world.home}`,
      'for-each-ref',
      '--format=%(refname)',
      'refs/did',
    ]).stdout;
    const ref = kel.split('\n').find((name) => name.endsWith('/kel')) as string;
    const before = world.git([`--git-dir=${world.home}`, 'rev-parse', ref]).stdout.trim();
    expect(world.json(['id', 'rotate', '--reason', 'compromised', '--all'], here).status).toBe(0);
    expect(world.json(['repo', 'update'], here).status).toBe(0);
    commit(world, repo, 'after the theft');
    // An old copy of the home, with the branch that lost.
    world.git([`--git-dir=${world.home}`, 'update-ref', ref, before]);
    expect(world.json(['repo', 'update'], here)).toMatchObject({
      status: 0,
      document: { data: { changed: [], differing: [] } },
    });
    expect(world.git(['status', '--short'], here).stdout).toBe('');
  });

  it('a revoked device fails as soon as the revocation is in the work tree, and the next clone knows', () => {
    const place = start();
    const { world, repo } = place;
    expect(
      world.auths(['devices', 'revoke', 'laptop', '--reason', 'compromised', '--yes'], { cwd: repo }).status,
    ).toBe(0);
    expect(world.json(['repo', 'check'], { cwd: repo })).toMatchObject({
      status: 1,
      document: { data: { ok: false } },
    });
    const update = world.json(['repo', 'update'], { cwd: repo });
    expect(update.document.data.changed).toHaveLength(2);
    // What is only on this disk nobody else sees.
    expect(world.json(['repo', 'check'], { cwd: repo })).toMatchObject({
      status: 1,
      document: { data: { ok: false, changed: [], not_added: update.document.data.changed } },
    });
    world.git(['add', '-A'], { cwd: repo });
    expect(world.json(['repo', 'check'], { cwd: repo }).status).toBe(0);
    world.git(['commit', '-q', '--no-gpg-sign', '-m', 'revoked'], { cwd: repo });
    expect(world.json(['verify', 'HEAD~2..HEAD'], cloned(place))).toMatchObject({
      status: 1,
      document: { data: { results: [{ verdict: 'revoked' }, { verdict: 'unsigned' }] } },
    });
  });
});

/** Types the commands that `repo check` names, and checks again. */
function followSteps(world: World, repo: string): ReturnType<World['json']> {
  const { next_steps: steps } = world.json(['repo', 'check'], { cwd: repo }).document.data as {
    readonly next_steps: readonly { readonly command: string }[];
  };
  expect(steps.length).toBeGreaterThan(0);
  for (const { command } of steps)
    for (const part of command.split(' && ')) {
      const words = part.split(' ');
      if (words[0] === 'rm')
        for (const path of words.slice(words[1] === '-r' ? 2 : 1))
          rmSync(join(repo, path), { recursive: true });
      else if (words[0] === 'git') world.git(words.slice(1), { cwd: repo });
      else expect(world.auths(words.slice(1), { cwd: repo }).status).toBe(0);
    }
  return world.json(['repo', 'check'], { cwd: repo });
}

describe('auths repo init', () => {
  it('works before the first commit, twice, and exempts what was there unsigned', () => {
    const world = freshWorld();
    const repo = join(world.dir, 'repo');
    mkdirSync(repo);
    world.git(['init', '-q', '-b', 'main', repo]);
    expect(world.json(['repo', 'init'], { cwd: repo })).toMatchObject({
      status: 3,
      document: { ok: false, error: { code: 'identity/none' } },
    });
    world.auths(['init', '--git', 'none'], { cwd: repo });
    const old = commit(world, repo, 'old', '--no-gpg-sign');
    const first = world.json(['repo', 'init'], { cwd: repo });
    expect(first.document.data).toMatchObject({ since: old, ok: true });
    expect(readFileSync(join(repo, '.auths', 'policy.json'), 'utf8')).toBe(`{"since":"${old}","v":1}\n`);
    expect(readFileSync(join(repo, '.auths', '.gitattributes'), 'utf8')).toContain('-text');
    expect(world.json(['repo', 'init', '--path', repo])).toMatchObject({
      status: 0,
      document: { data: { changed: [] } },
    });
    expect(world.json(['repo', 'init', '--root', 'did:keri:nonsense'], { cwd: repo })).toMatchObject({
      status: 2,
    });
    const evidence = join(repo, '.auths', 'evidence');
    const [prefix] = readdirSync(evidence) as [string];
    const [file] = readdirSync(join(evidence, prefix)).filter((name) => name.endsWith('.json')) as [string];
    writeFileSync(join(evidence, prefix, file), '{}');
    expect(world.json(['repo', 'check'], { cwd: repo })).toMatchObject({
      status: 1,
      document: { data: { differing: [`.auths/evidence/${prefix}/${file}`] } },
    });
    // What it says to type does what it says; nothing is committed before the evidence is whole.
    expect(followSteps(world, repo)).toMatchObject({ status: 1, document: { data: { differing: [] } } });
    expect(followSteps(world, repo)).toMatchObject({ status: 0, document: { data: { differing: [] } } });
  });

  it('says how a policy that cannot be read is mended, also where nothing else is to do', () => {
    const { world, repo } = start();
    const policy = join(repo, '.auths', 'policy.json');
    for (const text of ['{bad', '{"v":9}']) {
      writeFileSync(policy, text);
      for (const command of ['check', 'update', 'init'])
        expect(world.json(['repo', command], { cwd: repo })).toMatchObject({
          status: 1,
          document: { data: { ok: false, differing: ['.auths/policy.json'] } },
        });
      expect(followSteps(world, repo)).toMatchObject({ status: 0 });
    }
    rmSync(policy);
    mkdirSync(policy);
    expect(world.json(['repo', 'check'], { cwd: repo })).toMatchObject({ status: 1 });
    const roots = join(repo, '.auths', 'roots');
    rmSync(roots);
    mkdirSync(roots);
    expect(world.json(['repo', 'check'], { cwd: repo })).toMatchObject({
      status: 7,
      document: { error: { code: 'storage/failed', hint: expect.stringContaining('git checkout') } },
    });
  });
});

describe('auths signers export', () => {
  it('stock git agrees, from the home and from a clone without one', () => {
    const place = start();
    const { world, did } = place;
    const stranger = cloned(place);
    const own = world.auths(['signers', 'export', '--output', 'signers'], { cwd: place.repo });
    expect(own.status).toBe(0);
    const theirs = world.auths(['signers', 'export'], stranger);
    expect(theirs.stdout).toBe(readFileSync(join(place.repo, 'signers'), 'utf8'));
    expect(theirs.stdout).toMatch(
      /^did:keri:E[\w-]{43} namespaces="git",valid-after="\d{14}Z" ssh-ed25519 \S+\n$/,
    );
    const file = join(stranger.cwd, 'signers');
    writeFileSync(file, theirs.stdout);
    const checked = world.git(
      ['-c', `gpg.ssh.allowedSignersFile=${file}`, 'verify-commit', 'HEAD'],
      stranger,
    );
    expect(checked.status).toBe(0);
    expect(checked.stderr).toContain(did);
  });
});

describe('auths attestation', () => {
  it('shows and judges one record against a log', () => {
    const place = start();
    const { world, repo, did } = place;
    const stranger = cloned(place);
    const directory = join(repo, '.auths', 'evidence', did.slice('did:keri:'.length));
    const record = join(directory, readdirSync(directory).find((name) => name.endsWith('.json')) as string);
    const log = join(world.dir, 'log.cesr');
    writeFileSync(log, world.auths(['kel', 'export']).stdout);
    expect(world.json(['attestation', 'show', record], stranger)).toMatchObject({
      status: 0,
      document: { data: { attestation: { type: 'link', name: 'laptop' } } },
    });
    expect(world.json(['attestation', 'verify', record, '--kel', log], stranger)).toMatchObject({
      status: 0,
      document: { data: { verdict: 'valid', controller_did: did } },
    });
    expect(world.json(['attestation', 'verify', record], stranger)).toMatchObject({
      status: 4,
      document: { data: { verdict: 'unverifiable' } },
    });
    writeFileSync(
      join(stranger.cwd, 'forged.json'),
      readFileSync(record, 'utf8').replace('laptop', 'LAPTOP'),
    );
    expect(world.json(['attestation', 'verify', 'forged.json', '--kel', log], stranger)).toMatchObject({
      status: 1,
      document: { data: { verdict: 'attestation-invalid' } },
    });
    expect(world.json(['attestation', 'verify', 'missing.json'], stranger)).toMatchObject({
      status: 2,
      document: { error: { code: 'input/unreadable' } },
    });
    writeFileSync(join(stranger.cwd, 'text.json'), 'hello');
    for (const path of ['text.json', '/dev/zero'])
      expect(world.json(['attestation', 'verify', path], stranger)).toMatchObject({
        status: 1,
        document: { error: { code: 'attestation/invalid' } },
      });
    const piped = { ...stranger, input: readFileSync(record) };
    expect(world.json(['attestation', 'verify', '-', '--kel', log], piped)).toMatchObject({
      status: 0,
      document: { data: { verdict: 'valid' } },
    });
  });
});
