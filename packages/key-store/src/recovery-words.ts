/** 24 words of the English BIP-39 list for a 32-byte seed, checksum included: the next identity key on paper (docs/decisions/recovery.md). */
import { entropyToMnemonic, mnemonicToEntropy } from '@scure/bip39';
import { wordlist } from '@scure/bip39/wordlists/english.js';
import { AuthsError } from '@auths/core/errors';

/** How many words stand for a seed. */
export const WORD_COUNT = 24;

/** The words, lower case, one space between them. */
export function seedWords(seed: Uint8Array): string {
  return entropyToMnemonic(seed, wordlist);
}

/** The seed of what was typed, whatever its case, spaces, commas and numbers ("1. abandon"). `input/malformed` says what is wrong, never which words were typed. */
export function parseSeedWords(text: string): Uint8Array {
  const words = text
    .normalize('NFKD')
    .toLowerCase()
    .split(/[^a-z]+/)
    .filter((word) => word !== '');
  if (words.length !== WORD_COUNT) {
    throw malformed(`recovery words are ${WORD_COUNT}, these are ${words.length}`);
  }
  const unknown = words.findIndex((word) => !wordlist.includes(word));
  if (unknown !== -1) throw malformed(`word ${unknown + 1} is not one of the list`);
  try {
    return mnemonicToEntropy(words.join(' '), wordlist);
  } catch {
    throw malformed('each word is one of the list, but together they do not add up');
  }
}

function malformed(why: string): AuthsError<'input/malformed'> {
  return new AuthsError('input/malformed', why, {
    hint: 'compare them with the paper, word by word and in their order',
  });
}
