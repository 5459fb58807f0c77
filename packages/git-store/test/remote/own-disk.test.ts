/** The disk for temporary files is this machine's: its trouble is never told as a remote's. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statfsSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { sampleLogOf } from '@auths/testing/sample-events';
import { ownDiskTrouble } from '../../src/disk-trouble.ts';
import { gitEventLog } from '../../src/event-log.ts';
import { createHome } from '../../src/home-repository.ts';
import { fetchIdentity, listRemote, type RemoteIdentity } from '../../src/remote-evidence.ts';
import { scratch } from '../scratch.ts';

afterEach(() => vi.unstubAllEnvs());

/** A remote with a log, fetched from when called. */
async function remote(): Promise<() => Promise<RemoteIdentity>> {
  const url = scratch();
  const home = createHome(url);
  const { prefix, events } = sampleLogOf('there', 3);
  await gitEventLog(home).append(prefix, null, events);
  const refs = (await listRemote(url, { url })).get(prefix);
  await home.close();
  return () => fetchIdentity({ url, name: 'there' }, prefix, refs ?? new Map());
}

it('no folder for temporary files', async () => {
  const fetch = await remote();
  const gone = join(scratch(), 'gone');
  vi.stubEnv('TMPDIR', gone);
  await expect(fetch()).rejects.toMatchObject({
    code: 'storage/failed',
    message: `temporary files cannot be written to ${gone} (ENOENT)`,
    hint: expect.stringMatching(/set TMPDIR/),
  });
});

const mount = (...args: readonly string[]): boolean => spawnSync('mount', [...args]).status === 0;
const canMount = ((): boolean => {
  const place = mkdtempSync(join(tmpdir(), 'auths-disk-'));
  const mounted = mount('-t', 'tmpfs', 'auths-test', place);
  if (mounted) spawnSync('umount', [place]);
  rmSync(place, { recursive: true, force: true });
  return mounted;
})();

it.skipIf(!canMount)('a full one, at whatever write (needs the right to mount one)', async () => {
  const fetch = await remote();
  const disk = scratch();
  mount('-t', 'tmpfs', '-o', 'size=256k', 'auths-test', disk);
  try {
    vi.stubEnv('TMPDIR', disk);
    for (let pages = 0; ; pages++) {
      const { bavail, bsize } = statfsSync(disk);
      writeFileSync(join(disk, 'filler'), Buffer.alloc(Math.max(0, bavail * bsize - pages * 4096), 1));
      const told = await fetch().then(
        () => null,
        (error: unknown) => error,
      );
      truncateSync(join(disk, 'filler'));
      if (told === null) break;
      expect(told, `${pages} free pages`).toMatchObject({
        code: 'storage/failed',
        hint: expect.stringMatching(/make room/),
      });
      expect(pages).toBeLessThan(40);
    }
  } finally {
    // Lazily: a git that reads may still be ending.
    spawnSync('umount', ['-l', disk]);
  }
});

it.each([
  ["fatal: sha1 file '/t/objects/pack/tmp_idx_7N' write error. Out of diskspace", 'ENOSPC'],
  ['fatal: write error: No space left on device\nfatal: fetch-pack: invalid index-pack output', 'ENOSPC'],
  ["error: unable to create temporary file '/t/objects/pack/tmp_pack_x': Read-only file system", 'EROFS'],
  ['remote: fatal: write error: No space left on device', undefined],
  ["fatal: failed to read object 0: '/srv/r.git/objects/00/1': Permission denied", undefined],
  ['git@example.org: Permission denied (publickey).', undefined],
])('git says %j: %s', (words, errno) => {
  expect(ownDiskTrouble(words, '/t')).toBe(errno);
});
