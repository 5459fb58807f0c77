import { describe, expect, it } from 'vitest';
import { encodeDidKey } from '@auths/core/encoding/did-key';
import { didKeriOf } from '@auths/core/identifiers';
import { attestationStoreContract, sampleRecord } from '@auths/testing/attestation-store-contract';
import { sampleKey, sampleLog } from '@auths/testing/sample-events';
import { gitAttestationStore } from '../src/attestation-store.ts';
import { homeRecordRef, recordsRef } from '../src/record-names.ts';
import { createHome, openHome, type Home } from '../src/home-repository.ts';
import { writeIdentityDocument } from '../src/identity-document.ts';
import { git, scratch } from './scratch.ts';

function open(options: { readonly homeForm?: boolean }): Parameters<typeof attestationStoreContract>[1] {
  return () => {
    const dir = scratch();
    const homes = [createHome(dir), createHome(dir)] as const;
    return Promise.resolve({
      one: gitAttestationStore(homes[0], options),
      two: gitAttestationStore(homes[1], options),
      close: async () => {
        await Promise.all(homes.map((home) => home.close()));
      },
    });
  };
}

attestationStoreContract('git refs of a home', open({}));
attestationStoreContract('git refs of a registry', open({ homeForm: false }));

describe('git attestation store: what lies in git', () => {
  const issuer = didKeriOf(sampleLog('issuer').prefix);
  const other = didKeriOf(sampleLog('other').prefix);
  const device = encodeDidKey(sampleKey('laptop').publicKey);

  async function ownHome(): Promise<Home> {
    const home = createHome(scratch());
    await writeIdentityDocument(home, {
      version: 1,
      controller_did: issuer,
      role: 'controller',
      created_at: '2026-01-01T00:00:00Z',
    });
    return home;
  }

  it('files versions under the documented names', async () => {
    const home = await ownHome();
    const link = sampleRecord(issuer, device, 1, 'link');
    const extension = sampleRecord(issuer, device, 0x12c, 'extension');
    const anchor = sampleRecord(issuer, null, 3, 'anchor');
    await gitAttestationStore(home).put(issuer, [link]);
    await gitAttestationStore(home).put(issuer, [extension, anchor]);
    const ref = `refs/did/keri/${issuer.slice(9)}/devices/${device.replaceAll(':', '_')}`;
    expect(recordsRef(issuer, device)).toBe(ref);
    expect(git(home.dir, 'ls-tree', '--name-only', ref).split('\n').toSorted()).toEqual(
      [`${link.digest}-00000001.json`, `${extension.digest}-0000012c.json`].toSorted(),
    );
    expect(git(home.dir, 'ls-tree', '--name-only', recordsRef(issuer, null))).toBe(
      `${anchor.digest}-00000003.json`,
    );
    const own = `refs/auths/devices/nodes/${device.replaceAll(':', '_')}/signatures`;
    expect(homeRecordRef(device)).toBe(own);
    expect(git(home.dir, 'ls-tree', '--name-only', own)).toBe('attestation.json');
    expect(git(home.dir, 'show', `${own}:attestation.json`)).toBe(Buffer.from(extension.bytes).toString());
    expect(git(home.dir, 'show', `${own}~1:attestation.json`)).toBe(Buffer.from(link.bytes).toString());
    expect(git(home.dir, 'fsck', '--full', '--strict')).toContain('');
  });

  it('keeps a record that is not sealed yet at home, until it is', async () => {
    const home = await ownHome();
    const store = gitAttestationStore(home);
    const unsealed = sampleRecord(issuer, device, null, 'link');
    await store.put(issuer, [unsealed]);
    await store.put(issuer, [unsealed]);
    expect(home.readRef(recordsRef(issuer, device))).toBeNull();
    expect(await gitAttestationStore(openHome(home.dir)).list(issuer)).toEqual([unsealed]);
    await store.put(issuer, [{ ...unsealed, sealedAt: 1 }]);
    expect(await store.list(issuer)).toEqual([{ ...unsealed, sealedAt: 1 }]);
    expect(git(home.dir, 'rev-list', '--count', homeRecordRef(device))).toBe('1');
  });

  it('shows an unsealed version beside the sealed ones, and the newest as the tip', async () => {
    const home = await ownHome();
    const store = gitAttestationStore(home);
    const newer = sampleRecord(issuer, device, 9, 'extension');
    const older = sampleRecord(issuer, device, 1, 'link');
    await store.put(issuer, [newer]);
    await store.put(issuer, [older]);
    const pending = sampleRecord(issuer, device, null, 'revocation');
    expect(git(home.dir, 'show', `${homeRecordRef(device)}:attestation.json`)).toContain('extension');
    await store.put(issuer, [pending]);
    expect(git(home.dir, 'show', `${homeRecordRef(device)}:attestation.json`)).toContain('revocation');
    expect(new Set((await store.list(issuer)).map(({ sealedAt }) => sealedAt))).toEqual(
      new Set([1, 9, null]),
    );
  });

  it('keeps records of other identities out of refs/auths, and refuses unsealed ones', async () => {
    const home = await ownHome();
    const store = gitAttestationStore(home);
    await store.put(other, [sampleRecord(other, device, 1, 'foreign')]);
    expect([...home.listRefs('refs/auths').keys()]).toEqual(['refs/auths/identity']);
    await expect(store.put(other, [sampleRecord(other, device, null, 'foreign')])).rejects.toThrow();
    const registry = gitAttestationStore(home, { homeForm: false });
    await expect(registry.put(issuer, [sampleRecord(issuer, device, null, 'own')])).rejects.toThrow();
  });

  it('does not show what a given-up join left for another issuer', async () => {
    const home = createHome(scratch());
    const store = gitAttestationStore(home);
    await store.put(other, [sampleRecord(other, device, null, 'given up')]);
    expect(await store.list(issuer)).toEqual([]);
    expect(await store.list(other)).toHaveLength(1);
  });

  it('refuses a tree with anything else in it', async () => {
    const home = await ownHome();
    await gitAttestationStore(home).put(issuer, [sampleRecord(issuer, device, 1, 'link')]);
    const foreign = createHome(scratch());
    await writeIdentityDocument(foreign, {
      version: 1,
      controller_did: issuer,
      role: 'device',
      created_at: '2026-01-01T00:00:00Z',
    });
    git(home.dir, 'fetch', '-q', foreign.dir, `refs/auths/identity:${recordsRef(issuer, null)}`);
    await expect(gitAttestationStore(home).list(issuer)).rejects.toMatchObject({ code: 'storage/corrupt' });
  });
});
