/**
 * A byte stream of messages (docs/protocol.md, "Streams"): at `{` the version string says how many bytes the
 * event has, attachments run to the next `{` or the end. Splitting reads nothing else; bounded in size and count.
 */
import { fromLatin1 } from '../encoding/text.ts';
import { type Attachments, parseAttachments } from './attachments.ts';
import type { ParsedEvent, ParsedReceipt } from './event.ts';
import { declaredSize, parseMessage } from './parse.ts';
import { type Fault, fault, faultOf, refuse } from './rules.ts';

export interface StreamBounds {
  /** Default 64 MiB. */
  readonly maxLength?: number;
  /** Default 100,000. */
  readonly maxMessages?: number;
}

/** One message as a span of the stream. */
export interface RawMessage {
  /** Offset of `{` in bytes. */
  readonly offset: number;
  /** Bytes of the event, as its version string declares. */
  readonly size: number;
  /** Offset after the attachments. */
  readonly end: number;
}

/** A stream split into messages; `text` has one character per byte. */
export interface SplitStream {
  readonly bytes: Uint8Array;
  readonly text: string;
  readonly messages: readonly RawMessage[];
  /** Why splitting stopped after the last message, if it did. */
  readonly fault: Fault | null;
  /** True when the stream ends inside a message, so that more bytes could complete it. */
  readonly cut: boolean;
}

/** One message read. */
export interface Message {
  readonly offset: number;
  readonly size: number;
  readonly event: ParsedEvent | ParsedReceipt;
  readonly attachments: Attachments;
  /** CESR text of the attachments, exactly as received. */
  readonly attachmentText: string;
}

export interface ParsedStream {
  /** The messages before the first fault. */
  readonly messages: readonly Message[];
  readonly fault: Fault | null;
  /** True when the stream only ends too early: the messages are complete ones, more bytes may follow. */
  readonly incomplete: boolean;
}

/** Every message of the stream with its body and attachments read and its SAID verified; no signature is checked. Never throws. */
export function parseStream(bytes: Uint8Array, bounds: StreamBounds = {}): ParsedStream {
  const stream = splitStream(bytes, bounds);
  const messages: Message[] = [];
  for (const raw of stream.messages) {
    try {
      messages.push(readMessage(stream, raw));
    } catch (error) {
      const found = faultOf(error);
      const incomplete = raw.end === bytes.length && found.rule === 'cesr-length';
      return { messages, fault: found, incomplete };
    }
  }
  return { messages, fault: stream.fault, incomplete: stream.cut };
}

/** The spans of the messages. Never throws: the fault of the first byte that does not fit is in the result. */
export function splitStream(received: Uint8Array, bounds: StreamBounds = {}): SplitStream {
  const { maxLength = 64 << 20, maxMessages = 100_000 } = bounds;
  // A plain view: the slices of a Node Buffer share memory where those of a Uint8Array are copies.
  const bytes = new Uint8Array(received.buffer, received.byteOffset, received.length);
  const messages: RawMessage[] = [];
  if (bytes.length > maxLength) {
    return {
      bytes,
      text: '',
      messages,
      fault: fault('bounds', `a stream of more than ${maxLength} bytes`),
      cut: false,
    };
  }
  const text = fromLatin1(bytes);
  const stop = (found: Fault, cut: boolean = false): SplitStream => ({
    bytes,
    text,
    messages,
    fault: found,
    cut,
  });
  for (let offset = 0; offset < bytes.length;) {
    if (messages.length === maxMessages) return stop(fault('bounds', `more than ${maxMessages} messages`));
    let size: number;
    try {
      size = declaredSize(text, offset);
    } catch (error) {
      return stop(faultOf(error), bytes.length - offset < 24 && text.charAt(offset) === '{');
    }
    if (offset + size > bytes.length) {
      return stop(fault('size-mismatch', 'the stream ends inside an event'), true);
    }
    const next = text.indexOf('{', offset + size);
    const end = next === -1 ? bytes.length : next;
    messages.push({ offset, size, end });
    offset = end;
  }
  return { bytes, text, messages, fault: null, cut: false };
}

/** Body and attachments of one message. Throws `input/malformed` with the rule that fails. */
export function readMessage(stream: SplitStream, raw: RawMessage): Message {
  const { offset, size, end } = raw;
  if (stream.messages.length > KEPT) return { offset, size, ...readParts(stream, raw) };
  const text = stream.text.slice(offset, end);
  let parts = kept.get(text);
  if (parts === undefined) {
    parts = readParts(stream, raw);
    if (kept.size === KEPT) kept.clear();
    kept.set(text, parts);
  }
  return { offset, size, ...parts };
}

type Parts = Omit<Message, 'offset' | 'size'>;

/** What was read of the messages of short logs: they lie in several places, and are read again to be replayed. */
const kept = new Map<string, Parts>();
const KEPT = 64;

function readParts({ messages, bytes, text }: SplitStream, { offset, size, end }: RawMessage): Parts {
  const after = offset + size;
  // Of a short log its own bytes, so that what is kept does not keep the stream.
  const body = messages.length > KEPT ? bytes.subarray(offset, after) : bytes.slice(offset, after);
  const event = parseMessage(body, text.slice(offset, after));
  if (after < end && text.charCodeAt(after) !== 0x2d) {
    throw refuse('size-mismatch', 'the declared size is not followed by a message or an attachment');
  }
  return {
    event,
    attachments: parseAttachments(text, after, end),
    attachmentText: text.slice(after, end),
  };
}
