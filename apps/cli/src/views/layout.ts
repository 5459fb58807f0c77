/** Columns, shortened identifiers and safe text for a terminal. */
import { sanitise } from '@auths/core/errors';

// eslint-disable-next-line no-control-regex -- the escapes of colours take no room
const COLOUR = /\u001b\[[0-9;]*m/g;

/** Rows with their cells in line; the last cell of a row is not padded. */
export function table(rows: readonly (readonly string[])[], indent = ''): string[] {
  const widths: number[] = [];
  for (const row of rows) row.forEach((cell, i) => (widths[i] = Math.max(widths[i] ?? 0, widthOf(cell))));
  return rows.map((row) => {
    const cells = row.map((cell, i) =>
      i === row.length - 1 ? cell : cell + ' '.repeat((widths[i] as number) - widthOf(cell)),
    );
    return (indent + cells.join('  ')).trimEnd();
  });
}

/** `did:key:z6MkhaXgBZDv…2doK`: long enough to compare, short enough for a line. */
export function shortDid(did: string): string {
  return did.length <= 30 ? did : `${did.slice(0, 20)}…${did.slice(-4)}`;
}

/** A name from elsewhere: no control characters, at most 64 characters. */
export function safeName(name: string): string {
  return sanitise(Array.from(name).slice(0, 64).join(''));
}

/** `2026-03-01 12:00 UTC`. */
export function shortTime(time: string): string {
  return `${time.slice(0, 10)} ${time.slice(11, 16)} UTC`;
}

function widthOf(text: string): number {
  return Array.from(text.replace(COLOUR, '')).length;
}
