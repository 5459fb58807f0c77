/** A real repository with real git and ssh-keygen, and an identity on paper whose evidence lies in it. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import type { ObjectName } from '@auths/core/attestation/attestation';
import { objectBlake3 } from '@auths/core/commit/digests';
import { formatRoots } from '@auths/core/commit/roots';
import { nodeVerifyEngine } from '../../../key-store/src/verify-engine.ts';
import {
  keyOfSeed,
  PAPER_TIME,
  type PaperIdentity,
  type PaperKey,
} from '../../../testing/src/paper-identity.ts';
import { findRepository } from '../../src/repository.ts';
import { verifyTarget, type Verification, type VerifyRequest } from '../../src/verify-target.ts';
import {
  addEvidence,
  evidenceFiles,
  GIT_ATTRIBUTES,
  replaceAuthsFile,
} from '../../src/work-tree-evidence.ts';

export const hasSshKeygen: boolean = spawnSync('ssh-keygen', ['-?']).error === undefined;

const made: string[] = [];
afterAll(() => {
  for (const directory of made) rmSync(directory, { recursive: true, force: true });
});

export function temporary(): string {
  const directory = mkdtempSync(join(tmpdir(), 'auths-verification-'));
  made.push(directory);
  return directory;
}

/** A device whose key lies in a file that git can sign with. */
export interface FileKey extends PaperKey {
  readonly file: string;
}

export function fileKey(): FileKey {
  const file = join(temporary(), 'key');
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', file]);
  return { ...keyOfSeed(seedOf(readFileSync(file, 'utf8'))), file };
}

/** openssh-key-v1, unencrypted: the private section repeats the public key right before seed and public key. */
function seedOf(pem: string): Uint8Array {
  const blob = Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ''), 'base64');
  const type = Buffer.from('ssh-ed25519');
  const inner = blob.lastIndexOf(type) + type.length;
  // string(public), string(seed || public)
  return new Uint8Array(blob.subarray(inner + 4 + 32 + 4, inner + 4 + 32 + 4 + 32));
}

export class TestRepository {
  readonly dir: string = temporary();
  #count = 0;

  constructor(options: { readonly from?: string; readonly format?: string } = {}) {
    if (options.from === undefined)
      this.git('init', '-q', '-b', 'main', `--object-format=${options.format ?? 'sha1'}`);
    else execFileSync('git', ['clone', '-q', options.from, this.dir], { env: environment(), stdio: 'pipe' });
  }

  git(...args: readonly string[]): string {
    return this.gitResult(args).stdout;
  }

  gitResult(
    args: readonly string[],
    input = '',
    accept: readonly number[] = [0],
  ): { status: number; stdout: string; stderr: string } {
    const result = spawnSync('git', args, { cwd: this.dir, env: environment(), input, encoding: 'latin1' });
    if (!accept.includes(result.status ?? -1)) throw new Error(`git ${args.join(' ')}: ${result.stderr}`);
    return { status: result.status ?? -1, stdout: result.stdout.trimEnd(), stderr: result.stderr };
  }

  write(path: string, text: string | Uint8Array): void {
    writeFileSync(join(this.dir, path), text);
  }

  /** A commit with one new file, and whatever lies in `.auths`; signed unless the key is null. */
  commit(key: FileKey | null, message = `change ${++this.#count}`, options: readonly string[] = []): string {
    this.write(`file-${++this.#count}`, `${this.#count}`);
    this.git('add', '-A');
    return this.commitStaged(key, message, options);
  }

  commitStaged(key: FileKey | null, message: string, options: readonly string[] = []): string {
    const signing = key === null ? ['-c', 'commit.gpgsign=false'] : signingWith(key);
    this.git(
      ...signing,
      'commit',
      '-q',
      '--allow-empty',
      ...(key === null ? [] : ['-S']),
      '-m',
      message,
      ...options,
    );
    return this.git('rev-parse', 'HEAD');
  }

  tag(name: string, key: FileKey | null, message = 'release'): string {
    this.git(
      ...(key === null ? [] : signingWith(key)),
      'tag',
      ...(key === null ? ['-a'] : ['-s']),
      '-m',
      message,
      name,
    );
    return this.git('rev-parse', name);
  }

  /** Writes evidence of these identities, not committed; roots as given, by default all of them. */
  evidence(identities: readonly PaperIdentity[], roots: readonly PaperIdentity[] | null = identities): void {
    addEvidence(this.dir, [GIT_ATTRIBUTES, ...identities.flatMap(evidenceFiles)]);
    if (roots !== null) {
      const lines = roots.map(({ did }) => ({ did, said: null, until: null }));
      replaceAuthsFile(this.dir, 'roots', formatRoots(lines));
    }
  }

  policy(value: unknown): void {
    replaceAuthsFile(this.dir, 'policy.json', JSON.stringify(value));
  }

  /** The double name of an object, as anchors and vouched tips seal it. */
  objectName(oid: string): ObjectName {
    const type = this.git('cat-file', '-t', oid);
    const bytes = execFileSync('git', ['cat-file', type, oid], {
      cwd: this.dir,
      env: environment(),
      maxBuffer: 1 << 26,
    });
    return { oid, blake3: objectBlake3(type, new Uint8Array(bytes)) };
  }

  /** Stores raw bytes as an object. */
  store(type: string, bytes: Uint8Array): string {
    const result = spawnSync('git', ['hash-object', '-t', type, '-w', '--literally', '--stdin'], {
      cwd: this.dir,
      env: environment(),
      input: bytes,
    });
    return result.stdout.toString('latin1').trim();
  }

  raw(oid: string, type = 'commit'): Uint8Array {
    return new Uint8Array(
      execFileSync('git', ['cat-file', type, oid], { cwd: this.dir, env: environment() }),
    );
  }

  async verify(target = 'HEAD', request: Partial<VerifyRequest> = {}): Promise<Verification> {
    await using repository = await findRepository(this.dir);
    return await verifyTarget(repository, {
      target,
      roots: [],
      rootsFrom: null,
      cwd: this.dir,
      home: null,
      engine: nodeVerifyEngine,
      now: PAPER_TIME + 3_600_000,
      mayPin: false,
      ...request,
    });
  }

  /** The verdicts alone. */
  async verdicts(target = 'HEAD', request: Partial<VerifyRequest> = {}): Promise<readonly string[]> {
    return (await this.verify(target, request)).results.map(({ verdict }) => verdict);
  }
}

function signingWith(key: FileKey): readonly string[] {
  return ['-c', 'gpg.format=ssh', '-c', `user.signingkey=${key.file}`];
}

export function environment(): NodeJS.ProcessEnv {
  const { PATH, HOME, TMPDIR } = process.env;
  return {
    PATH,
    HOME,
    TMPDIR,
    LC_ALL: 'C',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_AUTHOR_NAME: 'Ann Author',
    GIT_AUTHOR_EMAIL: 'ann@example.com',
    GIT_COMMITTER_NAME: 'Carl Committer',
    GIT_COMMITTER_EMAIL: 'carl@example.com',
    GIT_AUTHOR_DATE: '2026-03-01T00:10:00Z',
    GIT_COMMITTER_DATE: '2026-03-01T00:10:00Z',
  };
}
