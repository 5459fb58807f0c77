/** Writes docs/errors.md from the error tables; with `--check` only says whether it is as they are. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const page = join(root, 'docs/errors.md');
const stage = mkdtempSync(join(tmpdir(), 'auths-errors-'));
const tables = join(stage, 'tables.mjs');

await build({
  stdin: {
    contents: `
      export { exitCodes, exitMeanings } from './apps/cli/src/exit-codes.ts';
      export { explanations } from './apps/cli/src/error-explanations.ts';
      export { PROBLEMS } from './packages/pairing-http/src/problem.ts';`,
    resolveDir: root,
    loader: 'ts',
  },
  outfile: tables,
  bundle: true,
  format: 'esm',
  platform: 'node',
  logLevel: 'warning',
});
const { exitCodes, exitMeanings, explanations, PROBLEMS } = await import(pathToFileURL(tables).href);
rmSync(stage, { recursive: true });

const codes = Object.keys(exitCodes).toSorted();
const status = (code) => PROBLEMS[code]?.status ?? '–';
const text = `# Errors

Every code, the exit status of \`auths\` that goes with it, the HTTP status where a registry or LAN host answers with it,
and what it means. Written by \`node scripts/errors-doc.mjs\` from the tables in the code; \`auths help errors CODE\` says
the same.

| exit | meaning |
| --- | --- |
${Object.entries(exitMeanings)
  .map(([exit, meaning]) => `| ${exit} | ${meaning} |`)
  .join('\n')}

| code | exit | HTTP | meaning |
| --- | --- | --- | --- |
${codes.map((code) => `| \`${code}\` | ${exitCodes[code]} | ${code.startsWith('pairing/') ? status(code) : '–'} | ${explanations[code]} |`).join('\n')}
`;

if (!process.argv.includes('--check')) writeFileSync(page, text);
else if (readFileSync(page, 'utf8') !== text) {
  console.log('docs/errors.md is not what the code says: node scripts/errors-doc.mjs');
  process.exitCode = 1;
}
