/** Owner or witness killed at any write: the event that the witness may have seen stands in the end, and no other. */
import { spawn, type ChildProcess } from 'node:child_process';
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { env as environment, execPath } from 'node:process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { recordMachine } from '../../packages/key-store/src/machine.ts';
import { replay } from '../../packages/core/src/keri/key-state.ts';
import { nodeVerifyEngine } from '../../packages/key-store/src/verify-engine.ts';
import { chosenPoints, countPoints } from './points.ts';
import { readSound } from './sound.ts';
import {
  ageLocks,
  createWorld,
  inLanes,
  restore,
  type CrashWorld,
  type Data,
  type Ended,
  type Machine,
} from './world.ts';

const LANES = 2;
const LONG = 600_000;
const PASSPHRASE = 'correct horse';

let world: CrashWorld;
let prepared: string;
let preparedWitness: string;
const lanes: Machine[] = [];
const running = new Set<ChildProcess>();

interface Witness {
  readonly url: string;
  readonly child: ChildProcess;
  readonly ended: Promise<void>;
}

/** A witness over a folder; with `kill` it dies at that write of its own. */
function startWitness(repo: string, kill: Readonly<Record<string, string>> = {}): Promise<Witness> {
  const program = join(dirname(world.preload), 'programs/auths-registry.js');
  const child = spawn(
    execPath,
    [program, '--witness', '--repo', repo, '--bind', '127.0.0.1:0', '--log-level', 'silent'],
    {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: {
        PATH: environment['PATH'] ?? '',
        HOME: repo,
        AUTHS_PASSPHRASE: PASSPHRASE,
        NODE_OPTIONS: `--import ${world.preload}`,
        CHEAP_SCRYPT: '1',
        ...(Object.keys(kill).length === 0 ? {} : { KILL_FOLDERS: join(repo, 'witness/seen.git') }),
        ...kill,
      },
    },
  );
  running.add(child);
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  return new Promise((resolve, reject) => {
    let text = '';
    child.stderr?.setEncoding('utf8').on('data', (part: string) => {
      text += part;
      const url = /reachable at (http:\S+)/.exec(text)?.[1];
      if (url !== undefined) resolve({ url, child, ended });
    });
    child.once('close', () => reject(new Error(`the witness ended: ${text}`)));
  });
}

async function stop({ child, ended }: Witness): Promise<void> {
  child.kill('SIGKILL');
  await ended;
}

function pointTo(machine: Machine, { url }: Witness): void {
  const file = join(machine.home, 'witnesses.json');
  writeFileSync(file, readFileSync(file, 'utf8').replace(/http:[^"]+/, url));
}

beforeAll(async () => {
  world = await createWorld();
  prepared = join(world.folder, 'prepared');
  preparedWitness = join(world.folder, 'prepared-witness');
  const host = world.machine('first');
  await host.data(['init', '--name', 'laptop', '--git', 'none']);
  const witness = await startWitness(preparedWitness);
  await host.data(['id', 'rotate', '--witness', witness.url]);
  await stop(witness);
  cpSync(host.folder, prepared, { recursive: true, preserveTimestamps: true });
  for (let lane = 0; lane < LANES; lane++) lanes.push(world.machine(`lane-${lane}`));
}, LONG);
afterAll(() => {
  for (const child of running) child.kill('SIGKILL');
  world.end();
});

/** Home and witness as they were prepared, in the folders of a lane. */
async function reset(lane: number): Promise<{ readonly machine: Machine; readonly repo: string }> {
  const machine = lanes[lane] as Machine;
  restore(machine.folder, prepared);
  await recordMachine(machine.home);
  const repo = join(world.folder, `witness-${lane}`);
  rmSync(repo, { recursive: true, force: true });
  cpSync(preparedWitness, repo, { recursive: true, preserveTimestamps: true });
  return { machine, repo };
}

const args = ['devices', 'rename', 'laptop', 'renamed'];
const told = (ended: Ended): Data => JSON.parse(ended.stdout);

/** The command again, against a witness that lives: what it began stands, receipted, and it is done once. */
async function expectFinished(machine: Machine, repo: string, where: string): Promise<void> {
  const witness = await startWitness(repo);
  pointTo(machine, witness);
  let again = await machine.run([...args, '--json']);
  if (again.exit === 7) {
    // A lock that only a person may break.
    ageLocks(machine.home);
    await machine.run(['doctor', '--fix', '--yes', '--json']);
    again = await machine.run([...args, '--json']);
  }
  // The name is the new one already where the first run's event was finished.
  expect(again.exit === 0 || told(again).error.code === 'device/not-found', `${where}: ${again.stdout}`).toBe(
    true,
  );
  await machine.data(['devices', 'rename', 'renamed', 'once more']);
  await stop(witness);
  const { stream } = await readSound(machine.home);
  const verdict = replay(stream, { engine: nodeVerifyEngine });
  expect([verdict.verdict, verdict.rule], where).toEqual(['accepted', null]);
  expect(verdict.events.length, where).toBe(5);
  expect(
    verdict.events.slice(2).map(({ receipts }) => receipts.length),
    where,
  ).toEqual([1, 1, 1]);
}

describe('an identity with a witness', () => {
  it(
    'whose owner is killed anywhere goes on with the very event that was shown',
    async () => {
      const counting = await reset(0);
      const witness = await startWitness(counting.repo);
      pointTo(counting.machine, witness);
      const labels = await countPoints(world, 'witnessed rename', 100, (killLog) =>
        counting.machine.run([...args, '--json'], { killLog }),
      );
      await stop(witness);
      await inLanes(chosenPoints(labels, 10), LANES, async (killAt, lane) => {
        const { machine, repo } = await reset(lane);
        const where = `owner, point ${killAt}: ${labels[killAt - 1]}`;
        const seen = await startWitness(repo);
        pointTo(machine, seen);
        const killed = await machine.run([...args, '--json'], { killAt });
        await stop(seen);
        if (killed.signal === null) return;
        await expectFinished(machine, repo, where);
      });
    },
    LONG,
  );

  it(
    'whose witness is killed anywhere has lost nothing that was answered',
    async () => {
      const counting = await reset(0);
      const log = join(world.folder, 'witness.log');
      const witness = await startWitness(counting.repo, { KILL_LOG: log });
      pointTo(counting.machine, witness);
      await counting.machine.data(args);
      await stop(witness);
      const labels = readFileSync(log, 'utf8').split('\n').slice(0, -1);
      process.stdout.write(`kill points of a witness: ${labels.length}\n`);
      expect(labels.length).toBeGreaterThan(10);
      await inLanes(chosenPoints(labels, 8), LANES, async (killAt, lane) => {
        const { machine, repo } = await reset(lane);
        const where = `witness, point ${killAt}: ${labels[killAt - 1]}`;
        const dying = await startWitness(repo, { KILL_AT: String(killAt) });
        pointTo(machine, dying);
        const first = await machine.run([...args, '--json']);
        if (first.exit !== 0) expect(told(first).error.code, where).toBe('witness/unmet');
        await stop(dying);
        await expectFinished(machine, repo, where);
      });
    },
    LONG,
  );
});
