/** What chance does: lets somebody go on or begin, moves the clocks, kills, interrupts. */
import { interruption, startHost, startJoin } from './commands.ts';
import { startGuesser } from './guesser.ts';
import { startFinish, startRevoke } from './home-commands.ts';
import { handed } from './people.ts';
import { openRelay } from './relays.ts';
import type { Actor, World } from './world.ts';

/** Pairings that one person begins. */
const COMMANDS = { host: 2, joiner: 3, stranger: 2 } as const;

/** One thing happens. False when nothing can. */
export function happen(world: World): boolean {
  const { scheduler, scenario } = world;
  const { dice, time, trace } = scheduler;
  const steps = scheduler.waiting().length;
  const running = [...world.hosts, ...world.joiners, world.stranger].filter(
    ({ process }) => process !== null,
  );
  const starts = startable(world);
  const listed = world.disk.list.filter(({ status }) => status === 'active');
  const terminal = world.hosts.find(({ process }) => process === null);
  const idle = steps === 0 ? 1 : 0;
  const happening = dice.weighted<() => void>([
    [steps > 0 ? 1 : 0, () => scheduler.step()],
    [time.untilNext() === null ? 0 : scenario.advance + idle, () => advance(world)],
    [starts.length > 0 ? scenario.bustle * starts.length + idle : 0, () => dice.pick(starts)()],
    [
      running.length > 0 ? scenario.crash : 0,
      () => {
        const { process } = dice.pick(running);
        if (process !== null) scheduler.kill(process);
        world.crashes += 1;
      },
    ],
    [
      scenario.crash / 10,
      () => {
        world.crashes += 1;
        scheduler.kill(world.registry.process);
        world.registry = openRelay(world.wires, 'registry', null);
      },
    ],
    [
      running.length > 0 ? scenario.interrupt : 0,
      () => {
        const { name, process } = dice.pick(running);
        trace.push(`${name} is interrupted`);
        process?.interrupt.abort(interruption());
      },
    ],
    [
      scenario.wallStep,
      () => {
        const { name, wall } = dice.pick([...world.hosts, ...world.joiners]);
        const by = dice.pick([-900_000, -30_000, 30_000, 650_000]);
        trace.push(`the clock of ${name} steps by ${by / 1000} s`);
        wall.offset += by;
      },
    ],
    [
      listed.length > 0 && terminal !== undefined ? scenario.revoke : 0,
      () => {
        const { device_did, name } = dice.pick(listed);
        const reason = dice.pick(['retired', 'lost', 'compromised'] as const);
        trace.push(`${name} is to be revoked: ${reason}`);
        if (terminal !== undefined) startRevoke(world, terminal, device_did, reason);
      },
    ],
    // So that there is always a choice; nothing happens.
    [1e-9, () => {}],
  ]);
  if (steps === 0 && time.untilNext() === null && starts.length === 0) return false;
  happening();
  return true;
}

function advance({ scheduler }: World): void {
  const { dice, time, trace } = scheduler;
  const next = time.untilNext() ?? 0;
  const ms = dice.chance(0.1) ? next + dice.pick([5_000, 31_000, 125_000, 310_000]) : next;
  trace.push(`time passes: ${ms} ms`);
  time.advance(ms);
}

function free({ process, runs }: Actor, most: number): boolean {
  return process === null && runs < most;
}

/** Everybody who could begin something now. */
function startable(world: World): readonly (() => unknown)[] {
  const { dice } = world.scheduler;
  const starts: (() => unknown)[] = [];
  for (const host of world.hosts) {
    if (host.process !== null) continue;
    if (host.runs < COMMANDS.host) starts.push(() => startHost(world, host));
    if (world.disk.journal.size > 0) starts.push(() => startFinish(world, host));
  }
  const offers = world.offers.filter(({ host }) => host.outcome === null || dice.chance(0.05));
  const last = offers.slice(-3);
  for (const joiner of world.joiners) {
    if (last.length === 0 || !free(joiner, COMMANDS.joiner)) continue;
    starts.push(() => {
      const offer = dice.pick(last);
      const typed = handed(world, offer, joiner);
      if (typed !== null) startJoin(world, joiner, offer, typed, dice.chance(world.scenario.moods));
    });
  }
  const typed = last.filter(({ code }) => code !== null);
  if (world.scenario.hostile === 'guesses' && typed.length > 0 && free(world.stranger, COMMANDS.stranger)) {
    starts.push(() => startGuesser(world, world.stranger, dice.pick(typed)));
  }
  return starts;
}
