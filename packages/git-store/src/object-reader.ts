/**
 * Raw objects through one `git cat-file --batch-command` child: any number of questions, one process,
 * bounded sizes, and every id recomputed from the bytes, because git itself does not (storage-and-verification.md 6).
 */
import { Conversation, type FoundObject, type Header, type ObjectAnswer, type Question } from './cat-file.ts';
import { corrupt } from './files.ts';
import type { AskPlain } from './plain-objects.ts';

export type { FoundObject, ObjectAnswer } from './cat-file.ts';

export interface ReadOptions {
  /** Largest content that is kept, in bytes; default 16 MiB. */
  readonly maxSize?: number;
}

export interface ObjectReader extends AsyncDisposable {
  /** Id, type and size of what `name` (an id or any revision) means; null when missing or ambiguous. */
  info(name: string): Promise<Header | null>;
  /** The object; never throws for what the repository holds. */
  ask(name: string, options?: ReadOptions): Promise<ObjectAnswer>;
  /** The object, null when missing; damaged or too large is `storage/corrupt`. */
  read(name: string, options?: ReadOptions): Promise<FoundObject | null>;
  /** Answers in the order of `names`, so many at once as came together, asked ahead of their use; for whole ranges of commits. */
  readMany(names: Iterable<string>, options?: ReadOptions): AsyncIterable<readonly ObjectAnswer[]>;
  /** Starts the child before the first question, for those who know that there will be many: it is then asked for everything. */
  start(): void;
  /** Ends the child. A later question starts another. */
  close(): Promise<void>;
}

const MAX_SIZE = 16 << 20;
/** Questions in a batch of `readMany`; two batches are under way, so that neither side waits for the other. */
const BATCH = 48;

/** So many objects are read here, where they can be, sooner than git is started. */
const FEW = 8;

/** A reader over `gitDir`, which asks `plain` first. The child starts at the first question and never keeps the process alive while idle. */
export function openObjectReader(
  gitDir: string,
  options: { readonly isolated?: boolean; readonly plain?: AskPlain } = {},
): ObjectReader {
  let conversation: Conversation | null = null;
  let started = false;

  function ask(name: string, maxSize: number): Promise<ObjectAnswer> {
    // Where git runs already, unpacking here would take time from this thread that git has.
    const known = started ? null : (options.plain?.(name, maxSize) ?? null);
    return known === null ? askGit(name, maxSize) : Promise.resolve(known);
  }

  function askGit(name: string, maxSize: number): Promise<ObjectAnswer> {
    // One question is one line, and git reads to its end: such a name exists nowhere.
    if (name === '' || /[\n\r\0]/.test(name)) return Promise.resolve({ status: 'missing', name });
    const { promise, resolve, reject } = withResolvers<ObjectAnswer>();
    put({ name, maxSize, resolve, reject });
    return promise;
  }

  function child(): Conversation {
    if (conversation === null || conversation.ended)
      conversation = new Conversation(gitDir, options.isolated === true);
    return conversation;
  }

  function put(question: Omit<Question, 'again'>): void {
    child().ask({
      ...question,
      again: () => {
        put(question);
      },
    });
  }

  const reader: ObjectReader = {
    async info(name) {
      const answer = await ask(name, -1);
      return 'oid' in answer ? { oid: answer.oid, type: answer.type, size: answer.size } : null;
    },
    ask: (name, { maxSize = MAX_SIZE } = {}) => ask(name, maxSize),
    async read(name, { maxSize = MAX_SIZE } = {}) {
      const answer = await ask(name, maxSize);
      if (answer.status === 'found') return answer;
      if ('oid' in answer) throw corrupt(gitDir, `object ${answer.oid} is ${answer.status}`);
      return null;
    },
    async *readMany(names, { maxSize = MAX_SIZE } = {}) {
      // Of many, git unpacks the next ones while the last ones are judged.
      const askOne = Array.isArray(names) && names.length <= FEW ? ask : askGit;
      const rest = names[Symbol.iterator]();
      const askBatch = (): Promise<readonly ObjectAnswer[]> | null => {
        const batch: Promise<ObjectAnswer>[] = [];
        while (batch.length < BATCH) {
          const name = rest.next();
          if (name.done === true) break;
          batch.push(askOne(name.value, maxSize));
        }
        if (batch.length === 0) return null;
        const answers = Promise.all(batch);
        // The rejection is met when the answers are taken; until then it must not count as unhandled.
        answers.catch(() => undefined);
        return answers;
      };
      let current = askBatch();
      while (current !== null) {
        const next = askBatch();
        yield await current;
        current = next;
      }
    },
    start() {
      started = true;
      child();
    },
    async close() {
      const ending = conversation;
      conversation = null;
      await ending?.end();
    },
    [Symbol.asyncDispose]: () => reader.close(),
  };
  return reader;
}

/** `Promise.withResolvers` is newer than the oldest Node that is supported. */
function withResolvers<T>(): {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
} {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}
