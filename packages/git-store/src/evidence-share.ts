/**
 * How much of what a reader of evidence takes is taken already. Anybody's additions may fill half of it; the other half is
 * left to whoever has `manage_policy`, so that a revocation always finds room.
 */
import {
  MAX_EVIDENCE_BYTES,
  MAX_EVIDENCE_FILE,
  MAX_EVIDENCE_FILES,
  MAX_EVIDENCE_TREE,
} from './evidence-files.ts';
import type { Repository } from './repository.ts';
import { objectMissing } from './repository-trees.ts';
import { isFolder, oidOf, remembered, written, type Entry, type TrustTrees } from './trust-trees.ts';

/** What some disk has as a regular file: executable ones, and links where there are none. */
const FILE = /^(?:100644|100755|120000) /;
/** Questions put to git together. */
const AT_ONCE = 512;

/** Answers whether evidence is more than half of what is read, in names, in bytes of files or of one of its trees. */
export function openEvidenceShare(
  repository: Repository,
  trees: TrustTrees,
): (evidence: Entry) => Promise<boolean> {
  const fileSizes = new Map<string, number>();
  const folderBytes = new Map<string, Promise<number>>();

  /** Bytes that a reader keeps, of a tree or of the work tree that git makes of it: of files that are not too large. */
  async function bytesIn(folder: string): Promise<number> {
    const entries = [...(await trees.list(folder)).values()];
    const oids = entries.filter((entry) => FILE.test(written(entry) ?? '')).map(oidOf);
    const unknown = [...new Set(oids)].filter((oid) => !fileSizes.has(oid));
    for (let at = 0; at < unknown.length; at += AT_ONCE) {
      await Promise.all(unknown.slice(at, at + AT_ONCE).map(askSize));
    }
    return oids.reduce((sum, oid) => sum + (fileSizes.get(oid) ?? 0), 0);
  }

  async function askSize(oid: string): Promise<void> {
    const info = await repository.objects.info(oid);
    if (info === null) throw objectMissing(oid, `the evidence ${oid}`);
    fileSizes.set(oid, info.type === 'blob' && info.size <= MAX_EVIDENCE_FILE ? info.size : 0);
  }

  return async (evidence) => {
    const { names } = await trees.countBelow(evidence);
    if (names > MAX_EVIDENCE_FILES / 2) return true;
    const folders = [...(await trees.list(evidence)).values()].filter(isFolder);
    for (const folder of [evidence, ...folders])
      if ((await trees.size(folder)).bytes > MAX_EVIDENCE_TREE / 2) return true;
    // So few cannot be too much, whatever their sizes.
    if (names * MAX_EVIDENCE_FILE <= MAX_EVIDENCE_BYTES / 2) return false;
    let bytes = 0;
    for (const folder of folders) {
      bytes += await remembered(folderBytes, folder, () => bytesIn(folder));
      if (bytes > MAX_EVIDENCE_BYTES / 2) return true;
    }
    return false;
  };
}
