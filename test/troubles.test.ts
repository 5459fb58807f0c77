import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { troubles } from './troubles.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const text = (file: string): string => readFileSync(`${root}${file}`, 'utf8');

/** Where the words of a pairing in trouble are made. */
const SOURCES = ['explain', 'obstacle', 'find-host', 'host-way'].map(
  (name) => `apps/cli/src/pairing/${name}.ts`,
);
/** Where some more of them stand, among much else. */
const FURTHER = [
  'packages/core/src/flows/join-context.ts',
  'packages/core/src/pairing/offer-token.ts',
  'packages/pairing-http/src/fetch-transport.ts',
];
/** Words of these files that tell of no trouble. */
const NO_TROUBLE: ReadonlySet<string> = new Set([
  'the local network',
  'off; the QR code names the address',
  'advertising on this machine only',
  'advertising on local network',
]);

/** What is between quotes, and the pieces of templates, where there are words to read: three in a row. */
function words(file: string): readonly string[] {
  const source = text(file)
    .replaceAll(/\/\*[\s\S]*?\*\//g, '')
    .replaceAll(/^\s*\/\/.*$/gm, '');
  return [...source.matchAll(/'((?:[^'\\\n]|\\.)*)'|`((?:[^`\\]|\\.)*)`/g)]
    .flatMap(([, plain, template]) => (plain === undefined ? [template ?? ''] : [plain]))
    .filter(
      (each) => !NO_TROUBLE.has(each) && /[a-z]+ [a-z]+ [a-z]+/i.test(each.replaceAll(/\$\{[^}]*\}/g, ' … ')),
    );
}

/** The text of one test, from its title to the next test. */
function test(file: string, title: string): string | null {
  const source = text(file);
  const titles = [...source.matchAll(/(?:\bit|\]\))\(\s*'((?:[^'\\]|\\.)*)'/g)];
  const at = titles.find((match) => match[1] === title)?.index;
  if (at === undefined) return null;
  const rest = source.slice(at + 1);
  const next = /\n {2}it[.(]|\n\}\);/.exec(rest)?.index;
  return next === undefined ? rest : rest.slice(0, next);
}

const bare = (source: string): string => source.replaceAll('\\', '').replaceAll(/\s+/g, ' ');

describe('each trouble of a pairing', () => {
  const all = SOURCES.flatMap((file) => words(file).map((each) => [each, file] as const));

  it('is found in the sources at all', () => {
    expect(all.length).toBeGreaterThan(30);
  });

  it.each(all)('is in the table: %s', (piece) => {
    expect(troubles.filter(({ seen }) => piece.includes(seen) || seen.includes(piece))).not.toEqual([]);
  });

  it.each(troubles)(
    'is provoked by a test of its own, which looks for it: $seen',
    ({ seen, by: [file, title] }) => {
      const block = test(file, title);
      expect(block, `${file} has no test "${title}"`).not.toBeNull();
      expect(bare(block ?? '')).toContain(seen);
    },
  );

  it.each(troubles)('stands in the sources: $seen', ({ seen }) => {
    const more = FURTHER.flatMap(words).filter((piece) => piece.includes(seen));
    expect([...all.filter(([piece]) => piece.includes(seen)), ...more]).not.toEqual([]);
  });

  it.each(troubles)('is on the page for those who see it: $seen', ({ seen }) => {
    expect(bare(text('docs/guides/troubleshooting.md')).replaceAll('`', '')).toContain(seen.trim());
  });

  it('and the page lists nothing that no program shows', () => {
    const listed = [...text('docs/guides/troubleshooting.md').matchAll(/^\| `([^`]+)`/gm)].map(
      ([, seen = '']) => seen,
    );
    expect(listed.length).toBeGreaterThan(20);
    for (const seen of listed) expect(troubles.map((each) => each.seen.trim())).toContain(seen);
  });
});
