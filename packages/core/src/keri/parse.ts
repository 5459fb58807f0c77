/** The text of one event taken apart: version string, exact field order, SAID and prefix over the received bytes. */
import { fromLatin1, fromUtf8 } from '../encoding/text.ts';
import type { Prefix, Said } from '../identifiers.ts';
import { judgeEstablishment } from './establishment.ts';
import type { Establishment, Ilk, ParsedEvent, ParsedReceipt } from './event.ts';
import { type Draft, D_AT, I_AT, readFields, readIlk } from './layout.ts';
import { refuse } from './rules.ts';
import { saidOf } from './said.ts';

/** Bytes of one event: ours, not KERI's. */
export const MAX_EVENT = 65_536;

const VERSION = /^\{"v":"KERI10JSON([0-9a-f]{6})_"/;

/** Bytes that the version string at `at` declares, `{` to `}`. Rules version-string, bounds. */
export function declaredSize(text: string, at: number): number {
  const match = VERSION.exec(text.slice(at, at + 24));
  if (match === null) {
    throw refuse('version-string', 'an event starts with {"v":"KERI10JSON, six lower-case hex digits and _');
  }
  const size = Number.parseInt(match[1] as string, 16);
  // Less than its own head would make a stream stand still.
  if (size <= match[0].length) throw refuse('size-mismatch', `a declared size of ${size} bytes`);
  if (size > MAX_EVENT) throw refuse('bounds', `an event of ${size} bytes, more than ${MAX_EVENT}`);
  return size;
}

/**
 * The event or rct in `bytes`, with its SAID verified over those bytes. `text` is the same with one character per
 * byte. Throws `input/malformed` with the rule that fails.
 */
export function parseMessage(
  bytes: Uint8Array,
  text: string = fromLatin1(bytes),
): ParsedEvent | ParsedReceipt {
  if (declaredSize(text, 0) !== bytes.length) {
    throw refuse(
      'size-mismatch',
      `${bytes.length} bytes where the version string declares ${declaredSize(text, 0)}`,
    );
  }
  const ilk = readIlk(text);
  const draft = readFields(ilk, text);
  const said = draft.said as Said;
  const prefix = draft.prefix as Prefix;
  if (ilk === 'rct') return { ilk, said, prefix, sequence: draft.sequence, bytes };
  if (!isAscii(text)) requireUtf8(bytes);
  checkSaid(ilk, draft, bytes);
  if ((draft.sequence === 0) !== (ilk === 'icp' || ilk === 'dip')) {
    throw refuse(
      'sn-sequence',
      `${ilk} with s "${draft.sequence.toString(16)}"; an inception, and it alone, has s "0"`,
    );
  }
  const establishment =
    ilk === 'ixn' ? null : judgeEstablishment(ilk, draft, readValues(bytes, ...draft.traits));
  return new ReadEvent(ilk, draft, establishment, bytes);
}

/** A class for its getter: one in every object by itself would cost more than all other fields. */
class ReadEvent implements ParsedEvent {
  readonly ilk: Ilk;
  readonly said: Said;
  readonly prefix: Prefix;
  readonly sequence: number;
  readonly prior: string | null;
  readonly establishment: Establishment | null;
  readonly bytes: Uint8Array;
  readonly #from: number;
  readonly #to: number;

  constructor(ilk: Ilk, draft: Draft, establishment: Establishment | null, bytes: Uint8Array) {
    this.ilk = ilk;
    this.said = draft.said as Said;
    this.prefix = draft.prefix as Prefix;
    this.sequence = draft.sequence;
    this.prior = draft.prior;
    this.establishment = establishment;
    this.bytes = bytes;
    [this.#from, this.#to] = draft.seals;
  }

  /** Read when somebody asks, and not kept: as values, a stranger's seals may take fifty times the room of their text. */
  get seals(): readonly unknown[] {
    return readValues(this.bytes, this.#from, this.#to);
  }
}

/** The list in these bytes, which are scanned already. */
function readValues(bytes: Uint8Array, from: number, to: number): readonly unknown[] {
  return to - from <= 2 ? EMPTY : (JSON.parse(fromUtf8(bytes.subarray(from, to))) as readonly unknown[]);
}

const EMPTY: readonly never[] = Object.freeze([]);

/** d = digest with d (and a self-addressing i of an inception) dummied; then i = d, because i was not bound by it. */
function checkSaid(ilk: Ilk, draft: Draft, bytes: Uint8Array): void {
  const inception = ilk === 'icp' || ilk === 'dip';
  const selfAddressing = inception && draft.prefix.startsWith('E');
  if (saidOf(bytes, selfAddressing ? [D_AT, I_AT] : [D_AT]) !== draft.said) {
    throw refuse('said-mismatch', 'd is not the digest of this event');
  }
  if (!inception) return;
  if (selfAddressing) {
    if (draft.prefix !== draft.said) throw refuse('prefix-mismatch', 'i is not the SAID of this inception');
    return;
  }
  if (ilk === 'dip') throw refuse('prefix-code', 'a delegated identifier is self-addressing (code E)');
}

function requireUtf8(bytes: Uint8Array): void {
  try {
    fromUtf8(bytes);
  } catch {
    throw refuse('utf8', 'the event is not valid UTF-8');
  }
}

function isAscii(text: string): boolean {
  return !/[^\0-\x7f]/.test(text);
}
