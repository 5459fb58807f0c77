/** Two commands in turn, A B A B …, as whole processes: the ratio pair by pair, so that a drifting machine cancels out. */
import { spawn, spawnSync } from 'node:child_process';

/** Median, least and greatest of ratios. */
export function summary(ratios) {
  const sorted = ratios.toSorted((a, b) => a - b);
  return {
    median: sorted[sorted.length >> 1],
    least: sorted[0],
    greatest: sorted.at(-1),
    runs: sorted.length,
  };
}

/** Wall seconds of one run of `[file, ...args]`; a run that fails where it must not ends the measurement. */
function seconds({ command: [file, ...args], cwd, env, before }) {
  before?.();
  const started = performance.now();
  const run = spawnSync(file, args, { cwd, env, stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8' });
  const took = (performance.now() - started) / 1000;
  if (run.status !== 0) throw new Error(`${file} ${args.join(' ')} ended with ${run.status}: ${run.stderr}`);
  return took;
}

/** Seconds until the output matches `until`; the program is then interrupted, and its end waited for. */
async function secondsUntil({ command: [file, ...args], cwd, env, until }) {
  const started = performance.now();
  const child = spawn(file, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = new Promise((resolve) => child.on('close', resolve));
  let took = null;
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      text += chunk;
      if (took !== null || !until.test(text)) return;
      took = (performance.now() - started) / 1000;
      child.kill('SIGINT');
    });
  }
  await ended;
  if (took === null) throw new Error(`${file} ${args.join(' ')} never showed ${until}: ${text}`);
  return took;
}

const take = (one) => (one.until === undefined ? seconds(one) : secondsUntil(one));

/** `runs` ratios a/b in turn, after one warm-up of each. With `until` a side is timed up to that output. */
export async function ratio(a, b, runs = 15) {
  await take(a);
  await take(b);
  const ratios = [];
  for (let i = 0; i < runs; i++) {
    const one = await take(i % 2 === 0 ? a : b);
    const two = await take(i % 2 === 0 ? b : a);
    ratios.push(i % 2 === 0 ? one / two : two / one);
  }
  return summary(ratios);
}
