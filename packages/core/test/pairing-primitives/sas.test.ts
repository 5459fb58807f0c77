import { createHash, hkdfSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { parseSessionId } from '../../src/identifiers.ts';
import { claimKey } from '../../src/pairing/offer.ts';
import { deviceId, hostFingerprint, hostId, isSameSas } from '../../src/pairing/sas.ts';
import { channelPsk } from '../../src/pairing/transcript.ts';
import { codeOf, toHex } from '../crypto/vectors.ts';

const party = {
  signingKey: new Uint8Array(32).fill(1),
  static: new Uint8Array(32).fill(2),
  did: 'did:keri:E',
};

const node = (ikm: Uint8Array, salt: Uint8Array, info: string) =>
  Buffer.from(hkdfSync('sha256', ikm, salt, info, 32)).toString('hex');

describe('the SAS as typed', () => {
  it('is the same in any case, with or without hyphen, with O, I and L for 0 and 1', () => {
    for (const typed of ['RM9S-VPK2', 'rm9svpk2', ' rm9s vpk2 ', 'RM9SVPK2'])
      expect(isSameSas(typed, 'RM9S-VPK2')).toBe(true);
    expect(isSameSas('oIl1-0000', '0111-0000')).toBe(true);
  });

  it('is no other', () => {
    for (const typed of [
      '',
      'RM9S-VPK3',
      'RM9S',
      'RM9S-VPK22',
      'RM9S-VPK',
      'y',
      'RM9S_VPK2',
      'RM9S\u2013VPK2',
      'R'.repeat(10_000),
    ]) {
      expect([typed.slice(0, 12), isSameSas(typed, 'RM9S-VPK2')]).toEqual([typed.slice(0, 12), false]);
    }
  });
});

describe('identities', () => {
  it('a device and a host of the same keys are two', () => {
    expect(toHex(deviceId(party))).not.toBe(toHex(hostId(party)));
  });

  it('the long-term fingerprint is 130 bits of host_id in 26 letters', () => {
    const print = hostFingerprint(party);
    expect(print).toMatch(/^[0-9A-HJKMNP-TV-Z]{26}$/);
    const letters = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
    const bits = [...hostId(party)]
      .map((byte) => byte.toString(2).padStart(8, '0'))
      .join('')
      .slice(0, 130);
    expect(print).toBe((bits.match(/.{5}/g) ?? []).map((five) => letters[Number.parseInt(five, 2)]).join(''));
  });
});

describe('keys beside the pairing', () => {
  it('the claim key and the channel psk are the HKDFs of their formulae', () => {
    const session = parseSessionId('00112233445566778899aabbccddeeff');
    const secret = new Uint8Array(16).fill(7);
    expect(toHex(claimKey(secret, session))).toBe(
      node(secret, Buffer.from(session, 'hex'), 'auths-pair/1 claim'),
    );
    expect(codeOf(() => claimKey(new Uint8Array(15), session))).toBe('internal/bug');
    const token = new Uint8Array(32).fill(8);
    const salt = createHash('sha256')
      .update(Buffer.concat([party.static, party.signingKey]))
      .digest();
    expect(toHex(channelPsk(token, party.static, party.signingKey))).toBe(
      node(token, salt, 'auths-chan/1 psk'),
    );
  });
});
