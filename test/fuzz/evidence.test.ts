/** `.auths` of a clone that strangers had a hand in, through verification and through the built program. */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat } from '../../packages/core/src/encoding/bytes.ts';
import { utf8 } from '../../packages/core/src/encoding/text.ts';
import { interact, storedEvent } from '../../packages/core/src/keri/build.ts';
import { findRepository } from '../../packages/git-store/src/repository.ts';
import { verifyTarget } from '../../packages/git-store/src/verify-target.ts';
import { evidenceFiles } from '../../packages/git-store/src/work-tree-evidence.ts';
import { nodeVerifyEngine as engine } from '../../packages/key-store/src/verify-engine.ts';
import {
  messageOf,
  PAPER_TIME,
  paperKey,
  type PaperIdentity,
} from '../../packages/testing/src/paper-identity.ts';
import { auths, Clone, headers, requireOrderlyEnd, type Entry } from './clone.ts';
import { countCases, counted, fuzz, outcomeOfAsync, runs, same } from './laws.ts';
import { mutatedBytes, mutatedJson, mutatedText } from './mutate.ts';
import { device, identities, records, signedCommit, streams } from './samples.ts';

countCases('evidence');

const [lively, stranger] = identities as [PaperIdentity, PaperIdentity];
const prefix = lively.prefix;

interface File {
  readonly folder: string;
  readonly mode: string;
  readonly name: string;
  readonly bytes: Uint8Array;
}
const honest = filesOf(lively);
const foreign = filesOf(stranger);

function filesOf(identity: PaperIdentity): readonly File[] {
  return evidenceFiles(identity).map(({ path, bytes }) => {
    const [name = '', folder = ''] = path.split('/').toReversed();
    return { folder, mode: '100644', name, bytes };
  });
}

const place = fc.nat(999);
const hostileName = fc
  .oneof(
    mutatedText(
      [...honest, ...foreign].map(({ name }) => name),
      2,
    ),
    fc.constantFrom(
      '..',
      '.',
      '.git',
      'a/b',
      '\u001b[2J',
      'x\ny',
      '\u202e.cesr',
      'CON',
      'roots',
      '-rf',
      `${'n'.repeat(3_000)}.json`,
      '\u00ff\u00fe',
    ),
  )
  .map((name) => name.replaceAll('\0', '_'));
const content = fc.oneof(
  mutatedBytes(streams, 3),
  mutatedBytes(
    honest.map(({ bytes }) => bytes),
    2,
  ),
  mutatedJson(
    records.map((record): unknown => JSON.parse(Buffer.from(record).toString('utf8'))),
    2,
  ),
);
const edits = fc.array(
  fc.oneof(
    fc.record({ edit: fc.constant('content' as const), at: place, content }),
    fc.record({ edit: fc.constant('rename' as const), at: place, name: hostileName }),
    fc.record({
      edit: fc.constant('mode' as const),
      at: place,
      mode: fc.constantFrom('100755', '120000', '160000', '40000', '100664', '0', '777777'),
    }),
    fc.record({ edit: fc.constant('remove' as const), at: place }),
    fc.record({ edit: fc.constant('swap' as const), at: place, to: place }),
    fc.record({
      edit: fc.constant('foreign' as const),
      at: place,
      folder: fc.constantFrom(prefix as string, stranger.prefix, 'evidence', '.'),
    }),
    fc.record({
      edit: fc.constant('add' as const),
      name: hostileName,
      content,
      folder: fc.oneof(fc.constant(prefix as string), hostileName),
    }),
  ),
  { maxLength: 6 },
);
type Edits = typeof edits extends fc.Arbitrary<infer T> ? T : never;

function apply(script: Edits): readonly File[] {
  const files = [...honest];
  for (const edit of script) {
    const at = 'at' in edit ? edit.at % Math.max(1, files.length) : 0;
    const file = files[at];
    if (edit.edit === 'add')
      files.push({ folder: edit.folder, mode: '100644', name: edit.name, bytes: edit.content });
    if (file === undefined) continue;
    if (edit.edit === 'content') files[at] = { ...file, bytes: edit.content };
    if (edit.edit === 'rename') files[at] = { ...file, name: edit.name };
    if (edit.edit === 'mode') files[at] = { ...file, mode: edit.mode };
    if (edit.edit === 'remove') files.splice(at, 1);
    if (edit.edit === 'swap')
      files[at] = { ...file, bytes: files[edit.to % files.length]?.bytes ?? file.bytes };
    if (edit.edit === 'foreign')
      files.push({ ...(foreign[edit.at % foreign.length] as File), folder: edit.folder });
  }
  return files;
}

/** The tree object of these files, one directory for each folder. */
function evidenceTree(clone: Clone, files: readonly File[]): string {
  const folders = new Map<string, Entry[]>();
  for (const { folder, mode, name, bytes } of files) {
    const oid =
      mode === '40000' ? clone.tree([{ mode: '100644', name, oid: clone.blob(bytes) }]) : clone.blob(bytes);
    folders.set(folder, [
      ...(folders.get(folder) ?? []),
      { mode, name: Buffer.from(name).toString('latin1'), oid },
    ]);
  }
  return clone.tree(
    sorted(
      [...folders].map(([name, entries]) => ({
        mode: '40000',
        name: Buffer.from(name).toString('latin1'),
        oid: clone.tree(sorted(entries)),
      })),
    ),
  );
}

/** As git writes them: in disorder a device of few rights may bring in nothing. */
function sorted(entries: readonly Entry[]): readonly Entry[] {
  return entries.toSorted((a, b) => (placeOf(a) < placeOf(b) ? -1 : 1));
}

function placeOf({ mode, name }: Entry): string {
  return mode === '40000' ? `${name}/` : name;
}

const rootsEntry = (clone: Clone): Entry => ({
  mode: '100644',
  name: 'roots',
  oid: clone.blob(`${lively.did}\n`),
});
const clone = new Clone();

async function verdictsOf(commit: string): Promise<readonly string[]> {
  await using repository = await findRepository(clone.dir);
  const outcome = await outcomeOfAsync(() =>
    verifyTarget(repository, {
      target: commit,
      roots: [lively.did],
      rootsFrom: null,
      cwd: clone.dir,
      home: null,
      engine,
      now: PAPER_TIME + 3_600_000,
      mayPin: false,
    }),
  );
  if (outcome.kind === 'refused') return [];
  expect(outcome.value.notes.length).toBeLessThan(200);
  return outcome.value.results.map(({ verdict }) => verdict);
}

describe('evidence in trees', () => {
  it('the honest sample is valid', async () => {
    counted(1);
    expect(await verdictsOf(clone.commit(clone.auths(evidenceTree(clone, honest))))).toEqual(['valid']);
  });

  fuzz('a device is valid only where its grant stands; a stranger never is', edits, 60, async (script) => {
    const files = apply(script);
    const tree = clone.auths(evidenceTree(clone, files));
    expect(await verdictsOf(clone.commit(tree, paperKey(99)))).not.toContain('valid');
    const verdicts = await verdictsOf(clone.commit(tree));
    if (!verdicts.includes('valid')) return;
    // Every file that the grant rests on: the link, and the events up to its seal.
    const needed = honest.filter(({ name }) => /^0000000[01]-/.test(name) || name.endsWith('-00000001.json'));
    for (const { bytes } of needed) expect(files.some((file) => same(file.bytes, bytes))).toBe(true);
  });

  fuzz('the built program ends in order on any of it', edits, 8, async (script) => {
    clone.commit(clone.auths(evidenceTree(clone, apply(script)), [rootsEntry(clone)]), paperKey(99));
    const answer = requireOrderlyEnd(await auths(['verify', '--json'], { cwd: clone.dir }), 'verify');
    expect(answer.data?.results?.some(({ verdict }) => verdict === 'valid') ?? false).toBe(false);
    const text = await auths(['verify'], { cwd: clone.dir });
    // oxlint-disable-next-line no-control-regex -- control characters are what must not be there
    expect(/[\u0000-\u0009\u000b-\u001f\u007f]/.test(text.stdout + text.stderr)).toBe(false);
  });
});

/** Files of many names. */
function names(count: number, of: (index: string) => string): readonly string[] {
  return Array.from({ length: count }, (_, i) => of(i.toString(16).padStart(8, '0')));
}

/** Right in form: putting in order asks for no more. */
const FORGED = [{ index: 0, signature: new Uint8Array(64).fill(1) }];

/** A chain of forged events with a rival beside each: the SAIDs are right, so it is put in order before it is refused. */
function thicket(length: number): readonly { readonly name: string; readonly bytes: Uint8Array }[] {
  const files: { name: string; bytes: Uint8Array }[] = [];
  let prior = (lively.events[0] ?? expect.fail()).said;
  for (let sequence = 1; sequence <= length; sequence++) {
    const [next, rival] = ['a', 'b'].map((mark) => interact({ prefix, sequence, prior, seals: [{ mark }] }));
    for (const built of [next, rival]) {
      if (built === undefined) continue;
      files.push({
        name: `${sequence.toString(16).padStart(8, '0')}-${built.said}.cesr`,
        bytes: messageOf(storedEvent(built, FORGED)),
      });
    }
    prior = next?.said ?? expect.fail();
  }
  return files;
}

const said = lively.tip.said;
const big = new Uint8Array(256 * 1_024).fill(0x20);
const shapes: readonly (readonly [name: string, make: (at: Clone) => void])[] = [
  [
    'one large blob under twenty thousand names',
    (at) => {
      const oid = at.blob(big);
      const entries = names(20_000, (i) => `${i}-${said}.cesr`).map((name) => ({
        mode: '100644',
        name,
        oid,
      }));
      at.commit(
        at.auths(at.tree([{ mode: '40000', name: prefix, oid: at.tree(entries) }]), [rootsEntry(at)]),
      );
    },
  ],
  [
    'trees that name each other a million times',
    (at) => {
      const blob = at.blob('x');
      const inner = at.tree(
        names(15_000, (i) => `${i}-${said}.cesr`).map((name) => ({ mode: '100644', name, oid: blob })),
      );
      const outer = at.tree(names(15_000, (i) => i).map((name) => ({ mode: '40000', name, oid: inner })));
      at.commit(at.auths(outer, [rootsEntry(at)]));
    },
  ],
  [
    'a thicket of forks',
    (at) => {
      const files = thicket(2_500).map(({ name, bytes }) => ({ mode: '100644', name, oid: at.blob(bytes) }));
      const own = honest.map(({ name, bytes }) => ({ mode: '100644', name, oid: at.blob(bytes) }));
      at.commit(
        at.auths(at.tree([{ mode: '40000', name: prefix, oid: at.tree([...own, ...files]) }]), [
          rootsEntry(at),
        ]),
      );
    },
  ],
  [
    'five thousand files that are no records',
    (at) => {
      const entries = names(5_000, (i) => `${'0'.repeat(24)}${i}-${said}-00000001.json`).map((name, i) => ({
        mode: '100644',
        name,
        oid: at.blob(`{"${'m'.repeat(200)}${i % 50}":1,"a\u202e\\u001b":2}`),
      }));
      at.commit(
        at.auths(at.tree([{ mode: '40000', name: prefix, oid: at.tree(entries) }]), [rootsEntry(at)]),
      );
    },
  ],
  ['.auths a link', (at) => at.commit({ mode: '120000', name: '.auths', oid: at.blob('/etc') })],
  ['.auths a submodule', (at) => at.commit({ mode: '160000', name: '.auths', oid: 'ab'.repeat(20) })],
  [
    'evidence a file, roots a folder',
    (at) =>
      at.commit(
        at.tree([
          { mode: '100644', name: 'evidence', oid: at.blob('x') },
          { mode: '40000', name: 'roots', oid: at.tree([]) },
        ]),
      ),
  ],
  [
    'roots a link',
    (at) =>
      at.commit(at.auths(at.tree([]), [{ mode: '120000', name: 'roots', oid: at.blob('../../etc/passwd') }])),
  ],
  [
    'roots of two megabytes',
    (at) =>
      at.commit(
        at.auths(at.tree([]), [
          { mode: '100644', name: 'roots', oid: at.blob(`${lively.did}\n`.repeat(40_000)) },
        ]),
      ),
  ],
  [
    'roots that are no text',
    (at) =>
      at.commit(
        at.auths(at.tree([]), [
          { mode: '100644', name: 'roots', oid: at.blob(new Uint8Array([0xff, 0xfe, 0])) },
        ]),
      ),
  ],
  ...[
    '['.repeat(400_000),
    `{"v":1,"${'x'.repeat(500_000)}":1}`,
    '{"v":1,"v":1}',
    '{"v":1,"ancestry":["compromised"]}',
    '\u0000',
    `{"v":1}${' '.repeat(1 << 21)}`,
  ].map(
    (policy, i) =>
      [
        `a policy that is none (${i})`,
        (at: Clone) =>
          void at.commit(
            at.auths(evidenceTree(at, honest), [
              rootsEntry(at),
              { mode: '100644', name: 'policy.json', oid: at.blob(policy) },
            ]),
          ),
      ] as const,
  ),
  ['a missing tree', (at) => at.commit(at.auths('cd'.repeat(20), [rootsEntry(at)]))],
  ['a tree that is a blob', (at) => at.commit(at.auths(at.blob('x'), [rootsEntry(at)]))],
  ...(
    [
      [
        'half a million continuation lines',
        (head: string) => utf8(`${head}gpgsig x\n${' \n'.repeat(500_000)}\nm\n`),
      ],
      ['three hundred thousand headers', (head: string) => utf8(`${head}${'x y\n'.repeat(300_000)}\nm\n`)],
      ['a message of fourteen megabytes', (head: string) => signedCommit(device, head, 'x'.repeat(14 << 20))],
      ['a message of one megabyte', (head: string) => signedCommit(device, head, 'x\n'.repeat(1 << 19))],
      ['no end of the headers', (head: string) => utf8(`${head}gpgsig ${'A'.repeat(3 << 20)}`)],
      [
        'a zero in a header',
        (head: string) => concat(utf8(head), new Uint8Array([0x78, 0x20, 0, 0x0a, 0x0a])),
      ],
    ] as const
  ).map(
    ([name, make]) =>
      [
        `a commit with ${name}`,
        (at: Clone) =>
          void at.head(
            make(
              headers(
                at.tree([
                  {
                    mode: '40000',
                    name: '.auths',
                    oid: at.auths(evidenceTree(at, honest), [rootsEntry(at)]),
                  },
                ]),
              ),
            ),
          ),
      ] as const,
  ),
  [
    'a work tree full of links',
    (at) => {
      at.commit(at.auths(evidenceTree(at, honest), [rootsEntry(at)]));
      mkdirSync(join(at.dir, '.auths/evidence', prefix), { recursive: true });
      for (const [i, target] of ['/dev/zero', '/etc/passwd', '.', '../..', '/proc/self/mem'].entries()) {
        symlinkSync(target, join(at.dir, '.auths/evidence', `link${i}`));
        symlinkSync(target, join(at.dir, '.auths/evidence', prefix, `0000000${i}-${said}.cesr`));
      }
      writeFileSync(join(at.dir, '.auths/evidence', prefix, 'x\u001b[2Jy\n'), 'x');
    },
  ],
];

describe('clones of odd shapes, through the built program', () => {
  it.each(shapes)('%s', { timeout: 60_000 }, async (name, make) => {
    counted(1);
    const at = new Clone();
    make(at);
    const ended = await auths(['verify', '--json'], { cwd: at.dir, limitMs: 25_000 });
    const answer = requireOrderlyEnd(ended, name);
    if (answer.ok) expect(answer.data?.results?.length).toBe(1);
  });
});

it('records and other files given as targets end in order', { timeout: 60_000 }, async () => {
  const inputs = fc.sample(
    fc.oneof(
      mutatedJson(records.map((record): unknown => JSON.parse(Buffer.from(record).toString('utf8')))),
      mutatedBytes(streams),
    ),
    { seed: 7, numRuns: runs(6) },
  );
  clone.commit(clone.auths(evidenceTree(clone, honest), [rootsEntry(clone)]));
  for (const [i, input] of inputs.entries()) {
    counted(1);
    writeFileSync(join(clone.dir, 'target'), input);
    const command =
      i % 2 === 0 ? ['verify', './target', '--json'] : ['attestation', 'verify', './target', '--json'];
    requireOrderlyEnd(await auths(command, { cwd: clone.dir }), command.join(' '));
  }
});
