/**
 * Evidence files as `.auths/evidence` holds them (storage-and-verification.md 5): their names, and what a
 * heap of them says. The same reading serves a tree in git and a work tree on disk.
 */
import { concatAll } from '@auths/core/encoding/bytes';
import { AuthsError } from '@auths/core/errors';
import { isPrefix, isSaid, type Prefix, type Said } from '@auths/core/identifiers';
import type { EvidenceSource, LogEvidence } from '@auths/core/commit/evidence';
import type { HeapMessage } from '@auths/core/commit/branches';

/** Below `.auths`: one file, with its bytes read when asked. */
export interface EvidenceFile {
  /** Name of the directory below `evidence`. */
  readonly directory: string;
  readonly name: string;
  /** Null when it is not a regular file, too large or cannot be read. */
  readonly read: () => Promise<Uint8Array | null>;
}

/** Files of one source; more is refused, because a part of the evidence could hide a revocation. */
export const MAX_EVIDENCE_FILES = 20_000;
/** Bytes of one file. */
export const MAX_EVIDENCE_FILE: number = 256 * 1024;
/** Bytes of one source. */
export const MAX_EVIDENCE_BYTES: number = 64 << 20;
/** Bytes of one directory in a tree. */
export const MAX_EVIDENCE_TREE: number = 8 << 20;
/** Files read together: enough that git is never waited for, few enough to stop in time. */
const READ_AT_ONCE = 128;
const MAX_SHOWN = 120;
const MAX_NOTES = 32;

const EVENT = /^([0-9a-f]{8})-(E[\w-]{43})\.cesr$/;
const RECEIPT = /^[0-9a-f]{8}-E[\w-]{43}\.B[\w-]{43}\.rct$/;
const RECORD = /^[0-9a-f]{32}-E[\w-]{43}-[0-9a-f]{8}\.json$/;

/** Whether it lies where evidence lies, and is called as evidence is. */
export function isEvidenceFile({ directory, name }: Pick<EvidenceFile, 'directory' | 'name'>): boolean {
  return isPrefix(directory) && [EVENT, RECEIPT, RECORD].some((form) => form.test(name));
}

/** Whether a tree or an index has a regular file by that mode: on a disk executable ones are files like the others, and both must be found. */
export function isFileMode(mode: string): boolean {
  return mode === '100644' || mode === '100755';
}

/** Reads the files of one source. What is not evidence is noted; more than the bounds is `input/malformed`. */
export async function gatherEvidence(
  source: Pick<EvidenceSource, 'name' | 'proposal'>,
  files: readonly EvidenceFile[],
): Promise<EvidenceSource> {
  const notes: string[] = [];
  const records: Uint8Array[] = [];
  const logs = new Map<Prefix, { messages: HeapMessage[]; receipts: Uint8Array[] }>();
  requireFew(source.name, files.length);
  const contents = await readAll(source.name, files);
  files.forEach(({ directory, name }, index) => {
    const bytes = contents[index] ?? null;
    if (!isPrefix(directory)) {
      notes.push(`${shown(directory)}/${shown(name)} lies in no directory of an identity`);
      return;
    }
    const log = logs.get(directory) ?? { messages: [], receipts: [] };
    logs.set(directory, log);
    const event = EVENT.exec(name);
    if (event !== null && isSaid(event[2] as string)) {
      // An event that cannot be read stays in the heap as a fault: leaving it out would hide what it seals.
      log.messages.push({
        bytes: bytes ?? new Uint8Array(0),
        sequence: Number.parseInt(event[1] as string, 16),
        said: event[2] as Said,
      });
    } else if (bytes === null) notes.push(`${directory}/${shown(name)} cannot be read`);
    else if (RECORD.test(name)) records.push(bytes);
    else if (RECEIPT.test(name)) log.receipts.push(bytes);
    else notes.push(`${directory}/${shown(name)} is not evidence`);
  });
  return {
    ...source,
    logs: new Map([...logs].map(([prefix, log]) => [prefix, logEvidence(log)])),
    records,
    notes: fewNotes(notes),
  };
}

/** Refuses a source with more files than any honest one; also for whoever lists them, before the list is long. */
export function requireFew(source: string, files: number): void {
  if (files > MAX_EVIDENCE_FILES) throw tooMuch(source, `more than ${MAX_EVIDENCE_FILES} files`);
}

/** A batch at a time and never beyond the bound: a tree may name one large blob ten thousand times. */
async function readAll(
  source: string,
  files: readonly EvidenceFile[],
): Promise<readonly (Uint8Array | null)[]> {
  const contents: (Uint8Array | null)[] = [];
  let total = 0;
  for (let at = 0; at < files.length; at += READ_AT_ONCE) {
    const batch = await Promise.all(files.slice(at, at + READ_AT_ONCE).map((file) => file.read()));
    for (const bytes of batch) total += bytes?.length ?? 0;
    if (total > MAX_EVIDENCE_BYTES) throw tooMuch(source, `more than ${MAX_EVIDENCE_BYTES} bytes`);
    contents.push(...batch);
  }
  return contents;
}

/** File names come from strangers, and are as long as those like. */
function shown(name: string): string {
  return name.length > MAX_SHOWN ? `${name.slice(0, MAX_SHOWN)}…` : name;
}

function fewNotes(notes: readonly string[]): readonly string[] {
  return notes.length <= MAX_NOTES
    ? notes
    : [...notes.slice(0, MAX_NOTES), `and ${notes.length - MAX_NOTES} more files that are not evidence`];
}

function logEvidence(log: {
  readonly messages: readonly HeapMessage[];
  readonly receipts: readonly Uint8Array[];
}): LogEvidence {
  return { streams: [], messages: log.messages, receipts: concatAll(log.receipts) };
}

function tooMuch(name: string, what: string): AuthsError<'input/malformed'> {
  return new AuthsError('input/malformed', `the evidence of ${name} is too large: ${what}`);
}
