/**
 * The key state record of KERI (docs/protocol.md, "Key state"): what somebody says the newest state is. A claim;
 * only a log proves it. Its text has one form: this order of labels, canonical JSON as in events.
 */
import { decodeCesrFixed } from '../encoding/cesr.ts';
import { fromUtf8, utf8 } from '../encoding/text.ts';
import { type Prefix, type Said, parsePrefix, parseSaid } from '../identifiers.ts';
import { checkWitnessThreshold } from './establishment.ts';
import { MAX_EVENT } from './parse.ts';
import { type Rule, refuse } from './rules.ts';
import { skipObject } from './scan.ts';
import type { KeyState } from './state.ts';
import { parseCount, parseThreshold } from './threshold.ts';

export interface KeyStateNotice {
  readonly vn: readonly [1, 0];
  readonly i: Prefix;
  /** Hex text, as in events; so are f and bt. */
  readonly s: string;
  /** Empty for an inception. */
  readonly p: string;
  readonly d: Said;
  /** First-seen number. */
  readonly f: string;
  /** ISO 8601 with microseconds and offset, the notifier's clock. */
  readonly dt: string;
  readonly et: string;
  readonly kt: unknown;
  readonly k: readonly string[];
  readonly nt: unknown;
  readonly n: readonly string[];
  readonly bt: string;
  readonly b: readonly string[];
  readonly c: readonly string[];
  readonly ee: {
    readonly s: string;
    readonly d: Said;
    readonly br: readonly string[];
    readonly ba: readonly string[];
  };
  /** Empty when not delegated. */
  readonly di: string;
}

const LABELS = 'vn,i,s,p,d,f,dt,et,kt,k,nt,n,bt,b,c,ee,di';
const HEX = /^(?:0|[1-9a-f][0-9a-f]{0,31})$/;
const DATE_TIME =
  /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{6}[+-](?:[01]\d|2[0-3]):[0-5]\d$/;

/** The record of a state; `dt` is the caller's time, `2026-01-01T00:00:00.000000+00:00`. */
export function noticeOf(state: KeyState, dt: string): KeyStateNotice {
  const { lastEstablishment: last } = state;
  return {
    vn: [1, 0],
    i: state.prefix,
    s: state.sequence.toString(16),
    p: state.prior ?? '',
    d: state.said,
    f: state.firstSeen.toString(16),
    dt,
    et: state.ilk,
    kt: state.threshold,
    k: state.keys,
    nt: state.nextThreshold,
    n: state.next,
    bt: state.witnessThreshold.toString(16),
    b: state.witnesses,
    c: state.traits,
    ee: { s: last.sequence.toString(16), d: last.said, br: last.removed, ba: last.added },
    di: state.delegator ?? '',
  };
}

/** The exact text. */
export function formatNotice(notice: KeyStateNotice): Uint8Array {
  return utf8(JSON.stringify(notice));
}

/** A record as received; any other text form, label, order or type is `input/malformed`. */
export function parseNotice(bytes: Uint8Array): KeyStateNotice {
  if (bytes.length > MAX_EVENT) throw refuse('bounds', 'a key state record of more than 64 KiB');
  const text = fromUtf8(bytes);
  if (skipObject(text, 0) !== text.length) throw refuse('size-mismatch', 'text after the record');
  const record = JSON.parse(text) as Readonly<Record<string, unknown>>;
  if (Object.keys(record).join() !== LABELS)
    throw refuse('field-set', `a key state record has the fields ${LABELS}`);
  const { vn, i, s, p, d, f, dt, et, kt, k, nt, n, bt, b, c, ee, di } = record;
  const last = ee as Readonly<Record<string, unknown>> | null;
  const typed =
    JSON.stringify(vn) === '[1,0]' &&
    [s, f, bt].every(isHex) &&
    typeof dt === 'string' &&
    DATE_TIME.test(dt) &&
    (et === 'icp' || et === 'rot' || et === 'ixn' || et === 'dip' || et === 'drt') &&
    [kt, nt].every((threshold) => typeof threshold === 'string' || Array.isArray(threshold)) &&
    [k, n, b, c].every(isTexts) &&
    typeof last === 'object' &&
    last !== null &&
    Object.keys(last).join() === 's,d,br,ba' &&
    isHex(last['s']) &&
    // Not more than its shape: keripy's own sample has pad bits here, and a claim is compared with a log anyway.
    /^E[A-Za-z0-9_-]{43}$/.test(asText(last['d'])) &&
    isTexts(last['br']) &&
    isTexts(last['ba']);
  if (!typed) throw refuse('field-type', 'a field of the key state record has the wrong form');
  parsePrefix(asText(i));
  parseSaid(asText(d));
  if (p !== '') parseSaid(asText(p));
  if (di !== '') parsePrefix(asText(di));
  const notice = record as unknown as KeyStateNotice;
  checkState(notice);
  return notice;
}

/** What no log could ever end in is no claim either. */
function checkState({ s, p, et, kt, k, nt, n, bt, b }: KeyStateNotice): void {
  const first = et === 'icp' || et === 'dip';
  if (first !== (s === '0') || first !== (p === ''))
    throw refuse('sn-sequence', 'an inception, and it alone, has s "0" and no prior event');
  if (k.length === 0) throw refuse('keys-empty', 'k must name at least one key');
  checkList(k, 'DB', 'key-code', 'keys-duplicate');
  checkList(n, 'E', 'digest-code', 'next-duplicate');
  checkList(b, 'B', 'witness-code', 'witness-duplicate');
  parseThreshold(kt, k.length);
  parseThreshold(nt, n.length);
  checkWitnessThreshold(parseCount(bt), b.length);
}

function checkList(list: readonly string[], codes: string, wrongCode: Rule, doubled: Rule): void {
  for (const text of list) {
    const { code } = decodeCesrFixed(text);
    if (!codes.includes(code)) throw refuse(wrongCode, `code ${code} cannot stand here`);
  }
  if (new Set(list).size !== list.length) throw refuse(doubled, 'an entry stands twice in a list');
}

function isHex(value: unknown): boolean {
  return typeof value === 'string' && HEX.test(value);
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((entry) => typeof entry === 'string');
}

function asText(value: unknown): string {
  if (typeof value === 'string') return value;
  throw refuse('field-type', 'an identifier must be a string');
}
