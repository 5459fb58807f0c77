/** Attestation records, and the files of `.auths/` that say whom and what a repository trusts. */
import * as fc from 'fast-check';
import { expect } from 'vitest';
import { parseRecord } from '../../packages/core/src/attestation/attestation.ts';
import { foldDevices } from '../../packages/core/src/attestation/fold.ts';
import { parseCapabilityList, sortCapabilities } from '../../packages/core/src/attestation/capability.ts';
import { encodeRecord } from '../../packages/core/src/attestation/sign.ts';
import { verifyRecordSignatures } from '../../packages/core/src/attestation/verify.ts';
import { formatPolicy, parsePolicy } from '../../packages/core/src/commit/policy.ts';
import { formatRoots, parseRootArgument, parseRoots } from '../../packages/core/src/commit/roots.ts';
import { fromUtf8 } from '../../packages/core/src/encoding/text.ts';
import { replay } from '../../packages/core/src/keri/key-state.ts';
import { parseIdentityDocument } from '../../packages/git-store/src/identity-document.ts';
import { nodeVerifyEngine as engine } from '../../packages/key-store/src/verify-engine.ts';
import type { PaperIdentity } from '../../packages/testing/src/paper-identity.ts';
import { accepted, countCases, fuzz, same } from './laws.ts';
import { mutatedJson, mutatedText } from './mutate.ts';
import { identities, records } from './samples.ts';

countCases('records');

const known = new Set(records.map((record) => fromUtf8(record)));
const keys = identities.map((identity) => identity.key.publicKey);
const values = records.map((record): unknown => JSON.parse(fromUtf8(record)));

fuzz(
  'attestation: a record that parses reads back, and no changed one is signed',
  mutatedJson(values),
  4_000,
  (input) => {
    const record = accepted(() => parseRecord(input));
    if (record === null) return;
    const bytes = encodeRecord(record);
    expect(same(encodeRecord(parseRecord(bytes)), bytes)).toBe(true);
    if (known.has(fromUtf8(bytes))) return;
    for (const key of keys) {
      const { identity, device } = verifyRecordSignatures(engine, record, key);
      expect(identity && device !== false).toBe(false);
    }
  },
);

const [lively] = identities as [PaperIdentity];
const { events } = replay(lively.stream, { engine });
const honest = foldDevices({
  issuer: lively.did,
  events,
  records: lively.records.map(({ bytes }) => parseRecord(bytes)),
  engine,
});
const standing = new Map(honest.devices.map((one) => [one.subject, new Set(one.capabilities)]));

fuzz(
  'records changed, left out or doubled never give a device more than it was granted',
  fc.array(mutatedJson(values, 2), { minLength: 1, maxLength: 8 }),
  300,
  (inputs) => {
    const parsed = inputs.flatMap((input) => accepted(() => parseRecord(input)) ?? []);
    const { devices } = foldDevices({ issuer: lively.did, events, records: parsed, engine });
    for (const one of devices) {
      const granted = (
        values as { subject?: string; type: string; capabilities?: string[]; issuer: string }[]
      )
        .filter(
          ({ type, subject, issuer }) => type === 'link' && subject === one.subject && issuer === lively.did,
        )
        .flatMap(({ capabilities }) => capabilities ?? []);
      expect(standing.has(one.subject)).toBe(true);
      for (const capability of one.capabilities) expect(granted).toContain(capability);
    }
  },
);

const policies = [
  JSON.parse(formatPolicy('ab'.repeat(20))) as unknown,
  {
    v: 1,
    since: 'ab'.repeat(32),
    require_capability: { commit: 'sign_commit', tag: 'x:y' },
    merges: 'clean',
    ancestry: ['retired', 'lost'],
    forge_keys: [{ name: 'GitHub', key: 'ssh-ed25519 AAAA', tree_equals_verified: true }],
    exceptions: [{ oid: 'cd'.repeat(20), why: 'imported' }],
    max_staleness: '90d',
    grants: 'proposal',
    notaries: [lively.prefix],
    receipts: 3,
  },
];
const POLICY_MEMBERS = Object.keys(policies[1] as object);
fuzz('policy: no member and no reason that loosens it slips in', mutatedJson(policies), 2_500, (input) => {
  const policy = accepted(() => parsePolicy(input));
  if (policy === null) return;
  const value = JSON.parse(fromUtf8(input)) as Record<string, unknown>;
  for (const name of Object.keys(value)) expect(POLICY_MEMBERS).toContain(name);
  expect(policy.ancestry).not.toContain('compromised');
  expect(['signed', 'clean']).toContain(policy.merges);
  expect(Object.keys(policy.requireCapability).toSorted()).toEqual(['artifact', 'commit', 'tag']);
  for (const name of Object.values(policy.requireCapability)) expect(name).toMatch(/^[a-z0-9:_-]{1,64}$/);
});

const dids = identities.map(({ did }) => did);
const rootFiles = [
  dids.map((did) => `${did}\n`).join(''),
  `# people\n\n${dids[0]} @${lively.tip.said} until ${'ab'.repeat(20)}\r\n${dids[1]}@${lively.tip.said}\n`,
];
fuzz(
  'roots: only whole identities, and the written form reads back',
  mutatedText(rootFiles, 4),
  2_500,
  (text) => {
    const roots = accepted(() => parseRoots(text));
    if (roots === null) return;
    expect(parseRoots(formatRoots(roots)).toSorted((a, b) => (a.did < b.did ? -1 : 1))).toEqual(
      roots.toSorted((a, b) => (a.did < b.did ? -1 : 1)),
    );
    for (const { did } of roots) expect(text).toContain(did);
  },
);
fuzz('--root arguments', mutatedText([...dids, `${dids[0]}@${lively.tip.said}`], 3), 1_000, (text) => {
  const root = accepted(() => parseRootArgument(text));
  if (root !== null) expect(root.did + (root.said === null ? '' : `@${root.said}`)).toBe(text);
});

fuzz('capability lists', mutatedText(['sign_commit,sign_tag', 'a:b, c-d ,e_f'], 4), 1_000, (text) => {
  const names = accepted(() => parseCapabilityList(text));
  if (names !== null) expect(sortCapabilities(names)).toEqual(names);
});

const identityDocument = {
  version: 1,
  controller_did: lively.did,
  role: 'controller',
  created_at: '2026-03-01T00:00:00Z',
};
fuzz(
  'identity document',
  mutatedJson([identityDocument, { ...identityDocument, role: 'device' }]),
  1_500,
  (input) => {
    const document = accepted(() => parseIdentityDocument(input));
    if (document !== null) expect(JSON.parse(fromUtf8(input))).toEqual(document);
  },
);
