/**
 * `auths`, `dist/auths.js`: what is typed most, in a bundle small enough that reading it costs nothing. Anything
 * else, a single unknown word included, is the business of the whole program beside it.
 */
import type { CommandEntry } from './command.ts';
import { runProcess } from './run-process.ts';

const hot: readonly CommandEntry[] = [
  { name: 'status', summary: '', load: () => import('./commands/status.ts').then((m) => m.status) },
  { name: 'whoami', summary: '', load: () => import('./commands/whoami.ts').then((m) => m.whoami) },
];
const FLAGS = new Set(['--json', '--quiet', '--no-input', '--yes', '--no-color']);

if (isHot(process.argv.slice(2))) {
  runProcess(hot);
} else {
  await import(new URL('./auths-main.js', import.meta.url).href);
}

/** The version, or one hot command with nothing but switches that every command takes. */
function isHot(argv: readonly string[]): boolean {
  const others = argv.filter((token) => !FLAGS.has(token));
  const [only] = others;
  return others.length === 1 && (only === '--version' || hot.some(({ name }) => name === only));
}
