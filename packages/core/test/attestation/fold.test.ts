import { describe, expect, it } from 'vitest';
import { parseRecord, type AttestationRecord } from '../../src/attestation/attestation.ts';
import { deviceStatus, type DeviceFold } from '../../src/attestation/device-state.ts';
import { foldDevices } from '../../src/attestation/fold.ts';
import { buildExtension, digestOf, encodeRecord, resigned, signedBytes } from '../../src/attestation/sign.ts';
import { pureVerifyEngine, signEd25519 } from '../../src/crypto/ed25519.ts';
import { replay } from '../../src/keri/key-state.ts';
import { PAPER_TIME, PaperIdentity, didOf, paperKey } from '../../../testing/src/paper-identity.ts';

const laptop = paperKey(100);
const phone = paperKey(101);

function fold(
  identity: PaperIdentity,
  without: readonly AttestationRecord[] = [],
  extra: readonly AttestationRecord[] = [],
): DeviceFold {
  const { events, verdict } = replay(identity.stream, { engine: pureVerifyEngine });
  expect(verdict).toBe('accepted');
  const left = new Set(without.map((record) => digestOf(record)));
  const records = identity.records
    .map(({ bytes }) => parseRecord(bytes))
    .filter((record) => !left.has(digestOf(record)));
  return foldDevices({
    issuer: identity.did,
    events,
    records: [...records, ...extra],
    engine: pureVerifyEngine,
  });
}

describe('the fold of records in seal order', () => {
  it('links, extends, revokes', () => {
    const identity = new PaperIdentity(1);
    const link = identity.link(laptop, { name: 'laptop', expiresAt: PAPER_TIME + 1000 });
    identity.link(phone, { name: 'phone' });
    identity.extend(link, { name: 'old laptop', capabilities: ['sign_commit'] });
    const { devices, missing, refused } = fold(identity);
    expect([missing, refused]).toEqual([[], []]);
    expect(devices).toMatchObject([
      {
        subject: didOf(laptop),
        name: 'old laptop',
        capabilities: ['sign_commit'],
        expiresAt: '2026-03-01T00:00:01Z',
        linkedAt: { sequence: 1 },
      },
      { subject: didOf(phone), name: 'phone', expiresAt: null, linkedAt: { sequence: 2 } },
    ]);
    identity.revoke(link, 'retired');
    expect(fold(identity).devices[0]).toMatchObject({
      revocation: { reason: 'retired', sealedAt: { sequence: 4 } },
    });
  });

  it('many records of one event stand in the order of its seals', () => {
    const identity = new PaperIdentity(1);
    const other = new PaperIdentity(1);
    const link = other.link(laptop);
    const revocation = other.revoke(link, 'retired');
    identity.seal(link, revocation);
    expect(fold(identity).devices[0]?.revocation).toMatchObject({ sealedAt: { sequence: 1, index: 1 } });
    const reversed = new PaperIdentity(1);
    reversed.seal(revocation, link);
    expect(fold(reversed).devices[0]?.revocation).toBeNull();
    expect(fold(reversed).refused).toMatchObject([{ why: 'order' }]);
  });

  it('an extension leaves what it does not name, and cannot add a capability', () => {
    const identity = new PaperIdentity(1);
    const link = identity.link(laptop, { expiresAt: PAPER_TIME + 1000 });
    identity.extend(link, { name: 'renamed' });
    expect(fold(identity).devices[0]).toMatchObject({
      name: 'renamed',
      expiresAt: '2026-03-01T00:00:01Z',
      fault: null,
    });
    const device = {
      rid: link.rid,
      issuer: link.issuer,
      subject: link.subject,
      linkDigest: digestOf(link),
      capabilities: link.capabilities,
    };
    expect(() => buildExtension({ device, capabilities: ['sign_release'], issuedAt: 0 })).toThrow(
      expect.objectContaining({ code: 'attestation/invalid' }),
    );
    // An authority that does it all the same.
    const more = buildExtension({
      device: { ...device, capabilities: ['sign_release'] },
      issuedAt: PAPER_TIME,
    });
    identity.seal(identity.sign(more));
    expect(fold(identity).devices[0]?.fault).toContain('sign_release');
    identity.link(laptop, { name: 'again' });
    expect(fold(identity).devices[0]).toMatchObject({ name: 'again', fault: null });
  });

  it('what was dropped does not come back by a second extension', () => {
    const identity = new PaperIdentity(1);
    const link = identity.link(laptop);
    identity.extend(link, { capabilities: [] });
    identity.extend(link, { capabilities: ['sign_commit'] });
    expect(fold(identity).devices[0]).toMatchObject({
      capabilities: [],
      fault: expect.stringContaining('sign_commit') as string,
    });
  });

  it('an extension must name the link that is there', () => {
    const identity = new PaperIdentity(1);
    const first = identity.link(laptop);
    identity.link(laptop, { name: 'second' });
    identity.extend(first, { name: 'x' });
    expect(fold(identity).devices[0]?.fault).toContain('another link');
  });

  it('lost and compromised are final, retired is not; a worse reason replaces a better', () => {
    for (const [reason, live] of [
      ['retired', true],
      ['lost', false],
      ['compromised', false],
    ] as const) {
      const identity = new PaperIdentity(1);
      const link = identity.link(laptop);
      identity.revoke(link, reason);
      identity.link(laptop, { name: 'again' });
      expect(fold(identity).devices[0]?.revocation === null, reason).toBe(live);
    }
    const identity = new PaperIdentity(1);
    const link = identity.link(laptop);
    const good = [{ oid: 'a'.repeat(40), blake3: 'b'.repeat(64) }];
    identity.revoke(link, 'lost');
    identity.revoke(link, 'retired', good);
    expect(fold(identity).devices[0]?.revocation).toMatchObject({
      reason: 'lost',
      good: [],
      sealedAt: { sequence: 2 },
    });
    identity.revoke(link, 'lost', good);
    expect(fold(identity).devices[0]?.revocation).toMatchObject({
      reason: 'lost',
      good,
      sealedAt: { sequence: 2 },
    });
    identity.revoke(link, 'compromised');
    expect(fold(identity).devices[0]?.revocation).toMatchObject({
      reason: 'compromised',
      good: [],
      sealedAt: { sequence: 5 },
    });
  });

  it('a record that is not there is missing for every device linked before it, and for none after', () => {
    const identity = new PaperIdentity(1);
    const link = identity.link(laptop);
    const revocation = identity.revoke(link, 'lost');
    identity.link(phone);
    const { devices, missing } = fold(identity, [revocation]);
    expect(missing).toMatchObject([{ digest: digestOf(revocation), sealedAt: { sequence: 2 } }]);
    expect(devices.map(({ missing: own }) => own.length)).toEqual([1, 0]);
  });

  it('a spoiled identity signature is as good as missing, a good copy beside it is enough', () => {
    const identity = new PaperIdentity(1);
    const link = identity.link(laptop);
    const revocation = identity.revoke(link, 'lost');
    const spoiled = resigned(revocation, new Uint8Array(64).fill(1));
    expect(fold(identity, [revocation], [spoiled]).missing).toHaveLength(1);
    expect(fold(identity, [], [spoiled])).toMatchObject({
      missing: [],
      devices: [{ revocation: { reason: 'lost' } }],
    });
  });

  it('the identity signature is by the key in force at the seal: rotation breaks nothing, a stolen old key adds nothing', () => {
    const identity = new PaperIdentity(1);
    const link = identity.link(laptop);
    const thief = identity.key;
    identity.rotate();
    expect(fold(identity).devices).toHaveLength(1);
    const unsigned = identity.fork().link(phone);
    const { identity_signature: _a, device_signature: _b, ...content } = unsigned;
    const forged = resigned(unsigned, signEd25519(thief.seed, signedBytes(content)));
    identity.seal(forged);
    expect(fold(identity)).toMatchObject({
      devices: [{ subject: link.subject }],
      refused: [{ why: 'signature' }],
    });
  });

  it('a record sealed anew in a recovery counts by its new signature, with the digest that it had', () => {
    const identity = new PaperIdentity(1);
    const link = identity.link(laptop);
    identity.records.length = 0;
    identity.rotate([{ d: digestOf(link) }], 1);
    expect(fold(identity, [], [link])).toMatchObject({ devices: [], missing: [{ digest: digestOf(link) }] });
    const again = resigned(link, signEd25519(identity.key.seed, signedBytes(link)));
    expect(encodeRecord(again)).not.toEqual(encodeRecord(link));
    expect(fold(identity, [], [link, again])).toMatchObject({
      devices: [{ subject: link.subject, linkedAt: { sequence: 1 } }],
      missing: [],
    });
  });

  it('seals of others are not records; a record of another issuer under our seal is none of ours', () => {
    const identity = new PaperIdentity(1);
    const stranger = new PaperIdentity(40);
    const foreign = stranger.link(laptop);
    identity.interact([{ i: identity.prefix, s: '0', d: identity.prefix }, { rd: identity.prefix }]);
    identity.interact([{ d: digestOf(foreign) }]);
    const { devices, missing } = fold(identity, [], [foreign]);
    expect(devices).toEqual([]);
    expect(missing).toHaveLength(1);
  });

  it('unsealed records count for nothing, and say why', () => {
    const identity = new PaperIdentity(1);
    const sealed = identity.link(laptop);
    const loose = identity.fork().link(phone);
    const found = fold(identity, [], [loose]);
    expect(found).toMatchObject({ devices: [{ subject: sealed.subject }], refused: [] });
    expect(found.refusalOf(loose)).toMatchObject({ record: loose, why: 'unanchored' });
    expect(found.refusalOf(resigned(loose, new Uint8Array(64)))).toMatchObject({ why: 'signature' });
    expect(found.refusalOf(sealed)).toBeNull();
  });

  it('grants can be held back by event, revocations cannot', () => {
    const identity = new PaperIdentity(1);
    const link = identity.link(laptop);
    identity.link(phone);
    identity.anchor([{ oid: 'a'.repeat(40), blake3: 'b'.repeat(64) }]);
    identity.revoke(link, 'lost');
    const { events } = replay(identity.stream, { engine: pureVerifyEngine });
    const records = identity.records.map(({ bytes }) => parseRecord(bytes));
    const held = foldDevices({
      issuer: identity.did,
      events,
      records,
      engine: pureVerifyEngine,
      grants: ({ sequence }) => sequence < 2,
    });
    expect(held.devices).toMatchObject([{ subject: didOf(laptop), revocation: { reason: 'lost' } }]);
    expect(held.anchors).toEqual([]);
    expect(held.refused.map(({ why }) => why)).toEqual(['not-counted-here', 'not-counted-here']);
  });

  it('the status of a device goes by the clock given', () => {
    const identity = new PaperIdentity(1);
    const link = identity.link(laptop, { expiresAt: PAPER_TIME + 1000 });
    const [device] = fold(identity).devices;
    if (device === undefined) throw new Error('no device');
    expect(deviceStatus(device, PAPER_TIME + 999)).toBe('active');
    expect(deviceStatus(device, PAPER_TIME + 1000)).toBe('expired');
    identity.revoke(link, 'retired');
    const [revoked] = fold(identity).devices;
    if (revoked === undefined) throw new Error('no device');
    expect(deviceStatus(revoked, PAPER_TIME)).toBe('revoked');
  });
});
