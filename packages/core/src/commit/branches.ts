/**
 * A heap of single-event messages, as files in a tree hold them, put in order: one stream for every
 * branch that `p` links make. Nothing is judged here but the linking; replaying a branch is keri's.
 */
import { concatAll, equalBytes } from '../encoding/bytes.ts';
import { fromLatin1 } from '../encoding/text.ts';
import type { Prefix, Said } from '../identifiers.ts';
import type { ParsedEvent } from '../keri/event.ts';
import { frameSignatures } from '../keri/build.ts';
import { parseStream } from '../keri/stream.ts';

export interface Heap {
  /** Linear streams from the inception to a newest event; more than one where the log forks. */
  readonly branches: readonly Uint8Array[];
  /** Every event that was read, linked or not. */
  readonly saids: readonly Said[];
  readonly faults: readonly HeapFault[];
}

export interface HeapFault {
  /** Where the event claims to stand; null when that cannot be read. */
  readonly sequence: number | null;
  readonly why: string;
}

/** A message with what its file name says of it: a file of another event than it is named after is ignored. */
export interface HeapMessage {
  readonly bytes: Uint8Array;
  readonly sequence: number | null;
  readonly said?: Said;
}

const MOST_BRANCHES = 16;
/** Bytes of all branches after the first: what they share is copied into each. */
const MOST_BRANCH_BYTES = 64 << 20;
/** Copies of one event. A folder holds one under its right name; more are a stranger's, or of many sources. */
const MOST_VERSIONS = 64;

/** What was read of messages of one prefix, by their bytes: most sources hold the same ones. */
export type ReadMessages = Map<string, ParsedEvent | string>;

/** Orders the messages of one prefix. Messages that cannot be read, or that hang in the air, are faults; never throws. */
export function orderMessages(
  prefix: Prefix,
  messages: readonly HeapMessage[],
  known: ReadMessages = new Map(),
): Heap {
  const faults: HeapFault[] = [];
  const unread: { readonly message: HeapMessage; readonly why: string }[] = [];
  const nodes = new Map<Said, Node>();
  for (const message of messages) {
    const key = fromLatin1(message.bytes);
    const read = known.get(key) ?? readOne(prefix, message.bytes);
    known.set(key, read);
    if (typeof read === 'string') unread.push({ message, why: read });
    else if (isNamed(message, read)) addNode(nodes, read, message.bytes);
    else faults.push({ sequence: null, why: `a file of another name holds the event at s=${read.sequence}` });
  }
  // A copy that cannot be read of an event that is here hides nothing, wherever its name puts it.
  for (const { message, why } of unread) {
    const isHere = message.said !== undefined && nodes.has(message.said);
    faults.push({ sequence: isHere ? null : message.sequence, why });
  }
  const children = new Map<string, Node[]>();
  for (const node of nodes.values()) {
    const siblings = children.get(node.event.prior ?? '');
    if (siblings === undefined) children.set(node.event.prior ?? '', [node]);
    else siblings.push(node);
  }
  const branches: Uint8Array[] = [];
  const seen = new Set<Node>();
  for (const start of children.get('') ?? []) walk(start, { nodes, children, seen, branches, faults });
  for (const node of nodes.values()) {
    if (!seen.has(node))
      faults.push({ sequence: node.event.sequence, why: 'an event before this one is missing' });
  }
  return { branches, saids: [...nodes.keys()], faults };
}

interface Node {
  readonly event: ParsedEvent;
  /** The same event with differing attachments: a replay takes the signatures that count from all of them. */
  readonly versions: Uint8Array[];
}

function readOne(prefix: Prefix, bytes: Uint8Array): ParsedEvent | string {
  const { messages, fault } = parseStream(bytes, { maxLength: 1 << 20, maxMessages: 2 });
  if (fault !== null) return fault.reason;
  const [message] = messages;
  if (messages.length !== 1 || message === undefined || message.event.ilk === 'rct')
    return 'not one event with its attachments';
  const { event, attachments, attachmentText } = message;
  // One spelling of each signature, so that two files of one event never differ (storage-and-verification.md 1).
  const { controller, witness } = attachments;
  if (controller.length === 0 || frameSignatures(event.ilk, controller, witness) !== attachmentText)
    return 'its attachments are not in the stored form';
  return event.prefix === prefix ? event : `an event of ${event.prefix}`;
}

function isNamed({ sequence, said }: HeapMessage, event: ParsedEvent): boolean {
  return (sequence === null || sequence === event.sequence) && (said === undefined || said === event.said);
}

function addNode(nodes: Map<Said, Node>, event: ParsedEvent, bytes: Uint8Array): void {
  const known = nodes.get(event.said);
  if (known === undefined) nodes.set(event.said, { event, versions: [bytes] });
  else if (known.versions.length < MOST_VERSIONS && !known.versions.some((one) => equalBytes(one, bytes)))
    known.versions.push(bytes);
}

interface Walk {
  readonly nodes: ReadonlyMap<Said, Node>;
  /** By the SAID of the event before. */
  readonly children: ReadonlyMap<string, readonly Node[]>;
  readonly seen: Set<Node>;
  readonly branches: Uint8Array[];
  readonly faults: HeapFault[];
}

/** Depth first, without recursion: a log may have thousands of events, and a rival of each. */
function walk(start: Node, { nodes, children, seen, branches, faults }: Walk): void {
  const open: Node[] = [start];
  let total = branches.reduce((sum, { length }) => sum + length, 0);
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    seen.add(node);
    // The SAID binds p, so no link can lead back to an earlier event.
    const following = children.get(node.event.said) ?? [];
    open.push(...following.slice(1), ...following.slice(0, 1));
    if (following.length > 0) continue;
    const parts = pathTo(node, nodes);
    total += parts.reduce((sum, { length }) => sum + length, 0);
    if (branches.length === MOST_BRANCHES || (branches.length > 0 && total > MOST_BRANCH_BYTES)) {
      // What was left out may be the newest: no good copy covers that, so it stands beyond every tip.
      faults.push({ sequence: Number.MAX_SAFE_INTEGER, why: `more than ${branches.length} branches` });
      return;
    }
    branches.push(concatAll(parts));
  }
}

/** The messages from the inception to this event, every version of each. */
function pathTo(leaf: Node, nodes: ReadonlyMap<Said, Node>): readonly Uint8Array[] {
  const path: (readonly Uint8Array[])[] = [];
  for (let node: Node | undefined = leaf; node !== undefined;) {
    path.push(node.versions);
    node = node.event.prior === null ? undefined : nodes.get(node.event.prior as Said);
  }
  return path.toReversed().flat();
}
