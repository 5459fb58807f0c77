import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { buildLink, withSignatures } from '@auths/core/attestation/sign';
import { encodeDidKey } from '@auths/core/encoding/did-key';
import type { PairedDevice, PairingJournal } from '@auths/core/flows/pairing-ports';
import { didKeriOf, parseSessionId } from '@auths/core/identifiers';
import { sampleKey, sampleLog } from '@auths/testing/sample-events';
import { changeAllowList, readAllowList } from '../src/allow-list.ts';
import { settleStranded, strandedPairings } from '../src/stranded-pairings.ts';
import { pairedDevices } from '../src/paired-devices.ts';
import { scratch } from './scratch.ts';

const key = sampleKey('phone');
const DEVICE_ID = Buffer.from(key.publicKey).toString('hex');
const link = withSignatures(
  buildLink({
    rid: new Uint8Array(16),
    issuer: didKeriOf(sampleLog('host').prefix),
    devicePublicKey: key.publicKey,
    name: 'phone',
    capabilities: ['sign_commit'],
    issuedAt: 1_700_000_000_000,
  }),
  { identity: new Uint8Array(64), device: new Uint8Array(64) },
);
const journal: PairingJournal = {
  v: 1,
  session_id: parseSessionId('0123456789abcdef0123456789abcdef'),
  device_id: DEVICE_ID,
  created_at: '2026-01-01T00:00:00Z',
  acknowledged: false,
  link,
};
const device: PairedDevice = {
  device_id: DEVICE_ID,
  device_did: encodeDidKey(key.publicKey),
  name: 'phone',
  static: Buffer.from(key.publicKey).toString('base64url'),
  psk: Buffer.alloc(32, 7).toString('base64url'),
  status: 'provisional',
  created_at: '2026-01-01T00:00:00Z',
  rid: '0'.repeat(32),
};

const granted = (): Promise<boolean> => Promise.resolve(true);

describe('paired devices', () => {
  it('goes from begun over acknowledged to active, each step durable and repeatable', async () => {
    const dir = scratch();
    const devices = pairedDevices(dir);
    expect(await devices.unfinished()).toEqual([]);
    await devices.begin(device, journal);
    await devices.begin(device, journal);
    expect(await pairedDevices(dir).unfinished()).toEqual([journal]);
    await devices.acknowledge(journal.session_id);
    await devices.acknowledge(journal.session_id);
    expect(await pairedDevices(dir).unfinished()).toEqual([{ ...journal, acknowledged: true }]);
    await devices.activate(journal, granted);
    await devices.activate(journal, granted);
    expect(await readAllowList(dir)).toEqual([{ ...device, status: 'active' }]);
    expect(await devices.unfinished()).toEqual([]);
    await devices.forget(journal);
    expect(await readAllowList(dir)).toHaveLength(1);
  });

  it('forgets what was never finished', async () => {
    const dir = scratch();
    const devices = pairedDevices(dir);
    await devices.begin(device, journal);
    await devices.forget(journal);
    expect([await readAllowList(dir), await devices.unfinished()]).toEqual([[], []]);
  });

  it('forgets an old pairing of a device that came again, and not the new one', async () => {
    const dir = scratch();
    const devices = pairedDevices(dir);
    await devices.begin(device, journal);
    await devices.begin(
      { ...device, rid: 'ab'.repeat(16) },
      {
        ...journal,
        session_id: parseSessionId('cd'.repeat(16)),
        link: { ...journal.link, rid: 'ab'.repeat(16) },
      },
    );
    await devices.forget(journal);
    expect((await readAllowList(dir)).map(({ rid }) => rid)).toEqual(['ab'.repeat(16)]);
    expect((await devices.unfinished()).map(({ session_id }) => session_id)).toEqual(['cd'.repeat(16)]);
  });

  const again = {
    device: { ...device, rid: 'ab'.repeat(16), psk: Buffer.alloc(32, 8).toString('base64url') },
    journal: {
      ...journal,
      session_id: parseSessionId('cd'.repeat(16)),
      link: { ...journal.link, rid: 'ab'.repeat(16) },
    },
  };

  it('keeps a device that works when it pairs again in vain, and has the new pairing alone when it does not', async () => {
    const dir = scratch();
    const devices = pairedDevices(dir);
    await devices.begin(device, journal);
    await devices.acknowledge(journal.session_id);
    await devices.activate(journal, granted);
    await devices.begin(again.device, again.journal);
    await devices.forget(again.journal);
    expect(await readAllowList(dir)).toEqual([{ ...device, status: 'active' }]);
    await devices.begin(again.device, again.journal);
    await devices.acknowledge(again.journal.session_id);
    await devices.activate(again.journal, granted);
    expect(await readAllowList(dir)).toEqual([{ ...again.device, status: 'active' }]);
  });

  it('makes active the pairing that was acknowledged, not another one of the same device', async () => {
    const dir = scratch();
    const devices = pairedDevices(dir);
    await devices.begin(device, journal);
    await devices.begin(again.device, again.journal);
    await devices.acknowledge(journal.session_id);
    await devices.activate(journal, granted);
    const listed = async (): Promise<readonly (readonly [string, string])[]> =>
      (await readAllowList(dir)).map(({ rid, status }) => [rid, status]);
    expect(await listed()).toEqual([
      [device.rid, 'active'],
      [again.device.rid, 'provisional'],
    ]);
    await devices.activate(again.journal, granted);
    expect(await listed()).toEqual([[again.device.rid, 'active']]);
  });

  it('is left with the newer pairing, in whatever order two of one device come to their end', async () => {
    const dir = scratch();
    const devices = pairedDevices(dir);
    await devices.begin(device, journal);
    await devices.begin(again.device, again.journal);
    await devices.activate(again.journal, granted);
    await devices.activate(journal, granted);
    expect(await readAllowList(dir)).toEqual([{ ...again.device, status: 'active' }]);
  });

  it('is acknowledged or forgotten, never both, whoever comes first', async () => {
    const dir = scratch();
    const [pairing, other] = [pairedDevices(dir), pairedDevices(dir)];
    await pairing.begin(device, journal);
    await other.forget(journal);
    await expect(pairing.acknowledge(journal.session_id)).rejects.toMatchObject({
      code: 'pairing/session-expired',
    });
    expect(await other.unfinished()).toEqual([]);
    // Forgotten while it was being written down, by a program that then died.
    await pairing.begin(device, journal);
    await other.forget(journal);
    const path = join(dir, 'journal', `pairing-${journal.session_id}.json`);
    writeFileSync(path, JSON.stringify({ ...journal, acknowledged: true }));
    expect(await other.unfinished()).toEqual([]);
    expect(existsSync(path)).toBe(false);
    await pairing.begin(device, journal);
    await pairing.acknowledge(journal.session_id);
    await other.forget(journal);
    expect((await readAllowList(dir)).map(({ status }) => status)).toEqual(['provisional']);
    expect(await other.unfinished()).toEqual([{ ...journal, acknowledged: true }]);
    // Knowing that it was acknowledged: its device was revoked.
    await other.forget({ ...journal, acknowledged: true });
    expect([await readAllowList(dir), await other.unfinished()]).toEqual([[], []]);
  });

  it('does not set back what another command did with the same pairing', async () => {
    const dir = scratch();
    const [one, two] = [pairedDevices(dir), pairedDevices(dir)];
    await one.begin(device, journal);
    await one.acknowledge(journal.session_id);
    await two.begin(device, journal);
    expect(await two.unfinished()).toEqual([{ ...journal, acknowledged: true }]);
    await one.activate(journal, granted);
    await two.begin(device, journal);
    expect((await readAllowList(dir)).map(({ status }) => status)).toEqual(['active']);
    await changeAllowList(dir, (all) =>
      all.map((each) => ({ ...each, status: 'revoked' as const, psk: '' })),
    );
    await two.begin(device, journal);
    await two.acknowledge(journal.session_id);
    await two.activate(journal, granted);
    expect((await readAllowList(dir)).map(({ status }) => status)).toEqual(['revoked']);
    expect(await two.unfinished()).toEqual([]);
  });

  it('forgets what is not granted any more when it would become active', async () => {
    const dir = scratch();
    const devices = pairedDevices(dir);
    await devices.begin(device, journal);
    await devices.acknowledge(journal.session_id);
    expect(await devices.activate(journal, () => Promise.resolve(false))).toBe(false);
    expect([await readAllowList(dir), await devices.unfinished()]).toEqual([[], []]);
  });

  it('does not bring a revoked device back', async () => {
    const dir = scratch();
    const devices = pairedDevices(dir);
    await devices.begin(device, journal);
    await changeAllowList(dir, (all) => all.map((one) => ({ ...one, status: 'revoked' as const, psk: '' })));
    await devices.activate(journal, granted);
    expect((await readAllowList(dir)).map(({ status }) => status)).toEqual(['revoked']);
  });

  it('names a journal that cannot be read', async () => {
    const dir = scratch();
    const devices = pairedDevices(dir);
    await devices.begin(device, journal);
    const path = join(dir, 'journal', `pairing-${journal.session_id}.json`);
    writeFileSync(path, readFileSync(path, 'utf8').slice(0, 40));
    await expect(devices.unfinished()).rejects.toMatchObject({ code: 'storage/corrupt' });
  });

  it('ends what is provisional without a journal: sealed is active, the rest goes, and what goes on is left alone', async () => {
    const dir = scratch();
    const stale = (name: string, fill: string): PairedDevice => ({
      ...device,
      name,
      device_id: fill.repeat(32),
      rid: fill.repeat(16),
    });
    const [sealed, lost] = [stale('sealed', 'e1'), stale('lost', 'e2')];
    await changeAllowList(dir, () => [sealed, lost]);
    await pairedDevices(dir).begin(device, journal);
    expect((await strandedPairings(dir)).map(({ name }) => name)).toEqual(['sealed', 'lost']);
    await settleStranded(dir, async () => new Set([sealed.rid, device.rid]));
    expect(await readAllowList(dir)).toEqual([{ ...sealed, status: 'active' }, device]);
    expect(await strandedPairings(dir)).toEqual([]);
  });
});
