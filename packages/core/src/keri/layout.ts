/** The fields of an event in their one order, read into a draft; what they mean is judged in `parse`. */
import type { Ilk } from './event.ts';
import {
  type Cursor,
  type Span,
  readIdentifier,
  readIdentifiers,
  readList,
  readSequence,
  readThreshold,
} from './fields.ts';
import { refuse } from './rules.ts';
import { skipObject } from './scan.ts';

/** After v and t. A field that is missing, added or moved is refused. */
const LAYOUTS: Readonly<Record<Ilk | 'rct', readonly string[]>> = {
  icp: ['d', 'i', 's', 'kt', 'k', 'nt', 'n', 'bt', 'b', 'c', 'a'],
  rot: ['d', 'i', 's', 'p', 'kt', 'k', 'nt', 'n', 'bt', 'br', 'ba', 'a'],
  ixn: ['d', 'i', 's', 'p', 'a'],
  dip: ['d', 'i', 's', 'kt', 'k', 'nt', 'n', 'bt', 'b', 'c', 'a', 'di'],
  drt: ['d', 'i', 's', 'p', 'kt', 'k', 'nt', 'n', 'bt', 'br', 'ba', 'a'],
  rct: ['d', 'i', 's'],
};
const T_AT = '{"v":"KERI10JSON000000_","t":"'.length;
const HEAD = '{"v":"KERI10JSON000000_","t":"icp",'.length;
/** Offset of the 44 characters of d in every message, and of i: everything before them has a fixed width. */
export const D_AT: number = HEAD + '"d":"'.length;
export const I_AT: number = D_AT + '0'.repeat(44).length + '","i":"'.length;

/** Field values as read; those that the event does not have keep their empty start. */
export interface Draft {
  said: string;
  prefix: string;
  sequence: number;
  prior: string | null;
  keyThreshold: unknown;
  keys: readonly string[];
  nextThreshold: unknown;
  next: readonly string[];
  witnessThreshold: unknown;
  added: readonly string[];
  removed: readonly string[];
  traits: Span;
  seals: Span;
  delegator: string | null;
}

const NO_SPAN: Span = [0, 0];

/** `t` of the message. Rule ilk, or what is wrong with the text before it. */
export function readIlk(text: string): Ilk | 'rct' {
  const ilk = text.startsWith(',"t":"', T_AT - 6) ? text.slice(T_AT, text.indexOf('"', T_AT)) : null;
  if (ilk === null) throw diagnose(text, null);
  if (!Object.hasOwn(LAYOUTS, ilk))
    throw refuse('ilk', `t "${ilk.slice(0, 20)}" is not an event type of KERI 1.0`);
  return ilk as Ilk | 'rct';
}

/** Every field up to the closing brace, which is the last character. Throws the rule that fails. */
export function readFields(ilk: Ilk | 'rct', text: string): Draft {
  const cursor: Cursor = { text, at: HEAD - 1 };
  const draft: Draft = {
    said: '',
    prefix: '',
    sequence: 0,
    prior: null,
    keyThreshold: null,
    keys: [],
    nextThreshold: null,
    next: [],
    witnessThreshold: null,
    added: [],
    removed: [],
    traits: NO_SPAN,
    seals: NO_SPAN,
    delegator: null,
  };
  for (const label of LAYOUTS[ilk]) {
    const lead = `,"${label}":`;
    if (!text.startsWith(lead, cursor.at)) throw diagnose(text, null);
    cursor.at += lead.length;
    try {
      readField(label, cursor, draft);
    } catch (error) {
      throw diagnose(text, error);
    }
  }
  if (text.charCodeAt(cursor.at) !== 0x7d) throw diagnose(text, null);
  if (cursor.at + 1 !== text.length)
    throw refuse('size-mismatch', 'the declared size reaches beyond the closing brace');
  return draft;
}

function readField(label: string, cursor: Cursor, draft: Draft): void {
  switch (label) {
    case 'd':
      draft.said = readIdentifier(cursor, 'E', 'digest-code');
      return;
    case 'i':
      draft.prefix = readIdentifier(cursor, 'EDB', 'prefix-code');
      return;
    case 's':
      draft.sequence = readSequence(cursor);
      return;
    case 'p':
      draft.prior = readIdentifier(cursor, 'E', 'digest-code');
      return;
    case 'kt':
      draft.keyThreshold = readThreshold(cursor);
      return;
    case 'k':
      draft.keys = readIdentifiers(cursor, 'DB', 'key-code', 'keys-duplicate');
      return;
    case 'nt':
      draft.nextThreshold = readThreshold(cursor);
      return;
    case 'n':
      draft.next = readIdentifiers(cursor, 'E', 'digest-code', 'next-duplicate');
      return;
    case 'bt':
      draft.witnessThreshold = readThreshold(cursor);
      return;
    case 'b':
      draft.added = readIdentifiers(cursor, 'B', 'witness-code', 'witness-duplicate');
      return;
    case 'br':
      draft.removed = readIdentifiers(cursor, 'B', 'witness-code', 'witness-cut');
      return;
    case 'ba':
      draft.added = readIdentifiers(cursor, 'B', 'witness-code', 'witness-add');
      return;
    case 'c':
      draft.traits = readList(cursor);
      return;
    case 'a':
      draft.seals = readList(cursor);
      return;
    default:
      draft.delegator = readIdentifier(cursor, 'EDB', 'prefix-code');
  }
}

/** What to report when the fields do not fit: a fault of the JSON itself comes first, then what was found, then the field set. */
function diagnose(text: string, found: unknown): unknown {
  try {
    if (skipObject(text, 0) !== text.length) return refuse('size-mismatch', 'the declared size is wrong');
  } catch (error) {
    return error;
  }
  return found ?? refuse('field-set', 'fields are missing, added or out of order');
}
