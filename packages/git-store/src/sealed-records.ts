/** The travelling form of records: one ref for each device, every version in the tip's tree. */
import { prefixOf, type DidKeri, type DidKey, type Said } from '@auths/core/identifiers';
import type { StoredRecord } from '@auths/core/ports';
import { corrupt } from './files.ts';
import type { Home } from './home-repository.ts';
import {
  newCommit,
  newObject,
  newTree,
  parseCommit,
  parseTree,
  type NewObject,
  type TreeEntry,
} from './objects.ts';
import { parseRecordFileName, recordFileName, recordsRef, subjectOf } from './record-names.ts';
import type { RefChange } from './refs.ts';

/** Objects to write, and the ref that then moves; null when there is nothing to do. */
export interface Addition {
  readonly objects: readonly NewObject[];
  readonly change: RefChange | null;
}

/** Adds sealed records to their device's ref. `sealings`: where each record of the ref is sealed, the newest place. */
export async function addSealed(
  home: Home,
  issuer: DidKeri,
  subject: DidKey | null,
  group: readonly StoredRecord[],
): Promise<Addition & { readonly sealings: ReadonlyMap<Said, number> }> {
  const ref = recordsRef(issuer, subject);
  const from = home.readRef(ref);
  const entries = new Map((from === null ? [] : await tipEntries(home, ref, from)).map((e) => [e.name, e]));
  const objects: NewObject[] = [];
  let newest = 0;
  for (const { digest, sealedAt, bytes } of group) {
    if (sealedAt === null) continue;
    const blob = newObject('blob', bytes);
    const name = recordFileName(digest, sealedAt);
    if (entries.get(name)?.oid === blob.oid) continue;
    objects.push(blob);
    // Callers validate before they put, so newer bytes under one name heal a bad record; the older stay in the history.
    entries.set(name, { mode: '100644', name, oid: blob.oid });
    newest = Math.max(newest, sealedAt);
  }
  const sealings = new Map<Said, number>();
  for (const name of entries.keys()) {
    const parsed = parseRecordFileName(name);
    if (parsed !== null)
      sealings.set(parsed.digest, Math.max(parsed.sealedAt, sealings.get(parsed.digest) ?? 0));
  }
  if (objects.length === 0) return { objects, change: null, sealings };
  const tree = newTree([...entries.values()]);
  const commit = newCommit({
    tree: tree.oid,
    parent: from,
    date: newest,
    message: `records ${objects.length}`,
  });
  return { objects: [...objects, tree, commit], change: { ref, from, to: commit.oid }, sealings };
}

/** Every sealed record of an issuer: of its devices, and its anchors. */
export async function listSealed(home: Home, issuer: DidKeri): Promise<readonly StoredRecord[]> {
  const base = `refs/did/keri/${prefixOf(issuer)}`;
  const tips = home.listNames(`${base}/devices`).flatMap((name) => {
    const ref = `${base}/devices/${name}`;
    const oid = home.readRef(ref);
    return oid === null ? [] : [{ oid, ref, subject: subjectOf(name, ref) }];
  });
  const anchors = home.readRef(`${base}/anchors`);
  const sealed = await Promise.all([
    ...tips.map(({ oid, ref, subject }) => readSealed(home, ref, oid, subject)),
    ...(anchors === null ? [] : [readSealed(home, `${base}/anchors`, anchors, null)]),
  ]);
  return sealed.flat();
}

/** Every record in a ref's tip. */
export async function readSealed(
  home: Home,
  ref: string,
  oid: string,
  subject: DidKey | null,
): Promise<readonly StoredRecord[]> {
  const entries = await tipEntries(home, ref, oid);
  return Promise.all(
    entries.map(async (entry) => {
      const parsed = parseRecordFileName(entry.name);
      if (parsed === null || entry.mode !== '100644') throw corrupt(ref, `${entry.name} is not a record`);
      const { digest, sealedAt } = parsed;
      return { subject, digest, sealedAt, bytes: await home.object(entry.oid, 'blob') };
    }),
  );
}

async function tipEntries(home: Home, ref: string, oid: string): Promise<readonly TreeEntry[]> {
  const commit = parseCommit(await home.object(oid, 'commit'));
  const entries = commit === null ? null : parseTree(await home.object(commit.tree, 'tree'));
  if (entries === null) throw corrupt(ref, `${oid} does not hold records`);
  return entries;
}
