/** Durations as people write them: `90d`, `12h`, `30m`, `45s`. */
import { AuthsError } from '../errors.ts';

const UNITS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds of a whole number above zero and a unit (s, m, h, d), at most 100 years. Else `input/malformed`. */
export function parseDuration(text: string): number {
  const match = /^([1-9]\d{0,9})([smhd])$/.exec(text);
  const ms = match === null ? Number.NaN : Number(match[1]) * (UNITS[match[2] as string] as number);
  if (!(ms <= 36_525 * (UNITS['d'] as number))) {
    throw new AuthsError('input/malformed', `"${text.slice(0, 40)}" is not a duration (90d, 12h, 30m)`);
  }
  return ms;
}
