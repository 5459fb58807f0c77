/** What each thief can do, until when, and what stops him: one test for each row of the table in docs/threat-model.md. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { objectId, pureDigests } from '../../src/commit/digests.ts';
import type { EvidenceSource } from '../../src/commit/evidence.ts';
import type { History } from '../../src/commit/history.ts';
import { DEFAULT_POLICY } from '../../src/commit/policy.ts';
import { armorSshSignature, sshSignedBytes } from '../../src/commit/sshsig.ts';
import { judgeObject } from '../../src/commit/verify.ts';
import { createWorld } from '../../src/commit/world.ts';
import { pureVerifyEngine, signEd25519 } from '../../src/crypto/ed25519.ts';
import { fromLatin1, latin1 } from '../../src/encoding/text.ts';
import { advance, logsOf, type Log } from '../../src/keri/advance.ts';
import { interact, nextDigestOf, rotate, storedEvent } from '../../src/keri/build.ts';
import { replay } from '../../src/keri/key-state.ts';
import { digest } from '../../src/keri/said.ts';
import type { StoredEvent } from '../../src/ports.ts';
import {
  PAPER_TIME,
  PaperIdentity,
  messageOf,
  paperKey,
  type PaperKey,
} from '../../../testing/src/paper-identity.ts';

const DAY = 86_400_000;
const laptop = paperKey(100);
const phone = paperKey(101);
const mallory = paperKey(102);

interface Signed {
  readonly type: 'commit' | 'tag';
  readonly oid: string;
  readonly bytes: Uint8Array;
}

/** A commit or tag that this key signed. */
function work(by: PaperKey, message: string, type: 'commit' | 'tag' = 'commit'): Signed {
  const commit = `tree ${'a'.repeat(40)}\nauthor A <a@b> 1 +0000\ncommitter C <c@d> 1 +0000\n`;
  const tag = `object ${'b'.repeat(40)}\ntype commit\ntag v1\ntagger C <c@d> 1 +0000\n`;
  const payload = latin1(`${type === 'commit' ? commit : tag}\n${message}\n`);
  const armor = fromLatin1(
    armorSshSignature({
      publicKey: by.publicKey,
      namespace: 'git',
      hash: 'sha512',
      signature: signEd25519(by.seed, sshSignedBytes(pureDigests, 'git', 'sha512', payload)),
    }),
  );
  const bytes =
    type === 'commit'
      ? latin1(`${commit}gpgsig ${armor.trimEnd().replaceAll('\n', '\n ')}\n\n${message}\n`)
      : latin1(fromLatin1(payload) + armor);
  return { type, oid: objectId(pureDigests, 'sha1', type, bytes), bytes };
}

const nameOf = ({ oid, bytes }: Signed): { readonly oid: string; readonly blake3: string } => ({
  oid,
  blake3: Buffer.from(digestBytes(bytes)).toString('hex'),
});
const digestBytes = (bytes: Uint8Array): Uint8Array =>
  new Uint8Array(Buffer.from(digest(bytes).slice(1).padStart(44, 'A'), 'base64url').subarray(1));

function source(name: string, identity: PaperIdentity, proposal = false): EvidenceSource {
  const messages = identity.events.map((event) => ({ bytes: messageOf(event), sequence: event.sequence }));
  return {
    name,
    proposal,
    logs: new Map([[identity.prefix, { streams: [], messages, receipts: new Uint8Array(0) }]]),
    records: identity.records.map(({ bytes }) => bytes),
    notes: [],
  };
}

/** Nothing is older than anything; what is asked for by name is there. */
const HISTORY: History = {
  isWithin: (oid, tips) => Promise.resolve(tips.includes(oid)),
  present: (names) => Promise.resolve(names.map(({ oid }) => oid)),
  changesPolicy: () => Promise.resolve(false),
  touchesEvidence: () => Promise.resolve(false),
  holdsEvidence: () => Promise.resolve(false),
  isBelowLiveCommit: () => Promise.resolve(false),
};

/** The verdict of a verifier who trusts `root` and believes these sources in their order. */
async function verdict(
  root: PaperIdentity,
  sources: readonly EvidenceSource[],
  { oid, type, bytes }: Signed,
  now = PAPER_TIME,
): Promise<string> {
  const world = createWorld({
    sources,
    roots: [{ did: root.did, said: null, until: null }],
    policy: DEFAULT_POLICY,
    engine: pureVerifyEngine,
    digests: pureDigests,
    now,
  });
  return (await judgeObject(world, HISTORY, { oid, type, bytes, format: 'sha1' })).verdict;
}

const judgedLog = (identity: PaperIdentity): Log =>
  logsOf(replay(identity.stream, { engine: pureVerifyEngine }))[0] as Log;

/** `more` on top of a log, as a thief would show it. */
const ruleOf = (identity: PaperIdentity, more: StoredEvent): string | null => {
  const all = [...identity.events, more].map(messageOf);
  return replay(new Uint8Array(Buffer.concat(all)), { engine: pureVerifyEngine }).rule;
};

/** An identity with a laptop and a phone, nothing wrong yet. */
function owner(): { readonly me: PaperIdentity; readonly phoneLink: ReturnType<PaperIdentity['link']> } {
  const me = new PaperIdentity(1);
  me.link(laptop, { name: 'laptop' });
  const phoneLink = me.link(phone, {
    name: 'phone',
    capabilities: ['sign_commit'],
    expiresAt: PAPER_TIME + 90 * DAY,
  });
  return { me, phoneLink };
}

const rows: Readonly<Record<string, () => Promise<void>>> = {
  'a paired device’s key': async () => {
    const { me, phoneLink } = owner();
    const stolen = work(phone, 'by the thief');
    expect(await verdict(me, [source('base', me)], stolen)).toBe('valid');
    expect(await verdict(me, [source('base', me)], work(phone, 'a tag', 'tag'))).toBe('capability-denied');
    expect(await verdict(me, [source('base', me)], stolen, PAPER_TIME + 91 * DAY)).toBe('expired');
    // It grants nothing: an event that it signs is none of this log.
    const built = interact({ prefix: me.prefix, sequence: 3, prior: me.tip.said, seals: [] });
    const event = storedEvent(built, [{ index: 0, signature: signEd25519(phone.seed, built.event) }]);
    expect(ruleOf(me, event)).toBe('sig-invalid');
    // Until the revocation reaches the verifier, from any source, the proposal's too.
    const before = me.fork();
    me.revoke(phoneLink, 'compromised');
    expect(await verdict(me, [source('base', before)], stolen)).toBe('valid');
    expect(await verdict(me, [source('base', before), source('proposal', me, true)], stolen)).toBe('revoked');
  },

  'the same, after `revoke --reason lost`': async () => {
    const { me, phoneLink } = owner();
    const [reviewed, other] = [work(phone, 'reviewed'), work(phone, 'not seen')];
    me.revoke(phoneLink, 'lost', [nameOf(reviewed)]);
    expect(await verdict(me, [source('base', me)], reviewed)).toBe('valid-before-revocation');
    expect(await verdict(me, [source('base', me)], other)).toBe('revoked-unordered');
  },

  'the same, after `revoke --reason compromised`': async () => {
    const { me, phoneLink } = owner();
    const [reviewed, other] = [work(phone, 'reviewed'), work(phone, 'not seen')];
    me.revoke(phoneLink, 'compromised', [nameOf(reviewed)]);
    expect(await verdict(me, [source('base', me)], reviewed)).toBe('valid-before-revocation');
    expect(await verdict(me, [source('base', me)], other)).toBe('revoked');
  },

  'the current identity key': async () => {
    const { me, phoneLink } = owner();
    const thief = me.fork();
    const his = work(mallory, 'by his device');
    const late = work(phone, 'after it was revoked');
    thief.link(mallory, { name: 'mallory' });
    thief.anchor([nameOf(late)]);
    // He publishes first, and is believed until the owner rotates.
    expect(await verdict(me, [source('refs', thief)], his)).toBe('valid');
    expect(await verdict(me, [source('base', me), source('refs', thief)], his)).toBe('valid');
    const base = me.fork();
    me.rotate([], 3);
    me.revoke(phoneLink, 'lost');
    for (const sources of [
      [source('base', me), source('refs', thief)],
      [source('refs', thief), source('proposal', me, true)],
      [source('base', base), source('refs', thief), source('registry', me)],
    ]) {
      expect(await verdict(me, sources, his)).toBe('attestation-unanchored');
      // Nor does his anchor put the phone's late work before its revocation.
      expect(await verdict(me, sources, late)).toBe('revoked-unordered');
    }
    expect(advance(judgedLog(thief), judgedLog(me))).toMatchObject({ kind: 'recovered', from: 3 });
    expect(advance(judgedLog(me), judgedLog(thief))).toMatchObject({ kind: 'disputed', from: 3 });
    // The rotation that exposed the key, made again: believed only where the floor lies before it.
    const exposed = me.fork();
    const again = base.fork();
    again.rotate([{ d: exposed.tip.said }], 3);
    again.link(mallory, { name: 'mallory' });
    expect(advance(judgedLog(me), judgedLog(again)).kind).toBe('disputed');
    expect(await verdict(me, [source('base', me), source('refs', again)], his)).toBe(
      'attestation-unanchored',
    );
    expect(await verdict(me, [source('base', base), source('refs', again)], his)).toBe('valid');
  },

  'a rotated-out identity key': async () => {
    const { me } = owner();
    const thief = me.fork();
    me.rotate();
    thief.link(mallory, { name: 'mallory' });
    const his = work(mallory, 'by his device');
    for (const sources of [
      [source('own home', me), source('refs', thief)],
      [source('refs', thief), source('registry', me)],
      [source('base', me), source('proposal', thief, true)],
    ])
      expect(await verdict(me, sources, his)).toBe('attestation-unanchored');
    // To whoever holds nothing else it is a log like any other.
    expect(await verdict(me, [source('refs', thief)], his)).toBe('valid');
  },

  'a laptop with its recovery kit still on it': async () => {
    const { me } = owner();
    const thief = me.fork();
    thief.rotate();
    thief.link(mallory, { name: 'mallory' });
    const his = work(mallory, 'by his device');
    // The owner has the same kit: whoever rotates first stays.
    me.rotate([{ d: me.tip.said }]);
    expect(advance(judgedLog(thief), judgedLog(me)).kind).toBe('disputed');
    expect(await verdict(me, [source('refs', thief), source('proposal', me, true)], his)).toBe('valid');
  },

  'a laptop without its kit': async () => {
    const { me } = owner();
    const thief = me.fork();
    thief.link(mallory, { name: 'mallory' });
    // He cannot rotate: no key that he holds was committed to.
    const built = rotate({
      prefix: thief.prefix,
      sequence: thief.tip.sequence + 1,
      prior: thief.tip.said,
      key: thief.key.publicKey,
      nextDigest: nextDigestOf(mallory.publicKey),
    });
    const rot = storedEvent(built, [{ index: 0, signature: signEd25519(thief.key.seed, built.event) }]);
    expect(ruleOf(thief, rot)).toBe('next-commitment');
    // The recovery revokes the laptop's device and rotates below his branch.
    const link = me.records.find(({ sealedAt }) => sealedAt === 1);
    const [stolen, his] = [work(laptop, 'by the stolen laptop'), work(mallory, 'by his device')];
    me.rotate([], 3);
    me.revoke(JSON.parse(Buffer.from(link?.bytes ?? []).toString()) as never, 'compromised');
    for (const one of [stolen, his])
      expect(['revoked', 'attestation-unanchored']).toContain(
        await verdict(me, [source('refs', thief), source('registry', me)], one),
      );
    expect(await verdict(me, [source('refs', thief), source('registry', me)], work(phone, 'goes on'))).toBe(
      'valid',
    );
  },

  'the recovery kit, or the next key': async () => {
    const { me } = owner();
    const thief = me.fork();
    // With the next key he needs no other: he takes back everything since the last rotation.
    thief.rotate([], 1);
    thief.link(mallory, { name: 'mallory' });
    expect(advance(judgedLog(me), judgedLog(thief))).toMatchObject({ kind: 'recovered', from: 1 });
    const sources = [source('base', me), source('refs', thief)];
    expect(await verdict(me, sources, work(mallory, 'his'))).toBe('valid');
    expect(await verdict(me, sources, work(phone, 'no more'))).toBe('attestation-unanchored');
    // What the owner still holds makes a rival of it, no more.
    me.interact([]);
    expect(advance(judgedLog(thief), judgedLog(me)).kind).toBe('disputed');
  },
};

describe('theft', () => {
  it.each(Object.entries(rows))('of %s', async (_row, proves) => {
    await proves();
  });

  it('every row of the table in the threat model stands here', () => {
    const page = readFileSync(
      fileURLToPath(new URL('../../../../docs/threat-model.md', import.meta.url)),
      'utf8',
    );
    const keys = page.slice(page.indexOf('## Keys'), page.indexOf('## Pairing'));
    const first = [...keys.matchAll(/^\| ([^|]+?) +\|/gm)].map(([, cell]) =>
      (cell as string).replaceAll("'", '’'),
    );
    expect(first.filter((cell) => cell !== 'stolen' && !cell.startsWith('--'))).toEqual(Object.keys(rows));
  });
});
