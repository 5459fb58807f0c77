/** Runs the CLI of this checkout as if it were installed: built when its sources are newer, in the caller's folder. */
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from './build.mjs';

await build();
const program = join(dirname(fileURLToPath(import.meta.url)), '..', 'apps/cli/dist/auths.js');
// The package manager changes into the checkout before it runs a script and keeps the caller's folder here.
const cwd = process.env.INIT_CWD ?? process.cwd();
const child = spawn(process.execPath, [program, ...process.argv.slice(2)], { cwd, stdio: 'inherit' });
// The terminal sends Ctrl+C to both; the program decides when it ends.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
  process.on(signal, () => signal === 'SIGINT' || child.kill(signal));
child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 1)));
