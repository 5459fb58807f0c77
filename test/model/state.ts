/** The abstract state of a world: who waits for what, how far each session and each home is. No times, no names of sessions, no keys. */
import type { Memory } from './rules.ts';
import type { World } from './world.ts';

export function fingerprintOf(world: World, memory: Memory): string {
  const { scheduler, wires, disk, joiners, consents } = world;
  const sessions = [...wires.sessions.values()].map(({ status, slots, lanes }) => [
    status,
    slots.map(({ attempt }) => attempt).join(''),
    lanes.j2h.last,
    lanes.j2h.fetched,
    lanes.h2j.last,
    lanes.h2j.fetched,
  ]);
  return JSON.stringify([
    scheduler.processes.map(({ name, outcome }) => `${name} ${outcome}`),
    scheduler.waiting(),
    sessions,
    disk.list.map(({ name, status }) => `${name} ${status}`),
    [...disk.journal.values()].map((entry) => (entry as { acknowledged: boolean }).acknowledged),
    memory.version.split(':')[0],
    joiners.map(({ home, sas }) => [home.writes.join(), home.hosts.size, sas === null]),
    consents.length,
  ]);
}
