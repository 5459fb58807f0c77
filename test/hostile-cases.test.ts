/** No case of `hostile-cases.ts` may lose its test. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { hostileCases } from './hostile-cases.ts';

/** A title, or a row of one: a quote, then ids. */
const TITLE = /['"`]((?:[A-F]\d\d )+)/g;

it('every hostile case has a test that is named by its id', () => {
  const root = fileURLToPath(new URL('..', import.meta.url));
  const under = (folder: string): readonly string[] =>
    readdirSync(`${root}${folder}`, { recursive: true, encoding: 'utf8' }).map((name) => `${folder}/${name}`);
  const packages = ['packages', 'apps'].flatMap((parent) =>
    readdirSync(`${root}${parent}`).map((name) => `${parent}/${name}`),
  );
  const tests = [
    ...packages.filter((folder) => existsSync(`${root}${folder}/test`)).flatMap((f) => under(`${f}/test`)),
    ...under('test'),
    ...under('packages/testing/src'),
  ].filter((file) => /(?:\.test|-contract)\.ts$/.test(file));
  const named = new Set<string>();
  for (const file of tests) {
    for (const [, ids] of readFileSync(`${root}${file}`, 'utf8').matchAll(TITLE)) {
      for (const id of (ids as string).trimEnd().split(' ')) named.add(id);
    }
  }
  expect(Object.keys(hostileCases).filter((id) => !named.has(id))).toEqual([]);
  expect([...named].filter((id) => !(id in hostileCases)).toSorted()).toEqual([]);
});
