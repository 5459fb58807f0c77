import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));

interface Manifest {
  readonly name: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

const manifest = (folder: string): Manifest =>
  JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')) as Manifest;
const folders = (parent: string): string[] =>
  readdirSync(join(root, parent)).map((name) => `${parent}/${name}`);

function sources(folder: string): string[] {
  const found: string[] = [];
  for (const name of readdirSync(join(root, folder))) {
    const path = `${folder}/${name}`;
    if (statSync(join(root, path)).isDirectory()) found.push(...sources(path));
    else if (path.endsWith('.ts')) found.push(path);
  }
  return found;
}

/** Every module that a source file names, in `import`, `export … from` or `import()`. */
function imports(file: string): string[] {
  const text = readFileSync(join(root, file), 'utf8');
  return [...text.matchAll(/(?:from\s+|import\(\s*|import\s+)'([^']+)'/g)].map((match) => match[1] as string);
}

/** Inside core an arrow may only point to the same room or one further down. */
const LAYERS = new Set(['encoding', 'crypto', 'keri', 'attestation', 'pairing', 'commit', 'flows']);
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  encoding: [],
  crypto: ['encoding'],
  keri: ['encoding', 'crypto'],
  attestation: ['encoding', 'crypto', 'keri'],
  pairing: ['encoding', 'crypto', 'keri', 'attestation'],
  commit: ['encoding', 'crypto', 'keri', 'attestation'],
  flows: ['encoding', 'crypto', 'keri', 'attestation', 'pairing', 'commit'],
};

/** The packages of this repository that a manifest ships with. */
function ours(m: Manifest): string[] {
  return Object.keys(m.dependencies ?? {}).filter((name) => name.startsWith('@auths/'));
}

describe('the direction of dependencies', () => {
  it('apps depend on packages, never on each other; packages never on apps; adapters only on core', () => {
    const packages = new Map(folders('packages').map((folder) => [manifest(folder).name, folder]));
    const apps = folders('apps').map((folder) => manifest(folder));
    for (const app of apps)
      for (const name of ours(app)) expect([...packages.keys()], app.name).toContain(name);
    for (const [name, folder] of packages) {
      expect(ours(manifest(folder)), name).toEqual(name === '@auths/core' ? [] : ['@auths/core']);
    }
  });

  it('nothing that ships depends on the testing package', () => {
    for (const folder of [...folders('packages'), ...folders('apps')]) {
      expect(Object.keys(manifest(folder).dependencies ?? {}), folder).not.toContain('@auths/testing');
    }
  });

  it('every version is pinned exactly', () => {
    for (const folder of ['.', ...folders('packages'), ...folders('apps')]) {
      const { dependencies, devDependencies } = manifest(folder);
      for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies })) {
        expect(version, `${folder}: ${name}`).toMatch(/^(?:\d+\.\d+\.\d+|workspace:\*)$/);
      }
    }
  });

  it('core imports noble, scure and json-canon alone', () => {
    const allowed = /^(?:\.{1,2}\/|@noble\/(?:curves|hashes|ciphers)\/|@scure\/base$|json-canon$)/;
    for (const file of sources('packages/core/src')) {
      for (const name of imports(file)) expect(name, file).toMatch(allowed);
    }
  });

  it('no arrow inside core points upwards', () => {
    for (const file of sources('packages/core/src')) {
      const room = relative('packages/core/src', file).split('/')[0] as string;
      if (!LAYERS.has(room)) continue;
      for (const name of imports(file)) {
        const target = /^\.\.\/([a-z]+)\//.exec(name)?.[1];
        if (target !== undefined)
          expect([room, ...(ALLOWED[room] ?? [])], `${file} → ${name}`).toContain(target);
      }
    }
  });

  it('only what starts a program touches process; an adapter may name the one fact it needs', () => {
    const starts =
      /^apps\/[a-z]+\/src\/(?:main|hot|hot-answer|hot-program|hot-commands|run-process|verify-program|signing-program)\.ts$/;
    const facts: Readonly<Record<string, string>> = {
      // A child inherits the environment unless it is given a cleaned one.
      'packages/git-store/src/git.ts': 'env',
      // Which of git's files a person's settings lie in.
      'packages/git-store/src/plain-config.ts': 'env',
      // The clock that never goes back.
      'apps/cli/src/world.ts': 'hrtime',
      // git refuses a repository that somebody else owns.
      'packages/git-store/src/plain-repository.ts': 'geteuid',
      // A transport that hangs is ended with all it started.
      'packages/git-store/src/remote-transport.ts': 'kill',
      // A lock names its holder, and asks whether a holder lives.
      'packages/key-store/src/file-lock.ts': 'kill, pid',
      // Where a machine keeps its id.
      'packages/key-store/src/machine.ts': 'platform',
    };
    const shipped = [...folders('packages'), ...folders('apps')].flatMap((folder) =>
      sources(`${folder}/src`),
    );
    for (const file of shipped) {
      if (starts.test(file)) continue;
      const text = readFileSync(join(root, file), 'utf8').replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*/g, '');
      expect(/(?<![.\w'`-])process\.\w/.test(text), file).toBe(false);
      expect(/import \{ (.*) \} from 'node:process'/.exec(text)?.[1], file).toBe(facts[file]);
    }
  });
});
