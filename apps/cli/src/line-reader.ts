/** Lines of a stream, one at a time, as they come. The stream is not touched before the first `next`. */
import type { Readable } from 'node:stream';

export interface LineReader {
  /** The next line without its end; null once the stream has ended. Rejects with the signal's reason when it aborts. */
  next(signal?: AbortSignal): Promise<string | null>;
  /** Reads for `ms` and gives up what has come by then and was not taken, a half-written line included. */
  drop(ms: number): Promise<string>;
}

/** Longer lines are cut: no answer of a person is longer. */
const MAX_LINE = 65_536;

export function createLineReader(stream: Readable): LineReader {
  const lines: string[] = [];
  let waiting: ((line: string | null) => void)[] = [];
  let rest = '';
  let started = false;
  let ended = false;

  const deliver = (): void => {
    while (waiting.length > 0) {
      const line = lines.shift();
      if (line === undefined && !ended) return;
      waiting.shift()?.(line ?? null);
    }
  };
  const end = (): void => {
    if (ended) return;
    ended = true;
    if (rest !== '') lines.push(rest);
    deliver();
  };
  const start = (): void => {
    started = true;
    stream.setEncoding('utf8');
    stream.on('data', (chunk: string) => {
      const parts = (rest + chunk).split('\n');
      rest = (parts.pop() as string).slice(0, MAX_LINE);
      for (const part of parts) lines.push(part.replace(/\r$/, '').slice(0, MAX_LINE));
      deliver();
    });
    stream.on('end', end);
    stream.on('close', end);
    stream.on('error', end);
  };

  return {
    next(signal) {
      if (!started) start();
      // A prompt that was shown before leaves the stream paused, and then listening alone does not start it again.
      stream.resume();
      return new Promise((resolve, reject) => {
        if (signal?.aborted === true) {
          reject(signal.reason as Error);
          return;
        }
        const onAbort = (): void => {
          waiting = waiting.filter((other) => other !== take);
          reject(signal?.reason as Error);
        };
        const take = (line: string | null): void => {
          signal?.removeEventListener('abort', onAbort);
          resolve(line);
        };
        signal?.addEventListener('abort', onAbort, { once: true });
        waiting.push(take);
        deliver();
      });
    },
    async drop(ms) {
      if (!started) start();
      stream.resume();
      await new Promise((resolve) => setTimeout(resolve, ms));
      const dropped = [...lines.splice(0), rest].join('\n');
      rest = '';
      return dropped;
    },
  };
}
