/**
 * Both ways with keripy, the reference implementation: every log that we accept it accepts, into the same key state, and
 * every log that it makes we accept. AUTHS_KERIPY names a python that has the package `keri` (README.md beside this).
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { env, execPath } from 'node:process';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { replay, type KelVerdict } from '../../packages/core/src/keri/key-state.ts';
import { sampleLog, streamOf as storedStream } from '../../packages/testing/src/sample-events.ts';
import { sample } from 'fast-check';
import { PaperIdentity } from '../../packages/testing/src/paper-identity.ts';
import { NESTED, buildGroup, plans, type Plan } from '../../packages/core/test/keri/group-log.ts';
import { loadVectors, nodeEngine, streamOf, type Vector } from '../../packages/core/test/keri/support.ts';

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const auths = here('../../apps/cli/dist/auths.js');
const python = env['AUTHS_KERIPY'] ?? 'python3';
const found = spawnSync(python, ['-c', 'import keri; print(keri.__version__)'], { encoding: 'utf8' });
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8');

interface State {
  readonly s: number;
  readonly d: string;
  readonly k: readonly string[];
  /** Thresholds as text of numbers or weights. */
  readonly kt: unknown;
  readonly n: readonly string[];
  readonly nt: unknown;
  readonly b: readonly string[];
  readonly bt: number;
}
type Judged = Readonly<Record<string, Readonly<Record<string, State>>>>;
interface Made {
  logs: readonly {
    id: string;
    stream: string;
    delegator: { i: string; stream: string } | null;
    state: State;
  }[];
}
const summary = ({ s, d, k, kt, n, nt, b, bt }: State): State => ({
  s,
  d,
  k,
  kt: plain(kt),
  n,
  nt: plain(nt),
  b,
  bt,
});

/** Thresholds as keripy tells them: fractions in lowest terms, one clause without the list around it. */
function plain(threshold: unknown): unknown {
  if (!Array.isArray(threshold)) return threshold;
  const [only, ...more] = threshold;
  if (more.length === 0 && Array.isArray(only)) return plain(only);
  return threshold.map((weight: unknown) => (typeof weight === 'string' ? lowest(weight) : plain(weight)));
}

function lowest(weight: string): string {
  const [a = 1, b = 1] = weight.split('/').map(Number);
  const divisor = (x: number, y: number): number => (y === 0 ? x : divisor(y, x % y));
  const common = divisor(a, b);
  return b === common ? String(a / common) : `${a / common}/${b / common}`;
}

/** The state of an accepted log, in keripy's words; null when it is not accepted. */
function stateOf({ verdict, state }: KelVerdict): State | null {
  if (verdict !== 'accepted' || state === null) return null;
  return {
    s: state.sequence,
    d: state.said,
    k: state.keys,
    kt: state.threshold,
    n: state.next,
    nt: state.nextThreshold,
    b: state.witnesses,
    bt: state.witnessThreshold,
  };
}

function keripy(script: string, input = ''): unknown {
  const out = execFileSync(python, [here(script)], { input, encoding: 'utf8', maxBuffer: 64 << 20 });
  return JSON.parse(out);
}

/** Accepted logs of the vectors, but those that are accepted on import only, which nobody emits. */
const files = [
  '02-single-sig-icp',
  '03-rotation-chain',
  '04-ixn-seals',
  '05-multisig',
  '06-weighted-threshold',
  '07-witnesses',
  '08-partial-rotation',
  '09-delegation',
  '10-recovery-duplicity',
  '11-config-traits',
];

function ours(
  vector: Vector,
): { readonly state: State; readonly prefix: string; readonly stream: string } | null {
  if (vector['messages'] === undefined) return null;
  const receipts = vector['receipts'] === undefined ? new Uint8Array() : streamOf(vector['receipts']);
  const delegators: Record<string, Uint8Array> = {};
  for (const [prefix, kel] of Object.entries(vector['context']?.delegators ?? {}))
    delegators[prefix] = streamOf((kel as { kel: Parameters<typeof streamOf>[0] }).kel);
  const own = streamOf(vector['messages']);
  const verdict = replay(own, { engine: nodeEngine, delegators, receipts });
  const state = stateOf(verdict);
  if (state === null) return null;
  const stream = [...Object.values(delegators), own, receipts].map(text).join('');
  return { state, prefix: verdict.state?.prefix ?? '', stream };
}

const flat = (form: number): number => (form === NESTED ? 1 : form);

/** keripy 1.1 refuses weights inside weights, which came to KERI later. */
function withoutNested(plan: Plan): Plan {
  return { ...plan, steps: plan.steps.map((step) => ({ ...step, kt: flat(step.kt), nt: flat(step.nt) })) };
}

describe.skipIf(found.status !== 0)('keripy', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'auths-keripy-'));
    process.stdout.write(`keripy ${found.stdout.trim()}\n`);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const run = (args: readonly string[]): string =>
    execFileSync(execPath, [auths, ...args], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      env: { ...env, AUTHS_HOME: join(folder, 'home'), AUTHS_PASSPHRASE: 'interop interop interop' },
    });

  it('accepts what we accept, and ends in the same key state', () => {
    const accepted = new Map(
      files.flatMap(loadVectors).flatMap((vector) => {
        const mine = ours(vector);
        return mine === null ? [] : [[vector.id, mine] as const];
      }),
    );
    expect(accepted.size).toBe(41);
    const streams = Object.fromEntries([...accepted].map(([id, { stream }]) => [id, stream]));
    const judged = keripy('judge.py', JSON.stringify(streams)) as Judged;
    const differing = [...accepted].filter(([id, { prefix, state }]) => {
      const theirs = judged[id]?.[prefix];
      return theirs === undefined || JSON.stringify(summary(theirs)) !== JSON.stringify(summary(state));
    });
    // Receipts as -C couples beside the event itself stay in its escrow (docs/decisions/key-events.md); we emit none.
    expect(differing.map(([id]) => id)).toEqual(['witness-couples']);
  });

  it('accepts groups with weights, partial rotations, witnesses that change and delegators, into the same state', () => {
    const logs = new Map(
      sample(plans, { numRuns: 60, seed: 1 }).map(
        (plan, index) => [`plan ${index}`, buildGroup(withoutNested(plan))] as const,
      ),
    );
    const streams = Object.fromEntries(
      [...logs].map(([id, { delegator, messages }]) => [
        id,
        text(streamOf([...(delegator?.messages ?? []), ...messages])),
      ]),
    );
    const judged = keripy('judge.py', JSON.stringify(streams)) as Judged;
    for (const [id, { prefix, state }] of logs) {
      const theirs = judged[id]?.[prefix];
      expect(theirs === undefined ? null : summary(theirs), `${id}\n${streams[id]}`).toEqual(summary(state));
    }
    expect([...logs.values()].filter(({ delegator }) => delegator !== null).length).toBeGreaterThan(10);
  });

  it('accepts a recovery that supersedes, where we do', () => {
    const before = new PaperIdentity(1);
    before.interact([{ n: 1 }]);
    before.interact([{ n: 2 }]);
    const after = before.fork();
    const rot = after.rotate([], 1);
    after.interact([{ n: 3 }]);
    const stream = storedStream([...before.events, rot, ...after.events.slice(2)]);
    const judged = keripy('judge.py', JSON.stringify({ recovery: text(stream) })) as Judged;
    const mine = stateOf(replay(stream, { engine: nodeEngine }));
    expect(mine).toMatchObject({ s: 2, d: after.tip.said });
    expect(summary(judged['recovery']?.[before.prefix] as State)).toEqual(mine);
  });

  it('accepts what our builders make, and what the program exports', () => {
    const log = sampleLog('interop').interact('a').rotate().interact('b').rotate().rotate();
    run(['init', '--name', 'laptop', '--git', 'none', '--json']);
    const exported = run(['kel', 'export']);
    const prefix = (
      JSON.parse(run(['id', 'show', '--json'])) as { data: { controller_did: string } }
    ).data.controller_did.slice('did:keri:'.length);
    const judged = keripy(
      'judge.py',
      JSON.stringify({ built: text(storedStream(log.events)), exported }),
    ) as Judged;
    expect(judged['built']?.[log.prefix]).toMatchObject({ s: 5, d: log.events.at(-1)?.said });
    expect(judged['exported']?.[prefix]).toMatchObject({ s: 1 });
    expect(summary(judged['exported']?.[prefix] as State)).toEqual(
      stateOf(replay(Buffer.from(exported), { engine: nodeEngine })),
    );
  });

  it('makes logs that we accept, in process and by the program', () => {
    const { logs } = keripy('make.py') as Made;
    expect(logs.map(({ id }) => id)).toEqual([
      'one key',
      'interactions and rotations',
      'weights and numbers',
      'witnesses',
      'a key that speaks for itself',
      'a delegate',
      'a delegate that has rotated',
    ]);
    for (const { id, stream, delegator, state } of logs) {
      const delegators = delegator === null ? {} : { [delegator.i]: Buffer.from(delegator.stream) };
      const verdict = replay(Buffer.from(stream), { engine: nodeEngine, delegators });
      expect(stateOf(verdict), `${id}: ${verdict.rule}`).toEqual(summary(state));
      const file = join(folder, 'log.cesr');
      writeFileSync(file, stream);
      const above = join(folder, 'delegator.cesr');
      writeFileSync(above, delegator?.stream ?? '');
      const args = ['kel', 'verify', file, '--json', ...(delegator === null ? [] : ['--delegator', above])];
      expect(JSON.parse(run(args))).toMatchObject({ data: { verdict: 'accepted', said: state.d } });
    }
  });
});
