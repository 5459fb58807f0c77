import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { messageOf, PaperIdentity } from '../../../testing/src/paper-identity.ts';
import { gitAttestationStore } from '../../src/attestation-store.ts';
import { gitEventLog } from '../../src/event-log.ts';
import { createHome } from '../../src/home-repository.ts';
import {
  addEvidence,
  compareEvidence,
  evidenceFiles,
  type EvidenceToWrite,
} from '../../src/work-tree-evidence.ts';
import { fileKey, hasSshKeygen, temporary, TestRepository } from './support.ts';

const MANAGER = ['manage_policy', 'sign_commit', 'sign_tag'];

function start(capabilities: readonly string[] = ['sign_commit', 'sign_tag']) {
  const identity = new PaperIdentity(1);
  const laptop = fileKey();
  const link = identity.link(laptop, { capabilities });
  const repo = new TestRepository();
  repo.evidence([identity]);
  const first = repo.commit(laptop);
  return { identity, laptop, link, repo, first };
}

/** An event with another signature. */
const otherwiseSigned = (bytes: Uint8Array): Uint8Array =>
  bytes.with(bytes.length - 3, (bytes[bytes.length - 3] as number) ^ 1);

describe.skipIf(!hasSshKeygen)('where trust comes from', () => {
  it('no roots anywhere is an error, also when only the proposal brings them', async () => {
    const laptop = fileKey();
    const identity = new PaperIdentity(1);
    identity.link(laptop);
    const repo = new TestRepository();
    const before = repo.commit(laptop);
    await expect(repo.verify()).rejects.toMatchObject({ code: 'verify/no-roots' });
    repo.evidence([identity]);
    repo.commit(laptop);
    await expect(repo.verify(`${before}..HEAD`)).rejects.toMatchObject({ code: 'verify/no-roots' });
    await expect(repo.verify('HEAD', { rootsFrom: before })).rejects.toMatchObject({
      code: 'verify/no-roots',
    });
    expect(await repo.verdicts('HEAD')).toEqual(['valid']);
  });

  it('pins what it used first, and the pin beats what a branch says later', async () => {
    const { repo, identity, first } = start(MANAGER);
    expect(await repo.verify('HEAD', { mayPin: true })).toMatchObject({ rootsFrom: 'first-use', exit: 0 });
    const pin = join(repo.dir, '.git', 'auths', 'roots');
    expect(readFileSync(pin, 'utf8')).toBe(`${identity.did}\n`);
    const eve = new PaperIdentity(90);
    const eveKey = fileKey();
    eve.link(eveKey);
    repo.evidence([eve], [eve]);
    const evil = repo.commit(eveKey);
    expect(await repo.verify(evil)).toMatchObject({
      rootsFrom: 'pinned',
      results: [{ verdict: 'untrusted-root' }],
    });
    expect(await repo.verify(`${first}..HEAD`)).toMatchObject({ rootsFrom: 'pinned', exit: 1 });
    expect(await repo.verify(evil, { roots: [eve.did], mayPin: true })).toMatchObject({ rootsFrom: 'flag' });
    expect(readFileSync(pin, 'utf8')).toBe(`${identity.did}\n`);
    writeFileSync(pin, 'nonsense\n');
    await expect(repo.verify()).rejects.toMatchObject({ code: 'verify/no-roots' });
    rmSync(pin);
    symlinkSync(join(repo.dir, '.auths', 'roots'), pin);
    await expect(repo.verify()).rejects.toMatchObject({ code: 'verify/no-roots' });
  });

  it('a range takes roots and policy from its start, --roots-from from a branch', async () => {
    const { repo, laptop, identity, first } = start(MANAGER);
    const eve = new PaperIdentity(90);
    const eveKey = fileKey();
    eve.link(eveKey);
    repo.evidence([eve], [identity, eve]);
    repo.policy({ v: 1, exceptions: [], grants: 'proposal' });
    repo.commit(laptop);
    repo.commit(eveKey);
    expect(await repo.verdicts(`${first}..HEAD`)).toEqual(['valid', 'untrusted-root']);
    expect(await repo.verify('HEAD', { rootsFrom: 'HEAD' })).toMatchObject({
      rootsFrom: 'ref',
      results: [{ verdict: 'valid' }],
    });
    expect(await repo.verdicts('HEAD', { rootsFrom: first })).toEqual(['untrusted-root']);
    expect(await repo.verdicts('HEAD', { roots: [`${identity.did}@${identity.tip.said}`] })).toEqual([
      'untrusted-root',
    ]);
  });

  it('roots must be a regular file of known lines', async () => {
    const { repo, laptop, identity } = start(MANAGER);
    const roots = join(repo.dir, '.auths', 'roots');
    for (const text of [
      '',
      'did:web:example.com\n',
      `${identity.did} forever\n`,
      `<<<<<<< HEAD\n${identity.did}\n`,
      `${identity.did} @E123\n`,
    ]) {
      writeFileSync(roots, text);
      repo.commit(laptop);
      await expect(repo.verify(), text).rejects.toMatchObject({ code: 'verify/no-roots' });
    }
    rmSync(roots);
    symlinkSync('evidence', roots);
    repo.commit(laptop);
    await expect(repo.verify()).rejects.toMatchObject({ code: 'verify/no-roots' });
    rmSync(roots);
    writeFileSync(roots, `# ours\n\n${identity.did} @${identity.prefix}\n`);
    chmodSync(roots, 0o755);
    repo.commit(laptop);
    await expect(repo.verify()).rejects.toMatchObject({ code: 'verify/no-roots' });
    chmodSync(roots, 0o644);
    repo.commit(laptop);
    expect(await repo.verdicts()).toEqual(['valid']);
  });

  it('a pinned event that the log lacks is unverifiable, one that it holds decides', async () => {
    const { repo, identity } = start();
    const more = identity.fork();
    more.rotate();
    expect(await repo.verify('HEAD', { roots: [`${identity.did}@${more.tip.said}`] })).toMatchObject({
      results: [{ verdict: 'unverifiable' }],
      exit: 4,
    });
    expect(await repo.verdicts('HEAD', { roots: [`${identity.did}@${identity.tip.said}`] })).toEqual([
      'valid',
    ]);
  });

  it('until: the history of a leaver passes up to that commit', async () => {
    const { repo, laptop, identity, first } = start(MANAGER);
    const last = repo.commit(laptop);
    const colleague = new PaperIdentity(30);
    const key = fileKey();
    colleague.link(key, { capabilities: MANAGER });
    repo.evidence([identity, colleague], null);
    writeFileSync(join(repo.dir, '.auths', 'roots'), `${identity.did} until ${last}\n${colleague.did}\n`);
    const change = repo.commit(key);
    const late = repo.commit(laptop);
    const run = { rootsFrom: change };
    expect(await repo.verdicts(first, run)).toEqual(['valid']);
    expect(await repo.verdicts(last, run)).toEqual(['valid']);
    expect(await repo.verdicts(change, run)).toEqual(['valid']);
    expect(await repo.verdicts(late, run)).toEqual(['untrusted-root']);
  });

  it('the policy: since, exceptions, staleness, and nothing that is not understood', async () => {
    const { repo, laptop, first } = start(MANAGER);
    repo.git('checkout', '-q', '--orphan', 'fresh');
    const old = repo.commit(null);
    const since = repo.commit(null);
    repo.policy({ v: 1, since, exceptions: [{ oid: first, why: 'imported' }] });
    const policy = repo.commit(laptop);
    const unsigned = repo.commit(null);
    const run = { rootsFrom: policy };
    expect(await repo.verdicts(old, run)).toEqual(['exempt']);
    expect(await repo.verdicts(since, run)).toEqual(['exempt']);
    expect(await repo.verdicts(first, run)).toEqual(['exempt']);
    expect(await repo.verdicts(policy, run)).toEqual(['valid']);
    expect(await repo.verdicts(unsigned, run)).toEqual(['unsigned']);
    expect(await repo.verdicts(`${old}..${unsigned}`, { ...run })).toEqual(['exempt', 'valid', 'unsigned']);
    for (const [value, verdict] of [
      [{ v: 1, max_staleness: '7d' }, 'stale-evidence'],
      [{ v: 1, receipts: 2 }, 'unverifiable'],
      [{ v: 1, unknown_rule: true }, 'unverifiable'],
      [{ v: 2 }, 'unverifiable'],
      [{ v: 1, since: 'HEAD' }, 'unverifiable'],
      [{ v: 1, ancestry: ['compromised'] }, 'unverifiable'],
    ] as const) {
      repo.policy(value);
      repo.commit(laptop);
      expect(await repo.verdicts(), JSON.stringify(value)).toEqual([verdict]);
    }
  });

  it('manage_policy: changing or deleting roots or policy needs it, creating them does not', async () => {
    const { repo, laptop, identity, first } = start();
    expect(await repo.verdicts(first)).toEqual(['valid']);
    repo.policy({ v: 1 });
    repo.commit(laptop);
    expect(await repo.verdicts()).toEqual(['capability-denied']);
    rmSync(join(repo.dir, '.auths', 'policy.json'));
    repo.git('reset', '-q', '--hard', first);
    rmSync(join(repo.dir, '.auths', 'roots'));
    repo.commit(laptop);
    expect(await repo.verdicts('HEAD', { roots: [identity.did] })).toEqual(['capability-denied']);
    repo.git('reset', '-q', '--hard', first);
    repo.git('update-index', '--chmod=+x', '.auths/roots');
    repo.commitStaged(laptop, 'mode');
    expect(await repo.verdicts('HEAD', { roots: [identity.did] })).toEqual(['capability-denied']);
    repo.git('reset', '-q', '--hard', first);
    const manager = fileKey();
    identity.link(manager, { capabilities: MANAGER, name: 'manager' });
    repo.evidence([identity], null);
    repo.policy({ v: 1 });
    repo.commit(manager);
    expect(await repo.verdicts()).toEqual(['valid']);
  });

  it('manage_policy: deleting or changing evidence needs it, so a revocation cannot be swept away; adding does not', async () => {
    const { repo, laptop, identity, first } = start();
    const manager = fileKey();
    identity.link(manager, { capabilities: MANAGER, name: 'manager' });
    repo.evidence([identity], null);
    const adds = repo.commit(laptop);
    expect(await repo.verdicts(adds)).toEqual(['valid']);
    const folder = join(repo.dir, '.auths', 'evidence', identity.did.slice('did:keri:'.length));
    for (const name of readdirSync(folder)) {
      rmSync(join(folder, name));
      const deletes = repo.commit(laptop);
      expect(await repo.verdicts(`${first}..${deletes}`, { rootsFrom: adds }), name).toEqual([
        'valid',
        'capability-denied',
      ]);
      expect(await repo.verdicts(deletes, { rootsFrom: adds }), name).toEqual(['capability-denied']);
      repo.git('reset', '-q', '--hard', adds);
    }
    repo.git('checkout', '-q', '-b', 'side', first);
    repo.commit(laptop);
    repo.git('-c', 'commit.gpgsign=false', 'merge', '-q', '--no-commit', '--no-ff', 'main');
    const merged = repo.commitStaged(laptop, 'take the evidence over');
    expect(await repo.verdicts(merged)).toEqual(['valid']);
  });

  it('manage_policy: so does what git leaves files out by, or keeps them in other bytes by', async () => {
    const { repo, laptop, identity, first } = start();
    const manager = fileKey();
    identity.link(manager, { capabilities: MANAGER, name: 'manager' });
    repo.evidence([identity], null);
    const known = repo.commit(laptop);
    expect(await repo.verdicts(known)).toEqual(['valid']);
    const places = ['', 'evidence/', `evidence/${identity.prefix}/`];
    const names = ['.gitignore', '.gitattributes', '.GitIgnore'];
    for (const path of places.flatMap((place) => names.map((name) => `.auths/${place}${name}`))) {
      repo.write(path, '# nothing\n');
      repo.commit(laptop);
      expect(await repo.verdicts(), path).toEqual(['capability-denied']);
      repo.commit(laptop);
      expect(await repo.verdicts(), path).toEqual(['valid']);
      rmSync(join(repo.dir, path));
      repo.commit(laptop);
      expect(await repo.verdicts(), path).toEqual(['capability-denied']);
      repo.git('reset', '-q', '--hard', known);
    }
    repo.write('.auths/.gitignore', '# nothing\n');
    const ignores = repo.commit(manager);
    expect(await repo.verdicts(ignores, { rootsFrom: known })).toEqual(['valid']);
    // A merge takes it over, and brings in none of its own.
    repo.git('checkout', '-q', '-b', 'side', first);
    repo.commit(laptop);
    repo.git('-c', 'commit.gpgsign=false', 'merge', '-q', '--no-commit', '--no-ff', 'main');
    const index = repo.git('write-tree');
    expect(await repo.verdicts(repo.commitStaged(laptop, 'merge main'))).toEqual(['valid']);
    repo.git('reset', '-q', '--hard', 'HEAD^');
    repo.git('-c', 'commit.gpgsign=false', 'merge', '-q', '--no-commit', '--no-ff', 'main');
    repo.git('read-tree', index);
    repo.write('.auths/evidence/.gitignore', '*\n');
    repo.git('add', '-f', '.auths/evidence/.gitignore');
    expect(await repo.verdicts(repo.commitStaged(laptop, 'and leave the rest out'))).toEqual([
      'capability-denied',
    ]);
  });

  it('manage_policy and merges: taking one side over is no change, bringing an old version back is', async () => {
    const { repo, laptop, identity, first } = start();
    const manager = fileKey();
    identity.link(manager, { capabilities: MANAGER, name: 'manager' });
    repo.evidence([identity], null);
    const known = repo.commit(laptop);
    repo.policy({ v: 1 });
    const change = repo.commit(manager);
    repo.git('checkout', '-q', '-b', 'stale', known);
    repo.commit(laptop);
    const merge = (...extra: readonly string[]): string => {
      repo.git('-c', 'commit.gpgsign=false', 'merge', '-q', '--no-commit', '--no-ff', ...extra);
      return repo.git('write-tree');
    };
    // The branch without the change takes it over.
    merge('main');
    const taken = repo.commitStaged(laptop, 'merge main');
    expect(await repo.verdicts(taken)).toEqual(['valid']);
    // The same merge, but with the version that main replaced.
    repo.git('reset', '-q', '--hard', 'HEAD^');
    merge('main');
    repo.git('rm', '-q', '-f', '.auths/policy.json');
    const reverted = repo.commitStaged(laptop, 'merge main, quietly without its policy');
    expect(await repo.verdicts(reverted)).toEqual(['capability-denied']);
    expect(await repo.verdicts(`${first}..${change}`)).toEqual(['valid', 'granted-in-proposal']);
  });
});

describe.skipIf(!hasSshKeygen)('what a proposal may bring', () => {
  it('a link that stands only there does not count, unless the policy says so', async () => {
    const { repo, laptop, identity, first } = start(MANAGER);
    const phone = fileKey();
    identity.link(phone, { name: 'phone' });
    repo.evidence([identity]);
    const brings = repo.commit(laptop);
    const uses = repo.commit(phone);
    expect(await repo.verify(`${first}..HEAD`)).toMatchObject({
      results: [{ verdict: 'valid' }, { verdict: 'granted-in-proposal', deviceName: 'phone' }],
      exit: 1,
    });
    expect(await repo.verdicts(`${brings}..HEAD`)).toEqual(['valid']);
    expect(await repo.verdicts(uses)).toEqual(['valid']);
    repo.git('reset', '-q', '--hard', first);
    repo.policy({ v: 1, grants: 'proposal' });
    const open = repo.commit(laptop);
    repo.evidence([identity]);
    repo.commit(phone);
    expect(await repo.verdicts(`${open}..HEAD`)).toEqual(['valid']);
  });

  it('an extension that stands only there does not restore; a revocation there counts', async () => {
    const { repo, laptop, identity, link } = start(MANAGER);
    const short = fileKey();
    const lent = identity.link(short, { name: 'lent', expiresAt: 1_772_323_200_000 + 1_800_000 });
    repo.evidence([identity]);
    const base = repo.commit(laptop);
    identity.extend(lent, { expiresAt: 1_772_323_200_000 + 86_400_000 });
    repo.evidence([identity]);
    repo.commit(short);
    expect(await repo.verdicts(`${base}..HEAD`)).toEqual(['granted-in-proposal']);
    identity.revoke(link, 'compromised');
    repo.git('reset', '-q', '--hard', base);
    repo.evidence([identity]);
    const signed = repo.commit(laptop);
    expect(await repo.verdicts(`${base}..${signed}`)).toEqual(['revoked']);
  });

  it('evidence of the work tree that is not committed counts like the proposal', async () => {
    const { repo, laptop, identity, link, first } = start(MANAGER);
    const second = repo.commit(laptop);
    identity.revoke(link, 'compromised');
    repo.evidence([identity]);
    expect(await repo.verdicts(`${first}..${second}`)).toEqual(['revoked']);
    expect(await repo.verdicts('HEAD')).toEqual(['revoked']);
  });

  it('bad evidence there never replaces good evidence of the base', async () => {
    const { repo, laptop, identity, first } = start(MANAGER);
    const directory = join(repo.dir, '.auths', 'evidence', identity.prefix);
    writeFileSync(join(directory, `00000001-${identity.tip.said}.cesr`), 'garbage');
    writeFileSync(join(directory, 'README.md'), 'hello');
    mkdirSync(join(repo.dir, '.auths', 'evidence', 'not-a-prefix'));
    writeFileSync(join(repo.dir, '.auths', 'evidence', 'not-a-prefix', 'x.json'), '{}');
    repo.commit(laptop);
    const verification = await repo.verify(`${first}..HEAD`);
    expect(verification.results.map(({ verdict }) => verdict)).toEqual(['valid']);
    expect(verification.notes.join('\n')).toContain('README.md');
    expect(verification.notes.join('\n')).toContain('not-a-prefix');
    expect(verification.notes.join('\n')).toContain('s=1');
  });

  it('nor does a spoilt copy under another name once it is in the base', async () => {
    const { repo, laptop, identity } = start(MANAGER);
    const directory = join(repo.dir, '.auths', 'evidence', identity.prefix);
    const good = readFileSync(join(directory, `00000001-${identity.tip.said}.cesr`), 'latin1');
    const spoilt = [
      good.slice(0, -8),
      `${good.slice(0, -60)}A${good.slice(-59)}`,
      good.replace('-AAB', '-ZZZ'),
    ];
    for (const [index, text] of spoilt.entries())
      writeFileSync(join(directory, `0000000${index + 2}-${identity.tip.said}.cesr`), text, 'latin1');
    repo.commit(laptop);
    const verification = await repo.verify('HEAD');
    expect(verification.results.map(({ verdict }) => verdict)).toEqual(['valid']);
    expect(verification.notes.join('\n')).toContain('log of');
  });

  it('links out of the tree are not followed', async () => {
    const { repo, laptop, identity, first } = start(MANAGER);
    const evidence = join(repo.dir, '.auths', 'evidence');
    const elsewhere = join(repo.dir, '..', `elsewhere-${identity.prefix}`);
    rmSync(elsewhere, { recursive: true, force: true });
    mkdirSync(elsewhere);
    rmSync(evidence, { recursive: true });
    symlinkSync(elsewhere, evidence);
    repo.commit(laptop);
    expect(existsSync(evidence)).toBe(true);
    expect(await repo.verdicts(`${first}..HEAD`)).toEqual(['valid']);
    expect(await repo.verdicts('HEAD')).toEqual(['unverifiable']);
    rmSync(elsewhere, { recursive: true });
  });
});

describe.skipIf(!hasSshKeygen)('two logs of one identity', () => {
  it('a recovery supersedes the thief, whatever the lengths', async () => {
    const { repo, laptop, identity, first } = start(MANAGER);
    const thief = identity.fork();
    const evilKey = fileKey();
    thief.link(evilKey, { name: 'evil' });
    thief.interact([{ d: identity.prefix }]);
    thief.interact([{ d: identity.prefix }]);
    repo.evidence([thief], null);
    const evil = repo.commit(evilKey);
    expect(await repo.verdicts(evil, { rootsFrom: first })).toEqual(['granted-in-proposal']);
    identity.rotate();
    repo.evidence([identity], null);
    const recovered = repo.commit(laptop);
    expect(await repo.verdicts(recovered)).toEqual(['valid']);
    repo.commit(evilKey);
    expect(['attestation-unanchored', 'attestation-invalid']).toContain((await repo.verdicts('HEAD'))[0]);
  });

  it('without a floor two branches are a duplicity: grants above the fork count for nobody, revocations of either do', async () => {
    const { repo, laptop, identity, link } = start(MANAGER);
    const other = identity.fork();
    const one = fileKey();
    const two = fileKey();
    identity.link(one, { name: 'one' });
    other.link(two, { name: 'two' });
    repo.evidence([identity, other], null);
    repo.commit(one);
    expect(await repo.verify()).toMatchObject({ results: [{ verdict: 'duplicity' }], exit: 1 });
    repo.commit(two);
    expect(await repo.verdicts()).toEqual(['duplicity']);
    repo.commit(laptop);
    expect(await repo.verdicts()).toEqual(['valid']);
    other.revoke(link, 'lost');
    repo.evidence([other], null);
    repo.commit(laptop);
    expect(await repo.verdicts()).toEqual(['revoked']);
    // A pin decides.
    expect(await repo.verdicts('HEAD', { roots: [`${identity.did}@${identity.tip.said}`] })).toEqual([
      'valid',
    ]);
  });
});

describe.skipIf(!hasSshKeygen)('targets', () => {
  it('nothing is never a pass', async () => {
    const { repo, first } = start();
    for (const target of [
      'HEAD..HEAD',
      'nope',
      'nope..HEAD',
      'HEAD..nope',
      'HEAD...HEAD',
      'HEAD..HEAD..HEAD',
      '-x',
      '--all..HEAD',
      './nothing',
      '',
      // git ends over these.
      'HEAD@{99}',
      'HEAD@{99}..HEAD',
      'HEAD..HEAD@{99}',
      'HEAD..@{upstream}',
      // No paths either.
      'text.json/below',
      `./${'x'.repeat(5000)}`,
    ]) {
      await expect(repo.verify(target), target).rejects.toMatchObject({ code: 'verify/bad-target' });
    }
    for (const target of ['HEAD^{tree}', 'HEAD:.auths/roots']) {
      expect(await repo.verify(target, { rootsFrom: first }), target).toMatchObject({
        results: [{ verdict: 'unverifiable' }],
        exit: 2,
      });
    }
  });

  it('a name that means two things is none: whoever may push a tag must not choose the base', async () => {
    const { repo, first, laptop } = start();
    repo.commit(laptop);
    repo.git('tag', '--no-sign', 'base', first);
    repo.git('branch', 'other', first);
    for (const target of ['tags/base..HEAD', 'HEAD~1..HEAD', 'other', 'base', first.slice(0, 10)])
      expect((await repo.verify(target)).results.length, target).toBeGreaterThan(0);
    // Git would take the tag, which comes first in its rules, and warn where nobody looks.
    repo.git('branch', 'base', 'HEAD');
    repo.git('tag', '--no-sign', 'other', 'HEAD');
    repo.git('tag', '--no-sign', first.slice(0, 10), 'HEAD');
    repo.git('update-ref', 'refs/remotes/origin/main', first);
    repo.git('tag', '--no-sign', 'origin/main', 'HEAD');
    repo.git('config', 'core.warnAmbiguousRefs', 'false');
    for (const target of [
      'base..HEAD',
      'other',
      'other~0',
      'other^{commit}',
      first.slice(0, 10),
      `${first.slice(0, 10)}..HEAD`,
      'origin/main..HEAD',
    ])
      await expect(repo.verify(target), target).rejects.toMatchObject({
        code: 'verify/bad-target',
        hint: expect.stringContaining('refs/remotes/') as string,
      });
    // Not there, and yet a name by which git finds a tag.
    repo.git('tag', '--no-sign', 'refs/remotes/origin/release', first);
    await expect(repo.verify('HEAD', { rootsFrom: 'refs/remotes/origin/release' })).rejects.toMatchObject({
      code: 'verify/bad-target',
    });
    await expect(repo.verify('HEAD', { rootsFrom: 'origin/main' })).rejects.toMatchObject({
      code: 'verify/bad-target',
    });
    for (const target of ['refs/tags/base..HEAD', 'refs/heads/other', 'refs/remotes/origin/main', first])
      expect((await repo.verify(target)).results.length, target).toBeGreaterThan(0);
  });

  it('a tag does not stand in for what is not there, nor for a name that git describe made', async () => {
    const { repo, first, laptop, identity } = start();
    const head = repo.commit(laptop);
    repo.git('tag', '-a', '--no-sign', '-m', 'x', 'v1', first);
    const described = repo.git('describe', head);
    expect((await repo.verify(`${first}..${described}`)).results).toHaveLength(1);
    repo.git('tag', '--no-sign', described, first);
    repo.git('remote', 'add', 'origin', repo.dir);
    repo.git('tag', '--no-sign', 'origin/main', first);
    repo.git('tag', '--no-sign', 'ORIG_HEAD', first);
    for (const target of [`${first}..${described}`, 'origin/main..HEAD', 'ORIG_HEAD..HEAD'])
      await expect(repo.verify(target), target).rejects.toMatchObject({ code: 'verify/bad-target' });
    // HEAD leads to a branch that is not born.
    repo.git('tag', '--no-sign', 'HEAD', head);
    repo.git('symbolic-ref', 'HEAD', 'refs/heads/unborn');
    for (const target of ['HEAD', '@', 'HEAD~1', `${first}..HEAD`, `${first}..`])
      await expect(repo.verify(target, { roots: [identity.did] }), target).rejects.toMatchObject({
        code: 'verify/bad-target',
      });
    await expect(repo.verify(head)).rejects.toMatchObject({ code: 'verify/no-roots' });
    await expect(repo.verify(head, { rootsFrom: 'HEAD' })).rejects.toMatchObject({
      code: 'verify/bad-target',
    });
    expect(await repo.verdicts(head, { roots: [identity.did] })).toEqual(['valid']);
  });

  it('a tag is what a range starts from, or whose roots count, only where it is called one', async () => {
    const { repo, first, laptop } = start();
    repo.commit(laptop);
    repo.git('checkout', '-q', '--detach');
    repo.git('branch', '-D', 'main');
    const absent = ['main', 'remotes/origin/main', 'heads/main', 'origin', 'up/main', 'ab1c2d3'];
    for (const name of absent) repo.git('tag', '--no-sign', name, first);
    const refused = { code: 'verify/bad-target', hint: expect.stringContaining('refs/tags/') as string };
    for (const name of absent.flatMap((one) => [one, `${one}~0`, `${one}^{commit}`, `${one}@{0}`])) {
      await expect(repo.verify(`${name}..HEAD`), name).rejects.toMatchObject({ code: 'verify/bad-target' });
      await expect(repo.verify('HEAD', { rootsFrom: name }), name).rejects.toMatchObject({
        code: 'verify/bad-target',
      });
    }
    for (const name of absent)
      await expect(repo.verify(`${name}..HEAD`), name).rejects.toMatchObject(refused);
    for (const name of absent.flatMap((one) => [`tags/${one}`, `refs/tags/${one}`])) {
      expect((await repo.verify(`${name}..HEAD`)).results, name).toHaveLength(1);
      expect((await repo.verify('HEAD', { rootsFrom: name })).rootsFrom, name).toBe('ref');
    }
    // What is judged may be a tag by its short name, unless it is a branch's.
    expect((await repo.verify('ab1c2d3')).results).toHaveLength(1);
    for (const name of ['heads/main', 'remotes/origin/main'])
      await expect(repo.verify(name), name).rejects.toMatchObject(refused);
    for (const name of ['origin', 'up']) repo.git('remote', 'add', name, repo.dir);
    for (const name of ['origin', 'up/main'])
      await expect(repo.verify(name), name).rejects.toMatchObject(refused);
  });

  it('a device of few rights cannot put behind a log what nobody can go on from', async () => {
    const { repo, identity, laptop } = start();
    const manager = fileKey();
    identity.link(manager, { name: 'desk', capabilities: MANAGER });
    repo.evidence([identity]);
    const [base, folder] = [repo.commit(laptop), join(repo.dir, '.auths', 'evidence', identity.prefix)];
    const next = identity.fork();
    next.interact([]);
    const spoilt = otherwiseSigned(messageOf(next.tip));
    const name = (said: string): string => `${next.tip.sequence.toString(16).padStart(8, '0')}-${said}.cesr`;
    for (const [file, bytes] of [
      [name(`E${'A'.repeat(43)}`), Buffer.from('junk')],
      [name(next.tip.said), spoilt],
      [name(next.tip.said), next.tip.event],
    ] as const) {
      repo.git('reset', '-q', '--hard', base);
      writeFileSync(join(folder, file), bytes);
      const added = repo.commit(laptop);
      const honest = repo.commit(laptop);
      const { results } = await repo.verify(`${base}..${honest}`);
      expect(results.map(({ object, verdict }) => [object, verdict])).toEqual([
        [added, 'capability-denied'],
        [honest, 'valid'],
      ]);
      // Who may manage the policy may do it; the note says what was passed over.
      repo.git('reset', '-q', '--hard', base);
      writeFileSync(join(folder, file), bytes);
      const { results: own, notes } = await repo.verify(`${base}..${repo.commit(manager)}`);
      expect(own).toMatchObject([{ verdict: 'valid' }]);
      expect(notes.join('\n')).toContain(`s=${next.tip.sequence}: `);
    }
  });

  it('nor where the own home or fetched refs cover the place; and nobody for what others have elsewhere', async () => {
    const { repo, first, identity, laptop } = start();
    const known = identity.fork();
    for (let i = 0; i < 3; i++) known.interact([]);
    const home = temporary();
    await using store = createHome(home);
    await gitEventLog(store).append(known.prefix, null, known.events);
    const folder = join(repo.dir, '.auths', 'evidence', identity.prefix);
    repo.git('checkout', '-q', '-b', 'evil');
    writeFileSync(join(folder, `${'2'.padStart(8, '0')}-E${'A'.repeat(43)}.cesr`), 'junk');
    const evil = repo.commit(laptop);
    const from = `${first}..`;
    for (const options of [{}, { home }])
      expect(await repo.verdicts(`${from}${evil}`, options)).toEqual(['capability-denied']);
    repo.git('fetch', '-q', home, 'refs/did/keri/*:refs/did/keri/*');
    expect(await repo.verdicts(`${from}${evil}`)).toEqual(['capability-denied']);
    // An honest branch that adds evidence, whatever is checked out.
    repo.git('checkout', '-q', '-b', 'honest', first);
    writeFileSync(join(folder, 'note'), 'x');
    const honest = repo.commit(laptop);
    for (const branch of ['honest', 'evil']) {
      repo.git('checkout', '-q', branch);
      expect(await repo.verdicts(`${from}${honest}`), branch).toEqual(['valid']);
    }
  });

  it('nor what is whole only together with the own home or fetched refs, nor a branch that no key has signed', async () => {
    const identity = new PaperIdentity(1);
    const [manager, laptop, phone] = [fileKey(), fileKey(), fileKey()];
    const early = identity.fork();
    identity.link(manager, { capabilities: MANAGER });
    identity.link(laptop, { name: 'laptop' });
    const link = identity.link(phone, { name: 'phone' });
    const repo = new TestRepository();
    repo.evidence([identity]);
    const base = repo.commit(manager);
    early.interact([{ x: 'y' }]);
    identity.revoke(link, 'lost');
    const home = temporary();
    await using store = createHome(home);
    await gitEventLog(store).append(identity.prefix, null, identity.events);
    await gitAttestationStore(store).put(identity.did, identity.records);
    repo.git('fetch', '-q', home, 'refs/did/keri/*:refs/did/keri/*');
    const { missing } = compareEvidence(repo.dir, evidenceFiles(identity));
    const event = missing.find(({ path }) => path.endsWith('.cesr')) as EvidenceToWrite;
    const record = missing.find(({ path }) => path.endsWith('.json')) as EvidenceToWrite;
    const spoiltRecord = Buffer.from(
      Buffer.from(record.bytes)
        .toString('latin1')
        .replace(/(?<="identity_signature":")../, (two) => (two === '00' ? '11' : '00')),
      'latin1',
    );
    const rival = evidenceFiles(early).at(-1) as EvidenceToWrite;
    for (const [what, verdict, files] of [
      [
        'an event that is spoilt',
        'capability-denied',
        [{ ...event, bytes: otherwiseSigned(event.bytes) }, record],
      ],
      ['an event without its record', 'capability-denied', [event]],
      ['a record that is spoilt', 'capability-denied', [event, { ...record, bytes: spoiltRecord }]],
      [
        'a rival that is not signed',
        'capability-denied',
        [{ ...rival, bytes: otherwiseSigned(rival.bytes) }],
      ],
      ['both', 'valid', [event, record]],
    ] as const) {
      repo.git('reset', '-q', '--hard', base);
      addEvidence(repo.dir, files);
      expect(await repo.verdicts(`${base}..${repo.commit(laptop)}`), what).toEqual([verdict]);
    }
    // On a disk it is a file like the others, and so it is in the tree.
    repo.git('reset', '-q', '--hard', base);
    addEvidence(repo.dir, [event, record]);
    chmodSync(join(repo.dir, '.auths', record.path), 0o755);
    const executable = repo.commit(laptop);
    repo.git('update-ref', '-d', `refs/did/keri/${identity.prefix}/kel`);
    repo.git('checkout', '-q', base);
    expect(await repo.verdicts(`${base}..${executable}`)).toEqual(['valid']);
    expect(await repo.verdicts(executable, { rootsFrom: executable })).toEqual(['valid']);
  });

  it('a tag is no branch of a remote, and no id of the other length; a name may end as git describe ends one', async () => {
    const { repo, first, laptop } = start();
    const head = repo.commit(laptop);
    repo.git('update-ref', 'refs/remotes/origin/feature', head);
    repo.git('tag', '--no-sign', 'feature', first);
    for (const target of ['feature', `${first}..feature`, `${first}..feature~0`])
      await expect(repo.verify(target), target).rejects.toMatchObject({ code: 'verify/bad-target' });
    const long = `${first}${'0'.repeat(24)}`;
    repo.git('tag', '--no-sign', long, head);
    await expect(repo.verify(`${long}..HEAD`)).rejects.toMatchObject({ code: 'verify/bad-target' });
    repo.git('branch', 'team-gface', head);
    expect((await repo.verify(`${first}..team-gface`)).results).toHaveLength(1);
    // Text that is looked for in all that was fetched says where to end, never where to begin.
    expect((await repo.verify(`${first}..:/.`)).results).toHaveLength(1);
    await expect(repo.verify(':/...HEAD')).rejects.toMatchObject({ code: 'verify/bad-target' });
    await expect(repo.verify('HEAD', { rootsFrom: ':/.' })).rejects.toMatchObject({
      code: 'verify/bad-target',
    });
  });

  it('a range is whole, oldest first, in topological order, side branches too', async () => {
    const { repo, laptop, first } = start();
    repo.git('checkout', '-q', '-b', 'side');
    const side = repo.commit(laptop);
    repo.git('checkout', '-q', 'main');
    const main = repo.commit(laptop);
    repo.git('merge', '-q', '--no-ff', '--no-gpg-sign', '-m', 'merge', 'side');
    const merge = repo.git('rev-parse', 'HEAD');
    const { results, exit } = await repo.verify(`${first}..HEAD`);
    expect(results.map(({ object }) => object).toSorted()).toEqual([side, main, merge].toSorted());
    expect(results.at(-1)).toMatchObject({ object: merge, verdict: 'unsigned' });
    expect(exit).toBe(1);
  });

  it('an attestation as a file', async () => {
    const { repo, identity } = start();
    const file = readFileSync(
      join(repo.dir, '.auths', 'evidence', identity.prefix, identityRecord(identity)),
    );
    writeFileSync(join(repo.dir, 'phone.json'), file);
    expect(await repo.verify('./phone.json')).toMatchObject({
      results: [{ type: 'link', verdict: 'valid' }],
      exit: 0,
    });
    // Though the good copy is at hand, this one is not it.
    for (const member of ['identity_signature', 'device_signature']) {
      const spoilt: Record<string, unknown> = JSON.parse(file.toString('utf8'));
      spoilt[member] = '0'.repeat(128);
      writeFileSync(join(repo.dir, 'spoilt.json'), JSON.stringify(spoilt));
      expect(await repo.verdicts('spoilt.json'), member).toEqual(['attestation-invalid']);
    }
    const eve = new PaperIdentity(90);
    eve.link(fileKey());
    writeFileSync(join(repo.dir, 'eve.json'), eve.records[0]?.bytes ?? '');
    expect(await repo.verdicts('eve.json')).toEqual(['unverifiable']);
    writeFileSync(join(repo.dir, 'text.json'), '{"a":1}');
    await expect(repo.verify('text.json')).rejects.toMatchObject({ code: 'verify/bad-target' });
  });

  it('a shallow clone does not shorten a range, and does not guess about policy', async () => {
    const { repo, laptop, identity } = start();
    for (let i = 0; i < 4; i++) repo.commit(laptop);
    repo.git('checkout', '-q', '-b', 'feature', 'HEAD~3');
    repo.commit(laptop);
    repo.commit(laptop);
    const shallow = new TestRepository({ from: `file://${repo.dir}` });
    rmSync(shallow.dir, { recursive: true });
    repo.git('clone', '-q', '--depth', '1', '--no-single-branch', `file://${repo.dir}`, shallow.dir);
    const result = await shallow.verify('origin/main..origin/feature', { roots: [identity.did] });
    expect(result.exit).toBe(4);
    expect(result.results.map(({ verdict }) => verdict)).toContain('unverifiable');
    expect(await shallow.verify('origin/feature', { roots: [identity.did] })).toMatchObject({
      results: [{ verdict: 'unverifiable' }],
      exit: 4,
    });
  });

  it('a history cut above a parent that is here hides neither that parent nor a change of the roots', async () => {
    const { repo, identity } = start();
    const helper = fileKey();
    identity.link(helper, { name: 'helper', capabilities: ['sign_commit'] });
    repo.evidence([identity]);
    repo.commit(helper);
    repo.git('checkout', '-q', '-b', 'feature');
    const hidden = repo.commit(null);
    repo.git('update-ref', 'refs/heads/hidden', hidden);
    repo.evidence([identity, new PaperIdentity(91)]);
    repo.commit(helper);
    const shallow = new TestRepository();
    for (const branch of ['main', 'hidden', 'feature']) {
      shallow.git(
        'fetch',
        '-q',
        '--depth',
        '1',
        `file://${repo.dir}`,
        `${branch}:refs/remotes/origin/${branch}`,
      );
    }
    const onFeature = { rootsFrom: 'origin/main' };
    const result = await shallow.verify('origin/main..origin/feature', onFeature);
    expect(result.results.map(({ object, verdict }) => [object === hidden, verdict])).toEqual([
      [true, 'unverifiable'],
      [false, 'capability-denied'],
    ]);
    expect(await shallow.verdicts('origin/hidden..origin/feature', onFeature)).toEqual(['capability-denied']);
  });

  it('a partial clone is told as one: what is not here is neither empty nor a default', async () => {
    const { repo, identity } = start();
    const helper = fileKey();
    const link = identity.link(helper, { name: 'helper', capabilities: ['sign_commit'] });
    repo.evidence([identity]);
    repo.commit(helper);
    repo.git('branch', 'feature');
    identity.revoke(link, 'compromised');
    repo.evidence([identity]);
    repo.commit(null);
    repo.git('config', 'uploadpack.allowFilter', 'true');
    const missing = { code: 'git/object-missing' };
    for (const filter of ['tree:0', 'blob:none']) {
      const partial = new TestRepository();
      const url = `file://${repo.dir}`;
      rmSync(partial.dir, { recursive: true });
      repo.git('clone', '-q', `--filter=${filter}`, '--no-checkout', url, partial.dir);
      partial.git('checkout', '-q', 'feature');
      const onMain = { roots: [identity.did], rootsFrom: 'origin/main' };
      await expect(partial.verify('HEAD', onMain)).rejects.toMatchObject(missing);
      partial.git('fetch', '-q', '--refetch', '--no-filter', 'origin');
      expect(await partial.verdicts('HEAD', onMain)).toEqual(['revoked']);
    }
    const damaged = new TestRepository({ from: repo.dir });
    const tree = damaged.git('rev-parse', 'origin/main:.auths');
    const unpacked = join(damaged.dir, '.git', 'objects', tree.slice(0, 2), tree.slice(2));
    rmSync(unpacked);
    await expect(
      damaged.verify('origin/feature', { roots: [identity.did], rootsFrom: 'origin/main' }),
    ).rejects.toMatchObject(missing);
  });

  it('says so when a tag goes by another name than the one that was signed', async () => {
    const { repo, laptop } = start();
    repo.commit(laptop);
    const oid = repo.tag('v1', laptop);
    repo.git('update-ref', 'refs/tags/v2', oid);
    const notes = async (target: string): Promise<readonly string[]> =>
      (await repo.verify(target)).notes.filter((note) => note.includes('calls itself'));
    expect(await notes('v2')).toEqual(['the tag under "v2" calls itself "v1": that is what was signed']);
    for (const target of ['v1', 'refs/tags/v1', oid, oid.slice(0, 8), 'v2^{commit}'])
      expect(await notes(target)).toEqual([]);
  });

  it('works in a sha256 repository', async () => {
    const identity = new PaperIdentity(1);
    const laptop = fileKey();
    identity.link(laptop);
    const repo = new TestRepository({ format: 'sha256' });
    repo.evidence([identity]);
    const first = repo.commit(laptop);
    repo.commit(laptop);
    repo.tag('v1', laptop);
    expect(await repo.verdicts(`${first}..HEAD`)).toEqual(['valid']);
    expect(await repo.verdicts('v1')).toEqual(['valid']);
    repo.commit(null);
    expect(await repo.verdicts()).toEqual(['unsigned']);
  });

  it('a clone needs nothing but itself', async () => {
    const { repo, laptop } = start();
    for (let i = 0; i < 3; i++) repo.commit(laptop);
    const clone = new TestRepository({ from: repo.dir });
    expect(await clone.verify('HEAD~3..HEAD', { mayPin: true })).toMatchObject({
      rootsFrom: 'first-use',
      exit: 0,
    });
    expect(await clone.verify('HEAD~2..HEAD')).toMatchObject({ rootsFrom: 'pinned', exit: 0 });
  });
});

function identityRecord(identity: PaperIdentity): string {
  const [record] = identity.records;
  const { rid } = JSON.parse(Buffer.from(record?.bytes ?? []).toString()) as { rid: string };
  return `${rid}-${record?.digest ?? ''}-00000001.json`;
}
