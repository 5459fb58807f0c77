/**
 * `.auths/` of a work tree (storage-and-verification.md 5): roots, policy and evidence as files that are
 * added and never changed, so that branches merge without conflict. One exception: a record that a rotation after a theft
 * seals again where it stood before has its old name and a new signature, which takes the old one's place.
 */
import { linkSync, lstatSync, mkdirSync, readFileSync, renameSync, unlinkSync, writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { eventFile, recordFile } from '@auths/core/commit/history';
import { parseRecord } from '@auths/core/attestation/attestation';
import { digestOf } from '@auths/core/attestation/sign';
import { concat, equalBytes } from '@auths/core/encoding/bytes';
import { latin1, utf8 } from '@auths/core/encoding/text';
import { AuthsError, isAuthsError } from '@auths/core/errors';
import type { Prefix } from '@auths/core/identifiers';
import { parseStream } from '@auths/core/keri/stream';
import type { StoredRecord } from '@auths/core/ports';
import { errnoOf } from './files.ts';

/** What a home knows of one identity. */
export interface PublishedIdentity {
  readonly prefix: Prefix;
  /** The accepted log. */
  readonly stream: Uint8Array;
  readonly records: readonly StoredRecord[];
}

/** A file below `.auths`, by its path from there with `/`. */
export interface EvidenceToWrite {
  readonly path: string;
  readonly bytes: Uint8Array;
  /** Whether it takes the place of these bytes, which were right once. */
  readonly replaces?: (found: Uint8Array) => boolean;
}

export interface EvidenceDifference {
  /** Not there yet. */
  readonly missing: readonly EvidenceToWrite[];
  /** There, as they once were right: the same record with a signature that counts no more, or older attributes. */
  readonly outdated: readonly EvidenceToWrite[];
  /** There, with other bytes, or as no regular file. */
  readonly differing: readonly string[];
  /** There as they should be. */
  readonly present: readonly string[];
}

/** What was written before the ones below: attributes from above `.auths` could still change what git keeps. */
const OLDER_ATTRIBUTES = utf8('evidence/** -text\n');

/** A checkout may have turned their line ends, for they kept those of evidence only. */
export function isOlderAttributes(found: Uint8Array): boolean {
  return equalBytes(withoutReturns(found), OLDER_ATTRIBUTES);
}

/** As git keeps text. */
export function withoutReturns(bytes: Uint8Array): Uint8Array {
  return Buffer.from(Buffer.from(bytes).toString('latin1').replaceAll('\r\n', '\n'), 'latin1');
}

/**
 * Git must keep what lies here as it stands, for it is hashed, whatever the `.gitattributes` of the root says. With `!` an
 * attribute is as if nobody had set it: an encoding that is switched off with `-` git refuses.
 */
export const GIT_ATTRIBUTES: EvidenceToWrite = {
  path: '.gitattributes',
  bytes: utf8('* -text !eol -ident !filter !working-tree-encoding\n'),
  replaces: isOlderAttributes,
};

/** The files that carry an identity's log and its sealed records. */
export function evidenceFiles({ prefix, stream, records }: PublishedIdentity): readonly EvidenceToWrite[] {
  const { messages } = parseStream(stream);
  const rotations = new Set(messages.flatMap(({ event }) => (event.ilk === 'rot' ? [event.sequence] : [])));
  const events = messages.flatMap(({ event, attachmentText }) =>
    event.ilk === 'rct'
      ? []
      : [
          {
            path: `evidence/${eventFile(prefix, event.sequence, event.said)}`,
            bytes: concat(event.bytes, latin1(attachmentText)),
          },
        ],
  );
  const sealed = records.flatMap(({ digest, sealedAt, bytes }) =>
    sealedAt === null
      ? []
      : [
          {
            path: `evidence/${recordFile(prefix, parseRecord(bytes).rid, digest, sealedAt)}`,
            bytes,
            // Sealed in place of an event that a rotation superseded: there may be a file with the signature of then.
            replaces: (found: Uint8Array) => rotations.has(sealedAt) && isSameRecord(found, bytes),
          },
        ],
  );
  return [...events, ...sealed];
}

/** Compares with what lies in the work tree. Nothing is written. */
export function compareEvidence(workTree: string, files: readonly EvidenceToWrite[]): EvidenceDifference {
  const missing: EvidenceToWrite[] = [];
  const outdated: EvidenceToWrite[] = [];
  const differing: string[] = [];
  const present: string[] = [];
  for (const file of files) {
    const found = lookAt(workTree, file.path);
    if (found === null) missing.push(file);
    // Anybody can have committed a folder or a link of that name: it must not keep the rest from being written.
    else if (typeof found === 'string') differing.push(file.path);
    else if (equalBytes(found, file.bytes)) present.push(file.path);
    else if (file.replaces?.(found) === true) outdated.push(file);
    else differing.push(file.path);
  }
  return { missing, outdated, differing, present };
}

/** Apart from its signatures. */
function isSameRecord(one: Uint8Array, other: Uint8Array): boolean {
  try {
    return digestOf(parseRecord(one)) === digestOf(parseRecord(other));
  } catch (error) {
    if (isAuthsError(error)) return false;
    throw error;
  }
}

/** Adds the files that are missing. One that is there with other bytes is left alone and named in the result of `compareEvidence`. */
export function addEvidence(workTree: string, files: readonly EvidenceToWrite[]): void {
  for (const { path, bytes } of files) {
    const full = prepareDirectory(workTree, path);
    const temporary = writeTemporary(full, bytes);
    try {
      linkSync(temporary, full);
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw failed(full, error);
    } finally {
      unlinkSync(temporary);
    }
  }
}

/** Writes `roots` or `policy.json`, replacing what is there. */
export function replaceAuthsFile(workTree: string, path: 'roots' | 'policy.json', text: string): void {
  replaceFile(workTree, { path, bytes: utf8(text) });
}

/** Writes evidence over what is there: for what `compareEvidence` calls outdated. */
export function replaceEvidence(workTree: string, files: readonly EvidenceToWrite[]): void {
  for (const file of files) replaceFile(workTree, file);
}

function replaceFile(workTree: string, { path, bytes }: EvidenceToWrite): void {
  const full = prepareDirectory(workTree, path);
  renameSync(writeTemporary(full, bytes), full);
}

/** Bytes of one file below `.auths`, as for the same file in a tree. */
const MAX_FILE = 1 << 20;

/** Bytes of a regular file below `.auths`, null when there is none; links are never followed. */
export function readAuthsFile(workTree: string, path: string): Uint8Array | null {
  const found = lookAt(workTree, path);
  if (typeof found !== 'string') return found;
  const name = `.auths/${path}`;
  throw failed(
    join(workTree, name),
    undefined,
    found,
    `move it away, then bring back what was committed: git checkout HEAD -- ${name}; if that brings back the same, move it away again and have it written anew: git rm -r --cached ${name} && auths repo init`,
  );
}

/** What is wrong with it, where it is there and no file to be read. */
function lookAt(workTree: string, path: string): Uint8Array | null | string {
  const parts = ['.auths', ...path.split('/')];
  for (let i = 1; i < parts.length; i++) {
    if (lstatSync(join(workTree, ...parts.slice(0, i)), { throwIfNoEntry: false })?.isDirectory() !== true)
      return null;
  }
  const full = join(workTree, ...parts);
  const facts = lstatSync(full, { throwIfNoEntry: false });
  if (facts === undefined) return null;
  if (!facts.isFile()) return 'is not a regular file';
  if (facts.size > MAX_FILE) return `is larger than ${MAX_FILE} bytes`;
  return new Uint8Array(readFileSync(full));
}

/** Makes the directories; one that is a link is refused, because it leads out of the work tree. */
function prepareDirectory(workTree: string, path: string): string {
  const parts = ['.auths', ...path.split('/').slice(0, -1)];
  for (let i = 1; i <= parts.length; i++) {
    const directory = join(workTree, ...parts.slice(0, i));
    const facts = lstatSync(directory, { throwIfNoEntry: false });
    if (facts === undefined) mkdirSync(directory, { recursive: true });
    else if (!facts.isDirectory())
      throw failed(directory, undefined, 'is not a directory', 'move it away, and try again');
  }
  return join(workTree, '.auths', ...path.split('/'));
}

function writeTemporary(path: string, bytes: Uint8Array): string {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    writeFileSync(temporary, bytes, { flag: 'wx' });
  } catch (error) {
    throw failed(path, error);
  }
  return temporary;
}

function failed(
  path: string,
  cause: unknown,
  why: string = cause instanceof Error ? cause.message : 'failed',
  hint?: string,
): AuthsError<'storage/failed'> {
  return new AuthsError('storage/failed', `${path}: ${why}`, {
    ...(hint === undefined ? {} : { hint }),
    details: { path },
    cause,
  });
}
