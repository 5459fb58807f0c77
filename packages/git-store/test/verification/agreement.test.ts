import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { foldDevices } from '@auths/core/attestation/fold';
import { parseRecord } from '@auths/core/attestation/attestation';
import { formatAllowedSigners } from '@auths/core/commit/allowed-signers';
import { armorSshSignature, sshSignedBytes } from '@auths/core/commit/sshsig';
import { signEd25519 } from '@auths/core/crypto/ed25519';
import { replay } from '@auths/core/keri/key-state';
import { nodeVerifyEngine } from '../../../key-store/src/verify-engine.ts';
import { PAPER_TIME, PaperIdentity } from '../../../testing/src/paper-identity.ts';
import { nodeDigests } from '../../src/git-history.ts';
import { fileKey, hasSshKeygen, TestRepository } from './support.ts';

function allowedSigners(identity: PaperIdentity): string {
  const { events } = replay(identity.stream, { engine: nodeVerifyEngine });
  const records = identity.records.map(({ bytes }) => parseRecord(bytes));
  return formatAllowedSigners(
    foldDevices({ issuer: identity.did, events, records, engine: nodeVerifyEngine }).devices,
  );
}

/** What stock git says with the exported file. */
function stockGit(
  repo: TestRepository,
  identity: PaperIdentity,
  oid: string,
  command = 'verify-commit',
): boolean {
  const file = join(repo.dir, '.git', 'allowed_signers');
  writeFileSync(file, allowedSigners(identity));
  const { status, stderr } = repo.gitResult(
    ['-c', `gpg.ssh.allowedSignersFile=${file}`, command, oid],
    '',
    [0, 1],
  );
  if (status === 0) expect(stderr).toContain(identity.did);
  return status === 0;
}

function start() {
  const identity = new PaperIdentity(1);
  const laptop = fileKey();
  const link = identity.link(laptop);
  const repo = new TestRepository();
  repo.evidence([identity]);
  repo.commit(laptop);
  return { identity, laptop, link, repo };
}

describe.skipIf(!hasSshKeygen)('stock git and we agree', () => {
  it('on commits and tags of a live device, on tampered ones, on strangers', async () => {
    const { identity, laptop, repo } = start();
    const good = repo.commit(laptop, 'subject\n\nbody with\n-----BEGIN SSH SIGNATURE-----\nin it\n');
    expect(await repo.verdicts(good)).toEqual(['valid']);
    expect(stockGit(repo, identity, good)).toBe(true);
    const tag = repo.tag('v1', laptop, 'a tag\n\n-----BEGIN SSH SIGNATURE-----\nquoted');
    expect(await repo.verdicts('v1')).toEqual(['valid']);
    expect(stockGit(repo, identity, tag, 'verify-tag')).toBe(true);
    const raw = Buffer.from(repo.raw(good)).toString('latin1');
    const forged = repo.store('commit', Buffer.from(raw.replace('body with', 'body wiht'), 'latin1'));
    expect(await repo.verdicts(forged, { roots: [identity.did] })).toEqual(['bad-signature']);
    expect(stockGit(repo, identity, forged)).toBe(false);
    const stranger = repo.commit(fileKey());
    expect(await repo.verdicts(stranger)).toEqual(['unknown-device']);
    expect(stockGit(repo, identity, stranger)).toBe(false);
  });

  it('on headers and bytes of every kind', async () => {
    const { identity, laptop, repo } = start();
    const plain = Buffer.from(repo.raw(repo.commit(null, 'm'))).toString('latin1');
    const blank = plain.indexOf('\n\n') + 1;
    const withHeader = (header: string): string => plain.slice(0, blank) + header + plain.slice(blank);
    const texts = [
      plain,
      withHeader('encoding ISO-8859-1\n'),
      withHeader(
        `mergetag object ${'1'.repeat(40)}\n type commit\n tag x\n tagger T <t@u> 1 +0000\n \n m\n -----BEGIN SSH SIGNATURE-----\n A\n`,
      ),
      withHeader('gpgsig-sha256 -----BEGIN SSH SIGNATURE-----\n not ours\n -----END SSH SIGNATURE-----\n'),
      withHeader('HG:extra branch:\xe9\n'),
      plain.replace('Ann Author', 'Ren\xe9 \xff\xfe'),
      `${plain}\n\xff\xfe\x00 no text at all`,
      `${plain.slice(0, blank)}\n`,
    ];
    for (const text of texts) {
      const withoutForeign = text.replace(/gpgsig-sha256 [^]*?-----END SSH SIGNATURE-----\n/, '');
      // git leaves the other format's signature out of the payload.
      const payload = new Uint8Array(Buffer.from(withoutForeign, 'latin1'));
      const signature = signEd25519(laptop.seed, sshSignedBytes(nodeDigests, 'git', 'sha512', payload));
      const armor = armorSshSignature({
        publicKey: laptop.publicKey,
        namespace: 'git',
        hash: 'sha512',
        signature,
      });
      const header = `gpgsig ${Buffer.from(armor).toString('latin1').trimEnd().replaceAll('\n', '\n ')}\n`;
      const at = text.indexOf('\n\n') + 1;
      const oid = repo.store('commit', Buffer.from(text.slice(0, at) + header + text.slice(at), 'latin1'));
      expect(
        await repo.verdicts(oid, { roots: [identity.did], rootsFrom: null }),
        JSON.stringify(text.slice(-60)),
      ).toEqual(['valid']);
      expect(stockGit(repo, identity, oid), JSON.stringify(text.slice(-60))).toBe(true);
    }
  });

  it('on revocation and expiry, by the date that stock git believes', async () => {
    const { identity, laptop, link, repo } = start();
    const oid = repo.commit(laptop);
    identity.extend(link, { expiresAt: PAPER_TIME + 60_000 });
    repo.evidence([identity], null);
    // The committer's date is ten minutes after the link.
    expect(stockGit(repo, identity, oid)).toBe(false);
    expect(await repo.verdicts()).toEqual(['expired']);
    identity.revoke(link, 'compromised');
    repo.evidence([identity], null);
    expect(stockGit(repo, identity, oid)).toBe(false);
    expect(await repo.verdicts()).toEqual(['revoked']);
    expect(allowedSigners(identity)).toMatch(
      /^did:keri:E[\w-]{43} namespaces="git",valid-after="\d{14}Z",valid-before="\d{14}Z" ssh-ed25519 AAAA[A-Za-z0-9+/]+\n$/,
    );
  });

  it('the projection leaves out devices that may sign neither commits nor tags', () => {
    const identity = new PaperIdentity(1);
    identity.link(fileKey(), { capabilities: ['pair_device'] });
    expect(allowedSigners(identity)).toBe('');
  });
});
