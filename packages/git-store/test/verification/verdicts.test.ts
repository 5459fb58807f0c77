import { describe, expect, it } from 'vitest';
import { PAPER_TIME, PaperIdentity } from '../../../testing/src/paper-identity.ts';
import { fileKey, hasSshKeygen, temporary, TestRepository } from './support.ts';
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const MANAGER = ['manage_policy', 'sign_commit', 'sign_tag'];

/** An identity with a laptop, and a repository that trusts it in its first commit. */
function start(options: Parameters<PaperIdentity['link']>[1] = {}) {
  const identity = new PaperIdentity(1);
  const laptop = fileKey();
  const link = identity.link(laptop, options);
  const repo = new TestRepository();
  repo.evidence([identity]);
  const first = repo.commit(laptop);
  return { identity, laptop, link, repo, first };
}

describe.skipIf(!hasSshKeygen)('verdicts on real objects', () => {
  it('valid: commit, tag and range, with everything that a result holds', async () => {
    const { identity, laptop, repo, first } = start();
    const second = repo.commit(laptop);
    const third = repo.commit(laptop);
    const verification = await repo.verify(`${first}..HEAD`);
    expect(verification).toMatchObject({
      range: { from: first, to: third },
      rootsFrom: 'first-use',
      exit: 0,
    });
    expect(verification.results.map(({ object, verdict }) => [object, verdict])).toEqual([
      [second, 'valid'],
      [third, 'valid'],
    ]);
    expect(verification.results[0]).toMatchObject({
      type: 'commit',
      controllerDid: identity.did,
      deviceName: 'laptop',
      capabilities: ['sign_commit', 'sign_tag'],
      asOf: { sequence: 1, said: identity.tip.said },
      freshness: 'unknown',
      hint: null,
    });
    expect(verification.results[0]?.checks.map(({ step, ok }) => `${step} ${ok}`)).toEqual([
      'signature true',
      'kel true',
      'attestation true',
      'root true',
      'capability true',
      'revocation true',
      'expiry true',
    ]);
    const tag = repo.tag('v1', laptop);
    expect(await repo.verify('v1')).toMatchObject({
      results: [{ object: tag, type: 'tag', verdict: 'valid' }],
      exit: 0,
    });
  });

  it('unsigned, foreign key, unsupported key type, lightweight tag', async () => {
    const { repo } = start();
    repo.commit(null);
    expect(await repo.verify()).toMatchObject({ results: [{ verdict: 'unsigned' }], exit: 1 });
    repo.commit(fileKey());
    expect(await repo.verify()).toMatchObject({ results: [{ verdict: 'unknown-device' }], exit: 1 });
    repo.git('tag', 'light');
    expect(await repo.verdicts('light')).toEqual(['unknown-device']);
    repo.tag('plain', null);
    expect(await repo.verdicts('plain')).toEqual(['unsigned']);
  });

  it('unsupported-signature: PGP and X.509 armor, never a pass', async () => {
    const { repo, laptop } = start();
    const raw = Buffer.from(repo.raw(repo.commit(laptop))).toString('latin1');
    for (const kind of ['PGP SIGNATURE', 'PGP MESSAGE', 'SIGNED MESSAGE']) {
      const armor = `gpgsig -----BEGIN ${kind}-----\n \n iQ==\n -----END ${kind}-----\n`;
      const text = raw.replace(/gpgsig [^]*?-----END SSH SIGNATURE-----\n/, armor);
      const oid = repo.store('commit', Buffer.from(text, 'latin1'));
      expect(await repo.verify(oid, { roots: [repoRoot(repo)] })).toMatchObject({
        results: [{ verdict: 'unsupported-signature' }],
        exit: 1,
      });
    }
  });

  it('bad-signature: a changed message, tree, author or parent', async () => {
    const { repo, laptop } = start();
    repo.commit(laptop);
    const oid = repo.commit(laptop, 'the true message');
    const raw = Buffer.from(repo.raw(oid)).toString('latin1');
    const changes: [string, string][] = [
      ['the true message', 'the trve message'],
      ['Ann Author', 'Eve Author'],
      [/parent (\w+)/.exec(raw)?.[1] ?? '', repo.git('rev-parse', 'HEAD~2')],
      [/tree (\w+)/.exec(raw)?.[1] ?? '', repo.git('rev-parse', 'HEAD~1^{tree}')],
    ];
    for (const [from, to] of changes) {
      const forged = repo.store('commit', Buffer.from(raw.replace(from, to), 'latin1'));
      expect(forged).not.toBe(oid);
      expect(await repo.verdicts(forged, { roots: [repoRoot(repo)] })).toEqual(['bad-signature']);
    }
  });

  it('malformed: two signatures, and a signature for a tag body is found where git finds it', async () => {
    const { repo, laptop } = start();
    const raw = Buffer.from(repo.raw(repo.commit(laptop))).toString('latin1');
    const signature = /gpgsig [^]*?-----END SSH SIGNATURE-----\n/.exec(raw)?.[0] ?? '';
    const doubled = repo.store(
      'commit',
      Buffer.from(raw.replace(signature, signature + signature), 'latin1'),
    );
    expect(await repo.verdicts(doubled, { roots: [repoRoot(repo)] })).toEqual(['malformed']);
  });

  it('a replaced object is judged by its own bytes', async () => {
    const { repo, laptop, first } = start();
    const unsigned = repo.commit(null);
    repo.git('reset', '-q', '--hard', first);
    const signed = repo.commit(laptop);
    repo.git('replace', unsigned, signed);
    expect(repo.git('log', '-1', '--format=%H%n%s', unsigned)).toContain(unsigned);
    expect(await repo.verdicts(unsigned, { roots: [repoRoot(repo)] })).toEqual(['unsigned']);
    repo.git('replace', '-d', unsigned);
    repo.git('replace', signed, unsigned);
    expect(await repo.verdicts(signed, { roots: [repoRoot(repo)] })).toEqual(['valid']);
  });

  it('capability-denied by object type and by policy', async () => {
    const { repo, laptop, identity } = start({ capabilities: ['sign_commit'] });
    repo.tag('v1', laptop);
    expect(await repo.verify('v1')).toMatchObject({ results: [{ verdict: 'capability-denied' }], exit: 1 });
    expect(await repo.verdicts()).toEqual(['valid']);
    const other = new TestRepository();
    other.evidence([identity]);
    other.policy({ v: 1, require_capability: { commit: 'deploy:prod' } });
    other.commit(laptop);
    expect(await other.verdicts()).toEqual(['capability-denied']);
  });

  it('expired by the verifier clock; an extension restores; dropped capabilities are gone', async () => {
    const { repo, laptop, identity, link } = start({ expiresAt: PAPER_TIME + 7_200_000 });
    expect(await repo.verdicts('HEAD', { now: PAPER_TIME + 7_199_999 })).toEqual(['valid']);
    expect(await repo.verify('HEAD', { now: PAPER_TIME + 7_200_000 })).toMatchObject({
      results: [{ verdict: 'expired' }],
      exit: 1,
    });
    identity.extend(link, { expiresAt: PAPER_TIME + 9_000_000, capabilities: ['sign_tag'] });
    repo.evidence([identity]);
    repo.commit(laptop);
    expect(await repo.verdicts('HEAD', { now: PAPER_TIME + 8_000_000 })).toEqual(['capability-denied']);
    repo.tag('v1', laptop);
    expect(await repo.verdicts('v1', { now: PAPER_TIME + 8_000_000 })).toEqual(['valid']);
  });

  it('valid-before-expiry: an anchor with a time before the end covers the ancestors of its tip', async () => {
    const { repo, laptop, identity, first } = start({ expiresAt: PAPER_TIME + 7_200_000 });
    const second = repo.commit(laptop);
    identity.anchor([repo.objectName(second)], PAPER_TIME + 7_000_000);
    repo.evidence([identity]);
    const third = repo.commit(laptop);
    const late = { now: PAPER_TIME + 9_000_000 };
    expect(await repo.verdicts(first, { ...late, roots: [identity.did] })).toEqual(['valid-before-expiry']);
    expect(await repo.verdicts(second, { ...late, roots: [identity.did] })).toEqual(['valid-before-expiry']);
    expect(await repo.verdicts(third, late)).toEqual(['expired']);
    identity.anchor([repo.objectName(third)], PAPER_TIME + 8_000_000);
    repo.evidence([identity]);
    expect(await repo.verdicts(third, late)).toEqual(['expired']);
  });

  it('revoked as compromised: everything fails but what the revoking record vouches for', async () => {
    const { repo, laptop, identity, link, first } = start();
    const second = repo.commit(laptop);
    identity.anchor([repo.objectName(second)]);
    identity.revoke(link, 'compromised', [repo.objectName(first)]);
    repo.evidence([identity]);
    expect(await repo.verdicts(first)).toEqual(['valid-before-revocation']);
    expect(await repo.verify(second)).toMatchObject({ results: [{ verdict: 'revoked' }], exit: 1 });
  });

  it('revoked as lost: anchors before it count, anchors after it do not, nothing else does', async () => {
    const { repo, laptop, identity, link, first } = start();
    const second = repo.commit(laptop);
    identity.anchor([repo.objectName(second)]);
    identity.revoke(link, 'lost');
    const third = repo.commit(laptop);
    identity.anchor([repo.objectName(third)]);
    repo.evidence([identity]);
    expect(await repo.verdicts(first)).toEqual(['valid-before-revocation']);
    expect(await repo.verdicts(second)).toEqual(['valid-before-revocation']);
    expect(await repo.verify(third)).toMatchObject({ results: [{ verdict: 'revoked-unordered' }], exit: 1 });
    const fourth = repo.commit(laptop);
    expect(await repo.verdicts(fourth)).toEqual(['revoked']);
  });

  it('revoked as retired: an ancestor of a live device is good, a commit beside it is not; lost gets no ancestry', async () => {
    for (const [reason, expected] of [
      ['retired', 'valid-before-revocation'],
      ['lost', 'revoked-unordered'],
    ] as const) {
      const { repo, laptop, identity, link, first } = start();
      const desktop = fileKey();
      identity.link(desktop, { name: 'desktop' });
      identity.revoke(link, reason);
      repo.git('branch', 'aside');
      const built = repo.commit(desktop);
      repo.evidence([identity]);
      expect(await repo.verdicts(first)).toEqual([expected]);
      expect(await repo.verdicts(built)).toEqual(['valid']);
      repo.git('stash', '-q', '-u');
      repo.git('checkout', '-q', 'aside');
      repo.git('stash', 'pop', '-q');
      const beside = repo.commitStaged(laptop, 'beside');
      expect(await repo.verdicts(beside)).toEqual(['revoked-unordered']);
    }
  });

  it('an anchor over another object under the same id covers nothing', async () => {
    const { repo, laptop, identity, link } = start();
    const second = repo.commit(laptop);
    identity.anchor([{ oid: second, blake3: '0'.repeat(64) }]);
    identity.revoke(link, 'lost');
    repo.evidence([identity]);
    expect(await repo.verdicts(second)).toEqual(['revoked-unordered']);
  });

  it('rotation of the identity changes no device verdict', async () => {
    const { repo, laptop, identity } = start();
    identity.rotate();
    repo.evidence([identity]);
    repo.commit(laptop);
    expect(await repo.verify()).toMatchObject({
      results: [{ verdict: 'valid', asOf: { sequence: 2 } }],
      exit: 0,
    });
    const phone = fileKey();
    identity.link(phone, { name: 'phone' });
    repo.evidence([identity]);
    repo.commit(phone);
    expect(await repo.verdicts()).toEqual(['valid']);
  });

  it('stripped records: a revocation hides nothing, a link leaves the device unknown', async () => {
    const { repo, identity, link, laptop } = start();
    identity.revoke(link, 'lost');
    repo.evidence([identity]);
    repo.git('add', '-A');
    repo.commitStaged(laptop, 'revoked');
    const directory = join(repo.dir, '.auths', 'evidence', identity.prefix);
    const revocation = readdirSync(directory).find((name) => name.endsWith('-00000002.json')) as string;
    rmSync(join(directory, revocation));
    repo.commit(laptop);
    // The history still holds it: only a clone without that history is left with the question.
    const stripped = new TestRepository();
    cpSync(join(repo.dir, '.auths'), join(stripped.dir, '.auths'), { recursive: true });
    stripped.commit(laptop);
    const verification = await stripped.verify();
    expect(verification).toMatchObject({ results: [{ verdict: 'unverifiable' }], exit: 4 });
    expect(verification.results[0]?.checks.at(-1)?.detail).toContain('missing');
    const linked = readdirSync(directory).find((name) => name.endsWith('-00000001.json')) as string;
    rmSync(join(stripped.dir, '.auths', 'evidence', identity.prefix, linked));
    stripped.commit(laptop);
    expect(await stripped.verify()).toMatchObject({ results: [{ verdict: 'unknown-device' }], exit: 1 });
  });

  it('tampered records and logs', async () => {
    const { repo, identity, laptop } = start();
    const directory = join(repo.dir, '.auths', 'evidence', identity.prefix);
    const [record] = readdirSync(directory).filter((name) => name.endsWith('.json')) as [string];
    const original = readFileSync(join(directory, record), 'utf8');
    const attempts: [RegExp, string, string][] = [
      [/"name":"laptop"/, '"name":"laptoq"', 'attestation-invalid'],
      [/"identity_signature":"../, '"identity_signature":"00', 'attestation-invalid'],
      [/"device_signature":"../, '"device_signature":"00', 'attestation-invalid'],
      [/"version":1/, '"version":2', 'unknown-device'],
    ];
    for (const [from, to, verdict] of attempts) {
      writeFileSync(join(directory, record), original.replace(from, to));
      repo.commit(laptop);
      expect(await repo.verdicts(), from.source).toEqual([verdict]);
    }
    writeFileSync(join(directory, record), original);
    const [event] = readdirSync(directory).filter(
      (name) => name.startsWith('00000001-') && name.endsWith('.cesr'),
    ) as [string];
    const bytes = readFileSync(join(directory, event));
    bytes[bytes.length - 3] = (bytes[bytes.length - 3] as number) ^ 1;
    writeFileSync(join(directory, event), bytes);
    repo.commit(laptop);
    expect(await repo.verify()).toMatchObject({ results: [{ verdict: 'kel-invalid' }], exit: 1 });
    rmSync(join(directory, event));
    repo.commit(laptop);
    expect(await repo.verdicts()).toEqual(['attestation-unanchored']);
    const inception = readdirSync(directory).find((name) => name.startsWith('00000000-')) as string;
    rmSync(join(directory, inception));
    repo.commit(laptop);
    expect(await repo.verify()).toMatchObject({ results: [{ verdict: 'unverifiable' }], exit: 4 });
  });

  it('untrusted-root: an identity that nobody pinned', async () => {
    const { repo, identity } = start();
    const stranger = new PaperIdentity(50);
    const key = fileKey();
    stranger.link(key);
    repo.evidence([identity, stranger], null);
    repo.commit(key);
    expect(await repo.verify()).toMatchObject({
      results: [{ verdict: 'untrusted-root', controllerDid: stranger.did }],
      exit: 1,
    });
    expect(await repo.verdicts('HEAD', { roots: [stranger.did] })).toEqual(['valid']);
  });

  it('two roots attest one key: each alone, but compromised is for all', async () => {
    const { repo, identity, laptop, link } = start({ capabilities: MANAGER });
    const company = new PaperIdentity(60);
    company.link(laptop, { name: 'work laptop', capabilities: MANAGER });
    identity.revoke(link, 'lost');
    repo.evidence([identity, company]);
    repo.commit(laptop);
    expect(await repo.verify()).toMatchObject({
      results: [{ verdict: 'valid', controllerDid: company.did }],
    });
    identity.revoke(link, 'compromised');
    repo.evidence([identity, company]);
    repo.commit(laptop);
    expect(await repo.verify()).toMatchObject({
      results: [{ verdict: 'revoked', controllerDid: identity.did }],
    });
  });

  it('nobody revokes the device of another', async () => {
    const { repo, identity, laptop, link } = start();
    const stranger = new PaperIdentity(70);
    const forged = stranger.revoke({ ...link, issuer: stranger.did }, 'compromised');
    expect(forged.issuer).toBe(stranger.did);
    repo.evidence([identity, stranger], null);
    repo.commit(laptop);
    expect(await repo.verdicts()).toEqual(['valid']);
  });

  it('the verifier makes nothing: no home, no pin when it may not', async () => {
    const { repo } = start();
    const home = join(temporary(), 'nothing-here');
    await repo.verify('HEAD', { home });
    expect(readdirSync(join(home, '..'))).toEqual([]);
    expect(readdirSync(join(repo.dir, '.git'))).not.toContain('auths');
  });
});

function repoRoot(repo: TestRepository): string {
  return readFileSync(join(repo.dir, '.auths', 'roots'), 'utf8')
    .trim()
    .split(' ')[0] as string;
}
