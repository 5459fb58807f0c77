/**
 * Collects evidence for a verification from everywhere in a clone, and from the verifier's own home, in
 * the order of belief (identity-life.md 2). Reads only: no identity, home or network is needed, and none
 * is created.
 */
import { concatAll } from '@auths/core/encoding/bytes';
import type { EvidenceSource, LogEvidence } from '@auths/core/commit/evidence';
import { AuthsError, hasCode, isAuthsError } from '@auths/core/errors';
import { didKeriOf, isPrefix, type Prefix } from '@auths/core/identifiers';
import { kelRef } from './event-log.ts';
import { MAX_EVIDENCE_BYTES, requireFew } from './evidence-files.ts';
import { homeExists } from './home-parts.ts';
import { openHome } from './home-repository.ts';
import { listRepositoryRefs, type Repository } from './repository.ts';
import { listTree, objectMissing } from './repository-trees.ts';
import type { TreeEntry } from './objects.ts';
import { listSealed } from './sealed-records.ts';
import { openTrees, readBlob } from './tree-evidence.ts';
import { readStream } from './trunk.ts';

/** Where to look. */
export interface EvidencePlaces {
  /** The commit whose tree is the base: what it grants counts. */
  readonly base: string;
  /** The commit at the end of what is judged; null for none. */
  readonly end: string | null;
  readonly head: string | null;
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
  const named = [places.end, places.head].filter((oid) => oid !== null && oid !== places.base);
  const others = [...new Set(named as readonly string[])];
  const trees = openTrees(repository);
  return Promise.all([
    ...(places.home === null ? [] : [homeEvidence(places.home)]),
    // What a proposal has on disk is not asked about the base, not even by its ids.
    trees.evidence({ name: 'base tree', proposal: false, tree: 'base' }, places.base, {
      onDisk: places.baseIsTarget,
    }),
    refEvidence(repository),
    trees.workTree(proposal),
    ...others.map((oid) =>
      trees.evidence(
        {
          name: `tree of ${oid.slice(0, 12)}`,
          proposal,
          ...(oid === places.end ? { tree: 'end' as const } : {}),
        },
        oid,
        { onDisk: true },
      ),
    ),
  ]);
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
    for (const prefix of home.listNames('refs/did/keri').filter(isPrefix)) {
      await noted(notes, async () => {
        const ref = kelRef(prefix);
        const tip = home.readRef(ref);
        if (tip !== null)
          logs.set(prefix, {
            streams: [await readStream(home, ref, tip)],
            messages: [],
            receipts: new Uint8Array(0),
          });
        // What no event seals yet counts for nobody.
        for (const record of await listSealed(home, didKeriOf(prefix))) records.push(record.bytes);
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
    try {
      if (kind === 'kel')
        found.set(prefix, [...(found.get(prefix) ?? []), await readLogTree(repository, oid)]);
      else records.push(...(await readRecordTree(repository, oid)));
    } catch (error) {
      if (isHole(error)) throw error;
      notes.push(reasonOf(error));
    }
  }
  const logs = new Map(
    [...found].map(([prefix, streams]) => [prefix, { streams, messages: [], receipts: new Uint8Array(0) }]),
  );
  return { name: 'fetched refs', proposal: false, unjudged: true, logs, records, notes };
}

/** The log's segments in order; the replay judges what they hold. */
async function readLogTree(repository: Repository, oid: string): Promise<Uint8Array> {
  const segments = (await listTree(repository, oid, 'kel')) ?? [];
  return concatAll(
    await readEach(segments, async ({ oid: blob, mode }) => {
      if (mode !== '100644')
        throw new AuthsError('input/malformed', `a fetched log has an entry of mode ${mode}`);
      const segment = await repository.objects.ask(blob, { maxSize: 8 << 20 });
      if (segment.status === 'too-large')
        throw new AuthsError('input/malformed', `a fetched log has a segment of ${segment.size} bytes`);
      if (segment.status !== 'found') throw objectMissing(blob, `a segment of the log in ${oid}, whole,`);
      return segment.bytes;
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

/** Of what was believed when it was fetched, what is missing now could be a revocation. A whole tree that git would not write was pushed so. */
function isHole(error: unknown): boolean {
  if (hasCode(error, 'git/object-missing')) return error.details['unreadable'] !== true;
  return (['git/failed', 'git/missing', 'storage/corrupt'] as const).some((code) => hasCode(error, code));
}

/** Our own errors are news about the evidence; anything else is a bug and goes on. */
function reasonOf(error: unknown): string {
  if (isAuthsError(error)) return error.message;
  throw error;
}
