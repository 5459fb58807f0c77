/** The nearest known word to a mistyped one. */

/** `did you mean …?`, or null when nothing is near (more than a third of the letters differ). */
export function didYouMean(typed: string, known: readonly string[], prefix = ''): string | null {
  let best: string | null = null;
  let least = Infinity;
  for (const word of known) {
    const cost = distance(typed, word);
    if (cost < least && cost <= Math.max(1, Math.floor(Math.max(typed.length, word.length) / 3))) {
      best = word;
      least = cost;
    }
  }
  return best === null ? null : `did you mean ${prefix}${best}?`;
}

/** Insertions, deletions, replacements and swaps of neighbours between two short words. */
function distance(a: string, b: string): number {
  if (a.length > 60 || b.length > 60) return Infinity;
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    const above = rows[i - 1] as number[];
    for (let j = 1; j <= b.length; j++) {
      let cost = Math.min(
        (above[j] as number) + 1,
        (row[j - 1] as number) + 1,
        (above[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1),
      );
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        cost = Math.min(cost, ((rows[i - 2] as number[])[j - 2] as number) + 1);
      }
      row.push(cost);
    }
    rows.push(row);
  }
  return (rows[a.length] as number[])[b.length] as number;
}
