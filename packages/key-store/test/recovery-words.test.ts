import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { parseSeedWords, seedWords } from '../src/recovery-words.ts';

describe('recovery words', () => {
  it('are the published BIP-39 words of 32 bytes, both ways, however they are typed', () => {
    expect(seedWords(new Uint8Array(32))).toBe(`${'abandon '.repeat(23)}art`);
    expect(seedWords(new Uint8Array(32).fill(0xff))).toBe(`${'zoo '.repeat(23)}vote`);
    const seed = new Uint8Array(randomBytes(32));
    const words = seedWords(seed);
    expect(parseSeedWords(words)).toEqual(seed);
    const typed = words
      .split(' ')
      .map((word, at) => `${at + 1}. ${word.toUpperCase()}`)
      .join('\n');
    expect(parseSeedWords(typed)).toEqual(seed);
  });

  it('say what is wrong and never which words were typed', () => {
    const words = seedWords(new Uint8Array(32).fill(5)).split(' ');
    const wrong: readonly (readonly [string, RegExp])[] = [
      [words.slice(1).join(' '), /24, these are 23/],
      [['zzzz', ...words.slice(1)].join(' '), /word 1 is not one of the list/],
      [[words[1], words[0], ...words.slice(2)].join(' '), /do not add up/],
    ];
    for (const [typed, why] of wrong) {
      expect(() => parseSeedWords(typed)).toThrow(why);
      expect(() => parseSeedWords(typed)).not.toThrow(words[5]);
    }
  });
});
