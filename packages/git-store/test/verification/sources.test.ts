import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { messageOf, PaperIdentity } from '../../../testing/src/paper-identity.ts';
import { gitAttestationStore } from '../../src/attestation-store.ts';
import { gitEventLog } from '../../src/event-log.ts';
import { createHome } from '../../src/home-repository.ts';
import { fileKey, hasSshKeygen, temporary, TestRepository } from './support.ts';

/** A home that holds this identity, as a store on git refs. */
async function homeOf(identity: PaperIdentity): Promise<string> {
  const dir = temporary();
  await using home = createHome(dir);
  await gitEventLog(home).append(identity.prefix, null, identity.events);
  await gitAttestationStore(home).put(identity.did, identity.records);
  return dir;
}

describe.skipIf(!hasSshKeygen)('evidence from elsewhere than the tree', () => {
  it('the own home, refs/did, and refs fetched from a remote', async () => {
    const identity = new PaperIdentity(1);
    const laptop = fileKey();
    identity.link(laptop);
    const repo = new TestRepository();
    repo.commit(laptop);
    const roots = { roots: [identity.did] };
    expect(await repo.verify('HEAD', roots)).toMatchObject({
      results: [{ verdict: 'unverifiable' }],
      exit: 4,
    });
    const home = await homeOf(identity);
    expect(await repo.verdicts('HEAD', { ...roots, home })).toEqual(['valid']);
    repo.git('fetch', '-q', home, 'refs/did/keri/*:refs/did/keri/*');
    expect(await repo.verdicts('HEAD', roots)).toEqual(['valid']);
    const other = new TestRepository({ from: repo.dir });
    other.git('fetch', '-q', home, '+refs/did/*:refs/auths-remotes/origin/did/*');
    expect(await other.verdicts('HEAD', roots)).toEqual(['valid']);
  });

  it('grants count from fetched refs though the proposal brings them too; a newer revocation there counts', async () => {
    const identity = new PaperIdentity(1);
    const laptop = fileKey();
    const phone = fileKey();
    identity.link(laptop);
    const repo = new TestRepository();
    repo.evidence([identity]);
    const first = repo.commit(laptop);
    const link = identity.link(phone, { name: 'phone' });
    repo.evidence([identity]);
    repo.commit(phone);
    expect(await repo.verdicts(`${first}..HEAD`)).toEqual(['granted-in-proposal']);
    repo.git('fetch', '-q', await homeOf(identity), 'refs/did/keri/*:refs/did/keri/*');
    expect(await repo.verdicts(`${first}..HEAD`)).toEqual(['valid']);
    identity.revoke(link, 'compromised');
    repo.git('fetch', '-q', await homeOf(identity), '+refs/did/keri/*:refs/auths-remotes/origin/did/keri/*');
    expect(await repo.verdicts(`${first}..HEAD`)).toEqual(['revoked']);
  });

  it('rubbish pushed behind a log in the refs is a note, and hides nothing that stands before it', async () => {
    const identity = new PaperIdentity(1);
    const laptop = fileKey();
    const phone = fileKey();
    identity.link(laptop);
    const link = identity.link(phone, { name: 'phone' });
    const repo = new TestRepository();
    repo.evidence([identity]);
    const [byLaptop, byPhone] = [repo.commit(laptop), repo.commit(phone)];
    identity.revoke(link, 'compromised');
    repo.git('fetch', '-q', await homeOf(identity), 'refs/did/keri/*:refs/did/keri/*');
    const kel = `refs/did/keri/${identity.prefix}/kel`;
    const pushed = (tree: string): void => {
      const people = 'A <a@b> 1 +0000';
      const text = `tree ${tree}\nauthor ${people}\ncommitter ${people}\n\nx\n`;
      repo.git('update-ref', kel, repo.store('commit', new Uint8Array(Buffer.from(text))));
    };
    const treeOf = (mode: string, name: string, oid: string): string =>
      repo.store(
        'tree',
        new Uint8Array(Buffer.concat([Buffer.from(`${mode} ${name}\0`), Buffer.from(oid, 'hex')])),
      );
    const good = Buffer.concat(identity.events.map((event) => Buffer.from(messageOf(event))));
    const later = identity.fork();
    later.interact([]);
    const spoilt = Buffer.from(messageOf(later.tip));
    spoilt[spoilt.length - 3] = (spoilt[spoilt.length - 3] as number) ^ 1;
    for (const rubbish of [Buffer.from('{junk'), Buffer.from(later.tip.event), spoilt]) {
      const segment = repo.store('blob', new Uint8Array(Buffer.concat([good, rubbish])));
      pushed(treeOf('40000', 'kel', treeOf('100644', '00000000.cesr', segment)));
      const { results, notes } = await repo.verify(byLaptop);
      expect(results).toMatchObject([{ verdict: 'valid' }]);
      expect(notes.join('\n')).toContain('fetched refs: log of');
      expect(await repo.verdicts(byPhone)).toEqual(['revoked']);
    }
    for (const [tree, why] of [
      [treeOf('40000', 'kel/kel', repo.git('rev-parse', 'HEAD^{tree}')), 'is not one that git writes'],
      [treeOf('40000', 'kel', treeOf('160000', '00000000.cesr', byLaptop)), 'mode 160000'],
      [treeOf('100644', 'x'.repeat(65 << 20), repo.store('blob', new Uint8Array(0))), 'bytes'],
    ] as const) {
      pushed(tree);
      const { results, notes } = await repo.verify(byLaptop);
      expect(results, why).toMatchObject([{ verdict: 'valid' }]);
      expect(notes.join('\n')).toContain(why);
    }
    // What anybody's push may bring, also below an identity that nobody trusts.
    repo.git('update-ref', '-d', kel);
    const blob = repo.store('blob', new Uint8Array(1));
    const tag = (object: string, type: string): string =>
      repo.store(
        'tag',
        new Uint8Array(Buffer.from(`object ${object}\ntype ${type}\ntag x\ntagger A <a@b> 1 +0000\n\nx\n`)),
      );
    const treeless = repo.store('commit', new Uint8Array(Buffer.from('author A <a@b> 1 +0000\n\nx\n')));
    const odd = [tag(blob, 'blob'), tag(tag(blob, 'blob'), 'tag'), treeless];
    for (const oid of odd)
      for (const name of ['kel', 'anchors', 'devices/x']) {
        const ref = join(repo.dir, '.git/refs/did/keri', new PaperIdentity(9).prefix, name);
        mkdirSync(join(ref, '..'), { recursive: true });
        writeFileSync(ref, `${oid}\n`);
        expect(await repo.verdicts(byLaptop), `${name} ${repo.git('cat-file', '-t', oid)}`).toEqual([
          'valid',
        ]);
        rmSync(join(repo.dir, '.git/refs/did'), { recursive: true });
      }
  });

  it('an older log in the tree does not roll back what the home knows', async () => {
    const identity = new PaperIdentity(1);
    const laptop = fileKey();
    const link = identity.link(laptop);
    const repo = new TestRepository();
    repo.evidence([identity]);
    repo.commit(laptop);
    identity.revoke(link, 'lost');
    expect(await repo.verdicts('HEAD', { home: await homeOf(identity) })).toEqual(['revoked-unordered']);
  });

  it('a rival log in the tree is disputed where the home has a floor', async () => {
    const identity = new PaperIdentity(1);
    const laptop = fileKey();
    identity.link(laptop);
    const thief = identity.fork();
    const evil = fileKey();
    thief.link(evil, { name: 'evil' });
    thief.interact([{ rd: identity.prefix }]);
    identity.interact([{ rd: identity.prefix }]);
    const home = await homeOf(identity);
    const repo = new TestRepository();
    repo.evidence([thief]);
    repo.commit(evil);
    expect(await repo.verdicts('HEAD', { home })).toEqual(['attestation-unanchored']);
    repo.commit(laptop);
    expect(await repo.verdicts('HEAD', { home })).toEqual(['valid']);
  });

  it('grafts do not rewrite history', async () => {
    const identity = new PaperIdentity(1);
    const laptop = fileKey();
    identity.link(laptop);
    const repo = new TestRepository();
    repo.evidence([identity]);
    const first = repo.commit(laptop);
    const hidden = repo.commit(null);
    const last = repo.commit(laptop);
    mkdirSync(join(repo.dir, '.git', 'info'), { recursive: true });
    writeFileSync(join(repo.dir, '.git', 'info', 'grafts'), `${last} ${first}\n`);
    expect(repo.git('rev-list', `${first}..HEAD`)).not.toContain(hidden);
    expect(await repo.verdicts(`${first}..HEAD`)).toEqual(['unsigned', 'valid']);
  });
});
