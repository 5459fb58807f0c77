/**
 * Objects of a plain repository read without starting git: those that lie loose, whole and in order, under a name that can
 * mean one thing only. Everything else (packed, damaged, promised, large, a tag to peel, any other revision) is git's own
 * to answer, so the answer is then null. Replace refs and grafts play no part: an id is the id of its bytes.
 */
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { inflateSync } from 'node:zlib';
import type { ObjectAnswer } from './cat-file.ts';
import { readSmall } from './files.ts';
import { isObjectId, parseCommit, plain, type ObjectType } from './objects.ts';
import { readRef } from './ref-files.ts';

/** Answers like `cat-file`, or null; `maxSize` as for a `Question`. Never throws. */
export type AskPlain = (name: string, maxSize: number) => ObjectAnswer | null;

interface Whole {
  readonly oid: string;
  readonly type: ObjectType;
  readonly bytes: Uint8Array;
}

/** Bytes of a file, and of what is in it, beyond which git may do the work. */
const MAX_FILE = 4 << 20;
const MAX_OBJECT = 16 << 20;
/** Small objects kept, because a verification asks for a commit in several ways. */
const KEPT = 64;
const KEPT_BYTES = 64 << 10;

/** Over the `.git` directory of a repository that `findPlainRepository` has found. */
export function openPlainObjects(gitDir: string): AskPlain {
  const kept = new Map<string, Whole>();

  function whole(oid: string): Whole | null {
    const known = kept.get(oid);
    if (known !== undefined) return known;
    const found = readLoose(gitDir, oid);
    if (found !== null && found.bytes.length <= KEPT_BYTES) {
      if (kept.size === KEPT) kept.clear();
      kept.set(oid, found);
    }
    return found;
  }

  function resolve(name: string): Whole | null {
    const [, start = '', peel] = /^(HEAD|[0-9a-f]{40})(?:\^\{(commit|tree)\})?$/.exec(name) ?? [];
    const oid = start === 'HEAD' ? head(gitDir) : start;
    const found = oid === null || oid === '' ? null : whole(oid);
    if (found === null || peel === undefined || found.type === peel) return found;
    if (found.type !== 'commit' || peel !== 'tree') return null;
    const tree = parseCommit(found.bytes)?.tree;
    const peeled = tree === undefined ? null : whole(tree);
    return peeled?.type === 'tree' ? peeled : null;
  }

  return (name, maxSize) => {
    try {
      const found = resolve(name);
      if (found === null) return null;
      const { oid, type, bytes } = found;
      const about = { name, oid, type, size: bytes.length };
      // A copy: the next one who asks must find the bytes as they were.
      return bytes.length <= maxSize
        ? { status: 'found', ...about, bytes: bytes.slice() }
        : { status: 'too-large', ...about };
    } catch {
      return null;
    }
  };
}

/** The id behind HEAD, of a branch or its own; null where git has to say. Never throws. */
export function plainHead(gitDir: string): string | null {
  try {
    return head(gitDir);
  } catch {
    return null;
  }
}

function head(gitDir: string): string | null {
  const text = readFileSync(join(gitDir, 'HEAD'), 'latin1');
  const [, ref, oid] = /^(?:ref: (refs\/heads\/[\w./-]+)|([0-9a-f]{40}))\n$/.exec(text) ?? [];
  if (ref?.includes('..') === true) return null;
  if (ref === undefined) return oid ?? null;
  return isPlainRef(gitDir, ref) ? readRef(gitDir, ref) : null;
}

/** A file of its own, reached by no link, or packed once in a list as git writes it. */
function isPlainRef(gitDir: string, ref: string): boolean {
  const path = join(gitDir, ref);
  if (existsSync(path)) return realpathSync.native(path) === path;
  const packed = readFileSync(join(gitDir, 'packed-refs'), 'latin1');
  return packed.endsWith('\n') && packed.split(` ${ref}\n`).length === 2;
}

/** Null unless the file is exactly one object of this id. */
function readLoose(gitDir: string, oid: string): Whole | null {
  const packed = readSmall(`${gitDir}/objects/${oid.slice(0, 2)}/${oid.slice(2)}`, MAX_FILE);
  if (packed === null) return null;
  const { buffer, engine } = inflateSync(packed, {
    maxOutputLength: MAX_OBJECT,
    info: true,
  }) as unknown as { readonly buffer: Buffer; readonly engine: { readonly bytesWritten: number } };
  if (engine.bytesWritten !== packed.length) return null;
  const end = buffer.subarray(0, 32).indexOf(0);
  const [, type, size] =
    /^(commit|tree|blob|tag) (0|[1-9]\d*)$/.exec(buffer.toString('latin1', 0, Math.max(end, 0))) ?? [];
  const bytes = plain(buffer.subarray(end + 1));
  if (type === undefined || Number(size) !== bytes.length) return null;
  return isObjectId(oid, type as ObjectType, bytes) ? { oid, type: type as ObjectType, bytes } : null;
}
