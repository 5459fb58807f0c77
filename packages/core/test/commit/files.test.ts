import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DEFAULT_POLICY, formatPolicy, parsePolicy } from '../../src/commit/policy.ts';
import { formatRoots, parseRootArgument, parseRoots } from '../../src/commit/roots.ts';
import { utf8 } from '../../src/encoding/text.ts';
import { PaperIdentity } from '../../../testing/src/paper-identity.ts';

const one = new PaperIdentity(1);
const two = new PaperIdentity(10);
const OID = 'c'.repeat(40);

describe('.auths/roots', () => {
  it('one identity a line, with a pin and an end', () => {
    const text = `# team\n\n${one.did}\n  ${two.did}\t@${two.prefix} until ${OID}  \n`;
    expect(parseRoots(text)).toEqual([
      { did: one.did, said: null, until: null },
      { did: two.did, said: two.prefix, until: OID },
    ]);
    expect(parseRoots(`${one.did}@${one.prefix}\n${one.did} @${one.prefix}`)).toHaveLength(1);
    expect(parseRoots('')).toEqual([]);
  });

  it('parse and format are one', () => {
    fc.assert(
      fc.property(
        fc.subarray([one, two, new PaperIdentity(20)]),
        fc.boolean(),
        fc.boolean(),
        (identities, pin, end) => {
          const roots = identities.map(({ did, tip }) => ({
            did,
            said: pin ? tip.said : null,
            until: end ? OID : null,
          }));
          const sorted = roots.toSorted((a, b) => (a.did < b.did ? -1 : 1));
          expect(parseRoots(formatRoots(roots))).toEqual(sorted);
        },
      ),
    );
  });

  it.each([
    `${one.did} ${two.did}`,
    `${one.did} until`,
    `${one.did} until HEAD`,
    `${one.did} until ${OID} @${one.prefix}`,
    `${one.did} @${one.prefix} @${one.prefix}`,
    `${one.did}@${one.prefix}@${one.prefix}`,
    `${one.did} @`,
    one.did.toUpperCase(),
    `${one.did}\n${one.did} until ${OID}`,
    'did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK',
    `=======\n${one.did}`,
    `${one.did} # mine`,
  ])('refuses %j', (text) => {
    expect(() => parseRoots(text)).toThrow(expect.objectContaining({ code: 'input/malformed' }));
  });

  it('as typed', () => {
    expect(parseRootArgument(`${one.did}@${one.prefix}`)).toEqual({
      did: one.did,
      said: one.prefix,
      until: null,
    });
    expect(() => parseRootArgument(` ${one.did}`)).toThrow();
  });
});

const parse = (value: unknown) => parsePolicy(utf8(JSON.stringify(value)));

describe('policy.json', () => {
  it('has defaults for everything, and says what it was told', () => {
    expect(parse({ v: 1 })).toEqual(DEFAULT_POLICY);
    expect(parsePolicy(utf8(formatPolicy(null)))).toEqual(DEFAULT_POLICY);
    expect(parsePolicy(utf8(formatPolicy(OID)))).toEqual({ ...DEFAULT_POLICY, since: OID });
    expect(
      parse({
        v: 1,
        require_capability: { tag: 'release:tag' },
        merges: 'clean',
        ancestry: ['retired', 'lost'],
        forge_keys: [{ name: 'GitHub', key: 'x', tree_equals_verified: true }],
        exceptions: [{ oid: OID, why: 'imported' }],
        max_staleness: '7d',
        grants: 'proposal',
        notaries: [one.prefix],
        receipts: 2,
      }),
    ).toEqual({
      since: null,
      requireCapability: { commit: 'sign_commit', tag: 'release:tag', artifact: 'sign_release' },
      merges: 'clean',
      ancestry: ['retired', 'lost'],
      forgeKeys: [{ name: 'GitHub', key: 'x', treeEqualsVerified: true }],
      exceptions: [{ oid: OID, why: 'imported' }],
      maxStalenessMs: 604_800_000,
      grants: 'proposal',
      notaries: [one.prefix],
      receipts: 2,
    });
  });

  it.each([
    {},
    { v: 2 },
    { v: 1, Since: OID },
    { v: 1, since: null },
    { v: 1, since: OID.slice(1) },
    { v: 1, merges: 'any' },
    { v: 1, ancestry: ['compromised'] },
    { v: 1, ancestry: 'retired' },
    { v: 1, require_capability: { commit: 'Sign' } },
    { v: 1, require_capability: { blob: 'sign_commit' } },
    { v: 1, exceptions: [OID] },
    { v: 1, exceptions: [{ oid: OID, why: 'x', until: 'never' }] },
    { v: 1, forge_keys: [{ name: 'GitHub', key: 'x' }] },
    { v: 1, max_staleness: 7 },
    { v: 1, grants: true },
    { v: 1, notaries: ['EXq5YqaL6L48pf0fu7IUhL0JRaU2_RxFP0AL43wYn148'] },
    { v: 1, receipts: -1 },
    [],
  ])('refuses %j', (value) => {
    expect(() => parse(value)).toThrow(expect.objectContaining({ code: 'input/malformed' }));
  });
});
