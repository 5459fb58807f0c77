/**
 * Times as this product writes them: RFC 3339, UTC, to the second, ending in `Z`
 * (`2026-03-01T00:00:00Z`). One spelling per instant; core has no Date, so the calendar
 * (proleptic Gregorian, years 0000 to 9999) is computed here.
 */
import { AuthsError } from '../errors.ts';

const DAY_MS = 86_400_000;
/** Days from 0000-03-01 to 1970-01-01. Counting years from March puts the leap day last. */
const EPOCH_FROM_MARCH_ZERO = 719_468;
const DAYS_IN_400_YEARS = 146_097;
/** First day of March, April, … February in a year that starts on 1 March. */
const MONTH_STARTS: readonly number[] = [0, 31, 61, 92, 122, 153, 184, 214, 245, 275, 306, 337];

/** The text of an instant in epoch milliseconds; what is below a second is cut off. Outside years 0000–9999: `internal/bug`. */
export function formatTime(epochMs: number): string {
  const days = Math.floor(epochMs / DAY_MS);
  const seconds = Math.floor((epochMs - days * DAY_MS) / 1000);
  const { year, month, day } = dateOf(days);
  if (!Number.isFinite(epochMs) || year < 0 || year > 9999) {
    throw new AuthsError('internal/bug', `${epochMs} is no time between the years 0 and 9999`);
  }
  const time = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return `${pad(year, 4)}-${pad(month, 2)}-${pad(day, 2)}T${time.map((n) => pad(n, 2)).join(':')}Z`;
}

/** Epoch milliseconds of a text in exactly that one form. A fraction, an offset, lower case, a leap second or a day that is not: `input/malformed`. */
export function parseTime(text: string): number {
  const match = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})Z$/.exec(text);
  if (match === null) throw malformed(text);
  const [year, month, day, hour, minute, second] = match.slice(1).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) throw malformed(text);
  if (hour > 23 || minute > 59 || second > 59) throw malformed(text);
  return daysOf(year, month, day) * DAY_MS + ((hour * 60 + minute) * 60 + second) * 1000;
}

export function isTime(text: string): boolean {
  try {
    parseTime(text);
    return true;
  } catch {
    return false;
  }
}

/** Days since 1970-01-01. */
function daysOf(year: number, month: number, day: number): number {
  const y = month > 2 ? year : year - 1;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfEra =
    yearOfEra * 365 +
    Math.floor(yearOfEra / 4) -
    Math.floor(yearOfEra / 100) +
    (MONTH_STARTS[(month + 9) % 12] as number) +
    day -
    1;
  return era * DAYS_IN_400_YEARS + dayOfEra - EPOCH_FROM_MARCH_ZERO;
}

function dateOf(days: number): { year: number; month: number; day: number } {
  const shifted = days + EPOCH_FROM_MARCH_ZERO;
  const era = Math.floor(shifted / DAYS_IN_400_YEARS);
  const dayOfEra = shifted - era * DAYS_IN_400_YEARS;
  const leapDays =
    Math.floor(dayOfEra / 1460) - Math.floor(dayOfEra / 36_524) + Math.floor(dayOfEra / 146_096);
  const yearOfEra = Math.floor((dayOfEra - leapDays) / 365);
  const dayOfYear = dayOfEra - (yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  // The last month, counted from March, that starts no later than this day.
  const fromMarch = MONTH_STARTS.findLastIndex((start) => start <= dayOfYear);
  const month = ((fromMarch + 2) % 12) + 1;
  const year = era * 400 + yearOfEra + (month <= 2 ? 1 : 0);
  return { year, month, day: dayOfYear - (MONTH_STARTS[fromMarch] as number) + 1 };
}

function daysInMonth(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return [4, 6, 9, 11].includes(month) ? 30 : 31;
}

function pad(value: number, width: number): string {
  return String(value).padStart(width, '0');
}

function malformed(text: string): AuthsError<'input/malformed'> {
  return new AuthsError(
    'input/malformed',
    `"${text.slice(0, 40)}" is not a time of the form 2026-03-01T00:00:00Z`,
  );
}
