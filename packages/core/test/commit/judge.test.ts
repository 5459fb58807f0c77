import * as fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { objectId, pureDigests } from '../../src/commit/digests.ts';
import type { HeapMessage } from '../../src/commit/branches.ts';
import type { EvidenceSource } from '../../src/commit/evidence.ts';
import type { History } from '../../src/commit/history.ts';
import { DEFAULT_POLICY } from '../../src/commit/policy.ts';
import { armorSshSignature, sshSignedBytes } from '../../src/commit/sshsig.ts';
import { classOf, exitOf, type ObjectResult, type Verdict } from '../../src/commit/verdict.ts';
import { judgeObject, unreadableObject } from '../../src/commit/verify.ts';
import { createWorld, type World } from '../../src/commit/world.ts';
import { pureVerifyEngine, signEd25519 } from '../../src/crypto/ed25519.ts';
import { digest } from '../../src/keri/said.ts';
import { fromLatin1, latin1 } from '../../src/encoding/text.ts';
import type { StoredEvent, VerifyEngine } from '../../src/ports.ts';
import { PAPER_TIME, PaperIdentity, messageOf, paperKey } from '../../../testing/src/paper-identity.ts';

const device = paperKey(100);

/** Knows nothing of any history: nothing is older than anything. */
const NO_HISTORY: History = {
  isWithin: (oid, tips) => Promise.resolve(tips.includes(oid)),
  present: (names) => Promise.resolve(names.map(({ oid }) => oid)),
  changesPolicy: () => Promise.resolve(false),
  touchesEvidence: () => Promise.resolve(false),
  holdsEvidence: () => Promise.resolve(false),
  isBelowLiveCommit: () => Promise.resolve(false),
};

const HEAD = `tree ${'a'.repeat(40)}\nauthor A <a@b> 1 +0000\ncommitter C <c@d> 1 +0000\n`;

function signedCommit(message: string): Uint8Array {
  const payload = latin1(`${HEAD}\n${message}`);
  const signature = signEd25519(device.seed, sshSignedBytes(pureDigests, 'git', 'sha512', payload));
  const armor = armorSshSignature({
    publicKey: device.publicKey,
    namespace: 'git',
    hash: 'sha512',
    signature,
  });
  return latin1(`${HEAD}gpgsig ${fromLatin1(armor).trimEnd().replaceAll('\n', '\n ')}\n\n${message}`);
}

/** Evidence as files: every event and every record on its own. */
function source(
  identity: PaperIdentity,
  change: (file: Uint8Array, index: number) => Uint8Array = (file) => file,
): EvidenceSource {
  let index = 0;
  const messages = identity.events.map((event) => ({
    bytes: change(messageOf(event), index++),
    sequence: event.sequence,
  }));
  const records = identity.records.map(({ bytes }) => change(bytes, index++));
  return {
    name: 'test',
    proposal: false,
    logs: new Map([[identity.prefix, { streams: [], messages, receipts: new Uint8Array(0) }]]),
    records,
    notes: [],
  };
}

function worldOf(
  identity: PaperIdentity,
  sources: readonly EvidenceSource[],
  engine: VerifyEngine = pureVerifyEngine,
): World {
  const roots = [{ did: identity.did, said: null, until: null }];
  return createWorld({
    sources,
    roots,
    policy: DEFAULT_POLICY,
    engine,
    digests: pureDigests,
    now: PAPER_TIME,
  });
}

async function verdictOf(world: World, bytes: Uint8Array): Promise<Verdict> {
  const oid = objectId(pureDigests, 'sha1', 'commit', bytes);
  return (await judgeObject(world, NO_HISTORY, { oid, type: 'commit', bytes, format: 'sha1' })).verdict;
}

function results(...verdicts: readonly Verdict[]): ObjectResult[] {
  const plain = unreadableObject('x', 'commit', 'missing');
  return verdicts.map((verdict) => Object.assign({}, plain, { verdict }));
}

describe('a judgement without any repository', () => {
  const identity = new PaperIdentity(1);
  const bytes = signedCommit('a message\n');
  beforeAll(() => {
    identity.link(device);
  });

  it('is the same function that a browser calls', async () => {
    expect(await verdictOf(worldOf(identity, [source(identity)]), bytes)).toBe('valid');
    expect(await verdictOf(worldOf(identity, []), bytes)).toBe('unverifiable');
  });

  it('property: a one-byte change of the object is never valid', async () => {
    const world = worldOf(identity, [source(identity)]);
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), async (at, mask) => {
        const changed = bytes.slice();
        changed[at] = (changed[at] as number) ^ mask;
        expect(classOf(await verdictOf(world, changed))).toBe('failed');
      }),
      { numRuns: 400 },
    );
  });

  it('property: a one-byte change of any event or record is never valid', async () => {
    const files = identity.events.length + identity.records.length;
    await fc.assert(
      fc.asyncProperty(
        fc.nat(files - 1),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        async (file, offset, mask) => {
          const changed = source(identity, (original, index) => {
            if (index !== file) return original;
            const copy = original.slice();
            copy[offset % copy.length] = (copy[offset % copy.length] as number) ^ mask;
            return copy;
          });
          expect(['failed', 'unverifiable']).toContain(
            classOf(await verdictOf(worldOf(identity, [changed]), bytes)),
          );
        },
      ),
      { numRuns: 400 },
    );
  });

  it('property: leaving out any file after a revocation never makes it valid again', async () => {
    const revoked = new PaperIdentity(1);
    const link = revoked.link(device);
    revoked.revoke(link, 'compromised');
    const files = revoked.events.length + revoked.records.length;
    for (let left = 0; left < files; left++) {
      const stripped = source(revoked);
      const log = stripped.logs.get(revoked.prefix);
      const messages = (log?.messages ?? []).filter((_, index) => index !== left);
      const records = stripped.records.filter((_, index) => index + revoked.events.length !== left);
      const logs = new Map([[revoked.prefix, { streams: [], messages, receipts: new Uint8Array(0) }]]);
      const verdict = await verdictOf(worldOf(revoked, [{ ...stripped, logs, records }]), bytes);
      // Withholding the newest event is what a lone log cannot show (identity-life.md 4).
      if (left === revoked.events.length - 1) expect(verdict).toBe('valid');
      else expect(classOf(verdict)).not.toBe('passed');
    }
  });

  it('a crowd of rivals beside a revocation does not hide it', async () => {
    const revoked = new PaperIdentity(1);
    const link = revoked.link(device);
    const rivals = Array.from({ length: 40 }, (_, i) => {
      const rival = revoked.fork();
      rival.interact([{ d: digest(latin1(`${i}`)) }]);
      return { bytes: messageOf(rival.tip), sequence: 2 };
    });
    revoked.revoke(link, 'compromised');
    const known = source(revoked);
    const own = known.logs.get(revoked.prefix)?.messages ?? [];
    const empty = { streams: [], receipts: new Uint8Array(0) };
    for (const spoil of [0, 1]) {
      // Signed rivals, and rivals that anybody could make up: their signatures do not verify.
      const crowd = rivals.map(({ bytes: rival, sequence }) => {
        const copy = rival.slice();
        copy[copy.length - 5] = (copy[copy.length - 5] as number) ^ spoil;
        return { bytes: copy, sequence };
      });
      for (const messages of [
        [...crowd, ...own],
        [...own, ...crowd],
      ]) {
        const logs = new Map([[revoked.prefix, { ...empty, messages }]]);
        expect(classOf(await verdictOf(worldOf(revoked, [{ ...known, logs }]), bytes))).toBe('failed');
      }
    }
  });

  it('branches are verified once up to where they part, and each beyond', async () => {
    const long = new PaperIdentity(1);
    long.link(device);
    for (let i = 0; i < 40; i++) long.interact([]);
    const trunk = source(long).logs.get(long.prefix)?.messages ?? [];
    const rivals = Array.from({ length: 14 }, (_, i) => {
      const rival = long.fork();
      rival.interact([{ d: digest(latin1(`${i}`)) }]);
      return rival.tip;
    });
    const spoilt = messageOf(rivals.pop() as StoredEvent);
    spoilt[spoilt.length - 60] = (spoilt[spoilt.length - 60] as number) ^ 1;
    const messages = [
      ...rivals.map((tip) => ({ bytes: messageOf(tip), sequence: tip.sequence })),
      { bytes: spoilt, sequence: 42 },
      ...trunk,
    ];
    const empty = { streams: [], receipts: new Uint8Array(0) };
    const sources = [
      { ...source(long), logs: new Map([[long.prefix, { ...empty, messages: trunk }]]) },
      { ...source(long), proposal: true, logs: new Map([[long.prefix, { ...empty, messages }]]) },
    ];
    let asked = 0;
    const engine: VerifyEngine = {
      verify: (...given) => {
        asked++;
        return pureVerifyEngine.verify(...given);
      },
    };
    const world = worldOf(long, sources, engine);
    expect(world.identity(long.did)).toMatchObject({ status: 'duplicity', forkAt: 42 });
    // 42 events, 13 rivals, one that does not verify, and the link's two signatures.
    expect(asked).toBe(42 + 13 + 1 + 2);
  });

  it('a spoilt copy of an event stands in nobody’s way, before or after the good one', async () => {
    const own = source(identity).logs.get(identity.prefix)?.messages ?? [];
    const at = identity.events.length - 1;
    const good = own[at] as HeapMessage;
    // One character of the signature; of the attachment's code; of the event.
    const spoilt = [good.bytes.length - 20, good.bytes.length - 90, 60].map((offset) => {
      const copy = good.bytes.slice();
      copy[offset] = (copy[offset] as number) === 0x41 ? 0x42 : 0x41;
      return copy;
    });
    const empty = { streams: [], receipts: new Uint8Array(0) };
    for (const copy of spoilt) {
      for (const sequence of [at, at + 7]) {
        const bad = { bytes: copy, sequence, said: identity.tip.said };
        for (const messages of [
          [bad, ...own],
          [...own, bad],
        ]) {
          const logs = new Map([[identity.prefix, { ...empty, messages }]]);
          const world = worldOf(identity, [{ ...source(identity), logs }]);
          expect(await verdictOf(world, bytes)).toBe('valid');
        }
        // Alone it is no event at all.
        const logs = new Map([[identity.prefix, { ...empty, messages: [...own.slice(0, at), bad] }]]);
        const world = worldOf(identity, [{ ...source(identity), logs }]);
        expect(classOf(await verdictOf(world, bytes))).not.toBe('passed');
      }
    }
  });

  it('a file that is named after another event is noted, and is no event', async () => {
    const own = source(identity).logs.get(identity.prefix)?.messages ?? [];
    const inception = own[0] as HeapMessage;
    const [first, second] = identity.events as [StoredEvent, StoredEvent];
    for (const name of [
      { sequence: 9, said: first.said },
      { sequence: 0, said: second.said },
    ]) {
      const messages = [{ ...inception, ...name }, ...own];
      const logs = new Map([[identity.prefix, { streams: [], messages, receipts: new Uint8Array(0) }]]);
      const world = worldOf(identity, [{ ...source(identity), logs }]);
      expect(await verdictOf(world, bytes)).toBe('valid');
      expect(world.notes().join()).toContain('a file of another name holds the event at s=0');
    }
  });

  it('an engine that says yes to everything still cannot make up a seal', async () => {
    const gullible: VerifyEngine = { verify: () => true };
    const stranger = new PaperIdentity(70);
    const forged = { ...source(identity), records: [] };
    expect(await verdictOf(worldOf(identity, [forged, source(stranger)], gullible), bytes)).toBe(
      'unknown-device',
    );
  });

  it('exit codes: failed before unverifiable before passed, and nothing is no pass', () => {
    expect(exitOf([])).toBe(2);
    expect(exitOf(results('valid', 'exempt', 'valid-before-expiry'))).toBe(0);
    expect(exitOf(results('valid', 'unverifiable'))).toBe(4);
    expect(exitOf(results('unverifiable', 'unsigned'))).toBe(1);
    expect(exitOf([...results('unverifiable'), unreadableObject('y', 'blob', 'unsupported')])).toBe(2);
  });
});
