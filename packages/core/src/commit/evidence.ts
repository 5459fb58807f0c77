/**
 * Evidence as it was found, and the World that a verification builds from it. Sources stand in the order
 * in which they are believed (identity-life.md 2): own store, base tree, fetched refs, registry, proposal.
 * Bad evidence is noted and never replaces good evidence.
 */
import type { AttestationRecord } from '../attestation/attestation.ts';
import { parseRecord } from '../attestation/attestation.ts';
import { fromLatin1 } from '../encoding/text.ts';
import { isAuthsError } from '../errors.ts';
import type { DidKey, DidKeri, Prefix, Said } from '../identifiers.ts';
import { orderMessages, type ReadMessages } from './branches.ts';
import type { HeapFault, HeapMessage } from './branches.ts';
import { parseStream } from '../keri/stream.ts';

/** What one source holds of one log: streams in order, or single events in a heap, or both. */
export interface LogEvidence {
  readonly streams: readonly Uint8Array[];
  readonly messages: readonly HeapMessage[];
  /** Witness receipts: a stream of rct messages. */
  readonly receipts: Uint8Array;
}

export interface EvidenceSource {
  /** For people: `base tree`, `work tree`, `this home`. */
  readonly name: string;
  /** True where links, extensions and anchors do not count by themselves (identity-life.md 4). */
  readonly proposal: boolean;
  /** True where nobody judges what is put there (refs that were fetched): rubbish behind a log is no news of it. */
  readonly unjudged?: boolean;
  /** Of the commit that is the base, or of the one at the end of what is judged. */
  readonly tree?: 'base' | 'end';
  readonly logs: ReadonlyMap<Prefix, LogEvidence>;
  /** Exact JSON bytes, of any issuer. */
  readonly records: readonly Uint8Array[];
  /** What was passed over while reading, and why. */
  readonly notes: readonly string[];
}

/** One source's part of one log, in branches. */
export interface SourceLog {
  readonly name: string;
  readonly proposal: boolean;
  readonly unjudged: boolean;
  readonly branches: readonly Uint8Array[];
  /** Events that stand here. */
  readonly saids: readonly Said[];
  readonly faults: readonly HeapFault[];
  readonly receipts: Uint8Array;
}

/** Evidence with records parsed once and logs reachable by prefix. */
export interface SortedEvidence {
  readonly prefixes: ReadonlySet<Prefix>;
  /** Every source's part of a log, in order of belief. */
  readonly logsOf: (prefix: Prefix) => readonly SourceLog[];
  readonly recordsOf: (issuer: DidKeri) => readonly AttestationRecord[];
  /** Links, of whatever worth, for this key, by their issuers. */
  readonly linksOf: (subject: DidKey) => ReadonlyMap<DidKeri, readonly AttestationRecord[]>;
  readonly notes: readonly string[];
}

/** Notes on records of one source; who fills a folder with rubbish shall not fill the output too. */
const MOST_NOTES = 32;

/** Sorts what was found; records that do not parse become notes. Never throws on what the evidence says. */
export function sortEvidence(sources: readonly EvidenceSource[]): SortedEvidence {
  const notes = sources.flatMap((source) => source.notes.map((note) => `${source.name}: ${note}`));
  const seen = new Set<string>();
  const records = new Map<DidKeri, AttestationRecord[]>();
  const links = new Map<DidKey, Map<DidKeri, AttestationRecord[]>>();
  for (const source of sources) {
    let unreadable = 0;
    for (const bytes of source.records) {
      const text = fromLatin1(bytes);
      if (seen.has(text)) continue;
      seen.add(text);
      const record = readRecord(bytes);
      if (typeof record === 'string') {
        unreadable += 1;
        if (unreadable <= MOST_NOTES) notes.push(`${source.name}: ${record}`);
        continue;
      }
      append(records, record.issuer, record);
      if (record.type !== 'link') continue;
      const known = links.get(record.subject) ?? new Map<DidKeri, AttestationRecord[]>();
      links.set(record.subject, known);
      append(known, record.issuer, record);
    }
    if (unreadable > MOST_NOTES) notes.push(`${source.name}: ${unreadable} records in all cannot be read`);
  }
  return {
    prefixes: new Set(sources.flatMap(({ logs }) => [...logs.keys()])),
    logsOf: (prefix) => {
      const read: ReadMessages = new Map();
      return sources.flatMap((source) => sourceLog(source, prefix, read));
    },
    recordsOf: (issuer) => records.get(issuer) ?? [],
    linksOf: (subject) => links.get(subject) ?? new Map<DidKeri, AttestationRecord[]>(),
    notes,
  };
}

function sourceLog(source: EvidenceSource, prefix: Prefix, read: ReadMessages): readonly SourceLog[] {
  const log = source.logs.get(prefix);
  if (log === undefined) return [];
  const { name, proposal, unjudged = false } = source;
  const heap = orderMessages(prefix, log.messages, read);
  const streamed = log.streams.flatMap((stream) =>
    parseStream(stream).messages.map(({ event }) => event.said),
  );
  return [
    {
      name,
      proposal,
      unjudged,
      branches: [...log.streams, ...heap.branches],
      saids: [...heap.saids, ...streamed],
      faults: heap.faults,
      receipts: log.receipts,
    },
  ];
}

function readRecord(bytes: Uint8Array): AttestationRecord | string {
  try {
    return parseRecord(bytes);
  } catch (error) {
    if (isAuthsError(error)) return error.message;
    throw error;
  }
}

function append<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}
