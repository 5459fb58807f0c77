/**
 * Measures and writes docs/performance.md. Everything is a ratio of two commands run in turn in one go.
 *
 *   npx --yes pnpm@12.21.0 bench             all, about five minutes
 *   npx --yes pnpm@12.21.0 bench --quick     fewer runs; prints, writes nothing
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { pairingShares, rowsOf } from './pairing.mjs';
import { ratio, summary } from './pairs.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const quick = process.argv.includes('--quick');
const stage = mkdtempSync(join(tmpdir(), 'auths-bench-'));
const home = join(stage, 'home');
mkdirSync(home);
const passphraseFile = join(stage, 'passphrase');
writeFileSync(passphraseFile, 'measured\n');
writeFileSync(
  join(home, '.gitconfig'),
  '[user]\n\tname = Dev\n\temail = dev@example.com\n[init]\n\tdefaultBranch = main\n',
);
// NODE_EXTRA_CA_CERTS is left out on purpose: Node reads that file at every start.
const env = {
  PATH: process.env.PATH,
  HOME: home,
  GIT_CONFIG_NOSYSTEM: '1',
  AUTHS_PASSPHRASE: 'measured',
  NO_COLOR: '1',
};
const auths = (...args) => [process.execPath, join(root, 'apps/cli/dist/auths.js'), ...args];
const project = join(stage, 'project');
const run = ([file, ...args], cwd = stage) =>
  execFileSync(file, args, { cwd, env, encoding: 'utf8', maxBuffer: 1 << 26 });

async function prepare() {
  run(auths('init', '--name', 'bench', '--git', 'none'));
  const growLog = await bundled('grow-log');
  run([process.execPath, growLog, join(home, '.auths'), '8', passphraseFile]);
  mkdirSync(project);
  run(['git', 'init', '-q', '.'], project);
  run(auths('git', 'setup', '--local'), project);
  run(auths('repo', 'init'), project);
  run(['git', 'add', '-A'], project);
  run(['git', 'commit', '-q', '-m', 'evidence'], project);
  run(auths('signers', 'export', '--output', join(stage, 'allowed_signers')), project);
  const script = await bundled('signed-history');
  const before = run(['git', 'rev-parse', 'HEAD'], project).trim();
  const tip = run([process.execPath, script, join(home, '.auths'), project, '1000', passphraseFile]).trim();
  run(['git', 'update-ref', 'HEAD', tip], project);
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(stage, 'key')]);
  return before;
}

/** A TypeScript file of this folder as one that node runs. */
async function bundled(name) {
  const outfile = join(stage, `${name}.mjs`);
  await build({
    absWorkingDir: join(root, 'bench'),
    entryPoints: [`${name}.ts`],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    logLevel: 'warning',
    banner: { js: "import{createRequire as r}from'node:module';const require=r(import.meta.url);" },
  });
  return outfile;
}

const empty = { command: [process.execPath, '-e', '0'], cwd: stage, env };
const rows = [];

const commit = (...options) => ['git', ...options, 'commit', '-q', '--allow-empty', '-S', '-m', 'x'];
const cell = (value) => value.toFixed(value >= 10 ? 0 : 2);

function report(what, against, goal, found) {
  rows.push(
    `| ${what} | ${against} | ${cell(found.median)} × | ${cell(found.least)}–${cell(found.greatest)} | ${found.runs} | ${goal} |`,
  );
  console.log(rows.at(-1));
}

async function measure(what, against, goal, a, b, runs) {
  report(what, against, goal, await ratio(a, b, quick ? Math.min(runs, 5) : runs));
}

/** What in-process.ts measures, in its order. */
const inProcess = {
  append: ['the 2,000th append to a log', 'the 20th', '≤ 1.2'],
  read: ['opening a home and reading a log of 1,000 events', 'one `git cat-file`', '≤ 2'],
  'replay ixn': ['replay of 1,000 events under one key', '1,000 bare `crypto.verify`', '≤ 1.15'],
  'replay rot': [
    'replay of 1,000 rotations',
    '1,000 bare `crypto.verify`, each with the import of its key',
    '≤ 1.15',
  ],
  resume: ['replay of 10,000 events', 'the same with its tip known as checked', '≥ 10'],
};

async function measureInProcess() {
  const script = await bundled('in-process');
  const scratch = join(stage, 'in-process');
  mkdirSync(scratch);
  for (const line of run([process.execPath, script, scratch, quick ? '5' : '15'])
    .trim()
    .split('\n')) {
    const { name, ratios } = JSON.parse(line);
    report(...inProcess[name], summary(ratios));
  }
}

/** Pairings behind each share. */
const PAIRINGS = quick ? 3 : 7;
let shareRows = [];

try {
  const before = await prepare();
  const here = { cwd: project, env };
  await measure(
    '`auths --version`',
    '`node -e 0`',
    '≤ 1.4',
    { command: auths('--version'), ...here },
    empty,
    21,
  );
  await measure('`auths status`', '`node -e 0`', '≤ 1.4', { command: auths('status'), ...here }, empty, 21);
  await measure('`auths whoami`', '`node -e 0`', '≤ 1.4', { command: auths('whoami'), ...here }, empty, 21);
  await measure(
    '`auths verify HEAD`, cold',
    '`node -e 0`',
    '≤ 2.0',
    { command: auths('verify', 'HEAD'), ...here },
    empty,
    21,
  );
  await measure(
    '`git log --show-signature`, 1,000 commits',
    '`auths verify` of the same',
    '≥ 40',
    {
      command: [
        'git',
        '-c',
        `gpg.ssh.allowedSignersFile=${join(stage, 'allowed_signers')}`,
        '-c',
        'gpg.format=ssh',
        '-c',
        'gpg.ssh.program=ssh-keygen',
        'log',
        '--show-signature',
        `${before}..HEAD`,
      ],
      ...here,
    },
    { command: auths('verify', `${before}..HEAD`), ...here },
    5,
  );
  const pairing = { command: auths('pair', '--no-input'), ...here, until: /--join [0-9A-Z]{3}-[0-9A-Z]{3}/ };
  await measure('`auths pair` until its code is shown', '`node -e 0`', '≤ 3', pairing, empty, 11);
  await measure(
    '`git commit -S` by `auths-sign`, passphrase each time',
    '`git commit -S` by a plain key file',
    '–',
    { command: commit(), ...here },
    {
      command: commit('-c', `user.signingkey=${join(stage, 'key')}`, '-c', 'gpg.ssh.program=ssh-keygen'),
      ...here,
    },
    11,
  );
  run([process.execPath, join(stage, 'grow-log.mjs'), join(home, '.auths'), '9990', passphraseFile]);
  const forget = () => rmSync(join(home, '.auths/cache'), { recursive: true, force: true });
  await measure(
    '`auths whoami`, log of 10,000 events, nothing cached',
    'the same with the cache of the first',
    '≥ 10',
    { command: auths('whoami'), ...here, before: forget },
    { command: auths('whoami'), ...here, before: () => run(auths('whoami')) },
    5,
  );
  await measureInProcess();
  shareRows = rowsOf(await pairingShares(PAIRINGS));
} finally {
  rmSync(stage, { recursive: true, force: true });
}

const versions = `Node ${process.version}, ${spawnSync('git', ['--version'], { encoding: 'utf8' }).stdout.trim()}, ${cpus().length} cores`;
const page = `# Performance

Written by \`npx --yes pnpm@12.21.0 bench\`; ${versions}. Every figure is the median of the ratios of two commands run in
turn, whole processes from start to end above, inside one process from the appends on: never an absolute time, so a
slow machine changes little.

| measured | against | ratio | least–greatest | pairs | goal |
| --- | --- | --- | --- | --- | --- |
${rows.join('\n')}

\`auths-sign\` derives the key of the encrypted file anew for every commit (scrypt, N = 2^17): that is the price of having
no agent running, and nearly all of the ratio.

\`auths verify HEAD\` starts no other process here. A program that does nothing but load Node's crypto and zlib, and our
code, unpack fourteen objects and check thirteen signatures takes 1.5 of it; the rest is our code, which runs once and is
never optimised.
\`auths pair\` shows its code before scrypt and the key exchange have run. Where the machine has no IPv4 address on its
network, Node compiles a regular expression for IPv6 addresses before it listens: a fifth of an empty Node.
\`node -e 0\` takes so little that a loaded machine moves these ratios by a third.

## Where a pairing spends its time

From the start of \`auths pair --join\` in a new home to its \`paired\`, on loopback, with a host that says yes at once:
shares of the whole, the mean of ${PAIRINGS} pairings. While the joiner does something it counts as the joiner's;
while it only waits for the host, as what the host does then. Both run under V8's profiler (\`bench/pairing.mjs\`), which
slows JavaScript down, not OpenSSL or the disk.

| kind of work | joiner | host, joiner waiting | both |
| --- | --- | --- | --- |
${shareRows.join('\n')}

What the largest would take to shrink:

1. scrypt of the passphrase is the price of a stolen \`keys.enc\` and stays as dear as it is. It could run while the joiner
   looks for the host and derives the code: the flow opens the device key first so that a wrong passphrase ends it before
   anybody is called, and so that no time limit runs while a person types. With a passphrase that is there already
   (\`AUTHS_PASSPHRASE\`, \`--passphrase-file\`) neither is a reason.
2. Loading: the joiner is in the large program with everything else; \`auths pair\` has one of its own, which \`--join\`
   could have too.
3. Node itself: with an address given by hand or scanned the joiner calls by \`fetch\`, whose client is loaded for it; a host
   found by mDNS is called by \`node:http\`, which is there already and would do for both.
4. X25519 of the handshake runs in JavaScript; OpenSSL's needs a port as \`x25519PublicKey\` has one.
5. The timer that runs out is the host's floor under every look-up of a code, found or not: it stays. Nothing else
   polls: both sides hold a request open until there is news.
`;
if (quick) console.log(page);
else writeFileSync(join(root, 'docs/performance.md'), page);
