/** Stdout without its stream where that is a file or a pipe: to make a stream is to load the network stack. */
import { fstatSync, statSync, writeSync } from 'node:fs';

/** What the program asks of stdout. */
export interface Output {
  readonly isTTY?: boolean;
  write(text: string | Uint8Array, done?: (error?: Error | null) => void): unknown;
}

/** `stream` makes the real one, for a terminal and for a reader that takes only a part, or is gone. */
export function standardOutput(stream: () => Output): Output {
  if (mayBeTerminal()) return stream();
  return {
    isTTY: false,
    write(text, done) {
      const bytes = typeof text === 'string' ? Buffer.from(text) : text;
      const written = writeNow(bytes);
      if (written === bytes.length) done?.();
      else stream().write(bytes.subarray(written), done);
    },
  };
}

/** How much of it the descriptor took at once; 0 where it is full, or closed: then the stream waits, or says so. */
export function writeNow(bytes: Uint8Array): number {
  try {
    return writeSync(1, bytes);
  } catch {
    return 0;
  }
}

function mayBeTerminal(): boolean {
  const facts = fstatSync(1);
  return facts.isCharacterDevice() && facts.rdev !== statSync('/dev/null', { throwIfNoEntry: false })?.rdev;
}
