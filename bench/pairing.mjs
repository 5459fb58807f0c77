/**
 * Where the time of a pairing goes: from the start of `auths pair --join` to its `paired`, on loopback, with a host that
 * says yes at once. Both programs run under V8's profiler with spans.cjs before them; each instant of the joiner belongs
 * to one kind of work, and while it only waits for the host, to what the host does then.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildReadable } from '../scripts/build.mjs';

const SPANS = fileURLToPath(new URL('spans.cjs', import.meta.url));
const nanoseconds = () => Number(process.hrtime.bigint());

/** In the order of the table. */
const KINDS = {
  start: 'start of Node, until our first line',
  load: 'loading: our modules, and those of Node',
  scrypt: 'scrypt: the passphrase, the code',
  p256: 'SPAKE2 on P-256',
  keys: 'Ed25519 and X25519',
  other: 'hashes, AEAD, encodings',
  disk: 'disk: reads, writes, fsync',
  git: 'git processes',
  waiting: 'timers that ran out',
  ours: 'our other code',
  node: 'Node itself: sockets, streams, memory',
  network: 'round trips, and what is in none of these',
};

/** Functions of Node under which its own modules, or ours, are read and run. */
const LOADERS = new Set([
  'compileForInternalLoader',
  'compileForPublicLoader',
  'requireBuiltin',
  'require',
  'executeUserEntryPoint',
  'runInThisContext',
]);

/** What V8 calls a bundle whose code was made by scripts/compile.mjs. */
const OURS = 'evalmachine.<anonymous>';

/** The lines of a readable bundle, each with the kind of the module that it is of. */
function linesOf(file) {
  const bytes = readFileSync(file);
  let kind = 'load';
  const source = bytes.toString('latin1', 8, 8 + bytes.readUInt32LE(0));
  return source.split('\n').map((line) => {
    const path = /^\s*\/\/ (\S+\.[cm]?[jt]s|builtin:\S+)$/.exec(line)?.[1];
    if (path !== undefined) kind = kindOf(path);
    return { line, kind };
  });
}

function kindOf(path) {
  // Stands in for a function of Node's until it is called.
  if (path.startsWith('builtin:')) return 'node';
  if (/noble\/curves\S*\/(?:nist|weierstrass|hash-to-curve)\.|crypto\/spake2\./.test(path)) return 'p256';
  if (/noble\/curves\S*\/(?:ed25519|edwards|montgomery)\.|crypto\/(?:x25519|kx|\S*ed25519)\./.test(path))
    return 'keys';
  // Field arithmetic and ladders are those of whichever curve called them.
  if (/noble\/curves/.test(path)) return null;
  return /noble\/|scure/.test(path) ? 'other' : 'ours';
}

/** One program: samples as `[from, to, kind or null when idle]`, in nanoseconds. */
function read(folder, bundles) {
  const profile = JSON.parse(
    readFileSync(
      join(
        folder,
        readdirSync(folder).find((name) => name.endsWith('.cpuprofile')),
      ),
      'utf8',
    ),
  );
  const spans = JSON.parse(readFileSync(join(folder, 'spans.json'), 'utf8'));
  const parents = new Map();
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  for (const { id, children = [] } of profile.nodes) for (const child of children) parents.set(child, id);
  const scripts = new Map();
  /** A profile numbers the bundles that ran and does not name them: it is the one that has these functions on these lines. */
  const bundleOf = (script) => {
    if (!scripts.has(script)) {
      const frames = profile.nodes
        .map(({ callFrame }) => callFrame)
        .filter(({ scriptId }) => scriptId === script);
      const fits = (lines) =>
        frames.filter(({ functionName, lineNumber }) => lines[lineNumber]?.line.includes(functionName))
          .length;
      scripts.set(script, bundles.toSorted((a, b) => fits(b) - fits(a))[0]);
    }
    return scripts.get(script);
  };
  const kinds = new Map();
  const kindOfNode = (id) => {
    if (!kinds.has(id)) kinds.set(id, judged(id));
    return kinds.get(id);
  };
  const judged = (id) => {
    if (nodes.get(id).callFrame.functionName === '(idle)') return null;
    let inNode = false;
    for (let at = id; at !== undefined; at = parents.get(at)) {
      const { functionName: name, url, lineNumber, scriptId } = nodes.get(at).callFrame;
      if (LOADERS.has(name)) return 'load';
      // What one of Node's functions does for us is Node's, once it is seen that it does not load anything.
      inNode ||= url.startsWith('node:');
      if (url !== OURS) continue;
      // The bundle as a whole, and a module's own top, run once.
      if (lineNumber === 0 || /\.[cm]?[jt]s$/.test(name)) return 'load';
      const { kind } = bundleOf(scriptId)[lineNumber];
      if (kind !== null) return inNode ? 'node' : kind;
    }
    return 'node';
  };
  let at = profile.startTime * 1000;
  const samples = profile.samples.map((id, i) => {
    const from = at;
    at += profile.timeDeltas[i] * 1000;
    return { from, to: at, kind: kindOfNode(id) };
  });
  return { start: profile.startTime * 1000, samples, spans };
}

/** What `program` does at one instant; null when it waits for somebody. */
function doing({ samples, spans }, instant) {
  const within = (wanted, sync) =>
    spans.find(
      ([kind, from, to, how]) => how === sync && wanted(kind) && from <= instant && instant < to,
    )?.[0];
  const own = within(() => true, 1);
  if (own !== undefined) return own;
  const sample = sampleAt(samples, instant);
  if (sample?.kind) return sample.kind;
  return ['scrypt', 'disk', 'git', 'waiting'].find((kind) => within((each) => each === kind, 0)) ?? null;
}

function sampleAt(samples, instant) {
  let [low, high] = [0, samples.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (samples[middle].to <= instant) low = middle + 1;
    else high = middle;
  }
  return samples[low];
}

/** Starts one side; `seen` resolves to the event and when it came. */
function start(programs, folder, home, words) {
  mkdirSync(folder, { recursive: true });
  mkdirSync(home, { recursive: true });
  const began = nanoseconds();
  const child = spawn(
    process.execPath,
    [
      '--require',
      SPANS,
      '--cpu-prof',
      '--cpu-prof-dir',
      folder,
      '--cpu-prof-interval',
      '200',
      join(programs, 'auths.js'),
      ...words,
    ],
    {
      env: {
        PATH: process.env.PATH,
        HOME: home,
        AUTHS_PASSPHRASE: 'measured',
        GIT_CONFIG_NOSYSTEM: '1',
        AUTHS_BENCH_SPANS: join(folder, 'spans.json'),
      },
      stdio: ['pipe', 'pipe', 'pipe'],
    },
  );
  let text = '';
  let complaint = '';
  const waiting = [];
  child.stderr.on('data', (chunk) => (complaint += chunk));
  child.stdout.on('data', (chunk) => {
    text += chunk;
    const when = nanoseconds();
    for (const line of text.split('\n').slice(0, -1)) {
      const event = JSON.parse(line);
      for (const one of waiting.filter(({ name }) => name === event.event)) one.resolve({ event, when });
    }
  });
  const done = new Promise((resolve) => child.on('close', resolve));
  const seen = (name) =>
    new Promise((resolve, reject) => {
      waiting.push({ name, resolve });
      void done.then((exit) => reject(new Error(`ended with ${exit} before ${name}: ${text}${complaint}`)));
    });
  return { began, seen, done };
}

/** Shares of one pairing by kind: `{joiner, host}`, of a whole of 1. */
async function onePairing(programs, stage, home, number, bundles) {
  const folders = ['host', 'joiner'].map((name) => join(stage, `${name}-${number}`));
  const host = start(programs, folders[0], home, [
    'pair',
    '--json',
    '--yes',
    '--bind',
    '127.0.0.1',
    '--no-mdns',
  ]);
  const { event: offer } = await host.seen('offer');
  const words = [
    'pair',
    '--join',
    offer.code,
    '--host',
    offer.endpoint,
    '--json',
    '--git',
    'none',
    '--name',
    `d${number}`,
  ];
  const joiner = start(programs, folders[1], join(stage, `home-${number}`), words);
  const { when: end } = await joiner.seen('paired');
  await Promise.all([host.done, joiner.done]);
  const [there, here] = folders.map((folder) => read(folder, bundles));
  const shares = Object.fromEntries(Object.keys(KINDS).map((kind) => [kind, { joiner: 0, host: 0 }]));
  const whole = end - joiner.began;
  const STEP = 100_000;
  for (let instant = joiner.began; instant < end; instant += STEP) {
    const share = Math.min(STEP, end - instant) / whole;
    if (instant < here.start) shares.start.joiner += share;
    else {
      const own = doing(here, instant);
      if (own !== null) shares[own].joiner += share;
      else shares[doing(there, instant) ?? 'network'].host += share;
    }
  }
  return shares;
}

/** `runs` pairings, each of a new device: the mean share of each kind, `{joiner, host}`. */
export async function pairingShares(runs) {
  const stage = mkdtempSync(join(tmpdir(), 'auths-bench-pairing-'));
  try {
    const programs = join(stage, 'programs');
    await buildReadable(programs);
    const bundles = readdirSync(programs)
      .filter((name) => name.endsWith('.bin'))
      .map((name) => linesOf(join(programs, name)));
    const home = join(stage, 'home');
    await start(programs, join(stage, 'init'), home, ['init', '--name', 'host', '--git', 'none', '--json'])
      .done;
    const all = [];
    for (let i = 0; i < runs; i++) all.push(await onePairing(programs, stage, home, i, bundles));
    const mean = (kind, side) => all.reduce((sum, one) => sum + one[kind][side], 0) / runs;
    return Object.fromEntries(
      Object.keys(KINDS).map((kind) => [kind, { joiner: mean(kind, 'joiner'), host: mean(kind, 'host') }]),
    );
  } finally {
    rmSync(stage, { recursive: true, force: true });
  }
}

const percent = (share) => (share < 0.005 ? '–' : `${(share * 100).toFixed(0)} %`);

/** The rows of the table in docs/performance.md. */
export function rowsOf(shares) {
  return Object.entries(shares).map(
    ([kind, { joiner, host }]) =>
      `| ${KINDS[kind]} | ${percent(joiner)} | ${percent(host)} | ${percent(joiner + host)} |`,
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  console.log(rowsOf(await pairingShares(Number(process.argv[2] ?? '7'))).join('\n'));
