import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeDidKey } from '@auths/core/encoding/did-key';
import type { PairedDevice } from '@auths/core/flows/pairing-ports';
import { changeAllowList, readAllowList } from '@auths/key-store/allow-list';
import { afterAll, afterEach, expect, it } from 'vitest';
import { closeRevokedChannels } from '../src/home/channels.ts';

const dir = mkdtempSync(join(tmpdir(), 'auths-channels-'));
afterAll(() => rmSync(dir, { recursive: true }));
afterEach(() => changeAllowList(dir, () => []));

function paired(name: string, fill: number): PairedDevice {
  const publicKey = new Uint8Array(32).fill(fill);
  return {
    device_id: Buffer.from(publicKey).toString('hex'),
    device_did: encodeDidKey(publicKey),
    name,
    static: Buffer.from(publicKey).toString('base64url'),
    psk: Buffer.alloc(32, fill).toString('base64url'),
    status: 'active',
    created_at: '2026-01-01T00:00:00Z',
    rid: Buffer.alloc(16, fill).toString('hex'),
  };
}

it('closes what the log revoked, and not what another command paired while the log was read', async () => {
  const [lost, late] = [paired('lost', 1), paired('late', 2)];
  await changeAllowList(dir, () => [lost]);
  const logged = [{ did: lost.device_did, revokedAt: '2026-02-01T00:00:00Z' as string | null }];
  const read = async (): Promise<never> => {
    const devices = [...logged];
    if (logged.length === 1) {
      // Sealed, then active: as a pairing in another terminal ends.
      logged.push({ did: late.device_did, revokedAt: null });
      await changeAllowList(dir, (list) => [...list, late]);
    }
    return { devices, lost: null } as never;
  };
  await closeRevokedChannels({ dir }, read);
  expect((await readAllowList(dir)).map(({ name, status, psk }) => [name, status, psk])).toEqual([
    ['lost', 'revoked', ''],
    ['late', 'active', late.psk],
  ]);
});

it('closes what was made active, by a log of before, while this waited for the list', async () => {
  const late = paired('late', 3);
  await changeAllowList(dir, () => [{ ...late, status: 'provisional' }]);
  let closing = Promise.resolve();
  await changeAllowList(dir, async () => {
    // The log gave it up: nothing is on the list yet that must not be, and the pairing holds the list.
    closing = closeRevokedChannels({ dir }, async () => ({ devices: [], lost: null }));
    for (let i = 0; i < 8; i++) await readAllowList(dir);
    return [late];
  });
  await closing;
  expect((await readAllowList(dir)).map(({ status, psk }) => [status, psk])).toEqual([['revoked', '']]);
});
