/**
 * Where the first recovery kit goes, and what opens it: --recovery-file under the home's passphrase, else the home,
 * where on a terminal it is sealed under its words, which are shown once (docs/decisions/recovery.md).
 */
import { access } from 'node:fs/promises';
import { resolve } from 'node:path';
import { AuthsError, hasCode } from '@auths/core/errors';
import type { FirstKit, KitPlace } from '@auths/core/flows/init-identity';
import { readRecoveryKit, writeRecoveryKit } from '@auths/key-store/recovery-kit';
import { seedWords } from '@auths/key-store/recovery-words';
import type { Context } from '../command.ts';
import { showWords } from '../recovery/words-page.ts';
import { homeFiles } from '../composition.ts';

/** The place for this run. `file` is what --recovery-file named; a file that is there and is not this identity's kit is never overwritten. */
export function kitPlace(context: Context, file: string | undefined): KitPlace {
  const path = file === undefined ? homeFiles(context.home).kit : resolve(context.cwd, file);
  const underWords = file === undefined && context.terminal.passphraseSource() === 'prompt';
  const ask = (): Promise<string> => context.terminal.passphrase('Passphrase of this home');

  return {
    async read() {
      // Words that were shown for a kit nothing relies on yet are of no use: it is made anew.
      if (underWords) return null;
      try {
        const kit = await readRecoveryKit(path, await ask());
        return kit === null ? null : { prefix: kit.prefix, nextSeed: kit.nextSeed, stream: kit.kel };
      } catch (error) {
        if (file === undefined && hasCode(error, 'key/wrong-passphrase')) return null;
        if (hasCode(error, 'storage/corrupt') || hasCode(error, 'key/wrong-passphrase'))
          throw taken(path, error);
        throw error;
      }
    },
    async write(kit: FirstKit) {
      if (file !== undefined && (await exists(path))) throw taken(path);
      const passphrase = underWords ? await wordsOf(context, kit.nextSeed) : await ask();
      await writeRecoveryKit(
        path,
        { prefix: kit.prefix, nextSeed: kit.nextSeed, kel: kit.stream, remotes: [], registry: null },
        passphrase,
      );
    },
  };
}

/** Seals under the words themselves: they are the key, so the file opens to nobody who could not do without it. */
async function wordsOf(context: Context, seed: Uint8Array): Promise<string> {
  const words = seedWords(seed);
  await showWords(context, words);
  return words;
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

function taken(path: string, cause?: unknown): AuthsError<'usage/invalid'> {
  return new AuthsError('usage/invalid', `${path} is there already and is not the kit of this identity`, {
    hint: 'name another file with --recovery-file',
    cause,
  });
}
