/** A stranger chooses the log, its keys and the records: what it costs to fold them is counted, not timed. */
import { describe, expect, it } from 'vitest';
import type { AttestationRecord } from '../../src/attestation/attestation.ts';
import type { SealingEvent } from '../../src/attestation/device-state.ts';
import { foldDevices } from '../../src/attestation/fold.ts';
import { digestOf, encodeRecord, resigned } from '../../src/attestation/sign.ts';
import { pureDigests } from '../../src/commit/digests.ts';
import { DEFAULT_POLICY } from '../../src/commit/policy.ts';
import { createWorld } from '../../src/commit/world.ts';
import { pureVerifyEngine } from '../../src/crypto/ed25519.ts';
import type { Said } from '../../src/identifiers.ts';
import type { VerifyEngine } from '../../src/ports.ts';
import { PAPER_TIME, PaperIdentity, didOf, paperKey } from '../../../testing/src/paper-identity.ts';

const laptop = paperKey(100);

/** Gives one answer to everything, and counts how often it is asked. */
class CountingEngine implements VerifyEngine {
  asked = 0;
  readonly #answer: boolean;
  constructor(answer: boolean) {
    this.#answer = answer;
  }
  verify(): boolean {
    this.asked++;
    return this.#answer;
  }
}

/** Events as a replay would leave them, each with a key of its own. */
function rotations(count: number, seals: readonly unknown[] = []): readonly SealingEvent[] {
  return Array.from({ length: count }, (_, sequence) => {
    const key = laptop.publicKey.slice();
    new DataView(key.buffer).setUint16(0, sequence);
    return { sequence, said: `E${String(sequence).padStart(43, '0')}` as Said, seals, keys: [key] };
  });
}

/** One record with as many identity signatures. */
function versions(record: AttestationRecord, count: number): readonly AttestationRecord[] {
  return Array.from({ length: count }, (_, i) => {
    const signature = new Uint8Array(64).fill(1);
    new DataView(signature.buffer).setUint16(0, i);
    return resigned(record, signature);
  });
}

describe('the work of a fold', () => {
  const identity = new PaperIdentity(1);
  const link = identity.link(laptop);
  const issuer = identity.did;

  it('unsealed records are not checked until somebody asks, and then with few keys', () => {
    const engine = new CountingEngine(false);
    const records = versions(link, 500);
    const fold = foldDevices({ issuer, events: rotations(500), records, engine });
    expect(engine.asked).toBe(0);
    expect(fold.refusalOf(records[0] as AttestationRecord)).toMatchObject({ why: 'signature' });
    expect(engine.asked).toBe(8);
  });

  it('a key that any number of unsealed links name is judged by a few of them', () => {
    let asked = 0;
    const engine: VerifyEngine = {
      verify: (...given) => {
        asked++;
        return pureVerifyEngine.verify(...given);
      },
    };
    const other = new PaperIdentity(1);
    const log = { streams: [other.stream], messages: [], receipts: new Uint8Array(0) };
    const world = createWorld({
      sources: [
        {
          name: 'test',
          proposal: true,
          logs: new Map([[other.prefix, log]]),
          records: versions(link, 400).map(encodeRecord),
          notes: [],
        },
      ],
      roots: [],
      policy: DEFAULT_POLICY,
      engine,
      digests: pureDigests,
      now: PAPER_TIME,
    });
    expect(world.claims(didOf(laptop))).toMatchObject([{ refused: { why: 'signature' } }]);
    expect(asked).toBeLessThan(50);
  });

  it('versions of one record under many keys take a few checks each', () => {
    const engine = new CountingEngine(false);
    const seal = { d: digestOf(link) };
    const events = rotations(300, [seal, seal, seal]);
    const fold = foldDevices({ issuer, events, records: versions(link, 300), engine });
    expect(engine.asked).toBeLessThan(10 * 300);
    expect(fold.missing).toHaveLength(900);
    expect(fold.refused).toHaveLength(300);
  });

  it('a good version counts wherever it stands among bad ones', () => {
    const [event] = rotations(1, [{ d: digestOf(link) }]) as [SealingEvent];
    const fold = foldDevices({
      issuer,
      events: [{ ...event, keys: [identity.key.publicKey] }],
      records: [...versions(link, 100), link],
      engine: pureVerifyEngine,
    });
    expect(fold.devices).toMatchObject([{ subject: didOf(laptop), missing: [] }]);
  });

  it('a record that one key seals again and again is checked once, and vouches once', () => {
    const engine = new CountingEngine(true);
    const own = identity.fork();
    const good = [{ oid: 'a'.repeat(40), blake3: 'b'.repeat(64) }];
    const records = [link, own.revoke(link, 'retired'), own.revoke(link, 'retired', good)];
    const anchor = own.anchor(good);
    const again = Array.from({ length: 200 }, () => [...records.slice(1), anchor]).flat();
    const seals = [link, ...again].map((record) => ({ d: digestOf(record) }));
    const fold = foldDevices({
      issuer,
      events: rotations(1, seals),
      records: [...records, anchor],
      engine,
    });
    expect(fold.devices[0]?.revocation?.good).toEqual(good);
    expect(fold.anchors).toHaveLength(1);
    // The link has two signatures.
    expect(engine.asked).toBe(5);
  });

  it('a device names some of the seals that nothing is at hand for, however many there are', () => {
    const lost = Array.from({ length: 900 }, () => ({ d: issuer }));
    const events = [...rotations(1, [{ d: digestOf(link) }, ...lost]), ...rotations(3, lost).slice(1)];
    const fold = foldDevices({ issuer, events, records: [link], engine: new CountingEngine(true) });
    expect(fold.missing).toHaveLength(2700);
    expect(fold.devices[0]?.missing.map(({ sealedAt }) => sealedAt.index)).toEqual(
      Array.from({ length: 16 }, (_, i) => i + 1),
    );
  });
});
