import { describe, expect, it } from 'vitest';
import { parseRecord } from '../../src/attestation/attestation.ts';
import { buildLink } from '../../src/attestation/sign.ts';
import { pureVerifyEngine } from '../../src/crypto/ed25519.ts';
import { deviceOfLostHome, RECOVERED_NOTE } from '../../src/flows/lost-device.ts';
import { replay } from '../../src/keri/key-state.ts';
import {
  PAPER_TIME,
  PaperIdentity,
  didOf,
  paperKey,
  type PaperKey,
} from '../../../testing/src/paper-identity.ts';

const laptop = paperKey(100);
const phone = paperKey(101);
const thief = paperKey(102);

/** What a recovery writes for its own device. */
function recovered(identity: PaperIdentity, device: PaperKey, rid: number): void {
  const unsigned = buildLink({
    rid: new Uint8Array(16).fill(rid),
    issuer: identity.did,
    devicePublicKey: device.publicKey,
    capabilities: ['sign_commit'],
    name: 'laptop',
    issuedAt: PAPER_TIME,
    note: RECOVERED_NOTE,
  });
  identity.seal(identity.sign(unsigned, device));
}

function lostAt(identity: PaperIdentity, at: number): string | null {
  const { events } = replay(identity.stream, { engine: pureVerifyEngine });
  const records = identity.records.map(({ bytes }) => parseRecord(bytes));
  const shown = { issuer: identity.did, events, records, engine: pureVerifyEngine, at };
  return deviceOfLostHome(shown)?.subject ?? null;
}

describe('the device of a lost home', () => {
  it('is the first one, or that of the last recovery', () => {
    const identity = new PaperIdentity();
    identity.link(laptop);
    identity.link(phone, { name: 'phone' });
    expect(lostAt(identity, 3)).toBe(didOf(laptop));
    recovered(identity, phone, 200);
    expect(lostAt(identity, 4)).toBe(didOf(phone));
  });

  it('is not the one that a thief notes as recovered, nor spared because he revoked it', () => {
    const identity = new PaperIdentity();
    const link = identity.link(laptop);
    recovered(identity, thief, 201);
    identity.revoke(link, 'retired');
    // Up to event 1 it was the owner; and with --all, where nothing of it is vouched for.
    expect(lostAt(identity, 2)).toBe(didOf(laptop));
    expect(lostAt(identity, 1)).toBe(didOf(laptop));
  });

  it('is none where the owner has revoked it already, or nothing was ever linked', () => {
    const identity = new PaperIdentity();
    const link = identity.link(laptop);
    identity.revoke(link, 'lost');
    expect(lostAt(identity, 3)).toBe(null);
    expect(lostAt(new PaperIdentity(), 1)).toBe(null);
  });
});
