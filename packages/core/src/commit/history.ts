/** Questions about a repository's history that a judgement may need. A port: git answers it, or a browser's object store. */
import type { ObjectName } from '../attestation/attestation.ts';

export interface History {
  /** Whether the commit is one of `tips`, or an ancestor of one. Tips that are not there cover nothing. */
  isWithin(oid: string, tips: readonly string[]): Promise<boolean>;
  /** Those of the names whose object is here with exactly the bytes that were sealed. */
  present(names: readonly ObjectName[]): Promise<readonly string[]>;
  /** Whether the commit changes or deletes roots or policy of a parent that has them; null when a parent is not here (shallow). */
  changesPolicy(oid: string, parents: readonly string[]): Promise<boolean | null>;
  /** Whether anything of `.auths` is another than in a parent; null when one is not here. */
  touchesEvidence(oid: string, parents: readonly string[]): Promise<boolean | null>;
  /** Whether the commit's own tree holds the event at `path` below `.auths/evidence`. */
  holdsEvidence(oid: string, path: string): Promise<boolean>;
  /** Whether a live device has signed a descendant of this commit. */
  isBelowLiveCommit(oid: string): Promise<boolean>;
}

/** Where repositories keep evidence. */
export const EVIDENCE_DIRECTORY = '.auths/evidence';

/** `<prefix>/<s, 8 hex>-<said>.cesr`, below the evidence directory. */
export function eventFile(prefix: string, sequence: number, said: string): string {
  return `${prefix}/${hex8(sequence)}-${said}.cesr`;
}

/** `<prefix>/<rid>-<digest>-<sealing s, 8 hex>.json`, below the evidence directory. */
export function recordFile(prefix: string, rid: string, digest: string, sealedAt: number): string {
  return `${prefix}/${rid}-${digest}-${hex8(sealedAt)}.json`;
}

function hex8(sequence: number): string {
  return sequence.toString(16).padStart(8, '0');
}
