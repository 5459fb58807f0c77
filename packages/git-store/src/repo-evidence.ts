/** `auths repo init|update|check`: what a work tree's `.auths/` should hold, by what a home knows, and bringing it there. */
import { formatPolicy, parsePolicy } from '@auths/core/commit/policy';
import { formatRoots, parseRoots, type Root } from '@auths/core/commit/roots';
import { equalBytes } from '@auths/core/encoding/bytes';
import { fromUtf8 } from '@auths/core/encoding/text';
import { AuthsError, isAuthsError } from '@auths/core/errors';
import type { DidKeri, Said } from '@auths/core/identifiers';
import {
  addEvidence,
  compareEvidence,
  evidenceFiles,
  GIT_ATTRIBUTES,
  OLDER_ATTRIBUTES,
  readAuthsFile,
  replaceAuthsFile,
  replaceEvidence,
  type EvidenceDifference,
  type EvidenceToWrite,
  type PublishedIdentity,
} from './work-tree-evidence.ts';

/** What the home at hand knows of a root; null when it holds no log of it. */
export interface KnownRoot extends PublishedIdentity {
  /** Newest rotation, or the inception: what the roots file pins. */
  readonly lastEstablishment: Said;
  /** Every event, to tell an older pin from a foreign one. */
  readonly saids: ReadonlySet<Said>;
}

export type Lookup = (did: DidKeri) => Promise<KnownRoot | null>;

export interface RepoReport {
  readonly roots: readonly Root[];
  /** Paths below `.auths`: written, or by `check` found to be missing or stale. */
  readonly changed: readonly string[];
  /** Files with other bytes than they should have. Nothing writes over them. */
  readonly differing: readonly string[];
  readonly unchanged: readonly string[];
  readonly notes: readonly string[];
  /** What attributes from above do to the files here ends with an update by a device with `manage_policy`. */
  readonly hasOlderAttributes: boolean;
}

/** The roots that a work tree names; empty when it has no file. A file that does not parse is `input/malformed`. */
export function readWorkTreeRoots(workTree: string): readonly Root[] {
  const bytes = readAuthsFile(workTree, 'roots');
  return bytes === null ? [] : rootsIn(bytes);
}

function rootsIn(bytes: Uint8Array): readonly Root[] {
  let text: string;
  try {
    text = fromUtf8(bytes);
  } catch (cause) {
    throw new AuthsError('input/malformed', '.auths/roots is not UTF-8 text', { cause });
  }
  return parseRoots(text);
}

/** Asked only where the answer decides something. */
export interface InitQuestions {
  /** The commit that a new policy exempts with everything before it. */
  readonly since: () => Promise<string | null>;
  readonly mayManage: MayManage;
}

/** Whether this device's commits may change roots, policy and attributes. */
export type MayManage = () => Promise<boolean>;

/** Writes what is missing: roots (those there, and `added`), a policy where there is none, and evidence. */
export async function initWorkTree(
  workTree: string,
  added: readonly Root[],
  lookup: Lookup,
  { since, mayManage }: InitQuestions,
): Promise<RepoReport> {
  const there = readWorkTreeRoots(workTree);
  const roots = [...there, ...added.filter(({ did }) => !there.some((root) => root.did === did))];
  if (roots.length === 0)
    throw new AuthsError('verify/no-roots', 'no identity to trust', {
      hint: 'auths repo init --root did:keri:E…',
    });
  // To begin with, anybody may.
  const may = there.length === 0 ? () => Promise.resolve(true) : mayManage;
  const report = await updateWorkTree(workTree, roots, lookup, may);
  if (readAuthsFile(workTree, 'policy.json') !== null) return report;
  replaceAuthsFile(workTree, 'policy.json', formatPolicy(await since()));
  return { ...report, changed: [...report.changed, 'policy.json'] };
}

/** Adds evidence that the home knows and the work tree does not, and pins newer rotations. */
export async function updateWorkTree(
  workTree: string,
  roots: readonly Root[],
  lookup: Lookup,
  mayManage: MayManage,
): Promise<RepoReport> {
  const wanted = await compare(workTree, roots, lookup, await attributesToWrite(workTree, mayManage));
  addEvidence(workTree, wanted.missing);
  replaceEvidence(workTree, wanted.outdated);
  if (wanted.rootsStale) replaceAuthsFile(workTree, 'roots', formatRoots(wanted.report.roots));
  return wanted.report;
}

/** The same without writing: `changed` is what an update would write. */
export async function checkWorkTree(workTree: string, lookup: Lookup): Promise<RepoReport> {
  const roots = readWorkTreeRoots(workTree);
  if (roots.length === 0) {
    throw new AuthsError('verify/no-roots', 'this work tree names no identity in .auths/roots', {
      hint: 'auths repo init',
    });
  }
  const attributes = hasOlderAttributes(workTree) ? OLDER_ATTRIBUTES : GIT_ATTRIBUTES;
  return (await compare(workTree, roots, lookup, [attributes])).report;
}

/** A commit that changes them is denied to a device without `manage_policy`: for it older ones do, and none are made. */
async function attributesToWrite(
  workTree: string,
  mayManage: MayManage,
): Promise<readonly EvidenceToWrite[]> {
  const isOlder = hasOlderAttributes(workTree);
  const isSettled = !isOlder && readAuthsFile(workTree, GIT_ATTRIBUTES.path) !== null;
  if (isSettled || (await mayManage())) return [GIT_ATTRIBUTES];
  return isOlder ? [OLDER_ATTRIBUTES] : [];
}

function hasOlderAttributes(workTree: string): boolean {
  const found = readAuthsFile(workTree, OLDER_ATTRIBUTES.path);
  return found !== null && equalBytes(found, OLDER_ATTRIBUTES.bytes);
}

interface Comparison {
  readonly report: RepoReport;
  readonly missing: EvidenceDifference['missing'];
  readonly outdated: EvidenceDifference['outdated'];
  readonly rootsStale: boolean;
}

async function compare(
  workTree: string,
  roots: readonly Root[],
  lookup: Lookup,
  attributes: readonly EvidenceToWrite[],
): Promise<Comparison> {
  const notes =
    attributes.length > 0
      ? []
      : [
          '.gitattributes is missing, and a device with manage_policy has to add it; what was committed comes back with: git checkout HEAD -- :/.auths/.gitattributes',
        ];
  const files = [...attributes];
  const pinned: Root[] = [];
  for (const root of roots) {
    const known = await lookup(root.did);
    if (known === null) {
      notes.push(`this home has no log of ${root.did}: its evidence is left as it is`);
      pinned.push(root);
      continue;
    }
    const foreign = root.said !== null && !known.saids.has(root.said);
    // This home is behind, or on a branch that lost: what it knows is no evidence beside what is there.
    if (foreign)
      notes.push(
        `the log of ${root.did} here lacks the pinned event ${root.said ?? ''}: its evidence is left as it is, until auths pull`,
      );
    else files.push(...evidenceFiles(known));
    pinned.push(foreign ? root : { ...root, said: known.lastEstablishment });
  }
  const { missing, outdated, differing, present } = compareEvidence(workTree, files);
  const fault = policyFault(workTree);
  if (fault !== null) notes.push(fault);
  const rootsText = formatRoots(pinned);
  const file = readAuthsFile(workTree, 'roots');
  const rootsStale = file === null || formatRoots(rootsIn(file)) !== rootsText;
  const written = [...missing, ...outdated].map(({ path }) => path);
  const changed = [...written, ...(rootsStale ? ['roots'] : [])];
  const report = {
    roots: pinned,
    changed,
    differing: fault === null ? differing : [...differing, 'policy.json'],
    unchanged: present,
    notes,
    hasOlderAttributes: attributes.includes(OLDER_ATTRIBUTES),
  };
  return { report, missing, outdated, rootsStale };
}

function policyFault(workTree: string): string | null {
  try {
    const bytes = readAuthsFile(workTree, 'policy.json');
    if (bytes !== null) parsePolicy(bytes);
    return null;
  } catch (error) {
    if (isAuthsError(error)) return `policy.json: ${error.message}`;
    throw error;
  }
}
