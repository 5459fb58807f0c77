/** The bytes of a tree object, entry by entry and without an object for each: a stranger's tree may hold a million names. */

const SPACE = 0x20;
const SLASH = 0x2f;
const DOT = 0x2e;
const MAX_MODE = 6;
const ZERO = 0x30;
const SEVEN = 0x37;

/** Where one entry begins, where its name does, and where its id does; the bytes before the last two are a space and a NUL. */
type Visit = (at: number, name: number, id: number) => void;

export interface TreeFacts {
  readonly count: number;
  /** Whether they stand as git writes them: in any other order git's own merge takes what is there for gone. */
  readonly isOrdered: boolean;
}

/**
 * Visits the entries in stored order; what was seen, or null when the bytes are not a tree, name something twice, or by
 * a name that leads elsewhere: git writes no such tree, and of two readers one would take the first and the other the
 * last, or a file of the root for one of a folder. Nor does git read one with a mode that is no octal number. Whoever was visited until then forgets it.
 */
export function eachEntry(
  bytes: Uint8Array,
  idLength: number,
  visit: Visit = () => undefined,
): TreeFacts | null {
  let count = 0;
  let isOrdered = true;
  let before = { name: 0, end: 0, isFolder: false };
  for (let at = 0; at < bytes.length; count++) {
    const space = bytes.indexOf(SPACE, at);
    if (space < 0 || space - at > MAX_MODE || !isOctal(bytes, at, space)) return null;
    const name = space + 1;
    let end = name;
    while (end < bytes.length && bytes[end] !== 0) if (bytes[end++] === SLASH) return null;
    const id = end + 1;
    if (id + idLength > bytes.length || isNowhere(bytes, name, end)) return null;
    if (isOrdered && count > 0) isOrdered = follows(bytes, before, name, end);
    before = { name, end, isFolder: isFolderMode(bytes, at, space) };
    visit(at, name, id);
    at = id + idLength;
  }
  return isOrdered || namesDiffer(bytes, idLength) ? { count, isOrdered } : null;
}

function isOctal(bytes: Uint8Array, from: number, end: number): boolean {
  return end > from && bytes.subarray(from, end).every((byte) => byte >= ZERO && byte <= SEVEN);
}

const MODES = new Set(['100644', '100755', '120000', '160000', '40000']);
const KIND = 0o170000;
const OWNER_RUNS = 0o100;

/** What git takes a mode for, and writes in its place as soon as it writes such a tree again. */
export function writtenMode(mode: string): string {
  if (MODES.has(mode)) return mode;
  const bits = Number.parseInt(mode, 8);
  switch (bits & KIND) {
    case 0o040000:
      return '40000';
    case 0o100000:
      return (bits & OWNER_RUNS) === 0 ? '100644' : '100755';
    case 0o120000:
      return '120000';
    default:
      return '160000';
  }
}

/** "", "." and "..". */
function isNowhere(bytes: Uint8Array, from: number, end: number): boolean {
  return end - from < 3 && bytes.subarray(from, end).every((byte) => byte === DOT);
}

function isFolderMode(bytes: Uint8Array, at: number, end: number): boolean {
  return end - at === 5 && bytes[at] === 0x34;
}

/**
 * Whether a name comes after the one before it, in git's order (a folder as if its name ended in a slash), and is no
 * beginning of it. Where that is so of all, none comes twice: a file and a folder of one name have only names
 * between them that begin with theirs.
 */
function follows(
  bytes: Uint8Array,
  before: { readonly name: number; readonly end: number; readonly isFolder: boolean },
  name: number,
  end: number,
): boolean {
  const length = before.end - before.name;
  const shared = Math.min(length, end - name);
  for (let i = 0; i < shared; i++) {
    const difference = (bytes[name + i] as number) - (bytes[before.name + i] as number);
    if (difference !== 0) return difference > 0;
  }
  return length < end - name && (bytes[name + length] as number) > (before.isFolder ? SLASH : 0);
}

/** Asked where the order does not show it. Byte for byte: two names that are not UTF-8 may read alike and are two. */
function namesDiffer(bytes: Uint8Array, idLength: number): boolean {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const names = new Set<string>();
  let count = 0;
  for (let at = 0; at < buffer.length; count++) {
    const name = buffer.indexOf(SPACE, at) + 1;
    const end = buffer.indexOf(0, name);
    names.add(buffer.toString('latin1', name, end));
    at = end + 1 + idLength;
  }
  return names.size === count;
}
