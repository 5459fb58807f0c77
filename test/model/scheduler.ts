/**
 * Decides, from a seed, who goes on. Every call of a port that a process makes waits here until it is picked; time stands
 * still until it is moved; a process that is killed never hears of anything again, as after SIGKILL.
 */
import type { CancelSignal, Clock } from '../../packages/core/src/ports.ts';
import { isAuthsError } from '../../packages/core/src/errors.ts';
import { createFakeClock, type FakeClock } from '../../packages/testing/src/fake-clock.ts';
import { createDice, type Dice } from './dice.ts';

/** One run of one program. */
export interface Process {
  readonly name: string;
  /** Ctrl+C. */
  readonly interrupt: AbortController;
  /** Null while it runs; then `done`, `killed`, or the code of its error. */
  outcome: string | null;
  /** What it waits for: steps, sleeps, answers. A process that waits for nothing is still at work. */
  waits: number;
  /** Called once when it is over. */
  readonly onEnd: Set<() => void>;
}

interface Step {
  readonly process: Process;
  readonly label: string;
  /** What a dying process may still have done: a write that was on its way, a request that had left. */
  readonly outlives: boolean;
  /** Does it, without telling the process. */
  readonly act: () => void;
  /** Does it, and the process goes on. */
  readonly take: () => void;
}

interface GateOptions {
  readonly outlives?: boolean;
  readonly signal?: CancelSignal | undefined;
  /** The process gave up waiting before the step was taken. */
  readonly onLeave?: () => void;
}

export interface Scheduler {
  readonly dice: Dice;
  readonly time: FakeClock;
  readonly trace: string[];
  readonly processes: readonly Process[];
  start(name: string, main: (process: Process) => Promise<unknown>): Process;
  /** Waits until it is picked, then does `act`. Never settles for a process that is over. */
  gate<T>(process: Process, label: string, act: () => T, options?: GateOptions): Promise<Awaited<T>>;
  /** Something that happens by itself later: a copy of a request that is still on its way. */
  later(label: string, act: () => void): void;
  /** Holds a promise from outside for a process: settles with it, unless the process is over. */
  hold<T>(process: Process, work: Promise<T>): Promise<T>;
  clockOf(process: Process, wall: { readonly offset: number }): Clock;
  kill(process: Process): void;
  /** Labels of what could be picked now, sorted. */
  waiting(): readonly string[];
  /** Picks one step and takes it. False when there is none. */
  step(): boolean;
  /** Lets everything run that can without a step. */
  settle(): Promise<void>;
}

/** Modules may be loading: a turn is a few microseconds. */
const MOST_TURNS = 100_000;

async function attempt<T>(act: () => T): Promise<Awaited<T>> {
  return await act();
}

/** A process hears what came of its work, unless it is over. */
function tell<T>(
  process: Process,
  work: Promise<T>,
  resolve: (value: T) => void,
  reject: (reason: unknown) => void,
): void {
  work.then(
    (value) => {
      process.waits -= 1;
      if (process.outcome === null) resolve(value);
    },
    (error: unknown) => {
      process.waits -= 1;
      if (process.outcome === null) reject(error);
    },
  );
}

export function createScheduler(seed: number): Scheduler {
  const dice = createDice(seed);
  const time = createFakeClock();
  const trace: string[] = [];
  const steps: Step[] = [];
  const processes: Process[] = [];
  const network: Process = {
    name: 'network',
    interrupt: new AbortController(),
    outcome: null,
    waits: 1,
    onEnd: new Set(),
  };

  function remove(step: Step): void {
    const at = steps.indexOf(step);
    if (at >= 0) steps.splice(at, 1);
  }

  function end(process: Process, outcome: string): void {
    if (process.outcome !== null) return;
    process.outcome = outcome;
    trace.push(`${process.name} ends: ${outcome}`);
    for (const step of steps.filter((one) => one.process === process)) {
      remove(step);
      if (!step.outlives || !dice.chance(0.5)) continue;
      trace.push(`${process.name} had done: ${step.label}`);
      step.act();
    }
    for (const ended of process.onEnd) ended();
    process.onEnd.clear();
  }

  function gate<T>(
    process: Process,
    label: string,
    act: () => T,
    { outlives = false, signal, onLeave }: GateOptions = {},
  ): Promise<Awaited<T>> {
    if (signal?.aborted === true && process.outcome === null) return Promise.reject(signal.reason);
    return new Promise((resolve, reject) => {
      if (process.outcome !== null) return;
      const leave = (): void => {
        remove(step);
        process.waits -= 1;
        if (process.outcome !== null) return;
        onLeave?.();
        reject(signal?.reason);
      };
      const step: Step = {
        process,
        label,
        outlives,
        act: () => void attempt(act).catch(() => {}),
        take() {
          remove(step);
          signal?.removeEventListener('abort', leave);
          tell(process, attempt(act), resolve, reject);
        },
      };
      process.waits += 1;
      steps.push(step);
      signal?.addEventListener('abort', leave, { once: true });
    });
  }

  function hold<T>(process: Process, work: Promise<T>): Promise<T> {
    process.waits += 1;
    return new Promise((resolve, reject) => {
      tell(process, work, resolve, reject);
    });
  }

  return {
    dice,
    time,
    trace,
    processes,
    gate,
    hold,
    start(name, main) {
      const process: Process = {
        name,
        interrupt: new AbortController(),
        outcome: null,
        waits: 0,
        onEnd: new Set(),
      };
      processes.push(process);
      trace.push(`${name} starts`);
      main(process).then(
        () => end(process, 'done'),
        (error) => end(process, isAuthsError(error) ? error.code : `broken: ${String(error)}`),
      );
      return process;
    },
    later(label, act) {
      void gate(network, label, act).catch(() => {});
    },
    clockOf(process, wall) {
      return {
        now: () => time.now() + wall.offset,
        monotonic: () => time.monotonic(),
        sleep(ms, signal) {
          if (signal?.aborted === true) return Promise.reject(signal.reason);
          const stop = new AbortController();
          const bury = (): void => stop.abort(signal?.reason);
          process.onEnd.add(bury);
          signal?.addEventListener('abort', bury, { once: true });
          const slept = time.sleep(ms, stop.signal).finally(() => {
            process.onEnd.delete(bury);
            signal?.removeEventListener('abort', bury);
          });
          return hold(process, slept).then(() =>
            gate(process, 'wakes', () => {}, signal === undefined ? {} : { signal }),
          );
        },
      };
    },
    kill: (process) => end(process, 'killed'),
    waiting: () => steps.map(({ process, label }) => `${process.name} ${label}`).sort(),
    step() {
      if (steps.length === 0) return false;
      const step = dice.pick(steps);
      trace.push(`${step.process.name} ${step.label}`);
      step.take();
      return true;
    },
    async settle() {
      for (let turn = 0; turn < MOST_TURNS; turn++) {
        await new Promise<void>((resolve) => {
          setImmediate(resolve);
        });
        if (processes.every(({ outcome, waits }) => outcome !== null || waits > 0)) return;
      }
      throw new Error(`a process waits for nothing that is known:\n${trace.slice(-20).join('\n')}`);
    },
  };
}
