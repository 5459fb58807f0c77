/** Durations and times on the command line: `90d`, `12h`, `30m`, or an RFC 3339 time. */
import { AuthsError } from '@auths/core/errors';
import { isTime, parseTime } from '@auths/core/encoding/time';

const UNIT_MS: Readonly<Record<string, number>> = { d: 86_400_000, h: 3_600_000, m: 60_000 };

/** Epoch ms of a time, or of `now` plus a duration. Anything else is `usage/invalid` naming the flag. */
export function parseMoment(text: string, now: number, flag: string): number {
  if (isTime(text)) return parseTime(text);
  return now + parseDuration(text, flag);
}

/** Milliseconds of a duration, at least a minute and at most a hundred years. Else `usage/invalid` naming the flag. */
function parseDuration(text: string, flag: string): number {
  const match = /^([1-9]\d{0,6})([dhm])$/.exec(text);
  const ms = match === null ? 0 : Number(match[1]) * (UNIT_MS[match[2] as string] as number);
  if (ms === 0 || ms > 36_525 * 86_400_000) {
    throw new AuthsError('usage/invalid', `${flag} ${text.slice(0, 40)} is not a duration`, {
      hint: `${flag} 90d, 12h, 30m, or a time like 2027-01-31T00:00:00Z`,
    });
  }
  return ms;
}
