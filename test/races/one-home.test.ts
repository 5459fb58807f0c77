/** Several processes of the built programs in one home at once: nothing is lost, nothing is half done. */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execPath } from 'node:process';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { liveDevices, missingRecords, openDoors, readSound } from '../crash/sound.ts';
import {
  createWorld,
  locksOf,
  type CrashWorld,
  type Data,
  type Ended,
  type Machine,
} from '../crash/world.ts';

const LONG = 600_000;
const HOST = ['pair', '--json', '--bind', '127.0.0.1', '--no-mdns'];

let world: CrashWorld;
let number = 0;
let laptop: Machine;

beforeAll(async () => {
  world = await createWorld();
}, LONG);

afterAll(() => {
  world.end();
});

beforeEach(() => {
  number += 1;
  laptop = machine('laptop');
});

function machine(name: string): Machine {
  return world.machine(`${name}-${number}`);
}

async function initialised(): Promise<Data> {
  return laptop.data(['init', '--name', 'laptop', '--git', 'none']);
}

function last(ended: Ended): Data {
  return JSON.parse(ended.stdout.trimEnd().split('\n').at(-1) ?? 'null');
}

function joinArgs(offer: Readonly<Record<string, unknown>> | null, name: string): readonly string[] {
  return ['pair', '--join', String(offer?.['uri']), '--json', '--name', name];
}

async function expectSound(events: number, names: readonly string[]): Promise<void> {
  const seen = await readSound(laptop.home);
  expect(seen.events).toBe(events);
  expect(
    liveDevices(seen)
      .map(({ name }) => name)
      .toSorted(),
  ).toEqual(names.toSorted());
  expect([missingRecords(seen), openDoors(seen), locksOf(laptop.home)]).toEqual([[], [], []]);
}

/** A host that asks before it lets the device in, with the question open. */
async function untilAsked(): Promise<{
  readonly yes: () => Promise<readonly [Ended, Ended]>;
  readonly desktop: Machine;
}> {
  const host = laptop.start([...HOST, '--confirm'], { person: true });
  const offer = await host.event('offer');
  const desktop = machine('desktop');
  const joining = desktop.start(joinArgs(offer, 'desktop'));
  await host.event('joined');
  return {
    desktop,
    async yes() {
      host.child.stdin?.write('y\n');
      return Promise.all([host.done, joining.done]);
    },
  };
}

describe('appends', () => {
  it(
    '4 processes × 200 to one log lose none of 800',
    async () => {
      const worker = join(world.folder, 'append-worker.mjs');
      await build({
        entryPoints: [
          fileURLToPath(new URL('../../packages/git-store/test/append-worker.ts', import.meta.url)),
        ],
        outfile: worker,
        bundle: true,
        platform: 'node',
        format: 'esm',
        target: 'node20',
        logLevel: 'silent',
      });
      const startedAt = performance.now();
      const outputs = await Promise.all(
        [1, 2, 3, 4].map(
          () =>
            new Promise<string>((resolve, reject) => {
              const child = spawn(execPath, [worker, laptop.home, 'race', '200'], {
                stdio: ['ignore', 'pipe', 'pipe'],
              });
              let text = '';
              let said = '';
              child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
              child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString('utf8')));
              child.once('close', (exit) =>
                exit === 0 ? resolve(text) : reject(new Error(`a worker ended with ${exit}: ${said}`)),
              );
            }),
        ),
      );
      const seconds = (performance.now() - startedAt) / 1000;
      const confirmed = outputs.flatMap((text) => text.trimEnd().split('\n'));
      expect(new Set(confirmed).size).toBe(800);
      const seen = await readSound(laptop.home);
      const log = Buffer.from(seen.stream).toString('latin1');
      const lost = confirmed.filter((said) => !log.includes(`"d":"${said}"`));
      process.stdout.write(
        `4 × 200 appends: ${seen.events - 1} in the log, ${lost.length} lost, ${seconds.toFixed(1)} s\n`,
      );
      expect(lost).toEqual([]);
      expect(seen.events).toBe(801);
      // The program judges the whole log by itself.
      const stream = join(world.folder, 'race.cesr');
      writeFileSync(stream, seen.stream);
      const verdict = await laptop.run(['kel', 'verify', stream, '--json']);
      expect(last(verdict).data).toMatchObject({ verdict: 'accepted', sequence: 800 });
    },
    LONG,
  );

  it(
    'by commands of every kind at once all take effect, and each is sealed once',
    async () => {
      const { device_did: did } = await initialised();
      const runs = await Promise.all(
        Array.from({ length: 6 }, (_, at) =>
          laptop.run(
            at % 2 === 0
              ? ['devices', 'extend', did, '--expires', `20${90 + at}-01-01T00:00:00Z`, '--json']
              : ['devices', 'rename', did, `laptop-${at}`, '--json'],
          ),
        ),
      );
      expect(runs.map(({ exit, stdout }) => (exit === 0 ? 0 : stdout))).toEqual([0, 0, 0, 0, 0, 0]);
      const sequences = runs.map((run) => last(run).data.sequence as number);
      expect(sequences.toSorted((a, b) => a - b)).toEqual([2, 3, 4, 5, 6, 7]);
      const [name = ''] = liveDevices(await readSound(laptop.home)).map((device) => device.name);
      await expectSound(8, [name]);
    },
    LONG,
  );
});

describe('init', () => {
  it(
    'four at once make one identity, whose kit fits',
    async () => {
      const runs = await Promise.all(
        [1, 2, 3, 4].map(() => laptop.run(['init', '--name', 'laptop', '--json'])),
      );
      expect(runs.map(({ exit, stdout }) => (exit === 0 ? 0 : stdout))).toEqual([0, 0, 0, 0]);
      expect(new Set(runs.map((run) => last(run).data.controller_did)).size).toBe(1);
      await expectSound(2, ['laptop']);
      expect(await laptop.data(['recovery', 'check'])).toMatchObject({ opens: true, fits: true });
    },
    LONG,
  );
});

describe('pair', () => {
  it(
    'two on one home at once both grant',
    async () => {
      await initialised();
      const hosts = [laptop.start(HOST), laptop.start(HOST)];
      const offers = await Promise.all(hosts.map((host) => host.event('offer')));
      const devices = [machine('phone'), machine('tablet')];
      const joins = await Promise.all(
        devices.map((device, at) => device.run(joinArgs(offers[at] ?? null, at === 0 ? 'phone' : 'tablet'))),
      );
      const ends = await Promise.all(hosts.map(({ done }) => done));
      expect([...joins, ...ends].map(({ exit, stdout }) => (exit === 0 ? 0 : stdout))).toEqual([0, 0, 0, 0]);
      await expectSound(4, ['laptop', 'phone', 'tablet']);
      const paired = (await readSound(laptop.home)).paired;
      expect(paired.map(({ name, status }) => `${name} ${status}`).toSorted()).toEqual([
        'phone active',
        'tablet active',
      ]);
      for (const device of devices) expect((await device.data(['whoami'])).device_status).toBe('active');
    },
    LONG,
  );

  it(
    'one device that answers two hosts of one home at once is one device',
    async () => {
      await initialised();
      const hosts = [laptop.start(HOST), laptop.start(HOST)];
      const offers = await Promise.all(hosts.map((host) => host.event('offer')));
      const phone = machine('phone');
      const joins = await Promise.all(offers.map((offer) => phone.run(joinArgs(offer, 'phone'))));
      for (const { child } of hosts) child.kill('SIGINT');
      await Promise.all(hosts.map(({ done }) => done));
      expect(joins.map(({ exit }) => exit)).toContain(0);
      const seen = await readSound(laptop.home);
      expect(
        liveDevices(seen)
          .map(({ name }) => name)
          .toSorted(),
      ).toEqual(['laptop', 'phone']);
      expect(seen.paired.map(({ status }) => status)).toEqual(['active']);
      expect((await phone.data(['whoami'])).device_status).toBe('active');
    },
    LONG,
  );

  it(
    'with a revocation while the person is asked: both stand in the log',
    async () => {
      await initialised();
      const hosting = laptop.start(HOST);
      const joined = await machine('phone').run(joinArgs(await hosting.event('offer'), 'phone'));
      expect([joined.exit, (await hosting.done).exit]).toEqual([0, 0]);
      const asked = await untilAsked();
      await laptop.data(['devices', 'revoke', 'phone', '--reason', 'compromised']);
      const [host, joiner] = await asked.yes();
      expect([host.exit, joiner.exit], host.stdout + joiner.stdout).toEqual([0, 0]);
      await expectSound(5, ['laptop', 'desktop']);
      // The device that came in after the revocation knows of it.
      const { devices } = await asked.desktop.data(['devices']);
      expect(devices.map(({ name, status }: Data) => `${name} ${status}`)).toEqual([
        'laptop active',
        'phone revoked',
        'desktop active',
      ]);
    },
    LONG,
  );

  it(
    "with a revocation of the host's own device while the person is asked: nothing is granted",
    async () => {
      await initialised();
      const asked = await untilAsked();
      await laptop.data(['devices', 'revoke', 'laptop', '--reason', 'compromised']);
      const [host, joiner] = await asked.yes();
      expect(host.exit, host.stdout).toBe(6);
      expect(last(host).error.code).toBe('device/revoked');
      expect(joiner.exit, joiner.stdout).not.toBe(0);
      await expectSound(3, []);
      expect((await asked.desktop.run(['whoami', '--json'])).exit).toBe(3);
    },
    LONG,
  );
});
