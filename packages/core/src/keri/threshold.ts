/**
 * Signing thresholds (docs/protocol.md, "Thresholds"): a number in hex, or weights in clauses that partition the
 * key list in order and must each reach one. Weights are exact rationals.
 */
import { refuse } from './rules.ts';

/** A threshold over `size` keys or digests; `needed` 0 exists only over an empty list and is never satisfied. */
export type Threshold =
  | { readonly kind: 'number'; readonly size: number; readonly needed: number }
  | { readonly kind: 'weights'; readonly size: number; readonly clauses: readonly (readonly Weight[])[] };

interface Fraction {
  readonly numerator: bigint;
  readonly denominator: bigint;
}
/** With `inner`, the weight counts once the inner weights that are met reach one; each inner weight is a key of its own. */
interface Weight extends Fraction {
  readonly inner: readonly Fraction[] | null;
}

/** At most 32 digits: ours, not KERI's. */
const WEIGHT = /^(0|[1-9][0-9]{0,31})(?:\/([1-9][0-9]{0,31}))?$/;

/** From the JSON value of `kt` or `nt` over a list of `size`. Rules threshold-invalid, threshold-unsatisfiable. */
export function parseThreshold(value: unknown, size: number): Threshold {
  if (Array.isArray(value)) return parseWeights(value, size);
  const needed = parseCount(value);
  if (needed === 0 && size > 0)
    throw refuse('threshold-invalid', 'a threshold of zero would let anyone pass');
  if (needed > size) throw refuse('threshold-unsatisfiable', `a threshold of ${needed} over ${size}`);
  return { kind: 'number', size, needed };
}

/**
 * A count as lower-case hex text without leading zeros, or as a JSON integer (only on import). Above 2^53 only
 * approximate, which is enough to see that no list is as long. Rule threshold-invalid.
 */
export function parseCount(value: unknown): number {
  if (typeof value === 'string' && /^(?:0|[1-9a-f][0-9a-f]*)$/.test(value)) return Number.parseInt(value, 16);
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0) return value;
  throw refuse('threshold-invalid', 'a threshold is lower-case hex text or a list of weights');
}

/** True when the set of positions reaches the threshold; each position counts once, those out of range not at all. */
export function isSatisfied(threshold: Threshold, positions: ReadonlySet<number>): boolean {
  if (threshold.kind === 'number') {
    let met = 0;
    for (const position of positions) if (position >= 0 && position < threshold.size) met++;
    return threshold.needed > 0 && met >= threshold.needed;
  }
  let next = 0;
  for (const clause of threshold.clauses) {
    const met: Fraction[] = [];
    for (const weight of clause) {
      if (weight.inner === null) {
        if (positions.has(next++)) met.push(weight);
        continue;
      }
      const innerMet = weight.inner.filter(() => positions.has(next++));
      if (reachesOne(innerMet)) met.push(weight);
    }
    if (!reachesOne(met)) return false;
  }
  return true;
}

function parseWeights(value: readonly unknown[], size: number): Threshold {
  if (value.length === 0) throw invalid('an empty list of weights');
  const nested = value.every((entry) => Array.isArray(entry));
  const clauses = (nested ? (value as readonly (readonly unknown[])[]) : [value]).map(parseClause);
  let leaves = 0;
  for (const weight of clauses.flat()) leaves += weight.inner?.length ?? 1;
  if (leaves !== size) throw refuse('threshold-unsatisfiable', `${leaves} weights for ${size} keys`);
  return { kind: 'weights', size, clauses };
}

function parseClause(clause: readonly unknown[]): readonly Weight[] {
  const weights = clause.map((entry): Weight => {
    if (typeof entry !== 'object' || entry === null || Array.isArray(entry))
      return { ...parseFraction(entry), inner: null };
    const [pair, ...rest] = Object.entries(entry);
    if (pair === undefined || rest.length > 0 || !Array.isArray(pair[1]))
      throw invalid('a nested weight has one entry');
    const inner = (pair[1] as readonly unknown[]).map(parseFraction);
    if (!reachesOne(inner)) throw invalid('inner weights that can never reach one');
    return { ...parseFraction(pair[0]), inner };
  });
  if (!reachesOne(weights)) throw invalid('weights that can never reach one');
  return weights;
}

function parseFraction(value: unknown): Fraction {
  const match = typeof value === 'string' ? WEIGHT.exec(value) : null;
  if (match === null) throw invalid('a weight is "0", "1" or a fraction such as "1/2"');
  const numerator = BigInt(match[1] as string);
  const denominator = BigInt(match[2] ?? '1');
  if (numerator > denominator) throw invalid('a weight above one');
  return { numerator, denominator };
}

function reachesOne(weights: readonly Fraction[]): boolean {
  let numerator = 0n;
  let denominator = 1n;
  for (const weight of weights) {
    numerator = numerator * weight.denominator + weight.numerator * denominator;
    denominator *= weight.denominator;
  }
  return numerator >= denominator;
}

function invalid(reason: string): Error {
  return refuse('threshold-invalid', reason);
}
