/** The next identity seed: out of the kit in the home, a kit file, or the words on paper. */
import { resolve } from 'node:path';
import { normaliseProquint } from '@auths/core/encoding/proquint';
import { AuthsError, hasCode } from '@auths/core/errors';
import { readFileBounded } from '@auths/key-store/atomic-file';
import { openRecoveryKit, type RecoveryKit } from '@auths/key-store/recovery-kit';
import { parseSeedWords, seedWords, WORD_COUNT } from '@auths/key-store/recovery-words';
import type { Context } from '../command.ts';
import { homeFiles } from '../composition.ts';

const MAX_KIT = 64 << 20;

export interface NextSeed {
  /** 32 bytes; the caller wipes it. */
  readonly seed: Uint8Array;
  /** Null when words were given. */
  readonly kit: RecoveryKit | null;
  /** What to call it in a sentence. */
  readonly name: string;
}

/** The flags that say where the seed is. */
export const seedFlags = {
  'recovery-file': { kind: 'value', hint: 'F', summary: 'the recovery kit, if it is not in this home' },
  words: { kind: 'value', hint: '-', summary: 'ask for the 24 recovery words, or read them from stdin' },
} as const;

/** Opens what the flags name, by default the kit of the home. `key/not-found` when there is none, `key/wrong-passphrase`, `input/malformed` for words. */
export async function readNextSeed(
  context: Context,
  flags: { readonly 'recovery-file': string | undefined; readonly words: string | undefined },
): Promise<NextSeed> {
  if (flags.words !== undefined) {
    if (flags.words !== '-' || flags['recovery-file'] !== undefined) {
      throw new AuthsError('usage/invalid', 'recovery words are never given on the command line', {
        hint: 'give --words - alone, and type them or send them to stdin',
      });
    }
    return { seed: parseSeedWords(await typedWords(context)), kit: null, name: 'these recovery words' };
  }
  const file = flags['recovery-file'];
  const path = file === undefined ? homeFiles(context.home).kit : resolve(context.cwd, file);
  const bytes = await readFileBounded(path, MAX_KIT);
  if (bytes === null) {
    if (file !== undefined)
      throw new AuthsError('input/unreadable', `there is no ${path}`, { details: { path } });
    throw new AuthsError(
      'key/not-found',
      'the next key is not on this machine, as it should be: it is in the recovery kit',
      {
        hint: 'give --recovery-file FILE, or --words - to type the 24 recovery words',
        details: { alias: 'recovery-kit' },
      },
    );
  }
  const kit = await openKit(context, bytes, path);
  return { seed: kit.nextSeed, kit, name: path };
}

async function typedWords(context: Context): Promise<string> {
  if (context.terminal.interactive) return context.terminal.secret('Recovery words', '--words -');
  const words: string[] = [];
  while (words.length < WORD_COUNT) {
    const line = await context.terminal.readLine();
    if (line === null) break;
    words.push(...line.split(/[^A-Za-z]+/).filter((word) => word !== ''));
  }
  return words.join(' ');
}

/**
 * Opens a kit under the passphrase it was made with, or under its words: the 24, or the short ones (proquints) that kits
 * had before. What was typed is tried as each; a person is asked once more where the home's passphrase is not the kit's.
 */
export async function openKit(context: Context, bytes: Uint8Array, path: string): Promise<RecoveryKit> {
  const typed = await context.terminal.passphrase(
    'Recovery words, or the passphrase that the kit was made with',
  );
  try {
    return await openUnder(bytes, typed, path);
  } catch (error) {
    if (!hasCode(error, 'key/wrong-passphrase') || !context.terminal.interactive) throw error;
    return openUnder(bytes, await context.terminal.secret(`Recovery words of ${path}`, '--words -'), path);
  }
}

async function openUnder(bytes: Uint8Array, typed: string, path: string): Promise<RecoveryKit> {
  const forms = [typed, ...wordForms(typed)].filter((form, index, all) => all.indexOf(form) === index);
  let wrong: unknown;
  for (const form of forms) {
    try {
      return await openRecoveryKit(bytes, form, path);
    } catch (error) {
      if (!hasCode(error, 'key/wrong-passphrase')) throw error;
      wrong = error;
    }
  }
  throw wrong;
}

function wordForms(typed: string): readonly string[] {
  const forms: string[] = [];
  for (const form of [(text: string) => seedWords(parseSeedWords(text)), normaliseProquint]) {
    try {
      forms.push(form(typed));
    } catch {
      // Not words of this kind.
    }
  }
  return forms;
}
