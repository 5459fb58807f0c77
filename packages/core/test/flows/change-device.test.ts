/** What is sealed holds upon the log that it is appended to, whoever appends between the look and the seal. */
import { beforeEach, describe, expect, it } from 'vitest';
import { createFakeClock } from '../../../testing/src/fake-clock.ts';
import { createFakeRandom } from '../../../testing/src/fake-random.ts';
import { beforeNextAppend } from '../../../testing/src/memory-stores.ts';
import {
  createAuthority,
  createTestSigner,
  type TestAuthority,
} from '../../../testing/src/two-device-world.ts';
import { nodeVerifyEngine as engine } from '../../../key-store/src/verify-engine.ts';
import type { DeviceState } from '../../src/attestation/device-state.ts';
import { buildExtension, buildLink, signedBytes } from '../../src/attestation/sign.ts';
import { toHex } from '../../src/encoding/bytes.ts';
import { changeDevice } from '../../src/flows/change-device.ts';
import { ownDevices } from '../../src/flows/own-devices.ts';
import { revokeDevice, type RevokePorts } from '../../src/flows/revoke-device.ts';
import { readOwnLog, sealRecords, type Draft } from '../../src/flows/seal-records.ts';
import type { DidKeri } from '../../src/identifiers.ts';
import type { Signer } from '../../src/ports.ts';

const clock = createFakeClock();
const random = createFakeRandom(11);
const phone = createTestSigner(random.bytes(32));
const tab = createTestSigner(random.bytes(32));
let host: TestAuthority;
let ports: RevokePorts;
let did: DidKeri;

beforeEach(async () => {
  host = await createAuthority(clock, random);
  ports = { ...host, engine, clock };
  did = host.controllerDid;
  await link(phone, 'phone');
  await link(tab, 'tab');
});

async function linkDraft(device: Signer, name: string): Promise<Draft> {
  const unsigned = buildLink({
    rid: random.bytes(16),
    issuer: did,
    devicePublicKey: device.publicKey,
    capabilities: ['sign_commit'],
    name,
    issuedAt: clock.now(),
  });
  const signature = await device.sign(signedBytes(unsigned));
  return { ...unsigned, device_signature: toHex(signature) };
}

const link = async (device: Signer, name: string): Promise<unknown> =>
  sealRecords(ports, did, [await linkDraft(device, name)]);

const rename = (device: string, name: string): Promise<unknown> => changeDevice(ports, did, { device, name });
const extend = (device: string, days: number): Promise<unknown> =>
  changeDevice(ports, did, { device, expiresAt: clock.now() + days * 86_400_000 });
const devices = async (): Promise<readonly DeviceState[]> => (await ownDevices(ports, did)).devices.slice(1);
const lastSequence = async (): Promise<number | undefined> =>
  (await readOwnLog(ports, did)).verdict.state?.sequence;

describe('a change of a device', () => {
  it('is one of the link that stands when it is sealed', async () => {
    beforeNextAppend(host.log, () => link(phone, 'phone again'));
    await rename('phone', 'mobile');
    expect(await devices()).toMatchObject([{ name: 'mobile', fault: null }, { name: 'tab' }]);
  });

  it.each([
    ['rename', () => rename('phone', 'mobile')],
    ['extend', () => extend('phone', 90)],
  ])('%s fails, and seals nothing, when the device is revoked before it', async (_verb, change) => {
    beforeNextAppend(host.log, () => revokeDevice(ports, did, { device: 'phone', reason: 'lost' }));
    await expect(change()).rejects.toMatchObject({ code: 'device/revoked' });
    expect([await lastSequence(), (await devices())[0]?.name]).toEqual([4, 'phone']);
  });

  it('gives no name that another device has got meanwhile', async () => {
    beforeNextAppend(host.log, () => rename('tab', 'x'));
    await expect(rename('phone', 'x')).rejects.toMatchObject({ code: 'usage/invalid' });
    expect((await devices()).map(({ name }) => name)).toEqual(['phone', 'x']);
  });

  it('is of the device that had the name when it was begun', async () => {
    beforeNextAppend(host.log, async () => {
      await rename('phone', 'old');
      await rename('tab', 'phone');
    });
    await revokeDevice(ports, did, { device: 'phone', reason: 'lost' });
    expect(await devices()).toMatchObject([
      { name: 'old', revocation: { reason: 'lost' } },
      { name: 'phone', revocation: null },
    ]);
  });
});

describe('a revocation', () => {
  it('that says no more than the one that came before it is not sealed', async () => {
    beforeNextAppend(host.log, () => revokeDevice(ports, did, { device: 'phone', reason: 'compromised' }));
    expect(await revokeDevice(ports, did, { device: 'phone', reason: 'lost' })).toMatchObject({
      record: null,
      sealedAt: null,
    });
    expect(await lastSequence()).toBe(4);
  });
});

describe('a device that counts for nothing', () => {
  it('is not changed: it is linked anew', async () => {
    const [device] = await devices();
    await link(phone, 'phone');
    await sealRecords(ports, did, [
      buildExtension({ device: device as DeviceState, issuedAt: clock.now(), name: 'stale' }),
    ]);
    const anew = {
      code: 'attestation/invalid',
      hint: expect.stringContaining('auths devices revoke did:key:'),
    };
    await expect(rename('phone', 'mobile')).rejects.toMatchObject(anew);
    await expect(extend('phone', 90)).rejects.toMatchObject(anew);
    await link(phone, 'phone');
    await rename('phone', 'mobile');
    expect(await devices()).toMatchObject([{ name: 'mobile', fault: null }, { name: 'tab' }]);
  });
});

describe('an identity that is rotated between look and seal', () => {
  it.each([
    ['rename', () => rename('phone', 'mobile')],
    ['extend', () => extend('phone', 90)],
    ['revoke', () => revokeDevice(ports, did, { device: 'phone', reason: 'lost' })],
  ])('%s is sealed by the key that the log names now', async (_verb, change) => {
    beforeNextAppend(host.log, host.rotate);
    await change();
    const fold = await ownDevices(ports, did);
    expect([await lastSequence(), fold.missing, fold.refused]).toEqual([5, [], []]);
    expect(fold.devices[1]).not.toMatchObject({ name: 'phone', expiresAt: null, revocation: null });
  });

  it('whose key is not here seals nothing', async () => {
    const { reopen: _none, ...alone } = ports;
    beforeNextAppend(host.log, host.rotate);
    await expect(changeDevice(alone, did, { device: 'phone', name: 'mobile' })).rejects.toMatchObject({
      code: 'key/not-found',
    });
    expect(await lastSequence()).toBe(4);
  });

  it('leaves what the key before it has sealed as it was signed, when a run is repeated', async () => {
    const drafts = await sealRecords(ports, did, [await linkDraft(phone, 'phone')]);
    await host.rotate();
    expect(await sealRecords(ports, did, drafts.records)).toMatchObject({ event: null });
    expect((await ownDevices(ports, did)).missing).toEqual([]);
  });
});
