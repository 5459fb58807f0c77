/** One random walk: chance rules for a while; then all is begun again in peace, and must come to rest. */
import { happen } from './chance.ts';
import { hashOf } from './dice.ts';
import type { Flaw } from './flaws.ts';
import { comeToRest } from './rest.ts';
import { Broken, createMemory, look, type Rule } from './rules.ts';
import { lookForSecrets } from './secrets.ts';
import { fingerprintOf } from './state.ts';
import { createWorld } from './world.ts';

export interface Walk {
  readonly seed: number;
  readonly broken: { readonly rule: Rule; readonly what: string } | null;
  readonly trace: readonly string[];
  /** Hashes of the abstract states that were reached. */
  readonly states: ReadonlySet<number>;
  readonly steps: number;
  readonly crashes: number;
  /** Devices that were let in while chance ruled. */
  readonly grants: number;
}

/** Chance rules for so many steps, or until nobody has anything left to do. */
const STEPS = 1_500;

/** The same walk for the same seed. The rules are judged after every step. */
export async function walk(seed: number, flaw: Flaw = {}): Promise<Walk> {
  const world = await createWorld(seed, flaw);
  const memory = createMemory();
  const states = new Set<number>();
  const { scheduler } = world;
  let broken: Walk['broken'] = null;
  let grants = 0;
  let steps = 0;
  const afterStep = async (): Promise<void> => {
    steps += 1;
    await scheduler.settle();
    states.add(hashOf(fingerprintOf(world, memory)));
    await look(world, memory);
  };
  try {
    await scheduler.settle();
    for (let left = STEPS; left > 0 && happen(world); left--) await afterStep();
    grants = memory.sealed.size;
    await comeToRest(world, memory, afterStep);
    lookForSecrets(world);
  } catch (error) {
    if (!(error instanceof Broken)) throw error;
    broken = { rule: error.rule, what: error.message };
  }
  return { seed, broken, trace: scheduler.trace, states, steps, crashes: world.crashes, grants };
}
