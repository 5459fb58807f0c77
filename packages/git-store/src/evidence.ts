/**
 * Collects evidence for a verification from everywhere in a clone, and from the verifier's own home, in
 * the order of belief (identity-life.md 2). Reads only: no identity, home or network is needed, and none
 * is created.
 */
import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { concatAll } from '@auths/core/encoding/bytes';
import type { EvidenceSource, LogEvidence } from '@auths/core/commit/evidence';
import { AuthsError, hasCode, isAuthsError } from '@auths/core/errors';
import { didKeriOf, isPrefix, type Prefix } from '@auths/core/identifiers';
import { gitAttestationStore } from './attestation-store.ts';
import { gitEventLog } from './event-log.ts';
import {
  gatherEvidence,
  MAX_EVIDENCE_BYTES,
  MAX_EVIDENCE_FILE,
  requireFew,
  type EvidenceFile,
} from './evidence-files.ts';
import { homeExists, openHome } from './home-repository.ts';
import { listRepositoryRefs, listTree, objectMissing, type Repository } from './repository.ts';
import { parseTree, type TreeEntry } from './objects.ts';

/** Where to look. */
export interface EvidencePlaces {
  /** The commit whose tree is the base: what it grants counts. */
  readonly base: string;
  /** Other commits whose trees are looked at: the target, HEAD. */
  readonly others: readonly string[];
  /** True when the base is the target itself, so that nothing is a proposal. */
  readonly baseIsTarget: boolean;
  /** The verifier's own home; null, or one that does not exist, is left out. */
  readonly home: string | null;
}

/** Every source, in order of belief. Unreadable ones become notes of an empty source. */
export async function collectEvidence(
  repository: Repository,
  places: EvidencePlaces,
): Promise<readonly EvidenceSource[]> {
  const proposal = !places.baseIsTarget;
  const others = [...new Set(places.others)].filter((oid) => oid !== places.base);
  const trees = new Map<string, Promise<readonly EvidenceFile[]>>();
  return Promise.all([
    ...(places.home === null ? [] : [homeEvidence(places.home)]),
    treeEvidence(repository, { name: 'base tree', proposal: false }, places.base, trees),
    refEvidence(repository),
    workTreeEvidence(repository.workTree, proposal),
    ...others.map((oid) =>
      treeEvidence(repository, { name: `tree of ${oid.slice(0, 12)}`, proposal }, oid, trees),
    ),
  ]);
}

/** What `.auths/evidence` of a work tree on disk holds, committed or not. */
export async function workTreeEvidence(workTree: string | null, proposal: boolean): Promise<EvidenceSource> {
  const source = { name: 'work tree', proposal };
  return gatherEvidence(source, workTree === null ? [] : filesOnDisk(join(workTree, '.auths', 'evidence')));
}

type SourceName = Pick<EvidenceSource, 'name' | 'proposal'>;

async function treeEvidence(
  repository: Repository,
  source: SourceName,
  commit: string,
  trees: Map<string, Promise<readonly EvidenceFile[]>>,
): Promise<EvidenceSource> {
  try {
    const directory = (await listTree(repository, commit, '.auths'))?.find(({ name }) => name === 'evidence');
    if (directory === undefined || directory.mode !== '40000') return await gatherEvidence(source, []);
    const known = trees.get(directory.oid);
    const files = known ?? filesInTree(repository, source.name, directory.oid);
    trees.set(directory.oid, files);
    return await gatherEvidence(source, await files);
  } catch (error) {
    // What is proposed may lack what it likes; believed evidence with a hole could hide a revocation.
    if (!source.proposal || !hasCode(error, 'git/object-missing')) throw error;
    return { ...source, logs: new Map(), records: [], notes: [error.message] };
  }
}

/** One directory after another, because a few small trees can name each other's entries a billion times. */
async function filesInTree(
  repository: Repository,
  source: string,
  oid: string,
): Promise<readonly EvidenceFile[]> {
  const files: EvidenceFile[] = [];
  const directories = await readTree(repository, oid);
  requireFew(source, directories.length);
  for (const entry of directories) {
    if (entry.mode !== '40000') {
      files.push({ directory: '', name: entry.name, read: () => Promise.resolve(null) });
      continue;
    }
    const entries = await readTree(repository, entry.oid);
    requireFew(source, files.length + entries.length);
    for (const file of entries) {
      const read = remembered(() => readBlob(repository, file));
      files.push({ directory: entry.name, name: file.name, read });
    }
  }
  return files;
}

/** A tree too large for the files that evidence may have is a fault: taking it for empty would hide what it holds. */
async function readTree(repository: Repository, oid: string): Promise<readonly TreeEntry[]> {
  const answer = await repository.objects.ask(oid, { maxSize: 8 << 20 });
  if (answer.status === 'too-large') {
    throw new AuthsError('input/malformed', `the evidence has a directory of ${answer.size} bytes`);
  }
  if (answer.status === 'missing') throw objectMissing(oid, `the tree ${oid}`);
  if (answer.status !== 'found' || answer.type !== 'tree') return [];
  return parseTree(answer.bytes, oid.length / 2) ?? [];
}

async function readBlob(repository: Repository, { mode, oid }: TreeEntry): Promise<Uint8Array | null> {
  if (mode !== '100644') return null;
  const answer = await repository.objects.ask(oid, { maxSize: MAX_EVIDENCE_FILE });
  if (answer.status === 'missing') throw objectMissing(oid, `the evidence ${oid}`);
  return answer.status === 'found' && answer.type === 'blob' ? answer.bytes : null;
}

/** Links are never followed: what lies in a work tree may come from a stranger. */
function filesOnDisk(directory: string): readonly EvidenceFile[] {
  if (!isDirectory(join(directory, '..')) || !isDirectory(directory)) return [];
  const prefixes = readdirSync(directory);
  requireFew('work tree', prefixes.length);
  return prefixes.flatMap((prefix): readonly EvidenceFile[] => {
    const below = join(directory, prefix);
    if (!isDirectory(below)) return [{ directory: '', name: prefix, read: () => Promise.resolve(null) }];
    return readdirSync(below).map((name) => ({
      directory: prefix,
      name,
      read: () => Promise.resolve(readRegular(join(below, name))),
    }));
  });
}

function isDirectory(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

/** Null for what is not a regular file, is too large or cannot be read. */
function readRegular(path: string): Uint8Array | null {
  try {
    const facts = lstatSync(path);
    return facts.isFile() && facts.size <= MAX_EVIDENCE_FILE ? new Uint8Array(readFileSync(path)) : null;
  } catch {
    return null;
  }
}

/** The own home's logs and records. Never created; one that cannot be read is a note. */
export async function homeEvidence(dir: string): Promise<EvidenceSource> {
  const source = { name: 'this home', proposal: false };
  if (!homeExists(dir)) return { ...source, logs: new Map(), records: [], notes: [] };
  const notes: string[] = [];
  const logs = new Map<Prefix, LogEvidence>();
  const records: Uint8Array[] = [];
  try {
    await using home = openHome(dir);
    const log = gitEventLog(home);
    const store = gitAttestationStore(home);
    for (const prefix of await log.list()) {
      await noted(notes, async () => {
        const stored = await log.read(prefix);
        if (stored !== null)
          logs.set(prefix, { streams: [stored.stream], messages: [], receipts: new Uint8Array(0) });
        for (const record of await store.list(didKeriOf(prefix)))
          if (record.sealedAt !== null) records.push(record.bytes);
      });
    }
  } catch (error) {
    notes.push(reasonOf(error));
  }
  return { ...source, logs, records, notes };
}

/** `refs/did/keri/*` of this repository, and what was fetched below `refs/auths-remotes/`. */
async function refEvidence(repository: Repository): Promise<EvidenceSource> {
  const refs = await listRepositoryRefs(repository, 'refs/did/keri', 'refs/auths-remotes');
  const notes: string[] = [];
  const found = new Map<Prefix, Uint8Array[]>();
  const records: Uint8Array[] = [];
  for (const [ref, oid] of refs) {
    const match = /^refs\/(?:auths-remotes\/[^/]+\/)?did\/keri\/([^/]+)\/(kel|anchors|devices\/[^/]+)$/.exec(
      ref,
    );
    const [, prefix, kind] = match ?? [];
    if (prefix === undefined || !isPrefix(prefix)) continue;
    await noted(notes, async () => {
      if (kind === 'kel')
        found.set(prefix, [...(found.get(prefix) ?? []), await readLogTree(repository, oid)]);
      else records.push(...(await readRecordTree(repository, oid)));
    });
  }
  const logs = new Map(
    [...found].map(([prefix, streams]) => [prefix, { streams, messages: [], receipts: new Uint8Array(0) }]),
  );
  return { name: 'fetched refs', proposal: false, logs, records, notes };
}

/** The log's segments in order; the replay judges what they hold. */
async function readLogTree(repository: Repository, oid: string): Promise<Uint8Array> {
  const segments = (await listTree(repository, oid, 'kel')) ?? [];
  return concatAll(
    await readEach(segments, async ({ oid: blob }) => {
      const segment = await repository.objects.read(blob, { maxSize: 8 << 20 });
      return segment?.bytes ?? null;
    }),
  );
}

async function readRecordTree(repository: Repository, oid: string): Promise<readonly Uint8Array[]> {
  const entries = (await listTree(repository, oid)) ?? [];
  return readEach(entries, (entry) => readBlob(repository, entry));
}

/** The contents in order, without what is not there; within the bounds of a source. */
async function readEach(
  entries: readonly TreeEntry[],
  read: (entry: TreeEntry) => Promise<Uint8Array | null>,
): Promise<readonly Uint8Array[]> {
  requireFew('a fetched ref', entries.length);
  const contents: Uint8Array[] = [];
  let total = 0;
  for (const entry of entries) {
    const bytes = await read(entry);
    if (bytes === null) continue;
    total += bytes.length;
    if (total > MAX_EVIDENCE_BYTES) {
      throw new AuthsError('input/malformed', `a fetched ref holds more than ${MAX_EVIDENCE_BYTES} bytes`);
    }
    contents.push(bytes);
  }
  return contents;
}

async function noted(notes: string[], action: () => Promise<void>): Promise<void> {
  try {
    await action();
  } catch (error) {
    notes.push(reasonOf(error));
  }
}

/** Our own errors are news about the evidence; anything else is a bug and goes on. */
function reasonOf(error: unknown): string {
  if (isAuthsError(error)) return error.message;
  throw error;
}

function remembered<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | null = null;
  return () => (made ??= make());
}
