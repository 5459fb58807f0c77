/** No threat of docs/protocol.md's list, T01 to T55, may lose its test. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

it('every threat has a test that is named by its id', () => {
  const ids = ['threats-events', 'threats-log'].flatMap((file) => {
    const text = readFileSync(new URL(`./${file}.test.ts`, import.meta.url), 'utf8');
    return [...text.matchAll(/^ {2}it\('(T\d\d) /gm)].map(([, id]) => id);
  });
  expect(ids).toEqual(Array.from({ length: 55 }, (_, n) => `T${String(n + 1).padStart(2, '0')}`));
});
