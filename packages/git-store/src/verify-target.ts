/**
 * `auths verify` without its command line: whom to trust, the evidence, and the verdicts on a target
 * (storage-and-verification.md 6). Needs no identity, home, key or network, and makes none.
 */
import type { DeviceState } from '@auths/core/attestation/device-state';
import type { EvidenceSource } from '@auths/core/commit/evidence';
import { judgeRecord } from '@auths/core/commit/judge-record';
import type { Root } from '@auths/core/commit/roots';
import { exitOf, type ObjectResult } from '@auths/core/commit/verdict';
import { createWorld, type World } from '@auths/core/commit/world';
import { verifyObjects } from '@auths/core/flows/verify-commits';
import type { VerifyEngine } from '@auths/core/ports';
import { collectEvidence } from './evidence.ts';
import { gitCommitSource, gitHistory, nodeDigests } from './git-history.ts';
import { badTarget, headCommit } from './one-meaning.ts';
import type { Repository } from './repository.ts';
import {
  findTrustedRoots,
  readPolicy,
  rootsInTree,
  type RootsFrom,
  type TrustedRoots,
} from './trusted-roots.ts';
import { commitOf, resolveWanted, type Wanted } from './wanted-target.ts';

export interface VerifyRequest {
  /** `HEAD`, a revision, `A..B`, or a path; `./x` is always a path. */
  readonly target: string;
  /** `--root DID[@said]`. */
  readonly roots: readonly string[];
  /** `--roots-from REF`; null without. */
  readonly rootsFrom: string | null;
  /** Where paths start. */
  readonly cwd: string;
  /** The verifier's own home, if it exists. */
  readonly home: string | null;
  readonly engine: VerifyEngine;
  /** Epoch ms. */
  readonly now: number;
  /** False leaves the clone as it is: nothing is pinned. */
  readonly mayPin: boolean;
}

export interface Verification {
  readonly target: string;
  /** Both ends as ids; null unless the target is a range. */
  readonly range: { readonly from: string; readonly to: string } | null;
  readonly roots: readonly Root[];
  readonly rootsFrom: RootsFrom;
  readonly results: readonly ObjectResult[];
  /** 0, 1, 2 or 4, as for `exitOf`. */
  readonly exit: 0 | 1 | 2 | 4;
  /** What was passed over, and what a person should know. */
  readonly notes: readonly string[];
}

/** Verifies. `verify/bad-target` for what means nothing, or a range without commits; `verify/no-roots` without anybody to trust. */
export async function verifyTarget(repository: Repository, request: VerifyRequest): Promise<Verification> {
  const target = await resolveWanted(repository, request);
  const { oids, world, trusted, tips, head } = await prepare(repository, request, target);
  const results = await judge(repository, world, target, { oids, tips });
  return {
    target: request.target,
    range: target.kind === 'range' ? { from: target.from, to: target.to } : null,
    roots: trusted.roots,
    rootsFrom: trusted.from,
    results,
    exit: exitOf(results),
    notes: [
      ...trustNotes(trusted),
      ...(await pinNotes(repository, trusted, head)),
      ...(await tagNotes(repository, request.target, target)),
      ...world.notes(),
    ],
  };
}

/** The devices of everybody whom the repository trusts at HEAD, by the same rules and evidence as `verifyTarget`. */
export async function trustedDevices(
  repository: Repository,
  request: Omit<VerifyRequest, 'target' | 'cwd'>,
): Promise<readonly DeviceState[]> {
  const head = await headCommit(repository);
  if (head === null) throw badTarget('HEAD', 'there is no commit yet');
  const { world } = await prepare(repository, request, {
    kind: 'object',
    oid: head,
    commit: head,
    isHead: true,
  });
  return world.roots.flatMap(({ did }) => world.identity(did).counted.devices);
}

interface Prepared {
  /** The objects to judge. */
  readonly oids: readonly string[];
  readonly world: World;
  readonly trusted: TrustedRoots;
  /** Commits from which history is looked at. */
  readonly tips: readonly string[];
  /** Null before the first commit. */
  readonly head: string | null;
}

/** Roots, base, evidence and policy, once for the run. */
async function prepare(
  repository: Repository,
  request: Omit<VerifyRequest, 'target' | 'cwd'>,
  target: Wanted,
): Promise<Prepared> {
  const fromCommit =
    request.rootsFrom === null ? null : await commitOf(repository, request.rootsFrom, { isBase: true });
  const head = target.kind === 'object' && target.isHead ? target.commit : await headCommit(repository);
  const end = (target.kind === 'range' ? target.to : target.kind === 'object' ? target.commit : null) ?? head;
  const base = fromCommit ?? (target.kind === 'range' ? target.from : end);
  const others = [end, head].filter((oid) => oid !== null);
  const places = { end, head, baseIsTarget: base === end, home: request.home };
  // While git lists a range there is nothing else to do.
  const [listed, gathered] = await Promise.allSettled([
    target.kind === 'range' ? target.oids : target.kind === 'object' ? [target.oid] : [],
    base === null ? [] : collectEvidence(repository, { ...places, base }),
  ]);
  const oids = valueOf(listed);
  const trusted = await findTrustedRoots(repository, {
    flags: request.roots,
    fromCommit,
    firstUse: target.kind === 'range' ? target.from : head,
    mayPin: request.mayPin,
  });
  const sources = valueOf(gathered);
  const world = createWorld({
    sources: target.kind === 'record' ? [...sources, recordSource(target)] : sources,
    roots: trusted.roots,
    policy: await policyAt(repository, fromCommit ?? (target.kind === 'range' ? target.from : (head ?? end))),
    engine: request.engine,
    digests: nodeDigests,
    now: request.now,
  });
  return { oids, world, trusted, tips: base === null ? others : [base, ...others], head };
}

/** Like the roots, never of what is judged: HEAD's for a single object, its own only where there is no HEAD. */
async function policyAt(repository: Repository, commit: string | null): Promise<World['policy']> {
  return commit === null
    ? { fault: 'there is no commit that could hold a policy', hint: 'name one: --roots-from main' }
    : readPolicy(repository, commit);
}

function valueOf<T>(settled: PromiseSettledResult<T>): T {
  if (settled.status === 'rejected') throw settled.reason;
  return settled.value;
}

async function judge(
  repository: Repository,
  world: World,
  target: Wanted,
  { oids, tips }: Pick<Prepared, 'oids' | 'tips'>,
): Promise<readonly ObjectResult[]> {
  if (target.kind === 'record') return [judgeRecord(world, target.record)];
  const ports = {
    world,
    source: gitCommitSource(repository, [...new Set(tips)]),
    history: gitHistory(repository, oids),
  };
  return verifyObjects(ports, oids, { rangeFrom: target.kind === 'range' ? target.from : null });
}

/** The record judged is evidence of itself only: it grants nothing that no log seals. */
function recordSource({ bytes }: { readonly bytes: Uint8Array }): EvidenceSource {
  return { name: 'the file', proposal: true, logs: new Map(), records: [bytes], notes: [] };
}

function trustNotes({ from, roots, pinned }: TrustedRoots): readonly string[] {
  if (from !== 'first-use') return [];
  const who = roots.map(({ did }) => did).join(', ');
  return [
    pinned
      ? `trusted on first use, and pinned for this clone: ${who}. Compare it once with what its owner says`
      : `trusted on first use: ${who}; this clone could not be pinned`,
  ];
}

/** A pin outlives what the branch says: a person should hear where they part. */
async function pinNotes(
  repository: Repository,
  { from, roots }: TrustedRoots,
  head: string | null,
): Promise<readonly string[]> {
  if (from !== 'pinned' || head === null) return [];
  const here = await rootsInTree(repository, head);
  const added = here.filter(({ did }) => !roots.some((root) => root.did === did)).map(({ did }) => did);
  if (added.length === 0) return [];
  return [
    `.auths/roots at HEAD also names ${added.join(', ')}, which this clone did not pin: --roots-from HEAD trusts it once`,
  ];
}

/** A signature covers the name inside a tag, not the ref that leads to it: an old release under a new name verifies. */
async function tagNotes(repository: Repository, name: string, target: Wanted): Promise<readonly string[]> {
  if (target.kind !== 'object' || /[\^@~:]/.test(name) || target.oid.startsWith(name)) return [];
  const answer = await repository.objects.ask(target.oid, { maxSize: 1 << 20 });
  if (answer.status !== 'found' || answer.type !== 'tag') return [];
  const own = /^tag (.*)$/m.exec(Buffer.from(answer.bytes).toString('utf8'))?.[1] ?? '';
  if (own === name.replace(/^(?:refs\/)?tags\//, '')) return [];
  return [
    `the tag under "${name.slice(0, 120)}" calls itself "${own.slice(0, 120)}": that is what was signed`,
  ];
}
