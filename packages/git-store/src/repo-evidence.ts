/** `auths repo init|update|check`: what a work tree's `.auths/` should hold, by what a home knows, and bringing it there. */
import { formatPolicy, parsePolicy } from '@auths/core/commit/policy';
import { formatRoots, parseRoots, type Root } from '@auths/core/commit/roots';
import { fromUtf8 } from '@auths/core/encoding/text';
import { AuthsError, isAuthsError } from '@auths/core/errors';
import type { DidKeri, Said } from '@auths/core/identifiers';
import {
  addEvidence,
  compareEvidence,
  evidenceFiles,
  GIT_ATTRIBUTES,
  isOlderAttributes,
  readAuthsFile,
  replaceAuthsFile,
  replaceEvidence,
  type EvidenceDifference,
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
  /** What would be written by a device with `manage_policy`, and is left as it is by this one. */
  readonly withheld: readonly string[];
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

/** Whether this device's commits may change what is there: roots, policy, attributes, and evidence other than by adding. */
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
  const report = await updateWorkTree(workTree, roots, lookup, mayManage);
  if (readAuthsFile(workTree, 'policy.json') !== null) return report;
  if (!(await mayManage()))
    return {
      ...report,
      withheld: [...report.withheld, 'policy.json'],
      notes: [...report.notes, 'policy.json is missing, and a device with manage_policy has to add it'],
    };
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
  const wanted = await compare(workTree, roots, lookup, mayManage, [GIT_ATTRIBUTES]);
  addEvidence(workTree, wanted.missing);
  replaceEvidence(workTree, wanted.outdated);
  if (wanted.rootsStale) replaceAuthsFile(workTree, 'roots', formatRoots(wanted.report.roots));
  return wanted.report;
}

/** The same without writing: `changed` is what an update would write. */
export async function checkWorkTree(
  workTree: string,
  lookup: Lookup,
  mayManage: MayManage,
): Promise<RepoReport> {
  const roots = readWorkTreeRoots(workTree);
  if (roots.length === 0) {
    throw new AuthsError('verify/no-roots', 'this work tree names no identity in .auths/roots', {
      hint: 'auths repo init',
    });
  }
  // Older ones are right as they are.
  const attributes = hasOlderAttributes(workTree) ? [] : [GIT_ATTRIBUTES];
  return (await compare(workTree, roots, lookup, mayManage, attributes)).report;
}

function hasOlderAttributes(workTree: string): boolean {
  const found = readAuthsFile(workTree, GIT_ATTRIBUTES.path);
  return found !== null && isOlderAttributes(found);
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
  mayManage: MayManage,
  attributes: EvidenceDifference['missing'],
): Promise<Comparison> {
  const { pinned, files, notes } = await wantedOf(roots, lookup);
  const { missing, outdated, differing, present } = compareEvidence(workTree, [...attributes, ...files]);
  const fault = policyFault(workTree);
  if (fault !== null) notes.push(fault);
  const file = readAuthsFile(workTree, 'roots');
  const there = file === null ? [] : rootsIn(file);
  const rootsStale = file === null || formatRoots(there) !== formatRoots(pinned);
  // A commit that changes these is denied to a device without `manage_policy`, with all the evidence in it.
  const managed = [
    ...missing.filter(({ path }) => path === GIT_ATTRIBUTES.path),
    ...outdated,
    ...(rootsStale ? [{ path: 'roots' }] : []),
  ].map(({ path }) => path);
  const may = managed.length === 0 || (await mayManage());
  const keepsOlder = hasOlderAttributes(workTree) && (attributes.length === 0 || !may);
  const withheld = may ? [] : managed.filter((path) => !(keepsOlder && path === GIT_ATTRIBUTES.path));
  notes.push(...withheld.map((path) => leftAlone(path, file !== null)));
  const wanted = {
    missing: missing.filter(({ path }) => may || !managed.includes(path)),
    outdated: may ? outdated : [],
    rootsStale: may && rootsStale,
  };
  const report = {
    roots: may ? pinned : there,
    changed: [
      ...[...wanted.missing, ...wanted.outdated].map(({ path }) => path),
      ...(wanted.rootsStale ? ['roots'] : []),
    ],
    withheld,
    differing: fault === null ? differing : [...differing, 'policy.json'],
    unchanged: keepsOlder ? [GIT_ATTRIBUTES.path, ...present] : present,
    notes,
    hasOlderAttributes: keepsOlder,
  };
  return { report, ...wanted };
}

/** The roots with what they pin, and their evidence, as this home knows them. */
async function wantedOf(
  roots: readonly Root[],
  lookup: Lookup,
): Promise<{
  readonly pinned: readonly Root[];
  readonly files: EvidenceDifference['missing'];
  readonly notes: string[];
}> {
  const notes: string[] = [];
  const files = [];
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
  return { pinned, files, notes };
}

function leftAlone(path: string, hasRoots: boolean): string {
  if (path === GIT_ATTRIBUTES.path)
    return '.gitattributes is missing, and a device with manage_policy has to add it';
  if (path !== 'roots')
    return `${path} has a signature that counts no more, and a device with manage_policy has to replace it`;
  return hasRoots
    ? 'roots is left as it is: to add to it, or to pin a newer event, takes a device with manage_policy; the events it pins stay good'
    : 'roots is missing, and a device with manage_policy has to add it';
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
