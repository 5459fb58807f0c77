import { describe, expect, it } from 'vitest';
import { confirmRule } from '../../src/flows/host-consent.ts';
import type { DidKey } from '../../src/identifiers.ts';

/** docs/protocol.md, "Codes": kind, mode, then the rule plain, with --yes, with --confirm, with both. */
const TABLE = [
  ['short6', 'lan', 'yes', 'none', 'yes', 'none'],
  ['short6', 'registry', 'type', 'type', 'type', 'type'],
  ['pin8', 'lan', 'yes', 'none', 'yes', 'none'],
  ['pin8', 'registry', 'yes', 'none', 'yes', 'none'],
  ['code12', 'lan', 'yes', 'none', 'yes', 'none'],
  ['code12', 'registry', 'yes', 'none', 'yes', 'none'],
  ['qr', 'lan', 'none', 'none', 'yes', 'none'],
  ['qr', 'registry', 'none', 'none', 'yes', 'none'],
  ['link', 'lan', 'type', 'type', 'type', 'type'],
  ['link', 'registry', 'type', 'type', 'type', 'type'],
] as const;

describe('who must look', () => {
  it.each(TABLE)('%s over %s', (kind, mode, plain, yes, confirm, both) => {
    expect(confirmRule(kind, { mode, yes: false, confirm: false })).toBe(plain);
    expect(confirmRule(kind, { mode, yes: true, confirm: false })).toBe(yes);
    expect(confirmRule(kind, { mode, yes: false, confirm: true })).toBe(confirm);
    expect(confirmRule(kind, { mode, yes: true, confirm: true })).toBe(both);
    const expectDevice = 'did:key:z6Mk' as DidKey;
    for (const flag of [true, false]) {
      expect(confirmRule(kind, { mode, yes: flag, confirm: flag, expectDevice })).toBe('none');
    }
  });
});
