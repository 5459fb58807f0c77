/** No case of `hostile-cases.ts` may lose its test, nor the one that runs against the built programs. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { hostileCases, withoutProcesses } from './hostile-cases.ts';

/** A title, or a row of one: a quote, then ids. */
const TITLE = /['"`]((?:[A-F]\d\d )+)/g;
/** Tests of one file run against the built programs when it builds them. */
const BUILDS = /\bbuildPrograms\b/;
const CONTRACT = /'@auths\/testing\/([a-z-]+-contract)'/g;

const root = fileURLToPath(new URL('..', import.meta.url));

const under = (folder: string): readonly string[] =>
  readdirSync(`${root}${folder}`, { recursive: true, encoding: 'utf8' }).map((name) => `${folder}/${name}`);

function tests(): readonly string[] {
  const packages = ['packages', 'apps'].flatMap((parent) =>
    readdirSync(`${root}${parent}`).map((name) => `${parent}/${name}`),
  );
  return [
    ...packages.filter((folder) => existsSync(`${root}${folder}/test`)).flatMap((f) => under(`${f}/test`)),
    ...under('test'),
    ...under('packages/testing/src'),
  ].filter((file) => /(?:\.test|-contract)\.ts$/.test(file));
}

const texts = new Map(tests().map((file) => [file, readFileSync(`${root}${file}`, 'utf8')]));

/** The ids in the titles of these files. */
function named(files: Iterable<string>): ReadonlySet<string> {
  const ids = new Set<string>();
  for (const file of files) {
    for (const [, found] of (texts.get(file) ?? '').matchAll(TITLE)) {
      for (const id of (found as string).trimEnd().split(' ')) ids.add(id);
    }
  }
  return ids;
}

/** Test files that run against processes, and the contracts that they hold them to. */
function againstProcesses(): readonly string[] {
  const files = [...texts].filter(([file, text]) => /^(?:apps|test)\//.test(file) && BUILDS.test(text));
  const contracts = files.flatMap(([, text]) =>
    Array.from(text.matchAll(CONTRACT), ([, name]) => `packages/testing/src/${name}.ts`),
  );
  return [...files.map(([file]) => file), ...contracts];
}

it('every hostile case has a test that is named by its id', () => {
  const all = named(texts.keys());
  expect(Object.keys(hostileCases).filter((id) => !all.has(id))).toEqual([]);
  expect([...all].filter((id) => !(id in hostileCases)).toSorted()).toEqual([]);
});

it('and one against the built programs, but for those that say why not', () => {
  const files = againstProcesses();
  expect(files.filter((file) => !texts.has(file))).toEqual([]);
  const run = named(files);
  const not = Object.keys(hostileCases).filter((id) => !run.has(id));
  process.stdout.write(
    `hostile cases: ${Object.keys(hostileCases).length - not.length} of ${Object.keys(hostileCases).length} against processes\n`,
  );
  expect(not).toEqual(Object.keys(withoutProcesses));
});
