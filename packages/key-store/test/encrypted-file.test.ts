import { existsSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { keyStoreContract } from '@auths/testing/key-store-contract';
import { chooseKeyStore, parseKeychainKind } from '../src/choose.ts';
import { encryptedFileStore, type EncryptedFileStore } from '../src/encrypted-file.ts';
import { memoryKeyStore } from '../src/memory.ts';
import { bundle, run, scratch } from './scratch.ts';

const PASSPHRASE = 'correct horse battery staple';

keyStoreContract('memory', () => {
  const store = memoryKeyStore();
  return Promise.resolve({ one: store, two: store, close: () => Promise.resolve() });
});

keyStoreContract('encrypted file', () => {
  const file = join(scratch(), 'keys.enc');
  const open = (): EncryptedFileStore => encryptedFileStore(file, () => Promise.resolve(PASSPHRASE));
  return Promise.resolve({ one: open(), two: open(), close: () => Promise.resolve() });
});

async function filled(): Promise<{
  readonly file: string;
  readonly open: (passphrase?: string) => EncryptedFileStore;
}> {
  const file = join(scratch(), 'keys.enc');
  const open = (passphrase = PASSPHRASE): EncryptedFileStore =>
    encryptedFileStore(file, () => Promise.resolve(passphrase));
  if (sample === null) {
    const store = open();
    await store.put('identity', new Uint8Array(32).fill(0xa5), { did: 'did:keri:E1' });
    await store.put('device', new Uint8Array(32).fill(0x5a), { did: 'did:key:z1' });
    sample = readFileSync(file);
  } else {
    writeFileSync(file, sample, { mode: 0o600 });
  }
  return { file, open };
}

/** Sealing takes a second, so it is done once. */
let sample: Uint8Array | null = null;

function flip(text: string): string {
  return text.startsWith('A') ? `B${text.slice(1)}` : `A${text.slice(1)}`;
}

interface File {
  v: number;
  kdf: Record<string, unknown>;
  check: Record<string, string>;
  entries: Record<string, string | null>[];
  mac: Record<string, string>;
}

describe('keys.enc', () => {
  it('is owner-only, names its parameters and shows no secret', async () => {
    const { file } = await filled();
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readdirSync(join(file, '..'))).toEqual(['keys.enc']);
    const text = readFileSync(file, 'utf8');
    expect(JSON.parse(text)).toMatchObject({ v: 1, kdf: { name: 'scrypt', n: 131072, r: 8, p: 1 } });
    expect(text).not.toContain(Buffer.alloc(32, 0xa5).toString('base64url').slice(0, 20));
    expect(text).not.toContain(PASSPHRASE);
  });

  it('asks once, and not for a list nor where there is no file', async () => {
    const { file } = await filled();
    let asked = 0;
    const ask = (): Promise<string> => {
      asked += 1;
      return Promise.resolve(PASSPHRASE);
    };
    expect(await encryptedFileStore(join(file, '..', 'none'), ask).get('identity')).toBeNull();
    const store = encryptedFileStore(file, ask);
    await store.list();
    expect(await store.get('nothing')).toBeNull();
    expect(asked).toBe(0);
    await store.get('identity');
    await store.get('device');
    await store.put('channel', new Uint8Array(32));
    expect(asked).toBe(1);
  });

  it('tells a wrong passphrase, shows it nowhere and asks again after it', async () => {
    const { file } = await filled();
    const answers = ['wr0ng-passphrase', PASSPHRASE];
    const store = encryptedFileStore(file, () => Promise.resolve(answers.shift() ?? ''));
    const error: unknown = await store.get('identity').catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'key/wrong-passphrase' });
    expect(String((error as Error).stack)).not.toContain('wr0ng-passphrase');
    expect((await store.get('identity'))?.did).toBe('did:keri:E1');
  });

  it('takes a passphrase however its letters are composed', async () => {
    const file = join(scratch(), 'keys.enc');
    await encryptedFileStore(file, () => Promise.resolve('Z\u00fcrich')).put('device', new Uint8Array(32));
    expect(
      await encryptedFileStore(file, () => Promise.resolve('Zu\u0308rich')).get('device'),
    ).not.toBeNull();
  });

  it('passes on that nobody could be asked', async () => {
    const { file } = await filled();
    const store = encryptedFileStore(file, () => Promise.reject(new Error('nobody there')));
    await expect(store.get('identity')).rejects.toThrow('nobody there');
  });

  it('moves to another passphrase as a whole', async () => {
    const { file, open } = await filled();
    const salt = (JSON.parse(readFileSync(file, 'utf8')) as File).kdf['salt'];
    await open().changePassphrase('another one');
    expect((JSON.parse(readFileSync(file, 'utf8')) as File).kdf['salt']).not.toBe(salt);
    await expect(open().get('identity')).rejects.toMatchObject({ code: 'key/wrong-passphrase' });
    expect((await open('another one').get('identity'))?.bytes[0]).toBe(0xa5);
  });

  const edits: Record<string, readonly [edit: (file: File) => void, code: string]> = {
    'an entry renamed': [(f) => Object.assign(f.entries[0] ?? {}, { alias: 'another' }), 'storage/corrupt'],
    'an entry given to another DID': [
      (f) => Object.assign(f.entries[0] ?? {}, { did: 'did:key:z2' }),
      'storage/corrupt',
    ],
    'an entry removed': [(f) => f.entries.splice(0, 1), 'storage/corrupt'],
    'two entries swapped': [
      (f) => {
        const [a, b] = f.entries as [Record<string, string>, Record<string, string>];
        [a['ciphertext'], b['ciphertext'], a['nonce'], b['nonce']] = [
          b['ciphertext'] ?? '',
          a['ciphertext'] ?? '',
          b['nonce'] ?? '',
          a['nonce'] ?? '',
        ];
      },
      'storage/corrupt',
    ],
    'a ciphertext changed': [
      (f) => Object.assign(f.entries[1] ?? {}, { ciphertext: flip(f.entries[1]?.['ciphertext'] ?? '') }),
      'storage/corrupt',
    ],
    'another salt': [
      (f) => Object.assign(f.kdf, { salt: flip(String(f.kdf['salt'])) }),
      'key/wrong-passphrase',
    ],
    'a check changed': [
      (f) => Object.assign(f.check, { ciphertext: flip(f.check['ciphertext'] ?? '') }),
      'key/wrong-passphrase',
    ],
    'a cheap KDF': [(f) => Object.assign(f.kdf, { n: 1024 }), 'storage/corrupt'],
    'a KDF of 64 GiB': [(f) => Object.assign(f.kdf, { n: 2 ** 26 }), 'storage/corrupt'],
    'an absurd block size': [(f) => Object.assign(f.kdf, { r: 2 ** 20 }), 'storage/corrupt'],
    'an unknown KDF': [(f) => Object.assign(f.kdf, { name: 'none' }), 'storage/corrupt'],
    'an unknown member': [(f) => Object.assign(f, { plain: true }), 'storage/corrupt'],
    'a doubled alias': [(f) => f.entries.push({ ...f.entries[0] }), 'storage/corrupt'],
    'a newer version': [(f) => Object.assign(f, { v: 2 }), 'storage/version'],
  };

  it.each(Object.keys(edits))('refuses %s, for reading and for writing', async (name) => {
    const { file, open } = await filled();
    const [edit, code] = edits[name] as (typeof edits)[string];
    const value = JSON.parse(readFileSync(file, 'utf8')) as File;
    edit(value);
    const tampered = JSON.stringify(value);
    writeFileSync(file, tampered);
    await expect(open().get('identity')).rejects.toMatchObject({ code });
    await expect(open().put('channel', new Uint8Array(32))).rejects.toMatchObject({ code });
    expect(readFileSync(file, 'utf8')).toBe(tampered);
  });

  it.each(['', '{', '[]', 'null', '{"v":1}'])('refuses %j and does not start over', async (text) => {
    const { file, open } = await filled();
    writeFileSync(file, text);
    await expect(open().get('identity')).rejects.toMatchObject({
      code: 'storage/corrupt',
      details: { path: file },
    });
    await expect(open().put('identity', new Uint8Array(32))).rejects.toMatchObject({
      code: 'storage/corrupt',
    });
    await expect(open().list()).rejects.toMatchObject({ code: 'storage/corrupt' });
    expect(readFileSync(file, 'utf8')).toBe(text);
  });

  it('follows no link', async () => {
    const { file, open } = await filled();
    const link = join(scratch(), 'keys.enc');
    symlinkSync(file, link);
    await expect(encryptedFileStore(link, () => Promise.resolve(PASSPHRASE)).list()).rejects.toMatchObject({
      code: 'storage/corrupt',
    });
    expect(await open().list()).toHaveLength(2);
  });
});

describe('keys.enc: several processes', () => {
  const WORKER = join(import.meta.dirname, 'put-worker.ts');

  it('loses nothing when four write at once, from no file on', async () => {
    const file = join(scratch(), 'keys.enc');
    const worker = await bundle(WORKER, scratch());
    const names = ['a', 'b', 'c', 'd'];
    expect(await Promise.all(names.map((name) => run(worker, [file, PASSPHRASE, name, '8'])))).toEqual([
      0, 0, 0, 0,
    ]);
    const store = encryptedFileStore(file, () => Promise.resolve(PASSPHRASE));
    const expected = names.flatMap((name) => Array.from({ length: 8 }, (_, i) => `${name}-${i}`));
    expect((await store.list()).map(({ alias }) => alias)).toEqual(expected.toSorted());
    expect((await store.get('c-7'))?.bytes[0]).toBe(7);
  });

  it('is whole after kill -9 at any moment, and a lock that is left is named', async () => {
    const file = join(scratch(), 'keys.enc');
    const worker = await bundle(WORKER, scratch());
    await encryptedFileStore(file, () => Promise.resolve(PASSPHRASE)).put('identity', new Uint8Array(32));
    let stale = 0;
    for (let round = 0; round < 20; round++) {
      await run(worker, [file, PASSPHRASE, `r${round}`, '100000'], Math.random() * 20);
      const store = encryptedFileStore(file, () => Promise.resolve(PASSPHRASE));
      expect(await store.get('identity')).not.toBeNull();
      if (!existsSync(`${file}.lock`)) continue;
      stale += 1;
      await expect(store.put('channel', new Uint8Array(32))).rejects.toMatchObject({
        code: 'storage/locked',
        hint: 'auths doctor --fix',
        details: { path: `${file}.lock` },
      });
      break;
    }
    expect(stale).toBe(1);
  }, 120_000);
});

describe('choosing a key store', () => {
  it('takes exactly the documented names', () => {
    expect([undefined, '', 'file', 'os', 'memory'].map(parseKeychainKind)).toEqual([
      'file',
      'file',
      'file',
      'os',
      'memory',
    ]);
    expect(() => parseKeychainKind('File')).toThrow(
      expect.objectContaining({ code: 'usage/invalid' }) as Error,
    );
  });

  it('never falls back from what was asked for', () => {
    expect(() => chooseKeyStore('os', scratch(), () => Promise.resolve(PASSPHRASE))).toThrow(
      expect.objectContaining({
        code: 'keychain/unavailable',
        hint: expect.stringContaining('file') as string,
      }) as Error,
    );
  });

  it('puts the file into the home', async () => {
    const dir = scratch();
    await chooseKeyStore('file', dir, () => Promise.resolve(PASSPHRASE)).put('device', new Uint8Array(32));
    expect(existsSync(join(dir, 'keys.enc'))).toBe(true);
    await chooseKeyStore('memory', dir, () => Promise.resolve(PASSPHRASE)).put('channel', new Uint8Array(32));
    expect(readFileSync(join(dir, 'keys.enc'), 'utf8')).not.toContain('channel');
  });
});
