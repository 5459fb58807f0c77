/**
 * Commits and tags as git stores them, read as bytes: no text encoding is assumed, headers end at the
 * first blank line, and the payload under a signature is rebuilt exactly as git does it.
 */
import { concatAll } from '../encoding/bytes.ts';
import { fromLatin1, latin1 } from '../encoding/text.ts';
import type { ObjectFormat } from './digests.ts';
import { SSH_ARMOR_BEGIN } from './sshsig.ts';

export type SignedType = 'commit' | 'tag';

/** The signature over an object, as it stands in it. */
export interface DetachedSignature {
  /** Bytes that were signed. */
  readonly payload: Uint8Array;
  /** The armored signature, one character a byte. */
  readonly armor: string;
}

export interface GitObject {
  readonly type: SignedType;
  /** Commits: parents in order. Tags: the one object that is tagged. */
  readonly refersTo: readonly string[];
  /** Commits: their tree. */
  readonly tree: string | null;
  /** null: the object carries no signature. */
  readonly signature: DetachedSignature | null;
}

export type ParsedObject =
  { readonly kind: 'ok'; readonly object: GitObject } | { readonly kind: 'malformed'; readonly why: string };

const LF = 10;
const SPACE = 32;
/** Bytes of all headers: signatures and merged tags take some thousand. */
const HEADERS_MAX = 1 << 20;
/** Longer than any object id or type, in bytes. */
const VALUE_MAX = 72;
const SIGNATURE_HEADERS: Readonly<Record<ObjectFormat, string>> = {
  sha1: 'gpgsig',
  sha256: 'gpgsig-sha256',
};
/** The first lines of inline signatures that git knows; the last such line of a tag starts its signature. */
const INLINE_SIGNATURES = [
  '-----BEGIN PGP SIGNATURE-----',
  '-----BEGIN PGP MESSAGE-----',
  '-----BEGIN SIGNED MESSAGE-----',
  SSH_ARMOR_BEGIN,
].map(latin1);

/** They begin a commit, and git reads no second one of them. */
const ONCE: ReadonlySet<string> = new Set(['tree', 'parent', 'author', 'committer']);

/** Reads a commit of a repository with this object format. Never throws. */
export function parseCommit(bytes: Uint8Array, format: ObjectFormat): ParsedObject {
  const headers = readHeaders(bytes);
  if (typeof headers === 'string') return malformed(headers);
  const { entries } = headers;
  const [first] = entries;
  if (first?.name !== 'tree' || !isObjectId(first.value, format))
    return malformed('no tree in the first line');
  const parents: string[] = [];
  let at = 1;
  for (; entries[at]?.name === 'parent'; at++) {
    const { value } = entries[at] as Header;
    if (!isObjectId(value, format)) return malformed('a parent that is no object id');
    parents.push(value);
  }
  const isNamed = entries[at]?.name === 'author' && entries[at + 1]?.name === 'committer';
  at += 2;
  // Where one of these goes on in a second line, git stops reading parents and this would not.
  for (let i = 0; i < at; i++)
    if (entries[i]?.folded === true) return malformed('a tree, parent, author or committer of several lines');
  if (!isNamed) return malformed('no author and committer after the parents');
  const signatures: Header[] = [];
  for (; at < entries.length; at++) {
    const entry = entries[at] as Header;
    if (ONCE.has(entry.name)) return malformed(`a second ${entry.name}`);
    if (entry.name.startsWith('gpgsig')) signatures.push(entry);
  }
  const own = SIGNATURE_HEADERS[format];
  const fault = signatureHeaderFault(signatures);
  if (fault !== null) return malformed(fault);
  const mine = signatures.find(({ name }) => name === own);
  return {
    kind: 'ok',
    object: {
      type: 'commit',
      refersTo: parents,
      tree: first.value,
      signature:
        mine === undefined
          ? null
          : { payload: without(bytes, signatures), armor: unfolded(headers.text, mine) },
    },
  };
}

/** Reads an annotated tag. Its signature stands at the end of its message. Never throws. */
export function parseTag(bytes: Uint8Array, format: ObjectFormat): ParsedObject {
  const headers = readHeaders(bytes);
  if (typeof headers === 'string') return malformed(headers);
  const [object, type, tag, ...others] = headers.entries;
  if (object?.name !== 'object' || !isObjectId(object.value, format))
    return malformed('no object in the first line');
  if (type?.name !== 'type' || !/^(?:commit|tree|blob|tag)$/.test(type.value))
    return malformed('no type in the second line');
  if (tag?.name !== 'tag') return malformed('no tag in the third line');
  if (others.some(({ name }) => ['object', 'type', 'tag'].includes(name)))
    return malformed('a doubled header');
  const signatures = others.filter(({ name }) => name.startsWith('gpgsig'));
  const fault = signatureHeaderFault(signatures);
  if (fault !== null) return malformed(fault);
  const start = inlineSignatureStart(bytes, headers.end);
  return {
    kind: 'ok',
    object: {
      type: 'tag',
      refersTo: [object.value],
      tree: null,
      signature:
        start === null
          ? null
          : {
              payload: without(bytes.subarray(0, start), signatures),
              armor: fromLatin1(bytes.subarray(start)),
            },
    },
  };
}

interface Header {
  readonly name: string;
  /** Rest of the first line, one character a byte; empty where it is too long to be an object id. */
  readonly value: string;
  /** Offset of the first byte, and of the byte after the last line (continuations included). */
  readonly start: number;
  readonly end: number;
  /** True with continuation lines. */
  readonly folded: boolean;
}

interface Headers {
  /** All of them, one character a byte. */
  readonly text: string;
  readonly entries: readonly Header[];
  /** Offset after the blank line. */
  readonly end: number;
}

function readHeaders(bytes: Uint8Array): Headers | string {
  const text = fromLatin1(bytes.subarray(0, HEADERS_MAX));
  const unended = text.length < bytes.length ? 'headers of more than 1 MiB' : 'a header line without an end';
  const entries: Header[] = [];
  let at = 0;
  while (at < text.length && text.charCodeAt(at) !== LF) {
    const start = at;
    const lineEnd = text.indexOf('\n', at) + 1;
    if (lineEnd === 0) return unended;
    const space = text.indexOf(' ', at);
    if (space <= start || space >= lineEnd) return 'a header line without a name';
    at = lineEnd;
    while (text.charCodeAt(at) === SPACE) {
      at = text.indexOf('\n', at) + 1;
      if (at === 0) return unended;
    }
    // Only short values mean anything here; names of people and signatures stay bytes.
    const value = lineEnd - space <= VALUE_MAX ? text.slice(space + 1, lineEnd - 1) : '';
    entries.push({ name: text.slice(start, space), value, start, end: at, folded: at > lineEnd });
  }
  if (at === text.length && at < bytes.length) return unended;
  const zero = text.indexOf('\0');
  if (zero !== -1 && zero < at) return 'a zero byte in a header';
  return { text, entries, end: Math.min(at + 1, bytes.length) };
}

/** git drops every header whose name starts with gpgsig from the payload, so only the two that mean something may be there, each once. */
function signatureHeaderFault(signatures: readonly Header[]): string | null {
  const names = signatures.map(({ name }) => name);
  if (new Set(names).size !== names.length) return 'two signatures of one kind';
  const unknown = names.find((name) => name !== SIGNATURE_HEADERS.sha1 && name !== SIGNATURE_HEADERS.sha256);
  return unknown === undefined ? null : 'an unknown signature header';
}

/** A header's value with its continuation lines, without the leading space of each. */
function unfolded(text: string, { name, start, end }: Header): string {
  return text.slice(start + name.length + 1, end).replaceAll('\n ', '\n');
}

function without(bytes: Uint8Array, headers: readonly Header[]): Uint8Array {
  const parts: Uint8Array[] = [];
  let at = 0;
  for (const { start, end } of headers) {
    parts.push(bytes.subarray(at, start));
    at = end;
  }
  parts.push(bytes.subarray(at));
  return concatAll(parts);
}

function inlineSignatureStart(bytes: Uint8Array, from: number): number | null {
  let start: number | null = null;
  for (let at = from; at < bytes.length; at = endOfLine(bytes, at)) {
    if (INLINE_SIGNATURES.some((begin) => startsWith(bytes, at, begin))) start = at;
  }
  return start;
}

function startsWith(bytes: Uint8Array, at: number, text: Uint8Array): boolean {
  for (let i = 0; i < text.length; i++) if (bytes[at + i] !== text[i]) return false;
  return true;
}

/** Offset after the line's feed, or the end of the bytes. */
function endOfLine(bytes: Uint8Array, at: number): number {
  const feed = bytes.indexOf(LF, at);
  return feed === -1 ? bytes.length : feed + 1;
}

function isObjectId(text: string, format: ObjectFormat): boolean {
  return text.length === (format === 'sha1' ? 40 : 64) && /^[0-9a-f]+$/.test(text);
}

function malformed(why: string): ParsedObject {
  return { kind: 'malformed', why };
}
