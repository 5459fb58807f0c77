/** Whether another rotation may take the place of the event that waits for its witnesses (`dropPending`). */
import { AuthsError, isAuthsError } from '../errors.ts';
import type { Prefix, Said } from '../identifiers.ts';
import type { CancelSignal } from '../ports.ts';
import { stepOf, type WitnessedLogPorts } from './witnessed-log.ts';

/** Resolves to whether a witness has receipted the event of that SAID. `network/unreachable` where it does not say. */
export type HoldsReceipt = (
  witness: string,
  prefix: Prefix,
  said: Said,
  signal: CancelSignal,
) => Promise<boolean>;

/** The witnesses of the rotation that is to come in place of the event that waits. */
export interface WitnessesToCome {
  /** AIDs, those it keeps and those it adds. */
  readonly witnesses: readonly string[];
  readonly threshold: number;
}

const HOLDS_MS = 10_000;

/**
 * Whether a rotation can take the place of the event that waits. It always can in place of an ixn. A rotation is never
 * superseded, so whoever has receipted the one that waits receipts no other: `witness/unmet` when those to come include
 * such a one, or when too few of them say that they have not. Nothing is changed.
 */
export async function requireReplaceable(
  ports: Pick<WitnessedLogPorts, 'pending' | 'timeout' | 'engine' | 'log'>,
  holds: HoldsReceipt,
  prefix: Prefix,
  { witnesses, threshold }: WitnessesToCome,
): Promise<void> {
  const waiting = await ports.pending.read(prefix);
  const stored = await ports.log.read(prefix);
  const step = waiting === null || stored === null ? null : stepOf(ports.engine, stored, waiting);
  if (step === null || step.event.ilk === 'ixn') return;
  const { sequence, said } = step.event;
  const signal = ports.timeout(HOLDS_MS);
  const answers = await Promise.all(
    witnesses.map(async (witness) => {
      try {
        return { witness, has: await holds(witness, prefix, said, signal) };
      } catch (error) {
        if (!isAuthsError(error)) throw error;
        return { witness, has: null };
      }
    }),
  );
  const holders = answers.filter(({ has }) => has === true).map(({ witness }) => witness);
  const silent = answers.filter(({ has }) => has === null).map(({ witness }) => witness);
  const free = answers.filter(({ has }) => has === false).length;
  if (holders.length === 0 && free >= threshold) return;
  const why =
    holders.length > 0
      ? `${holders.join(', ')} has receipted it already, and would receipt no other`
      : `${silent.join(', ')} does not say whether it has receipted it`;
  throw new AuthsError(
    'witness/unmet',
    `event ${sequence}, a rotation, waits for its witnesses, and another cannot take its place: ${why}`,
    {
      hint: 'wait for the witnesses and run auths id rotate; if they are gone for good, cut these too and name others: --cut-witness AID --witness URL',
      details: { sequence, needed: threshold, receipts: free, absent: [...holders, ...silent] },
    },
  );
}
