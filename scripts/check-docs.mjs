/**
 * Runs the documentation: every ```sh block of README.md and docs/, in order, in a fresh home a file, with the built
 * programs on the PATH. `$ ` prompts are not used; a line that must fail is written `! command`.
 * Blocks in other languages, and those marked ```sh not-run (they need a second machine or a forge), are only counted.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const pages = ['README.md', ...markdown('docs')];
const stage = mkdtempSync(join(tmpdir(), 'auths-docs-'));
let ran = 0;
let unrun = 0;
let failed = 0;

function markdown(folder) {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    return entry.isDirectory() ? markdown(path) : path.endsWith('.md') ? [path] : [];
  });
}

const bin = join(stage, 'bin');
mkdirSync(bin);
for (const [name, file] of [
  ['auths', 'apps/cli/dist/auths.js'],
  ['auths-sign', 'apps/cli/dist/auths-sign.js'],
  ['auths-registry', 'apps/registry/dist/auths-registry.js'],
]) {
  writeFileSync(join(bin, name), `#!/bin/sh\nexec '${process.execPath}' '${join(root, file)}' "$@"\n`);
  chmodSync(join(bin, name), 0o755);
}

for (const page of pages) {
  const home = join(stage, page.replaceAll('/', '_'));
  mkdirSync(home);
  const blocks = [...readFileSync(join(root, page), 'utf8').matchAll(/^```sh([^\n]*)\n([\s\S]*?)^```/gm)];
  const script = blocks.filter(([, info]) => info.trim() === '').map(([, , text]) => text);
  unrun += blocks.length - script.length;
  if (script.length === 0) continue;
  writeFileSync(
    join(home, '.gitconfig'),
    '[user]\n\tname = Dev\n\temail = dev@example.com\n[init]\n\tdefaultBranch = main\n',
  );
  const run = spawnSync('sh', ['-e', '-x'], {
    cwd: home,
    input: script.join('\n'),
    encoding: 'utf8',
    timeout: 300_000,
    env: {
      PATH: `${bin}:${process.env.PATH}`,
      HOME: home,
      GIT_CONFIG_NOSYSTEM: '1',
      AUTHS_PASSPHRASE: 'documentation',
    },
  });
  ran += script.length;
  if (run.status === 0) continue;
  failed += 1;
  console.log(`${page}: a block ended with ${run.status ?? run.signal}\n${run.stdout}\n${run.stderr}`);
}

rmSync(stage, { recursive: true, force: true });
console.log(`documentation: ${ran} blocks run, ${unrun} marked not-run, ${failed} pages failed`);
process.exitCode = failed === 0 && ran > 0 ? 0 : 1;
