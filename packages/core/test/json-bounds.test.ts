/** JSON from outside that is small as text and huge as values: refused before any of it is built. */
import { expect, it } from 'vitest';
import { parseJson } from '../src/encoding/json.ts';

const bounds = { maxLength: 64 << 20 };

it('refuses depth and number of values of a long text before it is parsed', () => {
  const deep = '['.repeat(60_000_000);
  const wide = `[${'{},'.repeat(2_000_000)}0]`;
  const before = process.memoryUsage().heapUsed;
  expect(() => parseJson(deep, bounds)).toThrow(/nested too deeply/);
  expect(() => parseJson(wide, bounds)).toThrow(/more than \d+ values/);
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(200 << 20);
});

it('counts nothing that stands inside a string, and reads long texts that are within the bounds', () => {
  const text = '[{,"\\'.repeat(400_000);
  expect(parseJson(JSON.stringify([[text], 'end']), bounds)).toEqual([[text], 'end']);
  const cut = JSON.stringify(text).slice(0, -1);
  expect(() => parseJson(cut, bounds)).toThrow(/not valid JSON/);
  expect(() => parseJson(`"${'a'.repeat(2 << 20)}\\`, bounds)).toThrow(/not valid JSON/);
});
