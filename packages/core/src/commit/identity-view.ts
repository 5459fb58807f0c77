/** One identity as all sources together show it: its log by `foldSources`, its devices by the seals in that log. */
import { foldSealed } from '../attestation/fold.ts';
import { findSealed } from '../attestation/sealed.ts';
import { concat } from '../encoding/bytes.ts';
import { didKeriOf, prefixOf } from '../identifiers.ts';
import type { DidKeri, Said } from '../identifiers.ts';
import { logsOf } from '../keri/advance.ts';
import type { KelVerdict, ReplayedEvent } from '../keri/key-state.ts';
import { foldSources } from '../keri/sources.ts';
import type { FoldedSources } from '../keri/sources.ts';
import type { VerifyEngine } from '../ports.ts';
import type { SortedEvidence, SourceLog } from './evidence.ts';
import { createBranchJudge } from './judge-branches.ts';
import type { IdentityView } from './world.ts';

/** Judges the log of one identity over every source. `pinned`: an event that the log must hold. */
export function viewIdentity(
  evidence: SortedEvidence,
  engine: VerifyEngine,
  did: DidKeri,
  pinned: Said | null,
): IdentityView {
  const prefix = prefixOf(did);
  const logs = evidence.logsOf(prefix);
  const receipts = concat(...logs.map((log) => log.receipts));
  const judge = createBranchJudge({ engine, receipts });
  const judged = logs.map((log) => judgeSource(log, judge));
  const folded = foldSources(
    judged.map(({ name, verdicts }) => ({
      name,
      logs: verdicts.flatMap(logsOf).filter((log) => log.prefix === prefix),
    })),
    pinned,
  );
  const events = folded.trunk?.events ?? [];
  const tip = events.at(-1);
  const tails = (folded.duplicity?.branches ?? []).flatMap((log) => log.events.slice(folded.duplicity?.from));
  const counting = new Set(logs.filter(({ proposal }) => !proposal).flatMap(({ saids }) => saids));
  const common = new Set<ReplayedEvent>(events);
  const sealed = findSealed({
    issuer: did,
    events: [...events, ...tails],
    records: evidence.recordsOf(did),
    engine,
  });
  const everyGrantCounts = tails.length === 0 && events.every(({ said }) => counting.has(said));
  const all = foldSealed(sealed);
  const counted = everyGrantCounts
    ? all
    : foldSealed(sealed, (event) => common.has(event as ReplayedEvent) && counting.has(event.said));
  return {
    did: didKeriOf(prefix),
    ...statusOf(folded, judged, did),
    faults: judged.flatMap(({ faults }) => faults),
    tip: tip === undefined ? null : { sequence: tip.sequence, said: tip.said },
    receipts: tip?.receipts.length ?? 0,
    counted,
    all,
    forkAt: folded.duplicity?.from ?? null,
    notes: notesOf(folded, judged, did),
  };
}

function notesOf(folded: FoldedSources, judged: readonly JudgedSource[], did: DidKeri): readonly string[] {
  const faults = judged.flatMap(({ name, faults: found }) =>
    found.map(({ sequence, why }) => `${name}: log of ${did}, s=${sequence ?? '?'}: ${why}`),
  );
  const disputed = folded.disputed.map(
    ({ source, from }) => `${source}: another version of ${did} from s=${from}, disputed and not believed`,
  );
  return [...faults, ...disputed].slice(0, MOST_NOTES);
}

const MOST_NOTES = 32;

interface JudgedSource extends Pick<SourceLog, 'name' | 'proposal' | 'unjudged' | 'faults'> {
  readonly verdicts: readonly KelVerdict[];
}

/** Every branch replayed alone, and once; where it stopped is a fault, what came before it stands. */
function judgeSource(log: SourceLog, judge: (branch: Uint8Array) => KelVerdict): JudgedSource {
  const verdicts = [...new Set(log.branches.map(judge))];
  const stopped = verdicts
    .filter(({ verdict }) => verdict === 'reject' || verdict === 'pending')
    .map(({ events, reason, rule }) => ({ sequence: events.length, why: reason ?? rule ?? 'refused' }));
  const { name, proposal, unjudged } = log;
  return { name, proposal, unjudged, verdicts, faults: [...log.faults, ...stopped] };
}

/**
 * A fault counts where believed sources hold it and no good copy covers that place: then newer events
 * exist that cannot be read, and what they say is unknown. In the proposal it is only noise, and in refs too: who may push
 * there could as well have left out what he makes unreadable.
 */
function statusOf(
  folded: FoldedSources,
  judged: readonly JudgedSource[],
  did: DidKeri,
): Pick<IdentityView, 'status' | 'why'> {
  const reached = folded.trunk?.events.length ?? 0;
  if (folded.pinMissing) return { status: 'missing', why: `no log of ${did} at hand holds the pinned event` };
  if (folded.duplicity !== null)
    return { status: 'duplicity', why: `two versions of ${did} from s=${folded.duplicity.from}` };
  const why = beyond(
    judged.filter((source) => !isNoisy(source) || reached === 0),
    reached,
  );
  if (why !== null) return { status: 'kel-invalid', why };
  if (reached === 0) return { status: 'missing', why: `the log of ${did} is not here` };
  return { status: 'accepted', why: null };
}

function isNoisy({ proposal, unjudged }: JudgedSource): boolean {
  return proposal || unjudged;
}

/** The first event that cannot be read and stands where the log that is believed has none. */
function beyond(sources: readonly JudgedSource[], reached: number): string | null {
  for (const { name, faults } of sources) {
    const fault = faults.find(({ sequence }) => sequence !== null && sequence >= reached);
    if (fault !== undefined) return `${name}, s=${fault.sequence ?? '?'}: ${fault.why}`;
  }
  return null;
}
