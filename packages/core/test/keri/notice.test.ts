/** A key state record is a claim, yet one that some log could prove: what no log can end in is refused. */
import { describe, expect, it } from 'vitest';
import { utf8 } from '../../src/encoding/text.ts';
import { type AuthsError, isAuthsError } from '../../src/errors.ts';
import { replay } from '../../src/keri/key-state.ts';
import { formatNotice, noticeOf, parseNotice } from '../../src/keri/notice.ts';
import type { KeyState } from '../../src/keri/state.ts';
import { buildLog, key, next, nodeEngine, streamOf, witness } from './support.ts';

const stateOf = (plan: string): KeyState =>
  replay(streamOf(buildLog(plan)), { engine: nodeEngine }).state as KeyState;
const TIME = '2026-01-31T23:59:59.000000+00:00';
const textOf = (plan: string): string =>
  new TextDecoder().decode(formatNotice(noticeOf(stateOf(plan), TIME)));
const ruleOf = (text: string): unknown => {
  try {
    parseNotice(utf8(text));
    return null;
  } catch (error) {
    if (!isAuthsError(error)) throw error;
    return (error as AuthsError & { details?: { rule?: string } }).details?.rule;
  }
};

describe('a key state record', () => {
  it('of any log reads back', () => {
    for (const plan of ['', 'i', 'r', 'iri'])
      expect(parseNotice(utf8(textOf(plan)))).toEqual(noticeOf(stateOf(plan), TIME));
  });

  const [one, two] = [key(1), next(2)];
  it.each<readonly [string, string, string, string]>([
    ['kt of nothing', '"kt":"1"', '"kt":"0"', 'threshold-invalid'],
    ['kt above the keys', '"kt":"1"', '"kt":"2"', 'threshold-unsatisfiable'],
    ['kt as an object', '"kt":"1"', '"kt":{}', 'field-type'],
    ['kt as an integer', '"kt":"1"', '"kt":1', 'field-type'],
    ['weights that never reach one', '"kt":"1"', '"kt":["1/2"]', 'threshold-invalid'],
    ['nt of nothing', '"nt":"1"', '"nt":"0"', 'threshold-invalid'],
    ['nt above the digests', '"nt":"1"', '"nt":"2"', 'threshold-unsatisfiable'],
    ['no keys', `"k":["${one}"]`, '"k":[]', 'keys-empty'],
    ['a key twice', `"k":["${one}"]`, `"k":["${one}","${one}"]`, 'keys-duplicate'],
    ['a digest for a key', `"k":["${one}"]`, `"k":["${two}"]`, 'key-code'],
    ['characters after a key', one, `${one}AAAA`, 'cesr-length'],
    ['pad bits in a key', one, `D_${one.slice(2)}`, 'cesr-pad'],
    ['a key for a digest', `"n":["${two}"]`, `"n":["${one}"]`, 'digest-code'],
    ['a digest twice', `"n":["${two}"]`, `"n":["${two}","${two}"]`, 'next-duplicate'],
    ['a transferable witness', '"bt":"0","b":[]', `"bt":"1","b":["${key(5)}"]`, 'witness-code'],
    [
      'a witness twice',
      '"bt":"0","b":[]',
      `"bt":"1","b":["${witness(5)}","${witness(5)}"]`,
      'witness-duplicate',
    ],
    ['bt without witnesses', '"bt":"0"', '"bt":"1"', 'toad-range'],
    ['an inception above zero', '"s":"0","p":""', '"s":"1","p":""', 'sn-sequence'],
    ['an inception with a prior', '"s":"0","p":""', `"s":"0","p":"${two}"`, 'sn-sequence'],
    ['a rotation at zero', '"et":"icp"', '"et":"rot"', 'sn-sequence'],
    ['a month that is none', '2026-01', '2026-13', 'field-type'],
    ['an hour that is none', 'T23', 'T24', 'field-type'],
    ['another escape', '"di":""', '"di":"\\u0041"', 'json-escape'],
    ['a byte order mark', '{"vn"', '\ufeff{"vn"', 'json-syntax'],
    ['white space', '"vn":[1,0]', '"vn":[1, 0]', 'json-compact'],
  ])('is refused with %s', (_what, from, to, rule) => {
    const text = textOf('');
    expect(text).toContain(from);
    expect(ruleOf(text.replace(from, to))).toBe(rule);
  });
});
