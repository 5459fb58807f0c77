import { describe, expect, it } from 'vitest';
import { buildLink, digestOf, signedBytes } from '@auths/core/attestation/sign';
import { concat } from '@auths/core/encoding/bytes';
import { latin1 } from '@auths/core/encoding/text';
import { anchorObjects } from '@auths/core/flows/anchor-objects';
import { findDevice, ownDevices } from '@auths/core/flows/own-devices';
import { revokeDevice } from '@auths/core/flows/revoke-device';
import { readOwnLog, sealRecords, type Draft } from '@auths/core/flows/seal-records';
import { signEd25519 } from '@auths/core/crypto/ed25519';
import { toHex } from '@auths/core/encoding/bytes';
import type { Clock, Random } from '@auths/core/ports';
import { createSigner } from '../../../key-store/src/signer.ts';
import { nodeVerifyEngine } from '../../../key-store/src/verify-engine.ts';
import { PAPER_TIME, PaperIdentity, paperKey, type PaperKey } from '../../../testing/src/paper-identity.ts';
import { gitAttestationStore } from '../../src/attestation-store.ts';
import { gitEventLog } from '../../src/event-log.ts';
import { createHome } from '../../src/home-repository.ts';
import { temporary } from './support.ts';

const clock = { now: () => PAPER_TIME } as Clock;
let drawn = 0;
const random: Random = { bytes: (length) => new Uint8Array(length).fill(++drawn) };

/** A home on disk that holds an identity with one device. */
async function start() {
  const identity = new PaperIdentity(1);
  identity.link(paperKey(100), { name: 'laptop' });
  const home = createHome(temporary());
  const log = gitEventLog(home);
  const records = gitAttestationStore(home);
  await records.put(identity.did, identity.records);
  await log.append(identity.prefix, null, identity.events);
  const ports = {
    log,
    records,
    engine: nodeVerifyEngine,
    identity: createSigner(identity.key.seed),
    clock,
    random,
  };
  return { identity, ports, did: identity.did };
}

function draft(identity: PaperIdentity, device: PaperKey, name: string): Draft {
  const unsigned = buildLink({
    rid: random.bytes(16),
    issuer: identity.did,
    devicePublicKey: device.publicKey,
    capabilities: ['sign_commit'],
    name,
    issuedAt: PAPER_TIME,
  });
  return { ...unsigned, device_signature: toHex(signEd25519(device.seed, signedBytes(unsigned))) };
}

describe('sealing records in a home', () => {
  it('seals any number with one event, once', async () => {
    const { identity, ports, did } = await start();
    const drafts = [draft(identity, paperKey(101), 'phone'), draft(identity, paperKey(102), 'tablet')];
    const sealed = await sealRecords(ports, did, drafts);
    expect(sealed.event).toMatchObject({ sequence: 2 });
    expect((await ownDevices(ports, did)).devices.map(({ name }) => name)).toEqual([
      'laptop',
      'phone',
      'tablet',
    ]);
    // A run that died after the append and is repeated: nothing is sealed twice.
    const again = await sealRecords(ports, did, drafts);
    expect(again.event).toBeNull();
    expect((await readOwnLog(ports, did)).verdict.state?.sequence).toBe(2);
    const more = await sealRecords(ports, did, [...drafts, draft(identity, paperKey(103), 'watch')]);
    expect(more.event).toMatchObject({ sequence: 3 });
    expect((await ownDevices(ports, did)).missing).toEqual([]);
  });

  it('two at once both get in', async () => {
    const { identity, ports, did } = await start();
    await Promise.all(
      [4, 5, 6, 7].map((i) => sealRecords(ports, did, [draft(identity, paperKey(100 + i), `d${i}`)])),
    );
    const { devices, missing } = await ownDevices(ports, did);
    expect([devices.length, missing.length]).toEqual([5, 0]);
    expect((await readOwnLog(ports, did)).verdict.state?.sequence).toBe(5);
  });

  it('a key that the log no longer names seals nothing', async () => {
    const { identity, ports, did } = await start();
    const stranger = { ...ports, identity: createSigner(new Uint8Array(32).fill(77)) };
    await expect(sealRecords(stranger, did, [draft(identity, paperKey(101), 'x')])).rejects.toMatchObject({
      code: 'key/not-found',
    });
    await expect(sealRecords(ports, new PaperIdentity(9).did, [])).rejects.toMatchObject({
      code: 'identity/none',
    });
    expect((await readOwnLog(ports, did)).verdict.state?.sequence).toBe(1);
  });

  it('the event is one that any reader of the log accepts', async () => {
    const { ports, did } = await start();
    const { record, sequence } = await anchorObjects(
      ports,
      did,
      [{ oid: 'a'.repeat(40), blake3: 'b'.repeat(64) }],
      'release',
    );
    const { log } = await readOwnLog(ports, did);
    expect(sequence).toBe(2);
    expect(Buffer.from(log.stream).toString('latin1')).toContain(`{"d":"${digestOf(record)}"}`);
    expect(log.stream.length).toBeGreaterThan(concat(latin1('{}')).length);
    expect((await ownDevices(ports, did)).anchors).toMatchObject([
      { anchoredAt: '2026-03-01T00:00:00Z', sealedAt: { sequence: 2 } },
    ]);
  });
});

describe('revoking a device', () => {
  it('by name, alias or DID; again only where it says more', async () => {
    const { ports, did } = await start();
    await expect(revokeDevice(ports, did, { device: 'nobody', reason: 'lost' })).rejects.toMatchObject({
      code: 'device/not-found',
    });
    const first = await revokeDevice(ports, did, { device: 'laptop-key', reason: 'retired' });
    expect(first).toMatchObject({
      record: { type: 'revocation', reason: 'retired', revoked_at: '2026-03-01T00:00:00Z' },
      sealedAt: { sequence: 2 },
    });
    expect(await revokeDevice(ports, did, { device: 'laptop', reason: 'retired' })).toMatchObject({
      record: null,
      sealedAt: null,
    });
    expect(
      await revokeDevice(ports, did, { device: first.device.subject, reason: 'compromised' }),
    ).toMatchObject({ sealedAt: { sequence: 3 } });
    expect(await revokeDevice(ports, did, { device: 'laptop', reason: 'lost' })).toMatchObject({
      record: null,
    });
    const good = [{ oid: 'a'.repeat(40), blake3: 'b'.repeat(64) }];
    expect(await revokeDevice(ports, did, { device: 'laptop', reason: 'compromised', good })).toMatchObject({
      sealedAt: { sequence: 4 },
    });
    expect((await ownDevices(ports, did)).devices).toMatchObject([
      { revocation: { reason: 'compromised', good, sealedAt: { sequence: 3 } } },
    ]);
  });

  it('a name that two devices have is asked back, a revoked one does not count', async () => {
    const { identity, ports, did } = await start();
    await sealRecords(ports, did, [draft(identity, paperKey(101), 'laptop')]);
    const { devices } = await ownDevices(ports, did);
    expect(() => findDevice(devices, 'laptop')).toThrow(
      expect.objectContaining({ code: 'device/ambiguous' }),
    );
    await revokeDevice(ports, did, { device: devices[0]?.subject ?? '', reason: 'lost' });
    expect(findDevice((await ownDevices(ports, did)).devices, 'laptop').subject).toBe(devices[1]?.subject);
  });
});
