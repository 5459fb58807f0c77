/**
 * What comparing roots, policy and evidence costs: it grows with the trees that differ, not with the commits that share them.
 * And what is a change: entries are taken for what git makes of them.
 */
import { describe, expect, it } from 'vitest';
import { openTrustChanges, type TrustChanges } from '../../src/policy-changes.ts';
import { findRepository } from '../../src/repository.ts';
import { hasSshKeygen, TestRepository } from './support.ts';

interface Entry {
  readonly mode: string;
  readonly name: string;
  readonly oid: string;
}

function tree(repo: TestRepository, entries: readonly Entry[]): string {
  const parts = entries.flatMap(({ mode, name, oid }) => [
    Buffer.from(`${mode} ${name}\0`),
    Buffer.from(oid, 'hex'),
  ]);
  return repo.store('tree', new Uint8Array(Buffer.concat(parts)));
}

function commit(repo: TestRepository, root: string, parents: readonly string[], date = 1): string {
  const people = `A <a@b> ${date} +0000`;
  const head = `tree ${root}\n${parents.map((oid) => `parent ${oid}\n`).join('')}author ${people}\ncommitter ${people}\n`;
  return repo.store('commit', new Uint8Array(Buffer.from(`${head}\nx\n`)));
}

function blob(repo: TestRepository, text: string): string {
  return repo.store('blob', new Uint8Array(Buffer.from(text)));
}

function files(count: number, oid: string): Entry[] {
  return Array.from({ length: count }, (_, i) => ({ mode: '100644', name: `a${1e6 + i}`, oid }));
}

/** The answers, and the bytes of all trees that were read for them. */
async function measured<T>(
  repo: TestRepository,
  run: (trust: TrustChanges) => Promise<T>,
): Promise<{ readonly answer: T; readonly bytes: number }> {
  await using repository = await findRepository(repo.dir);
  let bytes = 0;
  const { objects } = repository;
  const read: typeof objects.read = async (name, options) => {
    const found = await objects.read(name, options);
    bytes += found?.bytes.length ?? 0;
    return found;
  };
  const trust = openTrustChanges({ ...repository, objects: { ...objects, read } });
  return { answer: await run(trust), bytes };
}

/** A root tree whose `.auths` has one file of its own beside `evidence`. */
function rootWith(repo: TestRepository, evidence: string, own: string): string {
  const folder = tree(repo, [
    { mode: '40000', name: 'evidence', oid: evidence },
    { mode: '100644', name: 'x', oid: own },
  ]);
  return tree(repo, [{ mode: '40000', name: '.auths', oid: folder }]);
}

describe.skipIf(!hasSshKeygen)('what comparing trust costs', () => {
  const NAMES = 2000;
  const ENTRY = '100644 a1000000\0'.length + 20;

  it('many commits beside one heap of evidence: it is read once', async () => {
    const repo = new TestRepository();
    const empty = blob(repo, '');
    const folder = tree(repo, files(NAMES, empty));
    const evidence = tree(repo, [{ mode: '40000', name: 'zz', oid: folder }]);
    const commits = [commit(repo, rootWith(repo, evidence, empty), [])];
    for (let i = 0; i < 20; i++)
      commits.push(commit(repo, rootWith(repo, evidence, blob(repo, `${i}`)), [commits[i] as string]));
    const { answer, bytes } = await measured(repo, (trust) =>
      Promise.all(commits.slice(1).map((oid, i) => trust.changes(oid, [commits[i] as string]))),
    );
    expect(answer).toEqual(commits.slice(1).map(() => false));
    expect(bytes).toBeLessThan(2 * NAMES * ENTRY);
  });

  it('many parents with one tree: it is read once, and none after the first that decides', async () => {
    const repo = new TestRepository();
    const empty = blob(repo, '');
    const heap = (name: string, count = NAMES): string =>
      rootWith(repo, tree(repo, [{ mode: '40000', name, oid: tree(repo, files(count, empty)) }]), empty);
    const shared = heap('zz');
    const parents = Array.from({ length: 20 }, (_, i) => commit(repo, shared, [], i));
    const own = commit(repo, heap('zz', NAMES + 1), parents);
    const kept = await measured(repo, (trust) => trust.changes(own, parents));
    expect(kept.answer).toBe(false);
    expect(kept.bytes).toBeLessThan(3 * NAMES * ENTRY);
    const others = Array.from({ length: 6 }, (_, i) => commit(repo, heap(`y${i}`, NAMES + i), []));
    const deletes = commit(repo, shared, others);
    const changed = await measured(repo, (trust) => trust.changes(deletes, others));
    expect(changed.answer).toBe(true);
    expect(changed.bytes).toBeLessThan(3 * NAMES * ENTRY);
  });

  it('one large root tree of many commits is read once', async () => {
    const repo = new TestRepository();
    const empty = blob(repo, '');
    const folder = tree(repo, [{ mode: '100644', name: 'x', oid: empty }]);
    const root = tree(repo, [{ mode: '40000', name: '.auths', oid: folder }, ...files(NAMES, empty)]);
    const commits = [commit(repo, root, [])];
    for (let i = 0; i < 20; i++) commits.push(commit(repo, root, [commits[i] as string]));
    const { answer, bytes } = await measured(repo, (trust) =>
      Promise.all(commits.slice(1).map((oid, i) => trust.changes(oid, [commits[i] as string]))),
    );
    expect(answer).toEqual(commits.slice(1).map(() => false));
    expect(bytes).toBeLessThan(2 * NAMES * ENTRY);
  });

  it('more than is read is counted, and never listed or read again', async () => {
    const repo = new TestRepository();
    const empty = blob(repo, '');
    const heap = tree(repo, files(20_001, empty));
    const evidence = tree(repo, [{ mode: '40000', name: 'zz', oid: heap }]);
    const commits = [commit(repo, tree(repo, []), [])];
    for (let i = 0; i < 5; i++)
      commits.push(commit(repo, rootWith(repo, evidence, blob(repo, `${i}`)), [commits[i] as string]));
    const { answer, bytes } = await measured(repo, (trust) =>
      Promise.all(commits.slice(1).map((oid, i) => trust.changes(oid, [commits[i] as string]))),
    );
    expect(answer).toEqual(commits.slice(1).map(() => true));
    expect(bytes).toBeLessThan(2 * 20_001 * ENTRY);
  });
});

/** A commit whose `.auths` has these entries. */
function holding(repo: TestRepository, entries: readonly Entry[], parents: readonly string[] = []): string {
  return commit(repo, tree(repo, [{ mode: '40000', name: '.auths', oid: tree(repo, entries) }]), parents);
}

/** The entries of `.auths` where evidence has these files, in one folder with that mode. */
function evidenceOf(repo: TestRepository, inside: readonly Entry[], mode = '40000'): Entry[] {
  const evidence = tree(repo, [{ mode, name: 'aa', oid: tree(repo, inside) }]);
  return [
    { mode: '40000', name: 'evidence', oid: evidence },
    { mode: '100644', name: 'roots', oid: blob(repo, 'roots') },
  ];
}

async function changes(repo: TestRepository, oid: string, ...parents: readonly string[]): Promise<unknown> {
  return (await measured(repo, (trust) => trust.changes(oid, parents))).answer;
}

describe.skipIf(!hasSshKeygen)('modes that git would not write', () => {
  it.each([
    ['100664', '100644'],
    ['100600', '100644'],
    ['100775', '100755'],
    ['120777', '120000'],
    ['40755', '40000'],
    ['040000', '40000'],
    ['140000', '160000'],
  ])('%s: bringing it in is a change, what git writes in its place is none', async (odd, written) => {
    const repo = new TestRepository();
    const oid = written === '40000' ? tree(repo, []) : blob(repo, 'x');
    const folder = (mode: string): Entry[] => evidenceOf(repo, [{ mode, name: 'f', oid }]);
    const base = holding(repo, evidenceOf(repo, []));
    const brings = holding(repo, folder(odd), [base]);
    expect(await changes(repo, brings, base)).toBe(true);
    expect(await changes(repo, holding(repo, folder(odd)))).toBe(true);
    expect(await changes(repo, holding(repo, folder(odd)), commit(repo, tree(repo, []), []))).toBe(true);
    const unrelated = holding(repo, folder(written), [brings]);
    expect(await changes(repo, unrelated, brings)).toBe(false);
    const side = holding(repo, evidenceOf(repo, [{ mode: '100644', name: 'g', oid: blob(repo, '') }]), [
      base,
    ]);
    const both = [
      { mode: written, name: 'f', oid },
      { mode: '100644', name: 'g', oid: blob(repo, '') },
    ];
    const merge = holding(repo, evidenceOf(repo, both), [side, brings]);
    expect(await changes(repo, merge, side, brings)).toBe(false);
    expect(await changes(repo, holding(repo, folder(odd)), unrelated)).toBe(true);
    expect(await changes(repo, holding(repo, evidenceOf(repo, [])), brings)).toBe(true);
  });

  it.each(['', '1006x4', '-40000'])(
    '"%s" is no mode: git reads no such tree, and neither does anybody',
    async (mode) => {
      const repo = new TestRepository();
      const base = holding(repo, evidenceOf(repo, []));
      const odd = evidenceOf(repo, [{ mode, name: 'f', oid: blob(repo, '') }]);
      expect(await changes(repo, holding(repo, odd), base)).toBe(true);
      expect(repo.gitResult(['ls-tree', '-r', holding(repo, odd)], '', [128]).status).toBe(128);
    },
  );

  it('at every level', async () => {
    const repo = new TestRepository();
    const base = holding(repo, evidenceOf(repo, []));
    const ignored = [{ mode: '100644', name: '.gitignore', oid: blob(repo, '*') }];
    const [evidence, roots] = evidenceOf(repo, []) as [Entry, Entry];
    const odd = [
      evidenceOf(repo, ignored, '040000'),
      evidenceOf(repo, [], '040000'),
      [Object.assign({}, evidence, { mode: '040000' }), roots],
      [evidence, Object.assign({}, roots, { mode: '100664' })],
      [{ mode: '100664', name: '.gitignore', oid: blob(repo, '') }, evidence, roots],
    ];
    for (const entries of odd) expect(await changes(repo, holding(repo, entries), base)).toBe(true);
    const folder = { mode: '040000', name: '.auths', oid: tree(repo, [evidence, roots]) };
    expect(await changes(repo, commit(repo, tree(repo, [folder]), []), base)).toBe(true);
    // Where it is already, what lies below it is evidence as elsewhere.
    const there = holding(repo, evidenceOf(repo, [], '040000'));
    expect(await changes(repo, holding(repo, evidenceOf(repo, [])), there)).toBe(false);
    expect(await changes(repo, holding(repo, evidenceOf(repo, ignored)), there)).toBe(true);
  });
});

describe.skipIf(!hasSshKeygen)('what is counted, and what is not', () => {
  it('files that are executable, or links, are bytes on a disk', async () => {
    const repo = new TestRepository();
    const oid = repo.store('blob', new Uint8Array(256 << 10));
    const base = holding(repo, evidenceOf(repo, []));
    for (const mode of ['100644', '100755', '120000'])
      for (const [count, expected] of [
        [127, false],
        [129, true],
      ] as const) {
        const many = files(count, oid).map((file) => Object.assign(file, { mode }));
        const added = holding(repo, evidenceOf(repo, many), [base]);
        expect(await changes(repo, added, base), `${mode} ${count}`).toBe(expected);
      }
  });

  it('names in .auths that nobody reads leave all the room to evidence', async () => {
    const repo = new TestRepository();
    const others = files(20_001, blob(repo, ''));
    const [one, two] = ['x', 'y'].map((name) =>
      evidenceOf(repo, [{ mode: '100644', name, oid: blob(repo, '') }]),
    ) as [Entry[], Entry[]];
    const base = holding(repo, evidenceOf(repo, []));
    const filled = holding(repo, [...others, ...one], [base]);
    const side = holding(repo, two, [base]);
    const both = evidenceOf(repo, [
      { mode: '100644', name: 'x', oid: blob(repo, '') },
      { mode: '100644', name: 'y', oid: blob(repo, '') },
    ]);
    const merge = holding(repo, [...others, ...both], [side, filled]);
    expect(await changes(repo, filled, base)).toBe(false);
    expect(await changes(repo, merge, side, filled)).toBe(false);
    expect(await changes(repo, holding(repo, [...others, ...two]), filled)).toBe(true);
  });

  it('files for git beside neither roots nor evidence are nothing that a first init must keep', async () => {
    const repo = new TestRepository();
    const ignore = (text: string): Entry => ({ mode: '100644', name: '.gitignore', oid: blob(repo, text) });
    const before = holding(repo, [ignore('*.tmp')]);
    const attributes = { mode: '100644', name: '.gitattributes', oid: blob(repo, '* -text') };
    const init = holding(repo, [attributes, ignore('*.tmp'), ...evidenceOf(repo, [])], [before]);
    expect(await changes(repo, init, before)).toBe(false);
    expect(await changes(repo, holding(repo, [ignore('*'), ...evidenceOf(repo, [])]), init)).toBe(true);
  });
});
