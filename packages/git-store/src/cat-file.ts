/** The conversation with one `git cat-file --batch-command` child: questions in, answers out in the same order. */
import { spawn, type ChildProcess, type ChildProcessWithoutNullStreams } from 'node:child_process';
import type { Socket } from 'node:net';
import { AuthsError } from '@auths/core/errors';
import { gitArguments, gitEnvironment, spawnFault } from './git.ts';
import { idOfWhole, plain, type ObjectType } from './objects.ts';

/** What git says of an object before its content. */
export interface Header {
  readonly oid: string;
  readonly type: ObjectType;
  /** Bytes of content. */
  readonly size: number;
}

/** The answer to one name: what git found, and whether the bytes are those of the id. */
export type ObjectAnswer =
  | ({ readonly status: 'found'; readonly name: string; readonly bytes: Uint8Array } & Header)
  /** The bytes do not hash to the id: a damaged store, or one that was tampered with. */
  | ({ readonly status: 'damaged'; readonly name: string } & Header)
  /** More than `maxSize`; the content was not kept. */
  | ({ readonly status: 'too-large'; readonly name: string } & Header)
  | { readonly status: 'missing' | 'ambiguous'; readonly name: string };

/** An answer with its bytes. */
export type FoundObject = Extract<ObjectAnswer, { status: 'found' }>;

/** One line to the child, and who waits for the answer. */
export interface Question {
  readonly name: string;
  /** Bytes to keep; -1 for a question about the header alone. */
  readonly maxSize: number;
  readonly resolve: (answer: ObjectAnswer) => void;
  readonly reject: (error: unknown) => void;
  /** Puts the question once more, to the next child: this one died of another question. */
  readonly again: () => void;
}

/** One child and the questions put to it. */
export class Conversation {
  ended = false;
  readonly #gitDir: string;
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #closed: Promise<void>;
  readonly #questions: Question[] = [];
  #unsent = '';
  #line = '';
  #body: Body | null = null;
  #stderr = '';

  constructor(gitDir: string, isolated: boolean) {
    this.#gitDir = gitDir;
    const args = gitArguments(['cat-file', '--batch-command', '--buffer'], { gitDir });
    this.#child = spawn('git', args, { env: gitEnvironment({ isolated }), windowsHide: true });
    // Without a free file descriptor there is a child and none of its streams.
    if ((this.#child as ChildProcess).stdin === undefined) {
      this.#child.on('error', () => undefined);
      throw spawnFault(new Error('too many open files'));
    }
    this.#closed = new Promise((resolve) =>
      this.#child.on('close', () => {
        resolve();
      }),
    );
    this.#child.on('error', (error) => {
      this.#fail(spawnFault(error));
    });
    this.#child.on('close', () => {
      this.#skipPromised();
      this.#fail(this.#death());
    });
    this.#child.stdin.on('error', () => undefined);
    this.#child.stderr.on('data', (chunk: Buffer) => {
      if (this.#stderr.length < 4096) this.#stderr += chunk.toString('utf8');
    });
    this.#child.stdout.on('data', (chunk: Buffer) => {
      this.#take(chunk);
    });
    this.#keepAlive(false);
  }

  ask(question: Question): void {
    if (this.#questions.length === 0) this.#keepAlive(true);
    this.#questions.push(question);
    if (this.#unsent === '')
      queueMicrotask(() => {
        this.#send();
      });
    this.#unsent += `${question.maxSize < 0 ? 'info' : 'contents'} ${question.name}\n`;
  }

  async end(): Promise<void> {
    this.ended = true;
    this.#keepAlive(true);
    this.#child.stdin.end();
    await this.#closed;
  }

  /** One write for all questions of this turn; `flush` makes git answer them now. */
  #send(): void {
    const text = `${this.#unsent}flush\n`;
    this.#unsent = '';
    if (!this.ended) this.#child.stdin.write(text);
  }

  #take(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#body !== null) {
        at += this.#body.take(chunk, at);
        if (this.#body.complete) {
          const { answer } = this.#body;
          this.#body = null;
          this.#answer(answer());
        }
        continue;
      }
      const end = chunk.indexOf(0x0a, at);
      if (end < 0) {
        this.#line += chunk.toString('utf8', at);
        return;
      }
      const line = this.#line + chunk.toString('utf8', at, end);
      this.#line = '';
      at = end + 1;
      this.#header(line);
    }
  }

  #header(line: string): void {
    const question = this.#questions[0];
    if (question === undefined) return;
    const match = /^([0-9a-f]{40}|[0-9a-f]{64}) (commit|tree|blob|tag) (\d+)$/.exec(line);
    const { name, maxSize } = question;
    if (match === null) {
      this.#answer({ status: line.endsWith(' ambiguous') ? 'ambiguous' : 'missing', name });
      return;
    }
    const header: Header = { oid: match[1] as string, type: match[2] as ObjectType, size: Number(match[3]) };
    if (maxSize < 0) this.#answer({ status: 'too-large', name, ...header });
    else this.#body = new Body(name, header, maxSize);
  }

  #answer(answer: ObjectAnswer): void {
    this.#questions.shift()?.resolve(answer);
    // While it ends, somebody waits for its end: a loop that runs dry then would end the program in silence.
    if (this.#questions.length === 0 && !this.ended) this.#keepAlive(false);
  }

  /** git dies of an object that a partial clone was promised and does not have; to everybody else it is just missing. */
  #skipPromised(): void {
    if (!/could not fetch [0-9a-f]+ from promisor remote/.test(this.#stderr)) return;
    this.ended = true;
    const [first, ...rest] = this.#questions.splice(0);
    first?.resolve({ status: 'missing', name: first.name });
    for (const question of rest) question.again();
  }

  #fail(error: AuthsError): void {
    this.ended = true;
    for (const question of this.#questions.splice(0)) question.reject(error);
  }

  #death(): AuthsError {
    const { signalCode } = this.#child;
    const words = this.#stderr.split('\n').filter((line) => line !== '' && !line.startsWith('hint:'));
    const said = signalCode === null ? words.at(-1) : `by ${signalCode}`;
    return new AuthsError(
      'git/failed',
      `git cat-file ended in ${this.#gitDir}: ${said ?? 'no reason given'}`,
      {
        details: { args: ['cat-file'], status: this.#child.exitCode },
      },
    );
  }

  /** An idle child must not keep a finished program from ending. */
  #keepAlive(on: boolean): void {
    for (const handle of [this.#child, this.#child.stdin, this.#child.stdout, this.#child.stderr]) {
      if (on) (handle as Socket).ref();
      else (handle as Socket).unref();
    }
  }
}

/** The content of one answer as it arrives: kept up to `maxSize`, skipped beyond. A newline follows it. */
class Body {
  readonly #name: string;
  readonly #header: Header;
  /** What the id is a hash of: type and size stand before the content. */
  readonly #whole: Buffer | null;
  /** Where in it the content begins. */
  readonly #start: number;
  #filled = 0;

  constructor(name: string, header: Header, maxSize: number) {
    this.#name = name;
    this.#header = header;
    const { type, size } = header;
    const before = `${type} ${size}\0`;
    this.#start = before.length;
    this.#whole = size <= maxSize ? Buffer.allocUnsafe(before.length + size) : null;
    this.#whole?.write(before, 'latin1');
  }

  get complete(): boolean {
    return this.#filled === this.#header.size + 1;
  }

  /** Takes from `chunk` at `at` what belongs to this content; returns how much. */
  take(chunk: Buffer, at: number): number {
    const count = Math.min(chunk.length - at, this.#header.size + 1 - this.#filled);
    // The newline behind the content does not fit in, and is left out.
    if (this.#whole !== null) chunk.copy(this.#whole, this.#start + this.#filled, at, at + count);
    this.#filled += count;
    return count;
  }

  readonly answer = (): ObjectAnswer => {
    const about = { name: this.#name, ...this.#header };
    const whole = this.#whole;
    if (whole === null) return { status: 'too-large', ...about };
    const asked = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(about.name) ? about.name : about.oid;
    return about.oid === asked && idOfWhole(whole, about.oid.length === 64 ? 'sha256' : 'sha1') === about.oid
      ? { status: 'found', bytes: plain(whole.subarray(this.#start)), ...about }
      : { status: 'damaged', ...about };
  };
}
