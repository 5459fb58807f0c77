import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cleanDeviceName, parseRecord, parseRecordValue } from '../../src/attestation/attestation.ts';
import { parseCapabilityList, sortCapabilities } from '../../src/attestation/capability.ts';
import { buildLink, digestOf, encodeRecord, resigned, signedBytes } from '../../src/attestation/sign.ts';
import { verifyRecordSignatures } from '../../src/attestation/verify.ts';
import { pureVerifyEngine } from '../../src/crypto/ed25519.ts';
import { fromUtf8, utf8 } from '../../src/encoding/text.ts';
import { hasCode } from '../../src/errors.ts';
import { PAPER_TIME, PaperIdentity, didOf, paperKey } from '../../../testing/src/paper-identity.ts';

const device = paperKey(100);

function sample() {
  const identity = new PaperIdentity(1);
  const link = identity.link(device, { expiresAt: PAPER_TIME + 86_400_000, name: 'phone' });
  return { identity, link };
}

function refusal(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (hasCode(error, 'attestation/invalid')) return error.message;
    throw error;
  }
  throw new Error('was accepted');
}

describe('records', () => {
  it('are the same after a round trip through their bytes', () => {
    const { identity, link } = sample();
    const good = [{ oid: 'a'.repeat(40), blake3: 'b'.repeat(64) }];
    const all = [
      link,
      identity.extend(link, { name: 'tablet' }),
      identity.revoke(link, 'lost', good),
      identity.anchor(good),
    ];
    for (const record of all) {
      expect(parseRecord(encodeRecord(record))).toEqual(record);
      expect(Object.isFrozen(parseRecord(encodeRecord(record)))).toBe(true);
    }
  });

  it('sign LV(label) and LV of canonical JSON without the signatures', () => {
    const { link } = sample();
    const text = fromUtf8(signedBytes(link).slice(4 + 19 + 4));
    expect(fromUtf8(signedBytes(link).slice(4, 23))).toBe('auths-attestation/1');
    expect(text).not.toContain('signature');
    expect(Object.keys(JSON.parse(text) as object)).toEqual(
      Object.keys(JSON.parse(text) as object).toSorted(),
    );
    expect(digestOf(link)).toMatch(/^E[\w-]{43}$/);
  });

  it('keep their digest and device signature when the identity signs anew', () => {
    const { link } = sample();
    const again = resigned(link, new Uint8Array(64).fill(7));
    expect(digestOf(again)).toBe(digestOf(link));
    expect(again.device_signature).toBe(link.device_signature);
  });

  it('verify both signatures against their keys', () => {
    const { identity, link } = sample();
    expect(verifyRecordSignatures(pureVerifyEngine, link, identity.key.publicKey)).toEqual({
      identity: true,
      device: true,
    });
    expect(verifyRecordSignatures(pureVerifyEngine, link, device.publicKey)).toEqual({
      identity: false,
      device: true,
    });
    const anchor = identity.anchor([{ oid: 'a'.repeat(40), blake3: 'b'.repeat(64) }]);
    expect(verifyRecordSignatures(pureVerifyEngine, anchor, identity.key.publicKey).device).toBeNull();
  });

  it('refuse every member that the type does not have, null, and every missing one', () => {
    const { identity, link } = sample();
    const records = [
      link,
      identity.extend(link, {}),
      identity.revoke(link, 'retired'),
      identity.anchor([{ oid: 'a'.repeat(40), blake3: 'b'.repeat(64) }]),
    ];
    for (const record of records) {
      expect(refusal(() => parseRecordValue({ ...record, extra: 1 }))).toContain('extra is unknown');
      expect(refusal(() => parseRecordValue({ ...record, note: null }))).toContain('note');
      const optional = new Set(['expires_at', 'name', 'note', 'good', 'introduced_by']);
      for (const name of Object.keys(record)) {
        const { [name]: _left, ...rest } = record as unknown as Record<string, unknown>;
        if (optional.has(name) && !(record.type === 'link' && name === 'name')) parseRecordValue(rest);
        else
          expect(
            refusal(() => parseRecordValue(rest)),
            `${record.type} without ${name}`,
          ).toBeTruthy();
      }
    }
    const anchor = records[3] as object;
    for (const [name, value] of [
      ['subject', link.subject],
      ['capabilities', []],
      ['device_public_key', link.device_public_key],
    ]) {
      expect(refusal(() => parseRecordValue({ ...anchor, [name as string]: value }))).toContain('is unknown');
    }
  });

  it.each([
    ['version', 2],
    ['type', 'grant'],
    ['type', 'toString'],
    ['rid', 'AB'.repeat(16)],
    ['rid', 'ab'.repeat(15)],
    ['issuer', 'did:keri:EXq5YqaL6L48pf0fu7IUhL0JRaU2_RxFP0AL43wYn148'],
    ['issuer', 'did:web:example.com'],
    ['subject', 'did:key:zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBme'],
    ['subject', didOf(paperKey(3))],
    ['device_public_key', 'AB'.repeat(32)],
    ['capabilities', ['sign_tag', 'sign_commit']],
    ['capabilities', ['sign_commit', 'sign_commit']],
    ['capabilities', ['Sign_commit']],
    ['capabilities', 'sign_commit'],
    ['timestamp', '2026-03-01T00:00:00.000Z'],
    ['timestamp', '2026-03-01T00:00:00+00:00'],
    ['timestamp', '2026-02-29T00:00:00Z'],
    ['timestamp', '2026-03-01t00:00:00z'],
    ['expires_at', 1_772_323_200],
    ['name', ''],
    ['name', 'a'.repeat(65)],
    ['name', 'evil\u001b[2Jname'],
    ['name', 'a\u202eb'],
    ['identity_signature', 'ab'.repeat(63)],
    ['device_signature', 'AB'.repeat(64)],
  ])('refuse a link with %s = %j', (name, value) => {
    const { link } = sample();
    expect(refusal(() => parseRecordValue({ ...link, [name]: value }))).toBeTruthy();
  });

  it('refuse a revocation whose revoked_at is not its timestamp, and empty lists of objects', () => {
    const { identity, link } = sample();
    const revocation = identity.revoke(link, 'lost');
    expect(refusal(() => parseRecordValue({ ...revocation, revoked_at: '2020-01-01T00:00:00Z' }))).toContain(
      'timestamp',
    );
    expect(refusal(() => parseRecordValue({ ...revocation, good: [] }))).toContain('good');
    expect(refusal(() => parseRecordValue({ ...revocation, reason: 'bored' }))).toContain('reason');
  });

  it('refuse doubled members and more than the bound', () => {
    const { link } = sample();
    const text = fromUtf8(encodeRecord(link));
    expect(refusal(() => parseRecord(utf8(text.replace('{', '{"note":"a","note":"b",'))))).toContain(
      'doubled',
    );
    expect(refusal(() => parseRecord(new Uint8Array(256 * 1024 + 1)))).toContain('longer');
    expect(refusal(() => parseRecord(utf8('[]')))).toBeTruthy();
  });

  it('refuse a number in another spelling: a changed byte is a changed record', () => {
    const text = fromUtf8(encodeRecord(sample().link));
    for (const spelling of ['1.0', '1e0', '1E0', '1.00', '10e-1', '0.1e+1']) {
      const changed = text.replace('"version":1', `"version":${spelling}`);
      expect(refusal(() => parseRecord(utf8(changed)))).toContain(`the number ${spelling}`);
    }
    // What stands in a text is no number, and true is none.
    const link = sample().identity.link(paperKey(101), { name: 'a "1.0" \\ 1e0' });
    expect(parseRecord(encodeRecord(link))).toEqual(link);
    expect(refusal(() => parseRecord(utf8(text.replace('"version":1', '"version":true'))))).toContain(
      'version',
    );
  });

  it('property: a one-byte change of a record is refused or breaks a signature', () => {
    const { identity, link } = sample();
    const bytes = encodeRecord(link);
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, mask) => {
        const changed = bytes.slice();
        changed[at] = (changed[at] as number) ^ mask;
        try {
          const record = parseRecord(changed);
          const { identity: one, device: two } = verifyRecordSignatures(
            pureVerifyEngine,
            record,
            identity.key.publicKey,
          );
          return !(one && two);
        } catch (error) {
          return hasCode(error, 'attestation/invalid');
        }
      }),
      { numRuns: 400 },
    );
  });

  it('do not link a weak key', () => {
    const weak = new Uint8Array(32);
    weak[0] = 1;
    const input = {
      rid: new Uint8Array(16),
      issuer: new PaperIdentity(1).did,
      capabilities: [],
      name: 'x',
      issuedAt: 0,
    };
    expect(() => buildLink({ ...input, devicePublicKey: weak })).toThrow(
      expect.objectContaining({ code: 'key/weak' }),
    );
  });
});

describe('names and capabilities', () => {
  it('E06 cleans names without letting anything through', () => {
    expect(cleanDeviceName('  my\u001b[2J laptop\n ')).toBe('my[2J laptop');
    expect(cleanDeviceName('\u202e\u0007')).toBe('device');
    expect(Array.from(cleanDeviceName('😀'.repeat(80)))).toHaveLength(64);
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme' }),
        (text) => cleanDeviceName(cleanDeviceName(text)) === cleanDeviceName(text),
      ),
    );
  });

  it('sorts by bytes and refuses what is no name', () => {
    expect(sortCapabilities(['sign_tag', 'deploy:prod', 'sign_tag', 'a-b'])).toEqual([
      'a-b',
      'deploy:prod',
      'sign_tag',
    ]);
    expect(parseCapabilityList('sign_tag, sign_commit')).toEqual(['sign_commit', 'sign_tag']);
    for (const bad of ['', 'a,,b', 'A', 'a b', 'é', 'x'.repeat(65)])
      expect(() => parseCapabilityList(bad)).toThrow();
  });
});
