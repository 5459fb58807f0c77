/**
 * How a key event log lies in a tree (storage-and-verification.md 1): `event.json` and `event.cesr` are the
 * newest event and its attachments; `kel/<first s, 8 hex>.cesr` are segments of 64 messages. A full segment
 * is never rewritten, so the cost of an append does not grow with the log.
 */

/** Messages in a full segment. */
export const SEGMENT_SIZE = 64;

/** File name of the segment whose first message has this sequence number. */
export function segmentName(firstSequence: number): string {
  return `${firstSequence.toString(16).padStart(8, '0')}.cesr`;
}

/** Where a message lies in its bytes: the event is [start, attachments), what it carries [attachments, end). */
export interface MessageSpan {
  readonly start: number;
  readonly attachments: number;
  readonly end: number;
}

/** `{"v":"KERI10JSON0000fb_"`: protocol, version 1.x, JSON, size in six hex digits (KERI 1.0). */
const VERSION = /\{"v":"KERI1[0-9a-f]JSON([0-9a-f]{6})_"/y;
const VERSION_LENGTH = 24;
const CESR_TEXT = /[A-Za-z0-9_-]*/y;

/**
 * The messages of a stream, by the size in each event's version string; attachments reach to the next `{`,
 * which CESR text never holds. Null when the bytes are anything else. Judges nothing beyond the framing.
 */
export function frameMessages(stream: Uint8Array): readonly MessageSpan[] | null {
  const text = Buffer.from(stream.buffer, stream.byteOffset, stream.length).toString('latin1');
  const spans: MessageSpan[] = [];
  for (let start = 0; start < text.length;) {
    VERSION.lastIndex = start;
    const size = VERSION.exec(text)?.[1];
    if (size === undefined) return null;
    const attachments = start + Number.parseInt(size, 16);
    if (attachments - start <= VERSION_LENGTH || attachments > text.length || text[attachments - 1] !== '}')
      return null;
    CESR_TEXT.lastIndex = attachments;
    const end = attachments + (CESR_TEXT.exec(text)?.[0].length ?? 0);
    spans.push({ start, attachments, end });
    start = end;
  }
  return spans;
}
