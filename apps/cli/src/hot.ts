/**
 * `auths`, `dist/auths.js`: what is typed most, in a file so small that reading it costs nothing: the version, and
 * `status` and `whoami` where there is no error to tell. Anything else is the business of the programs beside it:
 * `verify` of one target of auths-verify.js, `pair` on the host of auths-pair.js, all the rest of the whole program.
 */
import { writeNow } from './standard-output.ts';
import { version } from './version.ts';

/** Of the file that starts this bundle. */
declare const require: (file: string) => unknown;

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
  void import('./hot-commands.ts')
    .then((m) => m.run(name, argv))
    .then((text) => {
      if (text === null) continueIn('./auths-main.js');
      else answer(text);
    });
} else {
  continueIn('./auths-main.js');
}

/** Flags after the target are read by the parser of flags, which only the whole program has. */
function isLast(word: string | undefined): boolean {
  return word === undefined || argv.at(-1) === word;
}

function continueIn(file: string): void {
  require(file);
}

/** Straight to the file descriptor; a reader that takes only a part, or is gone, gets the rest as from any program. */
function answer(text: string): void {
  const bytes = Buffer.from(text);
  const written = writeNow(bytes);
  if (written === bytes.length) return;
  process.stdout.on('error', (error: Error & { readonly code?: string }) => {
    if (error.code === 'EPIPE') return;
    void import('./exit-codes.ts').then(({ exitCodes }) => process.exit(exitCodes['storage/failed']));
  });
  process.stdout.write(bytes.subarray(written));
}
