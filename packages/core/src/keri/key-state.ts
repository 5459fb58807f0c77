/** A whole key event log judged: the fold over its messages, with what may lie elsewhere in the stream. */
import { concatAll } from '../encoding/bytes.ts';
import { fromLatin1, latin1 } from '../encoding/text.ts';
import type { Prefix, Said } from '../identifiers.ts';
import type { VerifyEngine } from '../ports.ts';
import type { Attachments } from './attachments.ts';
import { type DelegatorLogs, createDelegation } from './delegation.ts';
import { type Fold, applyEvent } from './fold.ts';
import { D_AT } from './layout.ts';
import { type Fault, fault, faultOf } from './rules.ts';
import { type KelVerdict, type ReplayedEvent, stateAfter } from './state.ts';
import { type RawMessage, type SplitStream, type StreamBounds, readMessage, splitStream } from './stream.ts';

export type { Inception, KelVerdict, KeyState, ReplayedEvent, Authority } from './state.ts';

export interface ReplayOptions {
  readonly engine: VerifyEngine;
  /** Logs of delegators, and of theirs, by prefix. */
  readonly delegators?: DelegatorLogs;
  /** Receipts that lie beside the log: a stream of rct messages. Bad ones count for nothing. */
  readonly receipts?: Uint8Array;
  /** `unasked`: an event with too few receipts is accepted all the same. For witnesses, who are asked before they exist. */
  readonly witnessing?: 'unasked';
  /**
   * A tip that this machine has replayed in full before. Its SAID binds every event before it, so up to there only
   * the hashes are checked. A log that does not lead to this tip in a straight line is replayed in full.
   */
  readonly resume?: { readonly sequence: number; readonly said: Said };
  readonly bounds?: StreamBounds;
}

/** One message as stores keep it: exact event bytes and the text of the attachments. */
export interface FramedMessage {
  readonly event: Uint8Array;
  readonly attachments: string;
}

/**
 * Judges a log as received, in order (docs/protocol.md, "Accepting an event"). Every event before the first refused
 * one is in `events` and stands. Never throws, whatever the bytes; work and memory are bounded by `bounds`.
 */
export function replay(stream: Uint8Array, options: ReplayOptions): KelVerdict {
  return replaySplit(splitStream(stream, options.bounds), options, 0);
}

/** The same for messages that are framed already. */
export function replayMessages(messages: readonly FramedMessage[], options: ReplayOptions): KelVerdict {
  const parts: Uint8Array[] = [];
  const spans: RawMessage[] = [];
  let offset = 0;
  for (const { event, attachments } of messages) {
    const text = /[^\0-\xff]/.test(attachments) ? '?' : attachments;
    parts.push(event, latin1(text));
    spans.push({ offset, size: event.length, end: offset + event.length + text.length });
    offset += event.length + text.length;
  }
  const bytes = concatAll(parts);
  return replaySplit(
    { bytes, text: fromLatin1(bytes), messages: spans, fault: null, cut: false },
    options,
    0,
  );
}

/** Depth counts the delegators above the log that was asked for. */
function replaySplit(stream: SplitStream, options: ReplayOptions, depth: number): KelVerdict {
  const { resume } = options;
  if (resume !== undefined && depth === 0) {
    const verdict = run(stream, options, depth, resume);
    if (verdict !== null) return verdict;
  }
  return run(stream, options, depth, null) as KelVerdict;
}

/** Null when `resume` was given and the stream does not lead straight to it. */
function run(
  stream: SplitStream,
  options: ReplayOptions,
  depth: number,
  resume: { readonly sequence: number; readonly said: Said } | null,
): KelVerdict | null {
  const fold: Fold = {
    engine: options.engine,
    judgeDelegation: createDelegation(options.delegators, depth, (log, above) =>
      replaySplit(splitStream(log, options.bounds), options, above),
    ),
    trunk: [],
    superseded: [],
    supersededSaids: new Set(),
    inception: null,
    firstSeen: -1,
    trusting: resume !== null,
    needsReceipts: options.witnessing !== 'unasked',
    conflict: null,
  };
  const elsewhere = createElsewhere(stream, options);
  for (let at = 0; at < stream.messages.length; at++) {
    const found = applyMessage(fold, stream, at, elsewhere);
    if (found !== null) return fold.trusting ? null : verdictOf(fold, found, at);
    if (fold.trusting && resume !== null && fold.trunk.length > resume.sequence) {
      if (fold.superseded.length > 0 || fold.trunk[resume.sequence]?.said !== resume.said) return null;
      fold.trusting = false;
    }
  }
  if (fold.trusting) return null;
  if (stream.fault !== null) return verdictOf(fold, stream.fault, stream.messages.length);
  if (fold.trunk.length === 0) return verdictOf(fold, fault('kel-empty', 'no event'), 0);
  return verdictOf(fold, null, null);
}

function applyMessage(fold: Fold, stream: SplitStream, at: number, elsewhere: Elsewhere): Fault | null {
  try {
    const message = readMessage(stream, stream.messages[at] as RawMessage);
    const { event, attachments } = message;
    // A receipt changes no state; it is looked up when an event lacks witnesses.
    if (event.ilk === 'rct') return null;
    return applyEvent(fold, {
      event,
      place: stream.messages[at] as RawMessage,
      attachments,
      more: () => elsewhere(event.said, at),
    });
  } catch (error) {
    return faultOf(error);
  }
}

function verdictOf(fold: Fold, found: Fault | null, at: number | null): KelVerdict {
  const tip: ReplayedEvent | undefined = fold.trunk.at(-1);
  return {
    verdict: found?.verdict ?? 'accepted',
    state:
      tip === undefined || fold.inception === null ? null : stateAfter(fold.inception, tip, fold.firstSeen),
    events: fold.trunk,
    superseded: fold.superseded,
    conflict: fold.conflict,
    at,
    rule: found?.rule ?? null,
    reason: found?.reason ?? null,
  };
}

/** Attachments that messages other than the one at `except` carry for the event with this SAID. */
type Elsewhere = (said: Said, except: number) => readonly Attachments[];

/** Repeats of an event may add signatures; rct messages, here or in the receipts, add receipts only. */
function createElsewhere(stream: SplitStream, options: ReplayOptions): Elsewhere {
  let index: Map<string, { readonly source: SplitStream; readonly at: number }[]> | null = null;
  const build = (): NonNullable<typeof index> => {
    const map: NonNullable<typeof index> = new Map();
    const sources =
      options.receipts === undefined ? [stream] : [stream, splitStream(options.receipts, options.bounds)];
    for (const source of sources) {
      source.messages.forEach(({ offset }, at) => {
        const said = source.text.slice(offset + D_AT, offset + D_AT + 44);
        const entries = map.get(said);
        if (entries === undefined) map.set(said, [{ source, at }]);
        else if (entries.length < MAX_REPEATS) entries.push({ source, at });
      });
    }
    return map;
  };
  return (said, except) => {
    index ??= build();
    const found: Attachments[] = [];
    for (const { source, at } of index.get(said) ?? []) {
      if (source === stream && at === except) continue;
      try {
        const { event, attachments } = readMessage(source, source.messages[at] as RawMessage);
        if (event.ilk === 'rct') found.push({ ...attachments, controller: [] });
        else if (source === stream) found.push(attachments);
      } catch (error) {
        faultOf(error);
      }
    }
    return found;
  };
}

/** Repeats and receipts of one event that are looked at. */
const MAX_REPEATS = 256;

export type { DelegatorLogs, Prefix };
