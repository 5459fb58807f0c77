/**
 * `auths`, `dist/auths.js`: says its version, and knows which of the programs beside it is for the rest: auths-hot.js for
 * `status` and `whoami`, auths-verify.js for `verify` of one target, auths-pair.js for `pair` on the host, the whole
 * program for everything else.
 */
import { writeNow } from './standard-output.ts';
import { version } from './version.ts';

/** Runs one of them; scripts/build.mjs puts it in front of this file. */
declare const startProgram: (name: string) => void;

const ASKS_HELP = new Set(['--help', '-h', '--version']);
const SWITCHES = new Set(['--json', '--quiet', '--no-input', '--yes', '--no-color']);

const argv = process.argv.slice(2);
const [name = '', target, ...more] = argv.filter((token) => !SWITCHES.has(token));

// Where nobody takes it, the whole program has the words for that.
if (name === '--version' && argv.length === 1 && writeNow(Buffer.from(`${version}\n`)) > 0) {
  // It is said.
} else if (name === 'verify' && more.length === 0 && target?.startsWith('-') !== true && isLast(target)) {
  startProgram('auths-verify');
} else if (name === 'pair' && !argv.some((word) => word.startsWith('--join') || ASKS_HELP.has(word))) {
  startProgram('auths-pair');
} else if ((name === 'status' || name === 'whoami') && target === undefined) {
  startProgram('auths-hot');
} else {
  startProgram('auths-main');
}

/** Flags after the target are read by the parser of flags, which only the whole program has. */
function isLast(word: string | undefined): boolean {
  return word === undefined || argv.at(-1) === word;
}
