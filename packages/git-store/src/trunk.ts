/**
 * A key event log as commits and trees: reading a tip's tree, and the objects that events add to it
 * (storage-and-verification.md 1).
 */
import { AuthsError } from '@auths/core/errors';
import { concat, concatAll, equalBytes } from '@auths/core/encoding/bytes';
import { latin1 } from '@auths/core/encoding/text';
import type { Said } from '@auths/core/identifiers';
import type { StoredEvent } from '@auths/core/ports';
import { corrupt } from './files.ts';
import type { Home } from './home-repository.ts';
import { frameMessages, SEGMENT_SIZE, segmentName, type MessageSpan } from './log-segments.ts';
import {
  newCommit,
  newObject,
  newTree,
  parseCommit,
  parseTree,
  type NewObject,
  type TreeEntry,
} from './objects.ts';

/** A log as it stands in a tip's tree. */
export interface Trunk {
  /** Commit id; empty for a log without events. */
  readonly version: string;
  readonly tip: Said;
  readonly count: number;
  readonly stream: Uint8Array;
  readonly segments: readonly TreeEntry[];
  /** Bytes of the last segment. */
  readonly last: Uint8Array;
}

/** A log without events. */
export const EMPTY_TRUNK: Trunk = {
  version: '',
  tip: '' as Said,
  count: 0,
  stream: new Uint8Array(0),
  segments: [],
  last: new Uint8Array(0),
};

/** A trunk with events added, and the objects that this takes. */
export interface Grown {
  readonly trunk: Trunk;
  readonly objects: readonly NewObject[];
}

/** Adds `events` to a trunk. Pure: the same log gives the same ids anywhere. */
export function growTrunk(before: Trunk, events: readonly StoredEvent[]): Grown {
  const objects: NewObject[] = [];
  const add = (object: NewObject): string => {
    objects.push(object);
    return object.oid;
  };
  const added: Uint8Array[] = [];
  const segments = [...before.segments];
  let { version, tip, count, last } = before;
  for (const stored of events) {
    checkEvent(stored, count);
    const attachments = latin1(stored.attachments);
    const bytes = concat(stored.event, attachments);
    added.push(bytes);
    const first = count - (count % SEGMENT_SIZE);
    last = count === first ? bytes : concat(last, bytes);
    const segment = { mode: '100644', name: segmentName(first), oid: add(newObject('blob', last)) };
    segments[first / SEGMENT_SIZE] = segment;
    const tree = newTree([
      { mode: '100644', name: 'event.json', oid: add(newObject('blob', stored.event)) },
      { mode: '100644', name: 'event.cesr', oid: add(newObject('blob', attachments)) },
      { mode: '40000', name: 'kel', oid: add(newTree(segments)) },
    ]);
    const message = `event ${count} ${stored.said}`;
    version = add(
      newCommit({ tree: add(tree), parent: version === '' ? null : version, date: count, message }),
    );
    tip = stored.said;
    count += 1;
  }
  return {
    trunk: { version, tip, count, stream: extend(before.stream, concat(...added)), segments, last },
    objects,
  };
}

/** Buffers that streams lie in with room to grow, and how much of each is taken. */
const taken = new WeakMap<ArrayBufferLike, number>();

/**
 * `stream` followed by `added`, in place where its buffer has room behind it that no other log took: copying a
 * long log for each event would make appends slower as it grows. Bytes already handed out never change.
 */
function extend(stream: Uint8Array, added: Uint8Array): Uint8Array {
  const length = stream.length + added.length;
  let { buffer } = stream;
  if (taken.get(buffer) !== stream.length || stream.byteOffset !== 0 || length > buffer.byteLength) {
    buffer = new ArrayBuffer(Math.max(4096, 2 * length));
    new Uint8Array(buffer).set(stream);
  }
  new Uint8Array(buffer).set(added, stream.length);
  taken.set(buffer, length);
  return new Uint8Array(buffer, 0, length);
}

/** The store files what validated callers hand it; this only keeps it from filing what it could not read back. */
function checkEvent(stored: StoredEvent, sequence: number): void {
  const spans = frameMessages(concat(stored.event, latin1(stored.attachments)));
  const framed = spans?.length === 1 && spans[0]?.attachments === stored.event.length;
  if (!framed) throw new AuthsError('internal/bug', `event ${sequence} is not one framed message`);
  const { said, s } = eventNames(stored.event);
  if (stored.sequence !== sequence || s !== sequence || said !== stored.said) {
    throw new AuthsError(
      'internal/bug',
      `event ${stored.sequence} (${stored.said}) cannot stand at ${sequence}`,
    );
  }
}

function eventNames(event: Uint8Array): { readonly said: string; readonly s: number } {
  try {
    const { d, s } = JSON.parse(
      Buffer.from(event.buffer, event.byteOffset, event.length).toString('utf8'),
    ) as {
      readonly d?: unknown;
      readonly s?: unknown;
    };
    if (typeof d === 'string' && typeof s === 'string' && /^[0-9a-f]{1,12}$/.test(s)) {
      return { said: d, s: Number.parseInt(s, 16) };
    }
  } catch {
    // Not JSON: the names below fit no event.
  }
  return { said: '', s: -1 };
}

interface TipTree {
  readonly json: TreeEntry;
  readonly cesr: TreeEntry;
  readonly segments: readonly TreeEntry[];
}

/** The tip's tree: `event.*`, the segments, and nothing else. */
async function readTipTree(home: Home, ref: string, version: string): Promise<TipTree> {
  const commit = parseCommit(await home.object(version, 'commit'));
  if (commit === null) throw corrupt(ref, `${version} is not a commit of a log`);
  const root = parseTree(await home.object(commit.tree, 'tree'));
  const [cesr, json, kel] = root ?? [];
  const shape = root?.map(({ mode, name }) => `${mode} ${name}`).join();
  if (shape !== '100644 event.cesr,100644 event.json,40000 kel' || !cesr || !json || !kel) {
    throw corrupt(ref, `the tree of ${version} holds something else than a log`);
  }
  const segments = parseTree(await home.object(kel.oid, 'tree'));
  if (segments === null || segments.length === 0) throw corrupt(ref, 'the log has no segments');
  segments.forEach((entry, index) => {
    if (entry.mode !== '100644' || entry.name !== segmentName(index * SEGMENT_SIZE)) {
      throw corrupt(ref, `kel/${entry.name} is not segment ${index}`);
    }
  });
  return { json, cesr, segments };
}

/** The log alone, for whoever replays it: that `event.*` repeats its last message is not checked. */
export async function readStream(home: Home, ref: string, version: string): Promise<Uint8Array> {
  const { segments } = await readTipTree(home, ref, version);
  const parts = await Promise.all(segments.map((entry) => home.object(entry.oid, 'blob')));
  parts.forEach((part, index) => segmentSpans(part, index, parts.length, ref));
  return concatAll(parts);
}

/** Reads the tip's tree: the segments are the log, and `event.*` must be their last message. */
export async function readTrunk(home: Home, ref: string, version: string): Promise<Trunk> {
  const { json, cesr, segments } = await readTipTree(home, ref, version);
  // One round of questions for everything, so that a packed log costs one child and no waiting.
  const [event, attachments, ...parts] = await Promise.all([
    home.object(json.oid, 'blob'),
    home.object(cesr.oid, 'blob'),
    ...segments.map((entry) => home.object(entry.oid, 'blob')),
  ]);
  const spans = parts.map((part, index) => segmentSpans(part, index, parts.length, ref));
  const last = parts.at(-1) as Uint8Array;
  const newest = spans.at(-1)?.at(-1) as MessageSpan;
  const equal =
    equalBytes(last.subarray(newest.start, newest.attachments), event) &&
    equalBytes(last.subarray(newest.attachments, newest.end), attachments);
  if (!equal) throw corrupt(ref, 'event.json or event.cesr is not the last message of the log');
  const count = (parts.length - 1) * SEGMENT_SIZE + (spans.at(-1)?.length ?? 0);
  const names = eventNames(event);
  if (names.s !== count - 1) throw corrupt(ref, `event ${names.s} stands at ${count - 1}`);
  return { version, tip: names.said as Said, count, stream: concat(...parts), segments, last };
}

function segmentSpans(
  bytes: Uint8Array,
  index: number,
  segments: number,
  ref: string,
): readonly MessageSpan[] {
  const spans = frameMessages(bytes);
  const length = spans?.length ?? 0;
  if (
    spans === null ||
    length === 0 ||
    length > SEGMENT_SIZE ||
    (index < segments - 1 && length !== SEGMENT_SIZE)
  ) {
    throw corrupt(ref, `segment ${segmentName(index * SEGMENT_SIZE)} is not a run of messages`);
  }
  return spans;
}

/** The trunk before sequence `from`: its commit is found by walking back, the rest by cutting the bytes. */
export async function cutTrunk(home: Home, trunk: Trunk, from: number): Promise<Trunk> {
  let version = trunk.version;
  for (let back = trunk.count - from; back > 0; back--) {
    const parents = parseCommit(await home.object(version, 'commit'))?.parents ?? [];
    if (parents.length !== 1) throw corrupt(home.dir, `commit ${version} is not one event of a log`);
    version = parents[0] as string;
  }
  return readTrunk(home, `commit ${version}`, version);
}
