/** The recovery words for a person: on the terminal, or as a page to print. */
import type { Context } from '../command.ts';

const COLUMNS = 4;

/** The page: what it is, what it does, the words in numbered columns. */
export function wordsPage(words: string, controllerDid: string | null): string {
  const cells = words.split(' ').map((word, index) => `${String(index + 1).padStart(2)}. ${word.padEnd(9)}`);
  const rows: string[] = [];
  for (let at = 0; at < cells.length; at += COLUMNS)
    rows.push(
      `    ${cells
        .slice(at, at + COLUMNS)
        .join(' ')
        .trimEnd()}`,
    );
  return [
    'Recovery words',
    ...(controllerDid === null ? [] : [controllerDid]),
    '',
    'Whoever has these words has the identity. They are its next key: they end a lost',
    'or stolen machine, and without them a lost machine ends the identity. Keep them on',
    'paper, away from this machine. They hold until the next rotation.',
    '',
    ...rows,
    '',
    'To use them on a new machine:  auths id recover --words - --from REMOTE',
    '',
  ].join('\n');
}

/** Shows the words once and waits until they are written down. */
export async function showWords(
  context: Context,
  words: string,
  controllerDid: string | null = null,
): Promise<void> {
  context.terminal.show(`\n${wordsPage(words, controllerDid)}`);
  while (!(await context.terminal.confirm('Written down?', '--yes')));
}
