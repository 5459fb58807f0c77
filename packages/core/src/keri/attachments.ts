/** The groups that follow a message (docs/protocol.md, "Attachments"): count codes of CESR 1.0, read strictly. */
import { cesrFault, cesrSize, codeAt, decodeCesrFixed, decodeTail, sixBits } from '../encoding/cesr.ts';
import { refuse } from './rules.ts';

/** A signature under an index code. `ondex` is the place in the prior next list, null for the current-only codes B and 2B. */
export interface IndexedSignature {
  readonly code: 'A' | 'B' | '2A' | '2B';
  readonly index: number;
  readonly ondex: number | null;
  /** 64 bytes. */
  readonly signature: Uint8Array;
}

/** -C: a key that speaks for itself, and its signature. */
export interface Couple {
  /** B or D; only B can receipt (a transferable AID's key may have rotated away). */
  readonly prefix: string;
  readonly signature: Uint8Array;
}

/** -F (with the signer's establishment event) or -H (without: its latest). */
export interface TransferableGroup {
  readonly prefix: string;
  readonly establishment: { readonly sequence: bigint; readonly said: string } | null;
  readonly signatures: readonly IndexedSignature[];
}

export interface Attachments {
  /** -A */
  readonly controller: readonly IndexedSignature[];
  /** -B */
  readonly witness: readonly IndexedSignature[];
  readonly couples: readonly Couple[];
  readonly groups: readonly TransferableGroup[];
}

/** Signatures, couples and groups of one message: ours, not KERI's. */
const MAX_ELEMENTS = 512;
/** Characters of all attachments of one message. */
const MAX_LENGTH = 262_144;

interface Reader {
  readonly text: string;
  at: number;
  /** End of the innermost frame. */
  end: number;
  /** End of all attachments of the message. */
  readonly limit: number;
  elements: number;
  readonly controller: IndexedSignature[];
  readonly witness: IndexedSignature[];
  readonly couples: Couple[];
  readonly groups: TransferableGroup[];
}

/** All groups between `from` and `to`, in any order. Throws rules cesr-*, counter-code, attachment-trailing, bounds. */
export function parseAttachments(text: string, from: number = 0, to: number = text.length): Attachments {
  if (to - from > MAX_LENGTH) throw refuse('bounds', `more than ${MAX_LENGTH} characters of attachments`);
  const reader: Reader = {
    text,
    at: from,
    end: to,
    limit: to,
    elements: 0,
    controller: [],
    witness: [],
    couples: [],
    groups: [],
  };
  while (reader.at < to) {
    const { code, count } = readCounter(reader);
    if (code !== 'V') {
      readGroup(reader, code, count);
      continue;
    }
    const end = reader.at + count * 4;
    if (end > to) throw cesrFault('cesr-length', 'the text ends inside an attachment frame');
    reader.end = end;
    while (reader.at < end) {
      const inner = readCounter(reader);
      if (inner.code === 'V') throw refuse('counter-code', 'a frame inside a frame');
      readGroup(reader, inner.code, inner.count);
    }
    reader.end = to;
  }
  return reader;
}

/** `-` + letter + two digits, or -0V + five digits for a big frame. */
function readCounter(reader: Reader): { readonly code: string; readonly count: number } {
  if (reader.at === reader.end) throw cesrFault('cesr-length', 'the text ends where a count code must stand');
  const { text, at } = reader;
  if (text.charCodeAt(at) !== 0x2d)
    throw refuse('counter-code', `character ${at} does not start a count code`);
  const big = text.charAt(at + 1) === '0';
  if (reader.end - at < (big ? 3 : 2)) take(reader, 4);
  const code = big ? text.slice(at + 1, at + 3) : text.charAt(at + 1);
  if (!(big ? code === '0V' : /^[ABCEFGHIV]$/.test(code))) {
    throw refuse('counter-code', `count code "-${code}" is not one of KERI 1.0 that is understood here`);
  }
  const digits = take(reader, big ? 8 : 4);
  let count = 0;
  for (let i = big ? 3 : 2; i < (big ? 8 : 4); i++) {
    const six = sixBits(text, digits + i);
    if (six === 255) throw cesrFault('cesr-alphabet', 'a count with a character that is not base64url');
    count = count * 64 + six;
  }
  return { code: big ? 'V' : code, count };
}

function readGroup(reader: Reader, code: string, count: number): void {
  reader.elements += count;
  if (reader.elements > MAX_ELEMENTS)
    throw refuse('bounds', `more than ${MAX_ELEMENTS} attachments on one message`);
  for (let i = 0; i < count; i++) readElement(reader, code);
}

function readElement(reader: Reader, code: string): void {
  switch (code) {
    case 'A':
      reader.controller.push(readSignature(reader));
      return;
    case 'B':
      reader.witness.push(readSignature(reader));
      return;
    case 'C':
      reader.couples.push({
        prefix: readText(reader, 'B', 'D'),
        signature: decodeCesrFixed(readText(reader, '0B')).raw,
      });
      return;
    case 'E':
      readText(reader, '0A');
      readText(reader, '1AAG');
      return;
    case 'F':
    case 'H': {
      const prefix = readText(reader, 'E', 'D', 'B');
      const establishment =
        code === 'H' ? null : { sequence: readNumber(reader), said: readText(reader, 'E') };
      reader.groups.push({ prefix, establishment, signatures: readInnerSignatures(reader) });
      return;
    }
    case 'G':
      readText(reader, '0A');
      readText(reader, 'E');
      return;
    default:
      readText(reader, 'E', 'D', 'B');
      readText(reader, '0A');
      readText(reader, 'E');
  }
}

/** The -A group inside an -F or -H group. */
function readInnerSignatures(reader: Reader): readonly IndexedSignature[] {
  const { code, count } = readCounter(reader);
  if (code !== 'A') throw refuse('counter-code', `-${code} where the signatures of a group must stand`);
  reader.elements += count;
  if (reader.elements > MAX_ELEMENTS)
    throw refuse('bounds', `more than ${MAX_ELEMENTS} attachments on one message`);
  return Array.from({ length: count }, () => readSignature(reader));
}

function readSignature(reader: Reader): IndexedSignature {
  const { text } = reader;
  if (reader.at === reader.end) take(reader, 88);
  const big = text.charAt(reader.at) === '2';
  const code = text.slice(reader.at, reader.at + (big ? 2 : 1));
  if (code !== 'A' && code !== 'B' && code !== '2A' && code !== '2B') {
    throw cesrFault('cesr-code', `"${code}" is not the code of an indexed Ed25519 signature`);
  }
  const at = take(reader, big ? 92 : 88);
  if (!big) {
    const index = sixBits(text, at + 1);
    if (index === 255) throw cesrFault('cesr-alphabet', 'an index that is not base64url');
    return {
      code,
      index,
      ondex: code === 'A' ? index : null,
      signature: decodeTail(text, at + 2, at + 88, 64),
    };
  }
  const digits = [2, 3, 4, 5].map((i) => sixBits(text, at + i)) as [number, number, number, number];
  if (digits.includes(255)) throw cesrFault('cesr-alphabet', 'an index that is not base64url');
  const index = digits[0] * 64 + digits[1];
  const ondex = digits[2] * 64 + digits[3];
  if (code === '2B' && ondex !== 0) throw cesrFault('cesr-pad', 'code 2B with a second index');
  return {
    code,
    index,
    ondex: code === '2A' ? ondex : null,
    signature: decodeTail(text, at + 6, at + 92, 64),
  };
}

/** One primitive whose code is one of `codes`. */
function readText(reader: Reader, ...codes: readonly string[]): string {
  const first = reader.text.charAt(reader.at);
  if (reader.end - reader.at < (first === '0' ? 2 : first === '1' ? 4 : 1)) take(reader, 4);
  const code = codeAt(reader.text, reader.at);
  if (!codes.includes(code)) {
    throw cesrFault('cesr-code', `code ${code} cannot stand in this group`);
  }
  const size = cesrSize(code);
  const at = take(reader, size);
  const value = reader.text.slice(at, at + size);
  decodeCesrFixed(value);
  return value;
}

function readNumber(reader: Reader): bigint {
  let value = 0n;
  for (const byte of decodeCesrFixed(readText(reader, '0A')).raw) value = (value << 8n) | BigInt(byte);
  return value;
}

/** Offset of the next `size` characters, which are consumed. Past a frame's end: attachment-trailing; past the text: cesr-length. */
function take(reader: Reader, size: number): number {
  const at = reader.at;
  if (at + size > reader.end) {
    if (at + size <= reader.limit) throw refuse('attachment-trailing', 'a group reaches beyond its frame');
    throw cesrFault('cesr-length', 'the text ends inside an attachment');
  }
  reader.at = at + size;
  return at;
}
