/**
 * Bundles the programs into files that plain `node FILE` runs from any folder.
 *
 *   node scripts/build.mjs            build what is older than its sources
 *   node scripts/build.mjs --force    build everything
 *   node scripts/build.mjs --check    exit 1 if something is stale, build nothing
 *
 * Node's own modules are loaded when the code that uses them first runs: a static import in a bundle would load
 * the HTTP stack for `auths --version` too. The programs are compiled here: X.js, a few lines, runs
 * X.bin, which holds the bundle and V8's code for it (auths.js itself chooses which). Another V8 than the one that built it passes over that code and
 * compiles the bundle. Both are one file, so that they cannot differ, and whoever can write it could write the program.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { builtinModules } from 'node:module';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { train } from './train.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

const programs = [
  // What is typed most in small files of its own: reading the whole program costs as much again as starting node.
  // So little that V8's code for it would be more to read.
  { from: 'apps/cli/src/hot.ts', to: 'apps/cli/dist/auths.js', quick: true, plain: true },
  {
    from: 'apps/cli/src/hot-program.ts',
    to: 'apps/cli/dist/auths-hot.js',
    without: ['fold-home.ts', 'lost-events.ts', '@auths/git-store/git', '@clack/prompts'],
    quick: true,
  },
  {
    from: 'apps/cli/src/verify-program.ts',
    to: 'apps/cli/dist/auths-verify.js',
    without: ['parse-flags.ts', 'help.ts', '@clack/prompts'],
    quick: true,
  },
  {
    from: 'apps/cli/src/pair-program.ts',
    to: 'apps/cli/dist/auths-pair.js',
    without: ['pairing/join.ts', 'help.ts'],
    quick: true,
  },
  { from: 'apps/cli/src/main.ts', to: 'apps/cli/dist/auths-main.js' },
  { from: 'apps/cli/src/signing-program.ts', to: 'apps/cli/dist/auths-sign.js' },
  { from: 'apps/registry/src/main.ts', to: 'apps/registry/dist/auths-registry.js' },
].filter(({ from }) => existsSync(join(root, from)));

const stampOf = (to) => join(root, `${to}.stamp`);

/** A digest over everything that the bundles depend on: sources, versions, this file. */
function fingerprint() {
  const hash = createHash('sha256');
  const add = (path) =>
    hash
      .update(`${relative(root, path)}\0`)
      .update(readFileSync(path))
      .update('\0');
  add(fileURLToPath(import.meta.url));
  for (const name of ['compile.mjs', 'train.mjs', 'trained-run.cjs', 'web-crypto.mjs'])
    add(fileURLToPath(new URL(name, import.meta.url)));
  hash.update(`${process.version} ${process.arch}\0`);
  for (const file of ['package.json', 'pnpm-lock.yaml'])
    if (existsSync(join(root, file))) add(join(root, file));
  for (const file of sources()) add(file);
  return hash.digest('hex');
}

/** Every file of every `src`, in one order. */
function sources() {
  const files = [];
  const walk = (folder) => {
    if (!existsSync(folder)) return;
    for (const entry of readdirSync(folder, { withFileTypes: true }).sort((a, b) =>
      a.name < b.name ? -1 : 1,
    )) {
      if (entry.isDirectory()) walk(join(folder, entry.name));
      else if (entry.name.endsWith('.ts')) files.push(join(folder, entry.name));
    }
  };
  for (const group of ['packages', 'apps']) {
    for (const name of readdirSync(join(root, group)).sort()) walk(join(root, group, name, 'src'));
  }
  return files;
}

function isStale(program, wanted) {
  const stamp = stampOf(program.to);
  const files = program.plain === true ? [program.to] : [program.to, containerOf(program.to)];
  return (
    !files.every((file) => existsSync(join(root, file))) ||
    !existsSync(stamp) ||
    readFileSync(stamp, 'utf8') !== wanted
  );
}

/** Part of node's own start, so that there is nothing to put off. */
const LOADED = new Set(['buffer', 'events', 'fs', 'module', 'path', 'process', 'timers', 'url', 'util']);

/**
 * `node:*` loaded when one of its functions is first called: `node:child_process` or `node:crypto` at the top of a
 * file would load the network stack for `auths --version` too. Classes and constants are taken where the importing
 * module runs, and only those that it names.
 */
const lazyBuiltins = {
  name: 'lazy-builtins',
  setup(plugin) {
    const names = new Set(builtinModules);
    const wanted = ownImports();
    plugin.onResolve({ filter: /.*/ }, ({ path, kind, namespace, importer }) => {
      const bare = path.startsWith('node:') ? path.slice(5) : path;
      if (namespace === 'builtin' || !names.has(bare)) return undefined;
      // What is required may be a function itself, for which there is no stand-in.
      if (kind === 'require-call' && typeof process.getBuiltinModule(bare) === 'function') return undefined;
      const suffix = importer.includes('node_modules') ? '' : '?own';
      return { path: bare, suffix, namespace: 'builtin' };
    });
    plugin.onLoad({ filter: /.*/, namespace: 'builtin' }, ({ path, suffix }) => {
      const builtin = process.getBuiltinModule(`node:${path}`);
      const load = `process.getBuiltinModule(${JSON.stringify(`node:${path}`)})`;
      const members = Object.keys(builtin)
        .filter((name) => /^[A-Za-z_]\w*$/.test(name) && name !== 'default')
        .filter((name) => suffix === '' || wanted.has(`${path} ${name}`))
        .map((name) =>
          !LOADED.has(path) && /^[a-z]/.test(name) && isPlainFunction(builtin, name)
            ? `export const ${name} = (...given) => ${load}.${name}(...given);`
            : `export const ${name} = /* @__PURE__ */ (() => whole.${name})();`,
        );
      // Dropped where nothing asks for it.
      const lines = [`const whole = /* @__PURE__ */ (() => ${load})();`, ...members];
      if (suffix === '') lines.push('export default whole;');
      return { contents: lines.join('\n'), loader: 'js' };
    });
  },
};

/**
 * `crypto scrypt` and so on: what our own sources import by name. A module that is imported later runs whole, and to read
 * `process.stdout`, or the default export, is to load what is behind it.
 */
function ownImports() {
  const found = new Set();
  for (const file of sources()) {
    const text = readFileSync(file, 'utf8');
    for (const [, names, path] of text.matchAll(/^import \{([^}]*)\} from 'node:([^']+)';/gm))
      for (const name of names.split(',')) found.add(`${path} ${name.trim().split(' ')[0]}`);
  }
  return found;
}

/** A function without members of its own, which a stand-in would hide. */
function isPlainFunction(builtin, name) {
  // Getters are not touched: some warn.
  const value = Object.getOwnPropertyDescriptor(builtin, name)?.value;
  // The last two: what node:os adds makes `${os.homedir}` work, and is for Node's own errors. Nobody here uses them.
  const usual = new Set([
    'length',
    'name',
    'prototype',
    'arguments',
    'caller',
    Symbol.toPrimitive,
    'withoutStackTrace',
  ]);
  return typeof value === 'function' && Reflect.ownKeys(value).every((key) => usual.has(key));
}

/** Modules that a program never reaches, although what it shares with another one could. */
const leaveOut = (names) => ({
  name: 'leave-out',
  setup(plugin) {
    plugin.onResolve({ filter: /.*/ }, ({ path }) => {
      const found = names.find((name) => path === name || path.endsWith(`/${name}`));
      return found === undefined ? undefined : { path: found, namespace: 'left-out' };
    });
    plugin.onLoad({ filter: /.*/, namespace: 'left-out' }, ({ path }) => ({
      contents: `throw new Error(${JSON.stringify(`${path} is not in this bundle`)});`,
      loader: 'js',
    }));
  },
});

const containerOf = (to) => to.replace(/\.js$/, '.bin');

/** Runs what is in X.bin beside the file that this stands in. */
const START = `#!/usr/bin/env node
'use strict';
function startProgram(name) {
  const { readFileSync } = require('node:fs');
  const { Script } = require('node:vm');
  const filename = require('node:path').join(__dirname, name + '.bin');
  const bytes = readFileSync(filename);
  const end = 8 + bytes.readUInt32LE(0);
  const script = new Script(bytes.latin1Slice(8, end), { filename, cachedData: bytes.subarray(end) });
  const place = { get url() { return require('node:url').pathToFileURL(filename).href; } };
  script.runInThisContext()(require, place);
}
`;

/** What X.bin holds. In a process of its own: V8 takes code only under the flags that it was made under. */
function container(bundled) {
  const { NODE_OPTIONS: _, ...env } = process.env;
  const script = fileURLToPath(new URL('compile.mjs', import.meta.url));
  return execFileSync(process.execPath, [script], { input: bundled, env, maxBuffer: 1 << 26 });
}

/** With `readable` into that folder instead: line by line, each module under its path, with the names that it was given. */
async function bundle(program, esbuild, readable = null) {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const result = await esbuild.build({
    absWorkingDir: root,
    entryPoints: [program.from],
    outfile: program.to,
    bundle: true,
    write: false,
    format: 'cjs',
    platform: 'node',
    target: 'node20',
    minifySyntax: true,
    minifyWhitespace: readable === null,
    // A tenth less to load, for names that a stack trace would show.
    minifyIdentifiers: program.quick === true && readable === null,
    keepNames: false,
    legalComments: 'none',
    charset: 'ascii',
    logLevel: 'warning',
    inject: [fileURLToPath(new URL('web-crypto.mjs', import.meta.url))],
    define: {
      'globalThis.crypto': 'webCrypto',
      AUTHS_VERSION: JSON.stringify(version),
      // A getter: few programs ask for it, and all of node:url is behind it.
      'import.meta.url': '__auths_place.url',
    },
    plugins: [leaveOut(program.without ?? []), lazyBuiltins],
  });
  const code = result.outputFiles[0].text;
  const to = readable === null ? join(root, program.to) : join(readable, basename(program.to));
  mkdirSync(dirname(to), { recursive: true });
  place(join(dirname(to), 'package.json'), '{"type":"commonjs"}\n');
  if (program.plain === true) {
    place(to, `${START}${code}`);
    return;
  }
  place(containerOf(to), container(code));
  place(to, `${START}startProgram(${JSON.stringify(basename(to, '.js'))});\n`);
}

/** Temp and rename: a program that is being started meanwhile is either the old one or the new one. */
function place(target, bytes) {
  const temp = `${target}.${process.pid}.${Math.random().toString(36).slice(2)}.tmp`;
  writeFileSync(temp, bytes);
  chmodSync(temp, target.endsWith('.js') ? 0o755 : 0o644);
  renameSync(temp, target);
}

/** Builds what is stale (everything with `force`); resolves to the programs that were built. */
export async function build({ force = false } = {}) {
  const wanted = fingerprint();
  const stale = programs.filter((program) => force || isStale(program, wanted));
  if (stale.length === 0) return [];
  const esbuild = await import('esbuild');
  for (const program of stale) await bundle(program, esbuild);
  const untrained = await train(join(root, 'apps/cli/dist'));
  if (untrained !== null) console.warn(`build: programs start with all their code (${untrained.message})`);
  for (const program of stale) writeFileSync(stampOf(program.to), wanted);
  return stale.map(({ to }) => to);
}

/** The programs of the command line in a folder of their own, for a profiler: slower to read, the same to run. */
export async function buildReadable(folder) {
  const esbuild = await import('esbuild');
  for (const program of programs.filter(({ to }) => to.startsWith('apps/cli/')))
    await bundle(program, esbuild, folder);
}

if (process.argv[1] !== undefined && fileURLToPath(import.meta.url) === process.argv[1]) {
  if (process.argv.includes('--check')) {
    const wanted = fingerprint();
    process.exitCode = programs.some((program) => isStale(program, wanted)) ? 1 : 0;
  } else {
    const built = await build({ force: process.argv.includes('--force') });
    console.log(built.length === 0 ? 'build: everything is fresh' : `build: ${built.join(', ')}`);
  }
}
