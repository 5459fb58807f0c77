/** The home form of records: `attestation.json` is the newest version, one commit for each. */
import type { DidKeri, DidKey, Said } from '@auths/core/identifiers';
import type { StoredRecord } from '@auths/core/ports';
import { corrupt } from './files.ts';
import type { Home } from './home-repository.ts';
import { newCommit, newObject, newTree, parseCommit, parseTree, type NewObject } from './objects.ts';
import { homeRecordRef, subjectOf } from './record-names.ts';
import type { Addition } from './sealed-records.ts';

const VERSION_FILE = 'attestation.json';

/** One commit for each version that the home has not seen, the newest last; an older one never becomes the tip. */
export async function addVersions(
  home: Home,
  subject: DidKey | null,
  group: readonly StoredRecord[],
  sealings: ReadonlyMap<Said, number>,
): Promise<Addition> {
  const ref = homeRecordRef(subject);
  const from = home.readRef(ref);
  const history = from === null ? [] : await versions(home, ref, from);
  const trees = new Set(history.map(({ tree }) => tree));
  const objects: NewObject[] = [];
  const tip = history[0];
  let floor = tip === undefined ? -1 : (sealings.get(tip.digest) ?? -1);
  let parent = from;
  for (const record of group.toSorted((a, b) => order(a) - order(b))) {
    const blob = newObject('blob', record.bytes);
    const tree = newTree([{ mode: '100644', name: VERSION_FILE, oid: blob.oid }]);
    if (trees.has(tree.oid) || order(record) < floor) continue;
    const message = `record ${record.digest} ${record.sealedAt ?? 'unsealed'}`;
    const commit = newCommit({ tree: tree.oid, parent, date: record.sealedAt ?? 0, message });
    objects.push(blob, tree, commit);
    trees.add(tree.oid);
    parent = commit.oid;
    floor = record.sealedAt ?? floor;
  }
  return { objects, change: parent === null || parent === from ? null : { ref, from, to: parent } };
}

/** The versions that no event seals yet: those of `issuer` that are not among `sealed`. */
export async function readUnsealed(
  home: Home,
  issuer: DidKeri,
  sealed: ReadonlySet<Said>,
): Promise<readonly StoredRecord[]> {
  const found: StoredRecord[] = [];
  const nodes = 'refs/auths/devices/nodes';
  const refs = [...home.listRefs(nodes)].map(([ref, oid]) => ({
    ref,
    oid,
    subject: subjectOf(ref.slice(nodes.length + 1).replace(/\/signatures$/, ''), ref) as DidKey | null,
  }));
  const anchors = home.readRef('refs/auths/anchors');
  if (anchors !== null) refs.push({ ref: 'refs/auths/anchors', oid: anchors, subject: null });
  for (const { ref, oid, subject } of refs) {
    for (const { digest, tree } of await versions(home, ref, oid)) {
      if (sealed.has(digest)) continue;
      const bytes = await versionBytes(home, ref, tree);
      // A join that was given up may have left records of another issuer.
      if (issuerOf(bytes) === issuer) found.push({ subject, digest, sealedAt: null, bytes });
    }
  }
  return found;
}

/** The bytes of every version, newest first. */
export async function readVersions(home: Home, ref: string, tip: string): Promise<readonly Uint8Array[]> {
  const found = await versions(home, ref, tip);
  return Promise.all(found.map(({ tree }) => versionBytes(home, ref, tree)));
}

async function versionBytes(home: Home, ref: string, tree: string): Promise<Uint8Array> {
  const entry = parseTree(await home.object(tree, 'tree'))?.[0];
  if (entry?.name !== VERSION_FILE) throw corrupt(ref, `a version without ${VERSION_FILE}`);
  return home.object(entry.oid, 'blob');
}

/** Unsealed records are the ones in the making, newer than anything sealed. */
function order(record: StoredRecord): number {
  return record.sealedAt ?? Number.MAX_SAFE_INTEGER;
}

interface Version {
  readonly tree: string;
  readonly digest: Said;
}

/** The versions of a home ref, newest first. */
async function versions(home: Home, ref: string, tip: string): Promise<readonly Version[]> {
  const found: Version[] = [];
  for (let oid: string | undefined = tip; oid !== undefined;) {
    const commit = parseCommit(await home.object(oid, 'commit'));
    const digest = /^record (\S{44}) (?:\d+|unsealed)\n$/.exec(commit?.message ?? '')?.[1];
    if (commit === null || digest === undefined)
      throw corrupt(ref, `commit ${oid} is not a version of a record`);
    found.push({ tree: commit.tree, digest: digest as Said });
    oid = commit.parents[0];
  }
  return found;
}

function issuerOf(bytes: Uint8Array): unknown {
  try {
    return (JSON.parse(Buffer.from(bytes).toString('utf8')) as { readonly issuer?: unknown }).issuer;
  } catch {
    return undefined;
  }
}
