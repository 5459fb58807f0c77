/**
 * How the fuzz suites run and what they hold every reader to: whatever comes in, it is accepted or refused by an
 * error of the table, soon, and in few words. AUTHS_FUZZ_SEED repeats a run, AUTHS_FUZZ=long takes a new seed and
 * many more cases.
 */
import { randomInt } from 'node:crypto';
import * as fc from 'fast-check';
import { afterAll, expect, it } from 'vitest';
import { exitCodes } from '../../apps/cli/src/exit-codes.ts';
import { AuthsError, isAuthsError } from '../../packages/core/src/errors.ts';

const long = process.env['AUTHS_FUZZ'] === 'long';
const given = Number(process.env['AUTHS_FUZZ_SEED']);
/** The seed of this run. The short form has a fixed one, so that a change is judged by itself and not by luck. */
const seed: number =
  Number.isInteger(given) && given > 0 ? given : long ? randomInt(1, 2 ** 31 - 1) : 20_261_120;
const factor = Number(process.env['AUTHS_FUZZ_FACTOR'] ?? (long ? 40 : 1));
/** No case may take longer. Far above what any takes, because machines of a CI are slow and shared. */
const CASE_MS = 10_000;

let cases = 0;

/** At the end of a file: how many cases it tried, and with which seed. */
export function countCases(suite: string): void {
  afterAll(() => {
    process.stdout.write(`fuzz ${suite}: ${cases} cases, AUTHS_FUZZ_SEED=${seed}\n`);
  });
}

/** Counts cases that do not come from `fuzz`. */
export function counted(more: number): void {
  cases += more;
}

/** The number of cases of a suite in this form of the run. */
export function runs(short: number): number {
  return Math.max(1, Math.round(short * factor));
}

/** One test: `law` holds for so many inputs. */
export function fuzz<T>(
  name: string,
  inputs: fc.Arbitrary<T>,
  short: number,
  law: (input: T) => void | Promise<void>,
): void {
  it(name, { timeout: 60_000 * Math.max(1, factor) }, async () => {
    const property = fc.asyncProperty(inputs, async (input) => {
      cases += 1;
      const start = performance.now();
      await law(input);
      expect(performance.now() - start, 'milliseconds for one input').toBeLessThan(CASE_MS);
    });
    await fc.assert(property, { seed, numRuns: runs(short), reporter: report });
  });
}

/** A failure with its input as text, cut where it is long; seed and path repeat it whole. */
function report<T>(details: fc.RunDetails<T>): void {
  if (!details.failed) return;
  const input = JSON.stringify(details.counterexample, (_, value: unknown) =>
    value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : value,
  );
  const cause = details.errorInstance;
  throw new Error(
    `seed ${details.seed}, path ${details.counterexamplePath ?? ''}, input ${input.slice(0, 1_500)}\n${
      cause instanceof Error ? (cause.stack ?? cause.message).slice(0, 3_000) : String(cause)
    }`,
  );
}

/** Whether these are the same bytes. (`toEqual` compares large arrays element by element, slowly.) */
export function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

/** What came of one input. */
export type Outcome<T> =
  { readonly kind: 'accepted'; readonly value: T } | { readonly kind: 'refused'; readonly error: AuthsError };

/** Runs a reader: its value, or its error if that is one of the table and fit to be shown. Anything else fails the test. */
export function outcomeOf<T>(read: () => T): Outcome<T> {
  try {
    return { kind: 'accepted', value: read() };
  } catch (error) {
    return { kind: 'refused', error: requireOrderly(error) };
  }
}

/** The same for a reader that gives a promise. */
export async function outcomeOfAsync<T>(read: () => Promise<T>): Promise<Outcome<T>> {
  try {
    return { kind: 'accepted', value: await read() };
  } catch (error) {
    return { kind: 'refused', error: requireOrderly(error) };
  }
}

/** An error of the table that is no bug, in few words, without control characters; else it is thrown. */
export function requireOrderly(error: unknown): AuthsError {
  if (!isAuthsError(error)) throw error;
  if (error.code === 'internal/bug' || !Object.hasOwn(exitCodes, error.code)) throw error;
  const text = `${error.message}${error.hint ?? ''}${JSON.stringify(error.details)}`;
  expect(text.length, `characters of ${error.code}`).toBeLessThan(8_192);
  // oxlint-disable-next-line no-control-regex -- control characters are what must not be there
  expect(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/.test(error.message)).toBe(false);
  return error;
}

/** The accepted value, null when refused. */
export function accepted<T>(read: () => T): T | null {
  const outcome = outcomeOf(read);
  return outcome.kind === 'accepted' ? outcome.value : null;
}
