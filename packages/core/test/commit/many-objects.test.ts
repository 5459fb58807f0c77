/** What is settled once for a device must be what each of its objects would be told alone, whatever was judged before. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { objectId, pureDigests } from '../../src/commit/digests.ts';
import type { EvidenceSource } from '../../src/commit/evidence.ts';
import type { History } from '../../src/commit/history.ts';
import type { SignedType } from '../../src/commit/object.ts';
import { DEFAULT_POLICY, type Policy } from '../../src/commit/policy.ts';
import { armorSshSignature, sshSignedBytes } from '../../src/commit/sshsig.ts';
import { verifyObjects, type CommitSource } from '../../src/flows/verify-commits.ts';
import { judgeObject, type ObjectToJudge } from '../../src/commit/verify.ts';
import { createWorld, type World } from '../../src/commit/world.ts';
import { pureVerifyEngine, signEd25519 } from '../../src/crypto/ed25519.ts';
import { fromLatin1, latin1 } from '../../src/encoding/text.ts';
import type { VerifyEngine } from '../../src/ports.ts';
import {
  messageOf,
  PAPER_TIME,
  PaperIdentity,
  paperKey,
  type PaperKey,
} from '../../../testing/src/paper-identity.ts';

const OBJECT = 'a'.repeat(40);
const PEOPLE = 'author A <a@b> 1 +0000\ncommitter C <c@d> 1 +0000\n';

function signed(by: PaperKey, type: SignedType, message: string): ObjectToJudge {
  const head = type === 'commit' ? `tree ${OBJECT}\nparent ${OBJECT}\n${PEOPLE}` : '';
  const payload =
    type === 'commit'
      ? `${head}\n${message}\n`
      : `object ${OBJECT}\ntype commit\ntag v1\ntagger A <a@b> 1 +0000\n\n${message}\n`;
  const signature = signEd25519(by.seed, sshSignedBytes(pureDigests, 'git', 'sha512', latin1(payload)));
  const armor = fromLatin1(
    armorSshSignature({ publicKey: by.publicKey, namespace: 'git', hash: 'sha512', signature }),
  );
  const bytes = latin1(
    type === 'commit'
      ? `${head}gpgsig ${armor.trimEnd().replaceAll('\n', '\n ')}\n\n${message}\n`
      : `${payload}${armor}`,
  );
  return { oid: objectId(pureDigests, 'sha1', type, bytes), type, bytes, format: 'sha1' };
}

const KEYS = Array.from({ length: 9 }, (_, i) => paperKey(100 + i));
const [manager, plain, ended, retired, lost, stolen, trustedOnce, gone] = KEYS as [
  PaperKey,
  PaperKey,
  PaperKey,
  PaperKey,
  PaperKey,
  PaperKey,
  PaperKey,
  PaperKey,
];
/** Three commits and three tags by each. */
const OBJECTS = KEYS.map((key) =>
  (['commit', 'tag'] as const).flatMap((type) => ['one', 'two', 'three'].map((m) => signed(key, type, m))),
);

const seals = { oid: 'c'.repeat(40), blake3: 'd'.repeat(64) };
const ALL = ['sign_commit', 'sign_tag', 'manage_policy'];
const identity = new PaperIdentity(1);
identity.link(manager, { capabilities: ALL });
identity.link(plain);
identity.link(ended, { expiresAt: PAPER_TIME + 1000 });
const retiredLink = identity.link(retired);
const lostLink = identity.link(lost);
const stolenLink = identity.link(stolen);
identity.anchor([seals]);
identity.revoke(retiredLink, 'retired', [seals]);
identity.revoke(lostLink, 'lost');
identity.revoke(stolenLink, 'compromised', [seals]);
const other = new PaperIdentity(2);
other.link(trustedOnce);
other.link(stolen);
/** Anchors nothing, so that of its device other questions come first. */
const third = new PaperIdentity(3);
third.revoke(third.link(gone, { capabilities: ALL }), 'retired');

const known = new Map<string, boolean>();
/** A world for every object asks about the same signatures again and again. */
const engine: VerifyEngine = {
  verify(publicKey, message, signature) {
    const question = [publicKey, message, signature].map(fromLatin1).join('|');
    const holds = known.get(question) ?? pureVerifyEngine.verify(publicKey, message, signature);
    known.set(question, holds);
    return holds;
  },
};

function source(of: PaperIdentity): EvidenceSource {
  const messages = of.events.map((event) => ({ bytes: messageOf(event), sequence: event.sequence }));
  return {
    name: 'test',
    proposal: false,
    logs: new Map([[of.prefix, { streams: [], messages, receipts: new Uint8Array(0) }]]),
    records: of.records.map(({ bytes }) => bytes),
    notes: [],
  };
}

function world(policy: Policy): World {
  return createWorld({
    sources: [source(identity), source(other), source(third)],
    roots: [
      { did: identity.did, said: null, until: null },
      { did: other.did, said: null, until: 'e'.repeat(40) },
      { did: third.did, said: null, until: null },
    ],
    policy,
    engine,
    digests: pureDigests,
    now: PAPER_TIME + 3_600_000,
  });
}

/** Answers by the object and the question alone. */
function historyOf(yes: (oid: string, question: number) => boolean): History {
  return {
    isWithin: (oid) => Promise.resolve(yes(oid, 0)),
    present: (names) => Promise.resolve(names.map(({ oid }) => oid)),
    changesPolicy: (oid) => Promise.resolve(yes(oid, 1) ? null : yes(oid, 2)),
    holdsEvidence: (oid) => Promise.resolve(yes(oid, 3)),
    isBelowLiveCommit: (oid) => Promise.resolve(yes(oid, 4)),
    touchesEvidence: (oid) => Promise.resolve(yes(oid, 5)),
  };
}

const someObjects = fc
  .shuffledSubarray(OBJECTS, { minLength: 1, maxLength: 3 })
  .chain((some) => fc.shuffledSubarray(some.flat(), { minLength: 2 }));

describe('many objects in one world', () => {
  it('never has more than some under way, however slow and quick ones lie', async () => {
    const slow = OBJECTS[1]?.[0] as ObjectToJudge;
    const unsigned = { ...slow, bytes: latin1(`tree ${OBJECT}\n${PEOPLE}\nunsigned\n`) };
    for (const every of [7, 48, 64, 1000]) {
      const objects = Array.from({ length: 600 }, (_, i) => (i % every === 0 ? unsigned : slow));
      let under = 0;
      let most = 0;
      const history: History = {
        ...historyOf(() => false),
        async changesPolicy() {
          most = Math.max(most, ++under);
          await new Promise((resolve) => setTimeout(resolve, 2));
          under--;
          return false;
        },
      };
      const commits: CommitSource = {
        format: 'sha1',
        shallow: false,
        async *readMany() {
          for (let at = 0; at < objects.length; at += 48)
            yield objects
              .slice(at, at + 48)
              .map(({ oid, type, bytes }) => ({ status: 'found' as const, name: oid, oid, type, bytes }));
        },
        commits: () => Promise.resolve([]),
      };
      const ids = objects.map(({ oid }) => oid);
      const results = await verifyObjects({ world: world(DEFAULT_POLICY), source: commits, history }, ids);
      expect(results.filter(({ verdict }) => verdict === 'valid')).toHaveLength(
        objects.filter((object) => object === slow).length,
      );
      expect(most).toBeGreaterThan(10);
      expect(most).toBeLessThanOrEqual(48);
    }
  });

  it('property: each gets the answer that it gets alone, in whatever order they come', async () => {
    const verdicts = new Set<string>();
    await fc.assert(
      fc.asyncProperty(
        someObjects,
        fc.func<[string, number], boolean>(fc.boolean()),
        fc.constantFrom<Partial<Policy>>(
          {},
          { ancestry: [] },
          { ancestry: ['retired', 'lost'] },
          { receipts: 2 },
        ),
        async (objects, yes, rules) => {
          const policy: Policy = { ...DEFAULT_POLICY, ...rules };
          const history = historyOf(yes);
          const shared = world(policy);
          for (const object of objects) {
            const alone = await judgeObject(world(policy), history, object);
            expect(await judgeObject(shared, history, object)).toEqual(alone);
            verdicts.add(alone.verdict);
          }
        },
      ),
      { numRuns: 200 },
    );
    // Otherwise the objects, or the histories, are not as different as they are meant to be.
    for (const verdict of ['valid', 'capability-denied', 'revoked', 'untrusted-root', 'unknown-device'])
      expect(verdicts).toContain(verdict);
    for (const verdict of ['valid-before-revocation', 'revoked-unordered', 'expired', 'unverifiable'])
      expect(verdicts).toContain(verdict);
  });
});
