/**
 * Leaves in a program's code cache the functions that a usual run of it uses, a third to a half of all: V8 reads the rest
 * for nothing at every start. Each program is run once for it, in a home that is made for this and goes again; one that
 * cannot be run (no git, say) keeps the code of all its functions, which works as well and starts some milliseconds later.
 */
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const RUN = fileURLToPath(new URL('trained-run.cjs', import.meta.url));
/** For one run, in milliseconds; a machine that needs longer goes without. */
const PATIENCE = 20_000;

/** What a host shows that somebody waits for. */
const CODE = /--join \w{3}-\w{3}/;

/** Trains `auths-verify` and `auths-pair` in `dist`. Resolves to what kept it from doing so, or null. */
export async function train(dist) {
  const stage = mkdtempSync(join(tmpdir(), 'auths-train-'));
  const env = {
    PATH: process.env.PATH,
    HOME: stage,
    AUTHS_HOME: join(stage, '.auths'),
    AUTHS_PASSPHRASE: 'training',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_AUTHOR_NAME: 'x',
    GIT_AUTHOR_EMAIL: 'x',
    GIT_COMMITTER_NAME: 'x',
    GIT_COMMITTER_EMAIL: 'x',
  };
  const cwd = join(stage, 'work');
  const run = (file, ...args) =>
    execFileSync(file, args, { cwd: stage, env, stdio: ['ignore', 'pipe', 'pipe'], timeout: PATIENCE });
  const auths = (...words) => run(process.execPath, join(dist, 'auths.js'), ...words);
  const git = (...words) => run('git', '-C', cwd, ...words);
  try {
    auths('init', '--name', 'x', '--git', 'global', '--no-input');
    run('git', 'init', '-q', cwd);
    execFileSync(process.execPath, [join(dist, 'auths.js'), 'repo', 'init'], { cwd, env, stdio: 'ignore' });
    git('add', '-A');
    git('commit', '-q', '-m', 'x');
    const within = { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], timeout: PATIENCE };
    execFileSync(process.execPath, [RUN, join(dist, 'auths-verify.bin'), '', 'verify', 'HEAD'], within);
    // On the loopback alone: a build says nothing to the network. What comes after the code has time to be compiled.
    const pair = [
      RUN,
      join(dist, 'auths-pair.bin'),
      CODE.source,
      'pair',
      '--no-input',
      '--bind',
      '127.0.0.1',
    ];
    await interrupted(spawn(process.execPath, pair, within), CODE);
    return null;
  } catch (error) {
    return error;
  } finally {
    rmSync(stage, { recursive: true, force: true });
  }
}

/** Sends SIGINT once the output matches, and resolves at the end of the process. */
function interrupted(child, pattern) {
  let text = '';
  return new Promise((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk) => {
        text += chunk;
        if (pattern.test(text)) child.kill('SIGINT');
      });
    child.on('error', reject);
    child.on('close', () => (pattern.test(text) ? resolve() : reject(new Error(text))));
  });
}
