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
function tree(repo: TestRepository, entries: readonly Entry[]): string {
  const parts = entries.flatMap(({ mode, name, oid }) => [
    Buffer.from(`${mode} ${name}\0`),
    Buffer.from(oid, 'hex'),
  ]);
  return repo.store('tree', new Uint8Array(Buffer.concat(parts)));
}

function commit(repo: TestRepository, key: FileKey, treeId: string, parents: readonly string[]): string {
  const people = 'A <a@b> 1772323800 +0000';
  const head = `tree ${treeId}\n${parents.map((oid) => `parent ${oid}\n`).join('')}author ${people}\ncommitter ${people}\n`;
  const payload = new Uint8Array(Buffer.from(`${head}\nodd\n`));
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
