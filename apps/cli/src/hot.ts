/**
 * `auths`, `dist/auths.js`: says its version, and knows which of the programs beside it is for the rest: auths-hot.js for
 * `status` and `whoami`, auths-verify.js for `verify` of one target, auths-pair.js for `pair` on the host, the whole
 * program for everything else.
 */
import { answer, continueIn } from './hot-answer.ts';
import { version } from './version.ts';

const ASKS_HELP = new Set(['--help', '-h', '--version']);
const SWITCHES = new Set(['--json', '--quiet', '--no-input', '--yes', '--no-color']);

const argv = process.argv.slice(2);
const [name = '', target, ...more] = argv.filter((token) => !SWITCHES.has(token));

if (name === '--version' && argv.length === 1) {
  answer(`${version}\n`);
} else if (name === 'verify' && more.length === 0 && target?.startsWith('-') !== true && isLast(target)) {
  continueIn('./auths-verify.js');
} else if (name === 'pair' && !argv.some((word) => word.startsWith('--join') || ASKS_HELP.has(word))) {
  continueIn('./auths-pair.js');
} else if ((name === 'status' || name === 'whoami') && target === undefined) {
  continueIn('./auths-hot.js');
} else {
  continueIn('./auths-main.js');
}

/** Flags after the target are read by the parser of flags, which only the whole program has. */
function isLast(word: string | undefined): boolean {
  return word === undefined || argv.at(-1) === word;
}
