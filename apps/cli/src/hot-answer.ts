/** How the small programs say what they know, or leave it to another one. */
import { writeNow } from './standard-output.ts';

/** Of the file that starts the bundle. */
declare const require: (file: string) => unknown;

/** Runs the program in this file beside the one that runs. */
export function continueIn(file: string): void {
  require(file);
}

/** Straight to the file descriptor; a reader that takes only a part, or is gone, gets the rest as from any program. */
export function answer(text: string): void {
  const bytes = Buffer.from(text);
  const written = writeNow(bytes);
  if (written === bytes.length) return;
  process.stdout.on('error', (error: Error & { readonly code?: string }) => {
    if (error.code === 'EPIPE') return;
    void import('./exit-codes.ts').then(({ exitCodes }) => process.exit(exitCodes['storage/failed']));
  });
  process.stdout.write(bytes.subarray(written));
}
