/** Histories that git would not write, or that lack something: what a device may not do it may not do by these either. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { armorSshSignature, sshSignedBytes } from '@auths/core/commit/sshsig';
import { pureDigests } from '@auths/core/commit/digests';
import { signEd25519 } from '@auths/core/crypto/ed25519';
import { messageOf, PaperIdentity } from '../../../testing/src/paper-identity.ts';
import { fileKey, hasSshKeygen, TestRepository, type FileKey } from './support.ts';

const MANAGER = ['manage_policy', 'sign_commit', 'sign_tag'];

interface Entry {
  readonly mode: string;
  readonly name: string;
  readonly oid: string;
}

function entriesOf(repo: TestRepository, treeish: string): Entry[] {
  return repo
    .git('ls-tree', treeish)
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [head = '', name = ''] = line.split('\t');
      const [mode = '', , oid = ''] = head.split(' ');
      return { mode: mode.replace(/^0/, ''), name, oid };
    });
}

/** A tree exactly as given: neither sorted nor checked. */
function tree(repo: TestRepository, entries: readonly Entry[], encoding: 'utf8' | 'latin1' = 'utf8'): string {
  const parts = entries.flatMap(({ mode, name, oid }) => [
    Buffer.from(`${mode} ${name}\0`, encoding),
    Buffer.from(oid, 'hex'),
  ]);
  return repo.store('tree', new Uint8Array(Buffer.concat(parts)));
}

function commit(
  repo: TestRepository,
  key: FileKey | null,
  treeId: string,
  parents: readonly string[],
): string {
  const people = 'A <a@b> 1772323800 +0000';
  const head = `tree ${treeId}\n${parents.map((oid) => `parent ${oid}\n`).join('')}author ${people}\ncommitter ${people}\n`;
  const payload = new Uint8Array(Buffer.from(`${head}\nodd\n`));
  if (key === null) return repo.store('commit', payload);
  const signature = signEd25519(key.seed, sshSignedBytes(pureDigests, 'git', 'sha512', payload));
  const armor = Buffer.from(
    armorSshSignature({ publicKey: key.publicKey, namespace: 'git', hash: 'sha512', signature }),
  ).toString('latin1');
  const header = armor.trimEnd().replaceAll('\n', '\n ');
  return repo.store('commit', new Uint8Array(Buffer.from(`${head}gpgsig ${header}\n\nodd\n`)));
}

/** Roots and evidence by a manager; then a phone that may sign, and no more. */
function start() {
  const identity = new PaperIdentity(1);
  const laptop = fileKey();
  const phone = fileKey();
  const stolen = fileKey();
  identity.link(laptop, { capabilities: MANAGER });
  identity.link(phone);
  const link = identity.link(stolen);
  const repo = new TestRepository();
  repo.evidence([identity]);
  const before = repo.commit(laptop);
  identity.revoke(link, 'compromised');
  repo.evidence([identity]);
  const base = repo.commit(laptop);
  return { identity, laptop, phone, stolen, repo, before, base };
}

/** The entries with another mode or id for one of them. */
function replaced(entries: readonly Entry[], name: string, change: Partial<Entry>): Entry[] {
  return entries.map((entry) => (entry.name === name ? Object.assign({}, entry, change) : entry));
}

/** The root tree with other entries in `.auths`. */
function withFolder(
  repo: TestRepository,
  root: readonly Entry[],
  change: (inner: readonly Entry[]) => readonly Entry[],
): Entry[] {
  const folder = root.find(({ name }) => name === '.auths') as Entry;
  return replaced(root, '.auths', { oid: tree(repo, change(entriesOf(repo, folder.oid))) });
}

const foreignRoots = (repo: TestRepository): string =>
  repo.store('blob', new Uint8Array(Buffer.from(`${new PaperIdentity(9).did}\n`)));

const policyFile = (repo: TestRepository): Entry => ({
  mode: '100644',
  name: 'policy.json',
  oid: repo.store('blob', new Uint8Array(Buffer.from('{"v":1,"grants":"proposal"}'))),
});

type Form = (repo: TestRepository, root: readonly Entry[]) => readonly Entry[];

const FORMS: readonly (readonly [string, Form])[] = [
  ['unsorted', (_, root) => root.toReversed()],
  ['.auths with a padded mode', (_, root) => replaced(root, '.auths', { mode: '040000' })],
  [
    'evidence with a padded mode',
    (repo, root) => withFolder(repo, root, (inner) => replaced(inner, 'evidence', { mode: '040000' })),
  ],
  [
    'roots with a padded mode',
    (repo, root) => withFolder(repo, root, (inner) => replaced(inner, 'roots', { mode: '0100644' })),
  ],
  // git's index, and its next commit, take such a name for a path.
  [
    'a name that holds a slash',
    (repo, root) => [...root, Object.assign(policyFile(repo), { name: '.auths/policy.json' })],
  ],
  ...['', '.', '..'].map((name): readonly [string, Form] => [
    `"${name}" as a name`,
    (repo, root) => [Object.assign(policyFile(repo), { name }), ...root],
  ]),
  [
    'roots twice',
    (repo, root) =>
      withFolder(repo, root, (inner) => [
        { mode: '100644', name: 'roots', oid: foreignRoots(repo) },
        ...inner,
      ]),
  ],
  [
    'evidence twice',
    (repo, root) =>
      withFolder(repo, root, (inner) => [{ mode: '40000', name: 'evidence', oid: tree(repo, []) }, ...inner]),
  ],
];

describe.skipIf(!hasSshKeygen)('trees that git would not write', () => {
  it.each(FORMS)(
    '%s: neither it nor what comes after it takes roots or a revocation away',
    async (_, form) => {
      const { repo, phone, base, before } = start();
      const root = entriesOf(repo, base);
      const odd = commit(repo, phone, tree(repo, form(repo, root)), [base]);
      const foreign = withFolder(repo, root, (inner) =>
        replaced(inner, 'roots', { oid: foreignRoots(repo) }),
      );
      const stripped = withFolder(repo, root, () => entriesOf(repo, `${before}:.auths`));
      for (const entries of [foreign, foreign.toReversed(), stripped, stripped.toReversed()]) {
        const next = commit(repo, phone, tree(repo, entries), [odd]);
        repo.git('update-ref', 'refs/heads/main', next);
        const { results, exit } = await repo.verify(`${base}..${next}`);
        expect(exit).not.toBe(0);
        const verdicts = results.map(({ verdict }) => verdict);
        expect(verdicts.some((verdict) => ['capability-denied', 'unverifiable'].includes(verdict))).toBe(
          true,
        );
        for (const result of results)
          expect(await repo.verdicts(result.object, { rootsFrom: base })).toEqual([result.verdict]);
      }
    },
  );

  it('a tree that unrolls to a thousand million paths is not unrolled', async () => {
    const { repo, phone, base } = start();
    let oid = repo.store('blob', new Uint8Array(1));
    for (let level = 0; level < 9; level++) {
      const below = { mode: level === 0 ? '100644' : '40000', oid };
      oid = tree(
        repo,
        Array.from({ length: 10 }, (_, i) => Object.assign({ name: String(i) }, below)),
      );
    }
    const evidence = entriesOf(repo, `${base}:.auths/evidence`);
    const bomb = tree(repo, [...evidence, { mode: '40000', name: 'b', oid }]);
    const root = tree(
      repo,
      withFolder(repo, entriesOf(repo, base), (inner) => replaced(inner, 'evidence', { oid: bomb })),
    );
    const added = commit(repo, phone, root, [base]);
    const after = commit(repo, phone, root, [added]);
    expect((await repo.verdicts(`${base}..${after}`)).at(-1)).toBe('valid');
  }, 30_000);
});

describe.skipIf(!hasSshKeygen)('names that lead elsewhere', () => {
  it.each(['.auths/policy.json', '', '.', '..'])(
    '"%s": a tree with such an entry does not pass',
    async (name) => {
      const { repo, phone, base } = start();
      const root = [...entriesOf(repo, base), Object.assign(policyFile(repo), { name })];
      const odd = commit(repo, phone, tree(repo, root), [base]);
      const { results, exit } = await repo.verify(`${base}..${odd}`);
      expect([exit, results.map(({ verdict }) => verdict)]).toEqual([1, ['capability-denied']]);
    },
  );
});

describe.skipIf(!hasSshKeygen)('objects that are nothing', () => {
  it.each(['', '\n', 'tree 1', `tree ${'1'.repeat(40)}`, 'x'.repeat(300)])(
    '"%s" is malformed',
    async (text) => {
      const { repo } = start();
      for (const type of ['commit', 'tag'] as const) {
        const oid = repo.store(type, new Uint8Array(Buffer.from(text)));
        expect(await repo.verdicts(oid), type).toEqual(['malformed']);
      }
    },
  );
});

/** `last` behind the others, which it stands before in git's order. */
const inDisorder = (entries: readonly Entry[], last: string): Entry[] => [
  ...entries.filter(({ name }) => name !== last),
  ...entries.filter(({ name }) => name === last),
];

const DISORDER: readonly (readonly [string, Form])[] = [
  ['the root', (_, root) => inDisorder(root, '.auths')],
  ['.auths', (repo, root) => withFolder(repo, root, (inner) => inDisorder(inner, 'evidence'))],
  [
    'evidence',
    (repo, root) =>
      withFolder(repo, root, (inner) => {
        const { oid } = inner.find(({ name }) => name === 'evidence') as Entry;
        const entries = [...entriesOf(repo, oid), { mode: '40000', name: 'zzz', oid: tree(repo, []) }];
        return replaced(inner, 'evidence', { oid: tree(repo, entries.toReversed()) });
      }),
  ],
  [
    'the folder of a log',
    (repo, root) =>
      withFolder(repo, root, (inner) => {
        const { oid } = inner.find(({ name }) => name === 'evidence') as Entry;
        const [log, ...more] = entriesOf(repo, oid) as [Entry, ...Entry[]];
        const files = tree(repo, entriesOf(repo, log.oid).toReversed());
        return replaced(inner, 'evidence', { oid: tree(repo, [{ ...log, oid: files }, ...more]) });
      }),
  ],
];

describe.skipIf(!hasSshKeygen)(
  'trees in disorder, of which a merge by git takes what it does not find for gone',
  () => {
    it.each(DISORDER)(
      '%s: only a manager brings it in, and it goes as soon as git writes',
      async (_, form) => {
        const { repo, laptop, phone, base } = start();
        const root = [...entriesOf(repo, base), { mode: '40000', name: 'zzz', oid: tree(repo, []) }];
        const odd = tree(repo, form(repo, root));
        expect(await repo.verdicts(commit(repo, phone, odd, [base]))).toEqual(['capability-denied']);
        const there = commit(repo, laptop, odd, [base]);
        expect(await repo.verdicts(there)).toEqual(['valid']);
        for (const next of [odd, tree(repo, root)])
          expect(await repo.verdicts(commit(repo, phone, next, [there]), { rootsFrom: there })).toEqual([
            'valid',
          ]);
      },
    );
  },
);

describe.skipIf(!hasSshKeygen)('what costs more than people need', () => {
  it('a merge of many different folders, and a folder of many names, need a manager', async () => {
    const { repo, laptop, phone, base } = start();
    const root = entriesOf(repo, base);
    const file = policyFile(repo);
    const withFiles = (count: number): string =>
      tree(
        repo,
        withFolder(repo, root, (inner) => [
          ...inner,
          ...Array.from({ length: count }, (_, i) => Object.assign({}, file, { name: `z${1e6 + i}` })),
        ]),
      );
    const parents = Array.from({ length: 9 }, (_, i) => commit(repo, phone, withFiles(i + 1), [base]));
    for (const [by, verdict] of [
      [laptop, 'valid'],
      [phone, 'capability-denied'],
    ] as const)
      expect(await repo.verdicts(commit(repo, by, withFiles(10), parents), { rootsFrom: base })).toEqual([
        verdict,
      ]);
    const few = commit(repo, phone, withFiles(10), parents.slice(0, 8));
    expect(await repo.verdicts(few, { rootsFrom: base })).toEqual(['valid']);
    expect(await repo.verdicts(commit(repo, phone, withFiles(120_000), [base]))).toEqual([
      'capability-denied',
    ]);
  });
});

describe.skipIf(!hasSshKeygen)('trees that only look odd', () => {
  it('two names that are not UTF-8 are two', async () => {
    const { repo, laptop, phone, base } = start();
    const file = policyFile(repo);
    const names = ['caf\u00e8', 'caf\u00e9'].map((name) => Object.assign({}, file, { name }));
    const sorted = [...entriesOf(repo, base), ...names].toSorted((a, b) => (a.name < b.name ? -1 : 1));
    const odd = tree(repo, sorted, 'latin1');
    const by = [laptop, phone].map((key) => commit(repo, key, odd, [base]));
    repo.git('update-ref', 'refs/heads/main', commit(repo, phone, odd, [by[1] as string]));
    expect(repo.git('fsck', '--strict', '--no-dangling')).toBe('');
    for (const target of [...by, 'HEAD']) expect(await repo.verdicts(target), target).toEqual(['valid']);
  });

  it('evidence beyond every bound is not read, and adding it is a change', async () => {
    const { repo, phone, base } = start();
    const file = policyFile(repo);
    const many = Array.from({ length: 3000 }, (_, i) => Object.assign({}, file, { name: `f${1e6 + i}` }));
    const oid = tree(repo, many);
    const folders = Array.from({ length: 3000 }, (_, i) => ({ mode: '40000', name: `d${1e6 + i}`, oid }));
    const evidence = tree(repo, [...entriesOf(repo, `${base}:.auths/evidence`), ...folders]);
    const root = withFolder(repo, entriesOf(repo, base), (inner) =>
      replaced(inner, 'evidence', { oid: evidence }),
    );
    const bomb = commit(repo, phone, tree(repo, root), [base]);
    const back = commit(repo, phone, repo.git('rev-parse', `${base}^{tree}`), [bomb]);
    expect(await repo.verdicts(`${base}..${back}`)).toEqual(['capability-denied', 'capability-denied']);
  });
});

describe.skipIf(!hasSshKeygen)('a policy that a device of few rights brings in', () => {
  it('through a merge of a branch from before the roots', async () => {
    const { repo, phone, base } = start();
    const old = commit(repo, phone, tree(repo, []), []);
    const folder = { mode: '40000', name: '.auths', oid: tree(repo, [policyFile(repo)]) };
    const side = commit(repo, phone, tree(repo, [folder]), [old]);
    const main = commit(repo, phone, repo.git('rev-parse', `${base}^{tree}`), [base, old]);
    const both = withFolder(repo, entriesOf(repo, main), (inner) => [
      ...inner.filter(({ name }) => name < 'policy.json'),
      policyFile(repo),
      ...inner.filter(({ name }) => name > 'policy.json'),
    ]);
    for (const parents of [
      [main, side],
      [side, main],
    ]) {
      const merge = commit(repo, phone, tree(repo, both), parents);
      expect(await repo.verdicts(merge, { rootsFrom: base }), parents.join(' ')).toEqual([
        'capability-denied',
      ]);
    }
    // One side as it is, is what git merges by itself.
    const kept = commit(repo, phone, repo.git('rev-parse', `${main}^{tree}`), [main, old]);
    expect(await repo.verdicts(kept, { rootsFrom: base })).toEqual(['valid']);
  });

  it('with the commit that its tag points at', async () => {
    const { repo, identity, laptop } = start();
    const phone = fileKey();
    identity.link(phone, { capabilities: ['sign_commit'] });
    repo.evidence([identity]);
    const base = repo.commit(laptop);
    const lenient = Object.assign(policyFile(repo), {
      oid: repo.store(
        'blob',
        new Uint8Array(Buffer.from('{"v":1,"require_capability":{"tag":"sign_commit"}}')),
      ),
    });
    const root = withFolder(repo, entriesOf(repo, base), (inner) => [
      ...inner.filter(({ name }) => name !== 'roots'),
      lenient,
      ...inner.filter(({ name }) => name === 'roots'),
    ]);
    repo.git('checkout', '-q', commit(repo, null, tree(repo, root), [base]));
    repo.tag('release', phone);
    repo.git('checkout', '-q', '-f', 'main');
    for (const how of [{}, { rootsFrom: base }, { roots: [new PaperIdentity(1).did] }])
      expect(await repo.verdicts('release', how)).toEqual(['capability-denied']);
  });
});

describe.skipIf(!hasSshKeygen)('tags have no place in history', () => {
  it('one made today on an old commit is not older than anything', async () => {
    const identity = new PaperIdentity(1);
    const [laptop, lost, stolen, ended] = [fileKey(), fileKey(), fileKey(), fileKey()];
    const repo = new TestRepository();
    identity.link(laptop, { capabilities: MANAGER });
    const lostLink = identity.link(lost);
    const stolenLink = identity.link(stolen);
    identity.link(ended, { expiresAt: 1_772_323_201_000 });
    repo.evidence([identity]);
    const first = repo.commit(laptop);
    const good = repo.commit(stolen);
    identity.anchor([repo.objectName(good)]);
    identity.revoke(stolenLink, 'compromised', [repo.objectName(good)]);
    identity.revoke(lostLink, 'lost');
    repo.evidence([identity]);
    repo.commit(laptop);
    for (const [name, key] of [
      ['stolen', stolen],
      ['lost', lost],
      ['ended', ended],
    ] as const) {
      for (const target of [first, good]) {
        repo.git('checkout', '-q', target);
        repo.tag(`${name}-${target}`, key);
        repo.git('checkout', '-q', `${name}-${target}`);
        repo.tag(`of-${name}-${target}`, key);
        for (const tag of [`${name}-${target}`, `of-${name}-${target}`])
          expect((await repo.verify(tag, { rootsFrom: 'main' })).exit, tag).toBe(1);
      }
    }
    expect(await repo.verdicts(good, { rootsFrom: 'main' })).toEqual(['valid-before-revocation']);
  });

  it('nor is an unsigned one exempt that points below `since`', async () => {
    const { repo, laptop, base } = start();
    repo.policy({ v: 1, since: base });
    const head = repo.commit(laptop);
    repo.git('checkout', '-q', base);
    repo.tag('new', null);
    expect(await repo.verdicts('new', { rootsFrom: head })).toEqual(['unsigned']);
    expect(await repo.verdicts(base, { rootsFrom: head })).toEqual(['exempt']);
  });
});

describe.skipIf(!hasSshKeygen)('what is not here', () => {
  it('a merge in a cut history is not judged by an older base', async () => {
    const { repo, laptop, phone } = start();
    const other = new PaperIdentity(7);
    repo.evidence([other], [other]);
    const changed = repo.commit(laptop);
    const old = repo.git('rev-parse', `${changed}~1`);
    // A branch that came after the change and has the old roots again, as an older branch would.
    const back = commit(repo, laptop, repo.git('rev-parse', `${old}^{tree}`), [changed]);
    const merge = commit(repo, phone, repo.git('rev-parse', `${old}^{tree}`), [changed, back]);
    repo.git('update-ref', 'refs/heads/main', merge);
    const roots = { roots: [new PaperIdentity(1).did] };
    expect(await repo.verdicts(merge, { ...roots })).not.toEqual([]);
    const shallow = new TestRepository({ from: `file://${repo.dir}` });
    rmSync(shallow.dir, { recursive: true });
    repo.git('clone', '-q', '--depth', '2', `file://${repo.dir}`, shallow.dir);
    expect(await shallow.verify(merge, { ...roots })).toMatchObject({
      results: [{ verdict: expect.stringMatching(/^(?:unverifiable|capability-denied)$/) as string }],
    });
  });

  it('a hole in a fetched log is an error and no older log', async () => {
    const { repo, identity, stolen } = start();
    const plain = new PaperIdentity(1);
    const stream = Buffer.concat(identity.events.map((event) => Buffer.from(messageOf(event))));
    const cut = stream.length - messageOf(identity.tip).length;
    const blob = (bytes: Uint8Array): string => repo.store('blob', new Uint8Array(bytes));
    const last = blob(stream.subarray(cut));
    const kel = tree(repo, [
      { mode: '100644', name: '00000000.cesr', oid: blob(stream.subarray(0, cut)) },
      { mode: '100644', name: '00000001.cesr', oid: last },
    ]);
    const log = tree(repo, [{ mode: '40000', name: 'kel', oid: kel }]);
    const people = 'A <a@b> 1 +0000';
    const tip = repo.store(
      'commit',
      new Uint8Array(Buffer.from(`tree ${log}\nauthor ${people}\ncommitter ${people}\n\nx\n`)),
    );
    repo.git('update-ref', `refs/did/keri/${plain.prefix}/kel`, tip);
    const by = repo.commit(stolen);
    expect((await repo.verify(by)).exit).toBe(1);
    for (const oid of [last, kel, tip]) {
      const path = join(repo.dir, '.git', 'objects', oid.slice(0, 2), oid.slice(2));
      rmSync(path);
      await expect(repo.verify(by)).rejects.toMatchObject({
        code: expect.stringMatching(/^git\//) as string,
      });
      if (oid === last) blob(stream.subarray(cut));
      if (oid === kel)
        tree(repo, [
          { mode: '100644', name: '00000000.cesr', oid: blob(stream.subarray(0, cut)) },
          { mode: '100644', name: '00000001.cesr', oid: last },
        ]);
    }
  });
});
