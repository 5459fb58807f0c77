/** Long logs and record sets cut into messages of at most 8 KiB each, by their length as JSON (docs/protocol.md, "Inside the envelopes"). */
import { utf8 } from '../encoding/text.ts';
import { CHUNK_BYTES } from './limits.ts';

export type KelPiece = { readonly t: 'kel'; readonly data: string; readonly last: boolean };
export type AnchoredPiece<R> = {
  readonly t: 'anchored';
  readonly events: string;
  readonly records: readonly R[];
  readonly last: boolean;
};

/** The log in order; at least one piece. */
export function kelPieces(kel: string): readonly KelPiece[] {
  const room = CHUNK_BYTES - jsonLength({ t: 'kel', data: '', last: false });
  const parts = cutText(kel, room);
  return parts.map((data, i) => ({ t: 'kel', data, last: i === parts.length - 1 }));
}

/** The events in order, then the records, each whole; at least one piece. */
export function anchoredPieces<R>(events: string, records: readonly R[]): readonly AnchoredPiece<R>[] {
  const room = CHUNK_BYTES - jsonLength({ t: 'anchored', events: '', records: [], last: false });
  const pieces = cutText(events, room).map((part): Filling<R> => ({ events: part, records: [] }));
  let last = pieces.at(-1) as Filling<R>;
  let used = jsonLength(last.events) - 2;
  for (const record of records) {
    const length = jsonLength(record) + 1;
    if (used + length > room && used > 0) {
      last = { events: '', records: [] };
      pieces.push(last);
      used = 0;
    }
    last.records.push(record);
    used += length;
  }
  return pieces.map(({ events: part, records: whole }, i) => ({
    t: 'anchored',
    events: part,
    records: whole,
    last: i === pieces.length - 1,
  }));
}

interface Filling<R> {
  readonly events: string;
  readonly records: R[];
}

/** Whether a record fits a message of its own. */
export function fitsPiece(record: unknown): boolean {
  return jsonLength({ t: 'anchored', events: '', records: [record], last: false }) <= CHUNK_BYTES;
}

function jsonLength(value: unknown): number {
  return utf8(JSON.stringify(value)).length;
}

/** Parts of at most `room` bytes once written as a JSON string, never between the halves of a character. */
function cutText(text: string, room: number): readonly string[] {
  const parts: string[] = [];
  let start = 0;
  let used = 0;
  let at = 0;
  for (const character of text) {
    const cost = jsonLength(character) - 2;
    if (used + cost > room) {
      parts.push(text.slice(start, at));
      start = at;
      used = 0;
    }
    used += cost;
    at += character.length;
  }
  parts.push(text.slice(start));
  return parts;
}
