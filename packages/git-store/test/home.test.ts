import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { didKeriOf } from '@auths/core/identifiers';
import { sampleLog, sampleLogOf } from '@auths/testing/sample-events';
import { gitEventLog } from '../src/event-log.ts';
import { gitArguments, gitEnvironment, gitVersion, runGit, runGitSync } from '../src/git.ts';
import { createHome, openHome } from '../src/home-repository.ts';
import { readHomeSummary } from '../src/home-summary.ts';
import {
  parseIdentityDocument,
  readIdentityDocument,
  writeIdentityDocument,
  type IdentityDocument,
} from '../src/identity-document.ts';
import { findLocks } from '../src/refs.ts';
import { git, scratch } from './scratch.ts';

const document: IdentityDocument = {
  version: 1,
  controller_did: didKeriOf(sampleLog('home').prefix),
  role: 'controller',
  created_at: '2026-01-01T00:00:00Z',
};

describe('home repository', () => {
  it('is a bare SHA-1 repository, owner-only, without hooks or templates', () => {
    const dir = join(scratch(), 'new', 'home');
    createHome(dir);
    expect(statSync(dir).mode & 0o777).toBe(0o700);
    expect(git(dir, 'rev-parse', '--is-bare-repository', '--show-object-format')).toBe('true\nsha1');
    expect(readdirSync(dir).toSorted()).toEqual(['HEAD', 'config', 'objects', 'refs']);
    expect(execFileSync('git', ['-C', dir, 'rev-parse', '--git-dir'], { encoding: 'utf8' }).trim()).toBe('.');
  });

  it('ignores what the user has configured for new repositories', () => {
    const dir = join(scratch(), 'home');
    const config = join(scratch(), 'config');
    writeFileSync(
      config,
      '[init]\n\tdefaultObjectFormat = sha256\n\tdefaultRefFormat = reftable\n\ttemplateDir = /\n',
    );
    process.env['GIT_CONFIG_GLOBAL'] = config;
    try {
      createHome(dir);
    } finally {
      delete process.env['GIT_CONFIG_GLOBAL'];
    }
    expect(git(dir, 'rev-parse', '--show-object-format')).toBe('sha1');
  });

  it('may be created again, beside other files, and keeps what was configured', () => {
    const dir = scratch();
    writeFileSync(join(dir, 'keys.enc'), 'kept');
    createHome(dir);
    git(dir, 'config', 'auths.registry', 'https://r.example');
    createHome(dir);
    expect(git(dir, 'config', 'auths.registry')).toBe('https://r.example');
    expect(readFileSync(join(dir, 'keys.enc'), 'utf8')).toBe('kept');
  });

  it('completes a creation that died half-way', () => {
    const dir = scratch();
    mkdirSync(join(dir, 'objects'), { recursive: true });
    writeFileSync(join(dir, 'config'), '[core]\n\trepositoryformatversion = 0\n\tbare = true\n');
    createHome(dir);
    expect(git(dir, 'rev-parse', '--is-bare-repository')).toBe('true');
  });

  it('is not opened where there is none, nor in a format that this version cannot write', () => {
    expect(() => openHome(scratch())).toThrow(
      expect.objectContaining({ code: 'git/not-a-repository' }) as Error,
    );
    const dir = join(scratch(), 'sha256');
    execFileSync('git', ['init', '-q', '--bare', '--object-format=sha256', dir]);
    expect(() => openHome(dir)).toThrow(expect.objectContaining({ code: 'storage/version' }) as Error);
  });

  it('lists lock files with their age', () => {
    const home = createHome(scratch());
    mkdirSync(join(home.dir, 'refs/did/keri'), { recursive: true });
    const locks = [join(home.dir, 'refs/did/keri/kel.lock'), join(home.dir, 'packed-refs.lock')];
    for (const path of locks) writeFileSync(path, '');
    expect(new Set(findLocks(home.dir).map(({ path }) => path))).toEqual(new Set(locks));
  });
});

describe('running git', () => {
  it('drops every variable that could redirect it', async () => {
    const hostile = {
      GIT_DIR: '/nowhere',
      GIT_INDEX_FILE: '/nowhere/index',
      GIT_OBJECT_DIRECTORY: '/nowhere/objects',
      GIT_NAMESPACE: 'other',
      GIT_CONFIG_COUNT: '1',
      GIT_CONFIG_KEY_0: 'core.bare',
      GIT_CONFIG_VALUE_0: 'nonsense',
      GIT_CONFIG_PARAMETERS: "'core.bare=nonsense'",
      GIT_REPLACE_REF_BASE: 'refs/heads/',
      AUTHS_PASSPHRASE: 'secret',
    };
    const home = createHome(scratch());
    Object.assign(process.env, hostile);
    try {
      expect(Object.keys(gitEnvironment()).filter((name) => name in hostile)).toEqual([]);
      const { stdout } = await runGit(['rev-parse', '--is-bare-repository'], { gitDir: home.dir });
      expect(stdout.toString()).toBe('true\n');
    } finally {
      for (const name of Object.keys(hostile)) Reflect.deleteProperty(process.env, name);
    }
  });

  it('fetches nothing that is missing, whatever the repository says', async () => {
    const dir = scratch();
    const ran = join(dir, 'ran');
    const inside = (...args: readonly string[]): unknown =>
      execFileSync('git', ['-C', dir, ...args], { stdio: 'ignore' });
    inside('init', '-q');
    for (const [key, value] of [
      ['core.repositoryFormatVersion', '1'],
      ['extensions.partialClone', 'origin'],
      ['remote.origin.promisor', 'true'],
      ['remote.origin.url', dir],
      ['remote.origin.uploadpack', `touch ${ran}; git-upload-pack`],
    ] as const)
      inside('config', key, value);
    const args = ['cat-file', '-e', '1'.repeat(40)];
    const at = { gitDir: join(dir, '.git'), accept: [1, 128] };
    await runGit(args, at);
    expect(existsSync(ran)).toBe(false);
    // As a git does that does not know GIT_NO_LAZY_FETCH.
    const { GIT_NO_LAZY_FETCH: _, ...older } = gitEnvironment();
    execFileSync('sh', ['-c', 'git "$@" || :', 'sh', ...gitArguments(args, at)], {
      env: older,
      stdio: 'ignore',
    });
    expect(existsSync(ran)).toBe(false);
  });

  it('runs no hook of a global core.hooksPath', async () => {
    const dir = scratch();
    const hook = join(dir, 'reference-transaction');
    writeFileSync(hook, `#!/bin/sh\ntouch ${join(dir, 'ran')}\n`, { mode: 0o755 });
    writeFileSync(join(dir, 'config'), `[core]\n\thooksPath = ${dir}\n`);
    process.env['GIT_CONFIG_GLOBAL'] = join(dir, 'config');
    try {
      await writeIdentityDocument(createHome(scratch()), document);
    } finally {
      delete process.env['GIT_CONFIG_GLOBAL'];
    }
    expect(existsSync(join(dir, 'ran'))).toBe(false);
  });

  it('says so when there is no git, and what failed', async () => {
    expect(gitVersion()).toMatch(/^2\./);
    const path = process.env['PATH'];
    process.env['PATH'] = scratch();
    try {
      await expect(runGit(['--version'])).rejects.toMatchObject({ code: 'git/missing' });
      expect(() => runGitSync(['--version'])).toThrow(
        expect.objectContaining({ code: 'git/missing' }) as Error,
      );
    } finally {
      process.env['PATH'] = path;
    }
    const failed = runGit(['rev-parse', '--verify', 'nothing'], { gitDir: createHome(scratch()).dir });
    await expect(failed).rejects.toMatchObject({ code: 'git/failed', details: { status: 128 } });
  });

  it('does not believe a git that says it wrote a ref and did not', async () => {
    const { prefix, events } = sampleLog('unwritten');
    const home = createHome(scratch());
    const folder = scratch();
    writeFileSync(join(folder, 'git'), '#!/bin/sh\nexit 0\n', { mode: 0o755 });
    const path = process.env['PATH'];
    process.env['PATH'] = folder;
    try {
      await expect(gitEventLog(home).append(prefix, null, events)).rejects.toMatchObject({
        code: 'git/failed',
        message: expect.stringContaining(`refs/did/keri/${prefix}/kel`) as string,
        hint: expect.stringContaining('git --version') as string,
      });
    } finally {
      process.env['PATH'] = path;
    }
    expect(await gitEventLog(home).append(prefix, null, events)).not.toBeNull();
  });

  it('bounds the output', async () => {
    await expect(runGit(['help', '-a'], { maxOutput: 100 })).rejects.toMatchObject({ code: 'git/failed' });
  });
});

describe('identity document', () => {
  it('is written once, read back, and not replaced by another identity', async () => {
    const home = createHome(scratch());
    expect(await readIdentityDocument(home)).toBeNull();
    await writeIdentityDocument(home, document);
    await writeIdentityDocument(home, document);
    expect(await readIdentityDocument(home)).toEqual(document);
    expect(git(home.dir, 'rev-list', '--count', 'refs/auths/identity')).toBe('1');
    const other = { ...document, controller_did: didKeriOf(sampleLog('other').prefix) };
    await expect(writeIdentityDocument(home, other)).rejects.toMatchObject({
      code: 'identity/exists',
      details: { controller_did: document.controller_did },
    });
    await writeIdentityDocument(home, other, { replace: true });
    expect(await readIdentityDocument(home)).toEqual(other);
  });

  it('parses exactly its members', () => {
    expect(parse(document)).toEqual(document);
    for (const bad of [
      {},
      null,
      [],
      { ...document, extra: 1 },
      { ...document, role: 'admin' },
      { ...document, controller_did: 'did:keri:Eshort' },
      { ...document, created_at: '2026-01-01' },
      { ...document, version: '1' },
    ]) {
      expect(() => parse(bad)).toThrow(
        expect.objectContaining({ code: expect.stringMatching(/^storage\//) as string }) as Error,
      );
    }
    expect(() => parse({ ...document, version: 2 })).toThrow(
      expect.objectContaining({ code: 'storage/version' }) as Error,
    );
  });
});

describe('home summary', () => {
  it('is null without a home or an identity, and creates nothing', async () => {
    const dir = join(scratch(), 'none');
    expect(await readHomeSummary(dir)).toBeNull();
    expect(existsSync(dir)).toBe(false);
    expect(await readHomeSummary(createHome(scratch()).dir)).toBeNull();
  });

  it('gives identity and log, loose without git and packed with it', async () => {
    const home = createHome(scratch());
    const log = sampleLogOf('home', 5);
    await gitEventLog(home).append(log.prefix, null, log.events);
    await writeIdentityDocument(home, document);
    const path = process.env['PATH'];
    process.env['PATH'] = scratch();
    try {
      const summary = await readHomeSummary(home.dir);
      expect([summary?.identity, summary?.log?.tip]).toEqual([document, log.events[4]?.said]);
    } finally {
      process.env['PATH'] = path;
    }
    git(home.dir, 'pack-refs', '--all');
    git(home.dir, 'repack', '-adq');
    git(home.dir, 'prune-packed');
    expect((await readHomeSummary(home.dir))?.log?.tip).toBe(log.events[4]?.said);
  });
});

function parse(value: unknown): IdentityDocument {
  return parseIdentityDocument(Buffer.from(JSON.stringify(value)));
}
