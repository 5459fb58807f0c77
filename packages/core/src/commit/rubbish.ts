/**
 * What a proposal's tree brings to the evidence of a root that is good for nobody: a home or fetched refs may hold the same
 * whole, and so hide it from whoever judges the proposal, but not from the next clone, which has the trees alone.
 */
import { concatAll } from '../encoding/bytes.ts';
import { fromLatin1 } from '../encoding/text.ts';
import type { Prefix, Said } from '../identifiers.ts';
import type { VerifyEngine } from '../ports.ts';
import type { HeapMessage } from './branches.ts';
import type { EvidenceSource, LogEvidence, SortedEvidence } from './evidence.ts';
import { sortEvidence } from './evidence.ts';
import { viewIdentity } from './identity-view.ts';
import type { Root } from './roots.ts';
import type { IdentityView } from './world.ts';

/** Why the base's tree with what the end's adds is worse than the base's alone; null where it is not, or nothing is proposed. */
export function rubbishIn(
  sources: readonly EvidenceSource[],
  roots: readonly Root[],
  engine: VerifyEngine,
): string | null {
  if (!sources.some(({ tree }) => tree === 'end')) return null;
  const base = sources.filter(({ tree }) => tree === 'base');
  const both = sources.filter(({ tree }) => tree !== undefined);
  const [before, after] = [base, [together(both)]].map(sortEvidence) as [SortedEvidence, SortedEvidence];
  for (const { did, said } of roots) {
    const was = viewIdentity(before, engine, did, said);
    const becomes = viewIdentity(after, engine, did, said);
    const why = worse(was, becomes) ?? newFault(was, becomes) ?? newLoss(was, becomes);
    if (why !== null) return why;
  }
  return null;
}

/** As the files of one folder: what the end takes away is no fault of what it adds. */
function together(sources: readonly EvidenceSource[]): EvidenceSource {
  const logs = new Map<Prefix, LogEvidence>();
  for (const prefix of new Set(sources.flatMap((source) => [...source.logs.keys()]))) {
    const parts = sources.flatMap((source) => source.logs.get(prefix) ?? []);
    const messages = new Map(
      parts.flatMap((part) => part.messages).map((message) => [keyOf(message), message]),
    );
    logs.set(prefix, {
      streams: parts.flatMap(({ streams }) => streams),
      messages: [...messages.values()],
      receipts: concatAll(parts.map(({ receipts }) => receipts)),
    });
  }
  const records = sources.flatMap((source) => source.records);
  return { name: 'the proposal', proposal: false, logs, records, notes: [] };
}

function keyOf({ bytes, sequence, said }: HeapMessage): string {
  return `${said ?? ''} ${sequence ?? ''} ${fromLatin1(bytes)}`;
}

/** That an identity has two logs is anybody's to show. */
function worse(was: IdentityView, becomes: IdentityView): string | null {
  return ['accepted', 'duplicity', was.status].includes(becomes.status) ? null : becomes.why;
}

/** Events that no branch takes also use up the branches that are followed. */
function newFault(was: IdentityView, becomes: IdentityView): string | null {
  const known = new Map<string, number>();
  for (const { why } of was.faults) known.set(why, (known.get(why) ?? 0) + 1);
  for (const { sequence, why } of becomes.faults) {
    const left = known.get(why) ?? 0;
    if (left === 0) return `s=${sequence ?? '?'}: ${why}`;
    known.set(why, left - 1);
  }
  return null;
}

/** A seal without its record makes every device unverifiable: it may be a revocation. */
function newLoss(was: IdentityView, becomes: IdentityView): string | null {
  const known = new Set<Said>(was.all.missing.map(({ digest }) => digest));
  const lost = becomes.all.missing.find(({ digest }) => !known.has(digest));
  return lost === undefined
    ? null
    : `s=${lost.sealedAt.sequence}: no good record for the seal ${lost.digest}`;
}
