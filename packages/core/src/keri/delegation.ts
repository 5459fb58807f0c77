/** Delegation: a dip or drt counts once the delegator's own log, judged like any other, holds its seal {i, s, d}. */
import type { Prefix } from '../identifiers.ts';
import type { ParsedEvent } from './event.ts';
import { type Fault, fault } from './rules.ts';
import type { KelVerdict } from './state.ts';

/** Streams by prefix. */
export type DelegatorLogs = ReadonlyMap<string, Uint8Array> | Readonly<Record<string, Uint8Array>>;

const MAX_DEPTH = 8;

/**
 * The judge over delegators for one replay. -G couples are hints that could be wrong, so the whole trunk of the
 * delegator is searched; `replay` judges a delegator's log, `depth` levels above the one that was asked for.
 */
export function createDelegation(
  logs: DelegatorLogs | undefined,
  depth: number,
  replay: (log: Uint8Array, depth: number) => KelVerdict,
): (delegator: Prefix, event: ParsedEvent) => Fault | null {
  const known = new Map<string, { readonly verdict: KelVerdict; readonly seals: ReadonlySet<string> }>();
  return (delegator, event) => {
    let entry = known.get(delegator);
    if (entry === undefined) {
      const log = lookUp(logs, delegator);
      if (log === undefined)
        return fault('delegator-missing', `the log of the delegator ${delegator} is not at hand`);
      if (depth === MAX_DEPTH) return fault('bounds', `more than ${MAX_DEPTH} levels of delegation`);
      const verdict = replay(log, depth + 1);
      entry = { verdict, seals: sealsOf(verdict) };
      known.set(delegator, entry);
    }
    const { verdict, seals } = entry;
    if (verdict.verdict !== 'accepted' || verdict.state?.prefix !== delegator) {
      return fault('delegator-invalid', `the log of the delegator ${delegator} is not valid`);
    }
    if (verdict.state.traits.includes('DND'))
      return fault('delegation-forbidden', 'the delegator forbids delegation (DND)');
    if (seals.has(sealText(event.prefix, event.sequence.toString(16), event.said))) return null;
    return fault('delegation-seal-missing', `the delegator has not sealed this ${event.ilk}`);
  };
}

function lookUp(logs: DelegatorLogs | undefined, prefix: string): Uint8Array | undefined {
  if (logs === undefined) return undefined;
  if (logs instanceof Map) return (logs as ReadonlyMap<string, Uint8Array>).get(prefix);
  return Object.hasOwn(logs, prefix) ? (logs as Readonly<Record<string, Uint8Array>>)[prefix] : undefined;
}

/** Every key event seal of the trunk: exactly the labels i, s, d, in this order. */
function sealsOf({ events }: KelVerdict): ReadonlySet<string> {
  const seals = new Set<string>();
  for (const { seals: list } of events) {
    for (const seal of list) {
      if (typeof seal !== 'object' || seal === null || Object.keys(seal).join() !== 'i,s,d') continue;
      const { i, s, d } = seal as Readonly<Record<'i' | 's' | 'd', unknown>>;
      if (typeof i === 'string' && typeof s === 'string' && typeof d === 'string')
        seals.add(sealText(i, s, d));
    }
  }
  return seals;
}

function sealText(prefix: string, sequence: string, said: string): string {
  return `${prefix}/${sequence}/${said}`;
}
