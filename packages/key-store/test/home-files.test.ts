import {
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { encodeDidKey } from '@auths/core/encoding/did-key';
import type { PairedDevice } from '@auths/core/flows/pairing-ports';
import { sampleKey, sampleLogOf, streamOf } from '@auths/testing/sample-events';
import { changeAllowList, readAllowList, requireAllowList, restoreAllowList } from '../src/allow-list.ts';
import { lockHolder, lockState, withFileLock } from '../src/file-lock.ts';
import { openJournal } from '../src/journal.ts';
import { checkMachine, readMachineId, recordMachine, refuseCopiedHome } from '../src/machine.ts';
import {
  openRecoveryKit,
  readRecoveryKit,
  readRecoveryKitOwner,
  sealRecoveryKit,
  writeRecoveryKit,
  type RecoveryKit,
} from '../src/recovery-kit.ts';
import { createSigner } from '../src/signer.ts';
import { nodeVerifyEngine } from '../src/verify-engine.ts';
import { scratch } from './scratch.ts';

function device(name: string, status: PairedDevice['status'] = 'active'): PairedDevice {
  const { publicKey } = sampleKey(name);
  return {
    device_id: Buffer.from(publicKey).toString('hex'),
    device_did: encodeDidKey(publicKey),
    name,
    static: Buffer.from(publicKey).toString('base64url'),
    psk: status === 'revoked' ? '' : Buffer.alloc(32, 7).toString('base64url'),
    status,
    created_at: '2026-01-01T00:00:00Z',
    rid: Buffer.from(publicKey).toString('hex').slice(0, 32),
  };
}

function listPath(dir: string): string {
  return join(dir, 'allow-list.json');
}

const HERE = '3d1219c7c4c5404aaa1f6d2a48adfda4';
const here = (): Promise<string> => Promise.resolve(HERE);
const there = (): Promise<string> => Promise.resolve('00000000000000000000000000000001');
const nowhere = (): Promise<null> => Promise.resolve(null);

describe('recovery kit', () => {
  const log = sampleLogOf('kit', 2);
  const kit: RecoveryKit = {
    prefix: log.prefix,
    nextSeed: sampleKey('kit/1').seed,
    kel: streamOf(log.events),
    remotes: ['https://git.example/identity.git'],
    registry: null,
  };

  it('is written, read back and opens again', async () => {
    const path = join(scratch(), 'recovery-kit.json');
    expect(await readRecoveryKit(path, 'words')).toBeNull();
    await writeRecoveryKit(path, kit, 'words');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(await readRecoveryKit(path, 'words')).toEqual(kit);
    expect(readRecoveryKitOwner(readFileSync(path))).toBe(`did:keri:${kit.prefix}`);
    await expect(readRecoveryKit(path, 'other words')).rejects.toMatchObject({
      code: 'key/wrong-passphrase',
    });
  });

  it('has exactly the documented members and a salt of its own', async () => {
    const [one, two] = await Promise.all([sealRecoveryKit(kit, 'words'), sealRecoveryKit(kit, 'words')]);
    const [a, b] = [one, two].map(
      (bytes) => JSON.parse(Buffer.from(bytes).toString()) as Record<string, Record<string, unknown>>,
    );
    expect(Object.keys(a ?? {}).toSorted()).toEqual(['ciphertext', 'controller_did', 'kdf', 'nonce', 'v']);
    expect(a?.['kdf']?.['salt']).not.toBe(b?.['kdf']?.['salt']);
  });

  it('does not open for another identity, nor when anything was changed', async () => {
    const file = JSON.parse(Buffer.from(await sealRecoveryKit(kit, 'words')).toString()) as Record<
      string,
      unknown
    >;
    const open = (change: Record<string, unknown>): Promise<unknown> =>
      openRecoveryKit(Buffer.from(JSON.stringify({ ...file, ...change })), 'words');
    const other = `did:keri:${sampleLogOf('other', 1).prefix}`;
    await expect(open({ controller_did: other })).rejects.toMatchObject({ code: 'key/wrong-passphrase' });
    await expect(open({ kdf: { ...(file['kdf'] as object), n: 2 ** 30 } })).rejects.toMatchObject({
      code: 'storage/corrupt',
    });
    await expect(open({ v: 9 })).rejects.toMatchObject({ code: 'storage/version' });
    await expect(open({ extra: 1 })).rejects.toMatchObject({ code: 'storage/corrupt' });
    await expect(openRecoveryKit(new Uint8Array(0), 'words')).rejects.toMatchObject({
      code: 'storage/corrupt',
    });
  });
});

describe('allow list', () => {
  it('is empty where nothing was paired, and keeps what is put, owner-only', async () => {
    const dir = scratch();
    expect(await readAllowList(dir)).toEqual([]);
    const devices = [device('phone'), device('lost', 'revoked')];
    expect(await changeAllowList(dir, () => devices)).toEqual(devices);
    expect(await readAllowList(dir)).toEqual(devices);
    expect(statSync(listPath(dir)).mode & 0o777).toBe(0o600);
  });

  it('loses nothing of concurrent changes', async () => {
    const dir = scratch();
    const names = Array.from({ length: 20 }, (_, i) => `device ${i}`);
    await Promise.all(names.map((name) => changeAllowList(dir, (devices) => [...devices, device(name)])));
    expect((await readAllowList(dir)).map(({ name }) => name).toSorted()).toEqual(names.toSorted());
  });

  it.each(['', '{"v":1,"dev', '{}', '{"v":1,"devices":{}}', 'null', '{"v":1,"devices":[{}]}'])(
    'fails closed on %j: nothing is read, nothing written over it',
    async (text) => {
      const dir = scratch();
      await changeAllowList(dir, () => [device('phone')]);
      await changeAllowList(dir, (devices) => [...devices, device('laptop')]);
      writeFileSync(listPath(dir), text);
      const expected = {
        code: 'storage/corrupt',
        details: { path: listPath(dir) },
        hint: 'auths doctor --fix',
      };
      await expect(readAllowList(dir)).rejects.toMatchObject(expected);
      await expect(changeAllowList(dir, () => [])).rejects.toMatchObject(expected);
      expect(readFileSync(listPath(dir), 'utf8')).toBe(text);
      expect(await restoreAllowList(dir)).toBe('restored');
      expect((await readAllowList(dir)).map(({ name }) => name)).toEqual(['phone']);
    },
  );

  it('is put back from the list that stands then: not over one that another process has put back', async () => {
    const dir = scratch();
    await changeAllowList(dir, () => [device('phone')]);
    await changeAllowList(dir, (devices) => [...devices, device('laptop')]);
    writeFileSync(listPath(dir), '');
    await restoreAllowList(dir);
    await changeAllowList(dir, (devices) => [...devices, device('tablet')]);
    expect(await restoreAllowList(dir)).toBe('whole');
    expect((await readAllowList(dir)).map(({ name }) => name)).toEqual(['phone', 'tablet']);
  });

  it('begins anew where no backup helps, and loses nothing of what cannot be read', async () => {
    const dir = scratch();
    const backup = `${listPath(dir)}.bak`;
    await changeAllowList(dir, () => [device('phone')]);
    mkdirSync(backup);
    await expect(requireAllowList(dir)).rejects.toMatchObject({ details: { path: backup } });
    expect(await restoreAllowList(dir)).toBe('backup-aside');
    writeFileSync(listPath(dir), '{');
    writeFileSync(backup, '{"v":2,"devices":[]}');
    await expect(restoreAllowList(dir)).rejects.toMatchObject({ code: 'storage/version' });
    writeFileSync(backup, '[');
    expect([await restoreAllowList(dir), await readAllowList(dir)]).toEqual(['begun-anew', []]);
    expect(readFileSync(`${listPath(dir)}.unreadable`, 'utf8')).toBe('{');
    expect(readFileSync(`${backup}.unreadable-2`, 'utf8')).toBe('[');
  });

  it('keeps no key in its backup that the list has wiped', async () => {
    const dir = scratch();
    await changeAllowList(dir, () => [device('phone'), device('laptop'), device('old')]);
    await changeAllowList(dir, ([, laptop]) => [device('phone', 'revoked'), laptop as PairedDevice]);
    rmSync(listPath(dir));
    expect(await restoreAllowList(dir)).toBe('restored');
    expect(await readAllowList(dir)).toEqual([device('phone', 'revoked'), device('laptop')]);
  });

  it('fails closed when the list is cut off or gone', async () => {
    const dir = scratch();
    await changeAllowList(dir, () => [device('phone')]);
    await changeAllowList(dir, (devices) => [...devices, device('laptop')]);
    truncateSync(listPath(dir), 100);
    await expect(readAllowList(dir)).rejects.toMatchObject({ code: 'storage/corrupt' });
    rmSync(listPath(dir));
    await expect(readAllowList(dir)).rejects.toMatchObject({ code: 'storage/corrupt' });
    await expect(changeAllowList(dir, () => [])).rejects.toMatchObject({ code: 'storage/corrupt' });
  });

  it('refuses to write what it could not read', async () => {
    const dir = scratch();
    await expect(changeAllowList(dir, () => [{ ...device('phone'), psk: '' }])).rejects.toMatchObject({
      code: 'storage/corrupt',
    });
    await expect(changeAllowList(dir, () => [device('phone'), device('phone')])).rejects.toThrow();
    expect(await readAllowList(dir)).toEqual([]);
  });
});

const asIs = <T>(value: T): T => value;

describe('journal', () => {
  it('keeps entries until they are removed', async () => {
    const dir = scratch();
    const journal = openJournal(dir);
    expect([
      await journal.list(),
      await journal.read('rotate', asIs),
      await journal.remove('rotate'),
    ]).toEqual([[], null, false]);
    await journal.write('rotate', { step: 1 });
    await journal.write('rotate', { step: 2 });
    await journal.write('pairing-0a', []);
    writeFileSync(join(dir, 'journal', 'rotate.json.0123.tmp'), 'left by a crash');
    expect(await openJournal(dir).list()).toEqual(['pairing-0a', 'rotate']);
    expect(await journal.read('rotate', asIs)).toEqual({ step: 2 });
    expect(await journal.remove('rotate')).toBe(true);
    expect(await journal.list()).toEqual(['pairing-0a']);
  });

  it('names an entry that cannot be read, and takes no path as a name', async () => {
    const dir = scratch();
    const journal = openJournal(dir);
    await journal.write('rotate', 1);
    writeFileSync(join(dir, 'journal', 'rotate.json'), '');
    await expect(journal.read('rotate', asIs)).rejects.toMatchObject({ code: 'storage/corrupt' });
    await expect(Promise.resolve().then(() => journal.read('../keys', asIs))).rejects.toThrow();
  });
});

describe('file lock', () => {
  it('lets one in at a time and goes away after a failure', async () => {
    const path = join(scratch(), 'file');
    let inside = 0;
    let most = 0;
    const enter = async (): Promise<void> => {
      most = Math.max(most, ++inside);
      await new Promise((resolve) => setTimeout(resolve, 2));
      inside -= 1;
      throw new Error('out');
    };
    const results = await Promise.allSettled(Array.from({ length: 10 }, () => withFileLock(path, enter)));
    expect(results.every(({ status }) => status === 'rejected')).toBe(true);
    expect(most).toBe(1);
    expect(await lockState(`${path}.lock`)).toBe('free');
  });

  it.each([
    ['a process that has ended', { pid: 2 ** 22 + 1, started: '1' }],
    ['another process under the same number', { pid: process.pid, started: '1' }],
    ['nothing that can be read', ''],
  ])('names the lock of %s', async (_, holder) => {
    const path = join(scratch(), 'file');
    writeFileSync(`${path}.lock`, holder === '' ? '' : JSON.stringify(holder));
    expect(await lockState(`${path}.lock`)).toBe('stale');
    await expect(withFileLock(path, () => Promise.resolve())).rejects.toMatchObject({
      code: 'storage/locked',
      details: { path: `${path}.lock` },
    });
  });

  it('gives up on a living holder after the time it was given, and says which process it is', async () => {
    const path = join(scratch(), 'file');
    await withFileLock(path, async () => {
      await expect(withFileLock(path, () => Promise.resolve(), { waitMs: 30 })).rejects.toMatchObject({
        code: 'storage/locked',
        message: expect.stringContaining(`process ${process.pid}, which lives`),
        hint: expect.stringContaining(`kill -9 ${process.pid}`),
      });
      expect(await lockState(`${path}.lock`)).toBe('held');
      expect(await lockHolder(`${path}.lock`)).toBe(process.pid);
    });
    expect(await lockHolder(`${path}.lock`)).toBeNull();
  });

  it('takes a link that leads nowhere for one left behind, and waits for nothing', async () => {
    for (const target of ['gone', 'file.lock']) {
      const path = join(scratch(), 'file');
      symlinkSync(target, `${path}.lock`);
      expect(await lockState(`${path}.lock`)).toBe('stale');
      await expect(withFileLock(path, () => Promise.resolve())).rejects.toMatchObject({
        code: 'storage/locked',
        hint: 'auths doctor --fix',
      });
    }
  });

  it('names the folder that stands in its place', async () => {
    const path = join(scratch(), 'file');
    mkdirSync(`${path}.lock`);
    await expect(withFileLock(path, () => Promise.resolve())).rejects.toMatchObject({
      code: 'storage/failed',
      message: expect.stringContaining(`${path}.lock`),
      hint: expect.stringMatching(/move it away/),
      details: { path: `${path}.lock` },
    });
  });
});

describe('machine record', () => {
  it('knows its own machine, another, another place, and when it cannot know', async () => {
    const dir = join(scratch(), 'home');
    mkdirSync(dir);
    expect(await checkMachine(dir, here)).toEqual({ verdict: 'unrecorded' });
    await recordMachine(dir, here);
    expect(readFileSync(join(dir, 'machine.json'), 'utf8')).not.toContain(HERE);
    expect(await checkMachine(dir, here)).toEqual({ verdict: 'same' });
    expect(await checkMachine(dir, there)).toEqual({ verdict: 'copied' });
    expect(await checkMachine(dir, nowhere)).toEqual({ verdict: 'off' });
    await refuseCopiedHome(dir, here);
    await expect(refuseCopiedHome(dir, there)).rejects.toMatchObject({ code: 'identity/copied-home' });
    renameSync(dir, `${dir}2`);
    expect(await checkMachine(`${dir}2`, here)).toEqual({ verdict: 'moved', recordedPath: dir });
    writeFileSync(join(`${dir}2`, 'machine.json'), '{}');
    await expect(checkMachine(`${dir}2`, here)).rejects.toMatchObject({ code: 'storage/corrupt' });
  });

  it('reads an id or says that there is none', async () => {
    const id = await readMachineId();
    expect(id === null || id.length >= 8).toBe(true);
  });
});

describe('signer and verify engine', () => {
  // RFC 8032, 7.1, TEST 2.
  const seed = Buffer.from('4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb', 'hex');
  const publicKey = '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c';
  const signature =
    '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00';

  it('signs as RFC 8032 says and outlives its seed', async () => {
    const mine = Uint8Array.from(seed);
    const signer = createSigner(mine);
    mine.fill(0);
    expect(Buffer.from(signer.publicKey).toString('hex')).toBe(publicKey);
    expect(Buffer.from(await signer.sign(Uint8Array.of(0x72))).toString('hex')).toBe(signature);
    expect(() => createSigner(new Uint8Array(31))).toThrow();
  });

  it('verifies it, and nothing else, without ever throwing', () => {
    const [key, good] = [Buffer.from(publicKey, 'hex'), Buffer.from(signature, 'hex')];
    const message = Uint8Array.of(0x72);
    expect(nodeVerifyEngine.verify(key, message, good)).toBe(true);
    for (let at = 0; at < 64; at++) {
      const bad = Uint8Array.from(good);
      bad[at] = (bad[at] as number) ^ 1;
      expect(nodeVerifyEngine.verify(key, message, bad)).toBe(false);
    }
    expect(nodeVerifyEngine.verify(key, Uint8Array.of(0x73), good)).toBe(false);
    expect(nodeVerifyEngine.verify(new Uint8Array(32).fill(0xff), message, good)).toBe(false);
    expect(nodeVerifyEngine.verify(key.subarray(1), message, good)).toBe(false);
    expect(nodeVerifyEngine.verify(key, message, good.subarray(1))).toBe(false);
  });

  it('does not mix keys up when many pass by', async () => {
    const keys = Array.from({ length: 600 }, (_, i) => sampleKey(`many ${i}`));
    const message = Uint8Array.of(1);
    for (const key of keys)
      expect(nodeVerifyEngine.verify(key.publicKey, message, key.sign(message))).toBe(true);
    expect(nodeVerifyEngine.verify(keys[0]?.publicKey ?? seed, message, keys[1]?.sign(message) ?? seed)).toBe(
      false,
    );
    await Promise.resolve();
  });
});
