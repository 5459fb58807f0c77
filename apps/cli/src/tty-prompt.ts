/** A hidden question on /dev/tty, for a program whose stdin and stdout belong to git. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { ReadStream } from 'node:tty';
import { AuthsError } from '@auths/core/errors';

/** What was typed, without an echo; null where there is no terminal. Ctrl+C is `interrupted`. */
export async function askOnTty(question: string): Promise<string | null> {
  let descriptor: number;
  try {
    descriptor = openSync('/dev/tty', 'r+');
  } catch {
    return null;
  }
  const input = new ReadStream(descriptor);
  try {
    writeSync(descriptor, question);
    input.setRawMode(true);
    input.setEncoding('utf8');
    return await readHidden(input);
  } finally {
    input.setRawMode(false);
    writeSync(descriptor, '\n');
    input.destroy();
    try {
      closeSync(descriptor);
    } catch {
      // The stream may have closed it already.
    }
  }
}

async function readHidden(input: ReadStream): Promise<string> {
  let typed: string[] = [];
  for await (const chunk of input as AsyncIterable<string>) {
    for (const char of chunk) {
      if (char === '\r' || char === '\n' || char === '\u0004') return typed.join('');
      if (char === '\u0003') throw new AuthsError('interrupted', 'interrupted');
      if (char === '\u007f' || char === '\b') typed = typed.slice(0, -1);
      else if (char === '\u0015') typed = [];
      else if (char >= ' ') typed.push(char);
    }
  }
  return typed.join('');
}
