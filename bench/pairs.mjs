/** Two commands in turn, A B A B …, as whole processes: the ratio pair by pair, so that a drifting machine cancels out. */
import { spawnSync } from 'node:child_process';

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

/** Wall seconds of one run of `[file, ...args]`; a run that fails where it must not ends the measurement. */
function seconds({ command: [file, ...args], cwd, env, before }) {
  before?.();
  const started = process.hrtime.bigint();
  const run = spawnSync(file, args, { cwd, env, stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8' });
  const took = Number(process.hrtime.bigint() - started) / 1e9;
  if (run.status !== 0) throw new Error(`${file} ${args.join(' ')} ended with ${run.status}: ${run.stderr}`);
  return took;
}

/** Median, least and greatest of `runs` ratios a/b, after one warm-up of each. */
export function ratio(a, b, runs = 15) {
  seconds(a);
  seconds(b);
  const ratios = [];
  for (let i = 0; i < runs; i++) {
    const [first, second] = i % 2 === 0 ? [a, b] : [b, a];
    const one = seconds(first);
    const two = seconds(second);
    ratios.push(i % 2 === 0 ? one / two : two / one);
  }
  return { median: median(ratios), least: Math.min(...ratios), greatest: Math.max(...ratios), runs };
}
