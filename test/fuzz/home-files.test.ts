/** The files of a home, as somebody or a failing disk may leave them. */
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, expect, it } from 'vitest';
import { toBase64url } from '../../packages/core/src/encoding/base64url.ts';
import { toHex } from '../../packages/core/src/encoding/bytes.ts';
import { fromUtf8 } from '../../packages/core/src/encoding/text.ts';
import { readAllowList } from '../../packages/key-store/src/allow-list.ts';
import { encryptedFileStore } from '../../packages/key-store/src/encrypted-file.ts';
import { openJournal } from '../../packages/key-store/src/journal.ts';
import { checkMachine } from '../../packages/key-store/src/machine.ts';
import {
  openRecoveryKit,
  readRecoveryKitOwner,
  sealRecoveryKit,
} from '../../packages/key-store/src/recovery-kit.ts';
import { didOf, type PaperIdentity } from '../../packages/testing/src/paper-identity.ts';
import { countCases, counted, fuzz, outcomeOf, outcomeOfAsync, requireOrderly, runs } from './laws.ts';
import { mutatedBytes, mutatedJson } from './mutate.ts';
import { device, identities } from './samples.ts';

countCases('home files');

const dir = mkdtempSync(join(tmpdir(), 'auths-fuzz-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const [lively] = identities as [PaperIdentity];
const PASSPHRASE = 'correct horse';

const keysPath = join(dir, 'keys.enc');
const store = encryptedFileStore(keysPath, () => Promise.resolve(PASSPHRASE));
await store.put('identity', new Uint8Array(32).fill(1), { did: lively.did });
await store.put('device', new Uint8Array(32).fill(2), { did: didOf(device) });
const keys = readFileSync(keysPath, 'utf8');

fuzz(
  'keys.enc: names at most, never a secret of a changed file',
  mutatedJson([JSON.parse(keys)], 3),
  700,
  async (input) => {
    writeFileSync(keysPath, input);
    const listed = await outcomeOfAsync(() =>
      encryptedFileStore(keysPath, () => Promise.reject(new Error('never asked'))).list(),
    );
    if (listed.kind === 'accepted')
      for (const { alias } of listed.value) expect(alias).toMatch(/^[a-z0-9][A-Za-z0-9:._-]{0,199}$/);
    else expect(listed.error.code).toMatch(/^storage\/(?:corrupt|version)$/);
  },
);

// Each of these derives a key, which takes a third of a second by design.
fuzz(
  'keys.enc: what opens is what was stored',
  mutatedJson([JSON.parse(keys)], 1).filter((input) => fromUtf8Loose(input).includes('"n":131072')),
  4,
  async (input) => {
    writeFileSync(keysPath, input);
    const opened = await outcomeOfAsync(() =>
      encryptedFileStore(keysPath, () => Promise.resolve(PASSPHRASE)).get('identity'),
    );
    if (opened.kind === 'accepted' && opened.value !== null)
      expect(toHex(opened.value.bytes)).toBe('01'.repeat(32));
  },
);

function fromUtf8Loose(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('utf8');
}

const kit = await sealRecoveryKit(
  {
    prefix: lively.prefix,
    nextSeed: new Uint8Array(32).fill(5),
    kel: lively.stream,
    remotes: ['git@example.org:a'],
    registry: null,
  },
  PASSPHRASE,
);
fuzz('recovery kit: an owner or an error', mutatedJson([JSON.parse(fromUtf8(kit))], 3), 700, (input) => {
  const owner = outcomeOf(() => readRecoveryKitOwner(input));
  if (owner.kind === 'accepted') expect(fromUtf8(input)).toContain(owner.value);
  else expect(owner.error.code).toMatch(/^storage\/(?:corrupt|version)$/);
});
it('recovery kit: no bit of it can be changed', { timeout: 60_000 }, async () => {
  const text = fromUtf8(kit);
  for (let i = 0; i < runs(3); i++) {
    counted(1);
    const at = Math.floor(((i + 0.5) / runs(3)) * text.length);
    const changed = `${text.slice(0, at)}${text[at] === 'A' ? 'B' : 'A'}${text.slice(at + 1)}`;
    const opened = await outcomeOfAsync(() => openRecoveryKit(new TextEncoder().encode(changed), PASSPHRASE));
    expect(opened.kind).toBe('refused');
  }
});

const paired = {
  device_id: 'ab'.repeat(32),
  device_did: didOf(device),
  name: 'laptop',
  static: toBase64url(new Uint8Array(32)),
  psk: toBase64url(new Uint8Array(32)),
  status: 'active',
  created_at: '2026-03-01T00:00:00Z',
  rid: 'cd'.repeat(16),
};
const lists = [
  { v: 1, devices: [] },
  { v: 1, devices: [paired, { ...paired, device_id: 'ef'.repeat(32), psk: '', status: 'revoked' }] },
];
fuzz('allow-list.json: whole or closed', mutatedJson(lists), 400, async (input) => {
  writeFileSync(join(dir, 'allow-list.json'), input);
  const list = await outcomeOfAsync(() => readAllowList(dir));
  if (list.kind === 'refused') {
    expect(list.error.code).toMatch(/^storage\/(?:corrupt|version)$/);
    return;
  }
  expect(list.value).toEqual((JSON.parse(fromUtf8(input)) as { devices: unknown }).devices);
  for (const one of list.value) if (one.status !== 'revoked') expect(one.psk.length).toBe(43);
});

fuzz(
  'journal entries and their names',
  fc.tuple(
    mutatedJson([{ step: 'rotate', at: 1 }]),
    mutatedBytes([new TextEncoder().encode('pairing-01')], 2),
  ),
  200,
  async ([input, rawName]) => {
    const journal = openJournal(dir);
    await journal.write('pairing-01', { ok: true });
    writeFileSync(join(dir, 'journal', 'pairing-01.json'), input);
    const name = Buffer.from(rawName).toString('latin1').replace(/[/\0]/g, '_').slice(0, 120);
    try {
      writeFileSync(join(dir, 'journal', `${name}.json`), input);
    } catch (error) {
      expect((error as NodeJS.ErrnoException).code).toMatch(/^(?:ENAMETOOLONG|EISDIR|EINVAL)$/);
    }
    for (const entry of await journal.list()) {
      expect(entry).toMatch(/^[a-z0-9][a-z0-9._-]{0,99}$/);
      const read = await outcomeOfAsync(() => journal.read(entry, (value) => value));
      if (read.kind === 'refused') expect(read.error.code).toMatch(/^storage\/(?:corrupt|version)$/);
      await journal.remove(entry);
    }
  },
);

const machine = { v: 1, machine: 'ab'.repeat(32), path: dir, inode: '1' };
fuzz('machine.json', mutatedJson([machine]), 700, async (input) => {
  writeFileSync(join(dir, 'machine.json'), input);
  const read = await outcomeOfAsync(() => checkMachine(dir, () => Promise.resolve('fuzz')));
  if (read.kind === 'accepted') expect(['copied', 'moved']).toContain(read.value.verdict);
});

it('a file beyond its bound is refused unread, a link or a folder in its place too', async () => {
  for (const [file, read] of [
    ['keys.enc', () => encryptedFileStore(keysPath, () => Promise.resolve(PASSPHRASE)).list()],
    ['allow-list.json', () => readAllowList(dir)],
    ['machine.json', () => checkMachine(dir, () => Promise.resolve('fuzz'))],
  ] as const) {
    const path = join(dir, file);
    for (const make of [
      () => {
        writeFileSync(path, '');
        truncateSync(path, 2 ** 33);
      },
      () => symlinkSync('/dev/zero', path),
      () => mkdirSync(path),
    ]) {
      counted(1);
      rmSync(path, { recursive: true, force: true });
      make();
      const before = process.memoryUsage().rss;
      const error = await read().then(() => expect.fail(`${file} was taken`), requireOrderly);
      expect(error.code).toBe('storage/corrupt');
      expect(process.memoryUsage().rss - before).toBeLessThan(64 << 20);
    }
    rmSync(path, { recursive: true, force: true });
  }
});
