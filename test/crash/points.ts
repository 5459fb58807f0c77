/** Running one command once to number its kill points, then once for each of them. */
import { join } from 'node:path';
import { env } from 'node:process';
import { pointsOf, type CrashWorld, type Ended } from './world.ts';

/** Every point (`AUTHS_TEST_FULL=1`), or of points that repeat between two ref updates the first and the last. */
export const full: boolean = env['AUTHS_TEST_FULL'] === '1';

/** The numbers to die at, from 1; of the bounded form about `most`. */
export function chosenPoints(labels: readonly string[], most = Infinity): readonly number[] {
  const all = labels.map((_, index) => index + 1);
  if (full) return all;
  const kept = new Set<number>();
  let start = 0;
  labels.forEach((label, index) => {
    const ends = index === labels.length - 1 || label.endsWith(': ended');
    if (!ends) return;
    const phase = labels.slice(start, index + 1).map(plain);
    phase.forEach((name, at) => {
      if (phase.indexOf(name) === at || phase.lastIndexOf(name) === at) kept.add(start + at + 1);
    });
    start = index + 1;
  });
  const points = [...kept];
  if (points.length <= most) return points;
  // Evenly thinned, but never what a dying git leaves and what a journal is for.
  const step = Math.ceil(points.length / most);
  return points.filter(
    (number, index) =>
      index % step === 0 || /died with|→ (?:journal|allow-list)/.test(labels[number - 1] ?? ''),
  );
}

function plain(label: string): string {
  return label.replace(/objects\/[0-9a-f]{2}$/, 'objects/*');
}

/** Counts, prints, and refuses to count fewer than were there before. */
export async function countPoints(
  world: CrashWorld,
  name: string,
  least: number,
  run: (killLog: string) => Promise<Ended>,
): Promise<readonly string[]> {
  const log = join(world.folder, `${name.replaceAll(/\W+/g, '-')}.points`);
  const ended = await run(log);
  if (ended.exit !== 0) throw new Error(`${name} does not run: ${ended.stdout}${ended.stderr}`);
  const labels = pointsOf(log);
  process.stdout.write(`kill points of ${name}: ${labels.length}\n`);
  if (labels.length < least)
    throw new Error(`${name} had at least ${least} kill points, now ${labels.length}`);
  return labels;
}
