/** Events of a single-key identifier, made from keys and digests. Nothing is signed here. */
import { encodeCesr } from '../encoding/cesr.ts';
import { latin1, utf8 } from '../encoding/text.ts';
import { AuthsError } from '../errors.ts';
import { type Prefix, type Said, parsePrefix, parseSaid } from '../identifiers.ts';
import type { StoredEvent } from '../ports.ts';
import { encodeCounter, encodeFrame, encodeIndexedSignature } from './attach.ts';
import type { IndexedSignature } from './attachments.ts';
import type { Ilk } from './event.ts';
import { MAX_EVENT } from './parse.ts';
import { digest } from './said.ts';
import { skipValue } from './scan.ts';
import type { ReplayedEvent, WitnessReceipt } from './state.ts';

/** A seal: what the event vouches for. `{d}` a digest, `{i, s, d}` a key event; other shapes pass too. */
export type Seal = Readonly<Record<string, unknown>>;

export interface BuiltEvent {
  readonly prefix: Prefix;
  readonly sequence: number;
  readonly said: Said;
  /** Exact bytes: sign these. */
  readonly event: Uint8Array;
}

/** The commitment to a next key (32 bytes): Blake3-256 of its CESR text, not of its raw bytes. */
export function nextDigestOf(publicKey: Uint8Array): Said {
  return digest(latin1(encodeCesr('D', publicKey)));
}

/** Inception of a self-addressing identifier with one key and one commitment, no witnesses. */
export function incept(input: {
  readonly key: Uint8Array;
  readonly nextDigest: Said;
  readonly seals?: readonly Seal[];
}): BuiltEvent {
  const body = `"kt":"1","k":["${encodeCesr('D', input.key)}"],"nt":"1","n":["${parseSaid(input.nextDigest)}"],"bt":"0","b":[],"c":[],"a":${sealText(input.seals)}`;
  return assemble('icp', null, 0, body);
}

/** An event that seals without changing keys. */
export function interact(input: {
  readonly prefix: Prefix;
  readonly sequence: number;
  /** SAID of the event at `sequence - 1`. */
  readonly prior: Said;
  readonly seals: readonly Seal[];
}): BuiltEvent {
  return assemble(
    'ixn',
    input.prefix,
    input.sequence,
    `"p":"${parseSaid(input.prior)}","a":${sealText(input.seals)}`,
  );
}

/** What a rotation does to the witnesses: who leaves, who comes, how many must receipt from then on. */
export interface WitnessChange {
  /** AIDs, CESR text. */
  readonly cut: readonly string[];
  readonly add: readonly string[];
  readonly threshold: number;
}

/** Rotation to the committed key, with a new commitment; `nextDigest` null abandons the identifier for ever. Without `witnesses` there are none. */
export function rotate(input: {
  readonly prefix: Prefix;
  readonly sequence: number;
  readonly prior: Said;
  readonly key: Uint8Array;
  readonly nextDigest: Said | null;
  readonly witnesses?: WitnessChange;
  readonly seals?: readonly Seal[];
}): BuiltEvent {
  const { nextDigest, witnesses } = input;
  const next = nextDigest === null ? '"nt":"0","n":[]' : `"nt":"1","n":["${parseSaid(nextDigest)}"]`;
  const body = `"p":"${parseSaid(input.prior)}","kt":"1","k":["${encodeCesr('D', input.key)}"],${next},"bt":"${(witnesses?.threshold ?? 0).toString(16)}","br":${JSON.stringify(witnesses?.cut ?? [])},"ba":${JSON.stringify(witnesses?.add ?? [])},"a":${sealText(input.seals)}`;
  return assemble('rot', input.prefix, input.sequence, body);
}

/** The stored form of an event that needs no receipts. Signatures are 64 bytes over the event bytes. */
export function attachSignatures(
  signatures: readonly { readonly index: number; readonly signature: Uint8Array }[],
): string {
  if (signatures.length === 0) throw new AuthsError('internal/bug', 'an event needs a signature');
  return frameSignatures(
    'rot',
    signatures.map(({ index, signature }) => ({ index, ondex: index, signature })),
  );
}

/**
 * The message to store for an event that was accepted from elsewhere: the signatures and receipts that counted, in the
 * stored form, so that two stores that were shown the same hold the same bytes. Hints are not stored.
 */
export function storedEventOf({
  sequence,
  said,
  ilk,
  bytes,
  signatures,
  receipts,
}: ReplayedEvent): StoredEvent {
  return { sequence, said, event: bytes, attachments: frameSignatures(ilk, signatures, receipts) };
}

/** The stored form: one -V frame, -A with the controller's signatures by ascending index, then -B with the witnesses' where there are any. */
export function frameSignatures(
  ilk: Ilk,
  signatures: readonly Omit<IndexedSignature, 'code'>[],
  receipts: readonly WitnessReceipt[] = [],
): string {
  const witnessed = receipts.map(({ index, signature }) => ({ index, ondex: index, signature }));
  // Only a rotation exposes commitments; elsewhere the second place says nothing, and could be spelt in many ways.
  const places =
    ilk === 'rot' || ilk === 'drt'
      ? signatures
      : signatures.map(({ index, signature }) => ({ index, ondex: index, signature }));
  const groups = signatureGroup('A', places) + (witnessed.length > 0 ? signatureGroup('B', witnessed) : '');
  return encodeFrame(groups);
}

function signatureGroup(code: 'A' | 'B', signatures: readonly Omit<IndexedSignature, 'code'>[]): string {
  const sorted = signatures.toSorted((a, b) => a.index - b.index || (a.ondex ?? -1) - (b.ondex ?? -1));
  return (
    encodeCounter(code, sorted.length) +
    sorted.map(({ index, ondex, signature }) => encodeIndexedSignature(index, ondex, signature)).join('')
  );
}

/** The message to store: the event and its attachments. */
export function storedEvent(
  built: BuiltEvent,
  signatures: readonly { readonly index: number; readonly signature: Uint8Array }[],
): StoredEvent {
  const { sequence, said, event } = built;
  return { sequence, said, event, attachments: attachSignatures(signatures) };
}

/** Puts the event together with full-width dummies, sizes and hashes it, and writes the SAID over them. */
function assemble(ilk: string, prefix: Prefix | null, sequence: number, body: string): BuiltEvent {
  const low = prefix === null ? 0 : 1;
  if (!Number.isSafeInteger(sequence) || sequence < low)
    throw new AuthsError('internal/bug', `${ilk} at s ${sequence}`);
  const dummy = '#'.repeat(44);
  const identifier = prefix === null ? dummy : parsePrefix(prefix);
  const rest = `","i":"${identifier}","s":"${sequence.toString(16)}",${body}}`;
  const lead = (size: number): string =>
    `{"v":"KERI10JSON${size.toString(16).padStart(6, '0')}_","t":"${ilk}","d":"`;
  const size = utf8(lead(0) + dummy + rest).length;
  if (size > MAX_EVENT)
    throw new AuthsError('input/malformed', `an event of ${size} bytes, more than ${MAX_EVENT}`);
  const said = digest(utf8(lead(size) + dummy + rest));
  const final = prefix === null ? rest.replace(dummy, said) : rest;
  return {
    prefix: prefix ?? (said as string as Prefix),
    sequence,
    said,
    event: utf8(lead(size) + said + final),
  };
}

/** JSON.stringify writes what events need, but for numbers and labels that would not survive: the scanner decides. */
function sealText(seals: readonly Seal[] = []): string {
  const text = JSON.stringify(seals);
  skipValue(text, 0);
  return text;
}
