/** Two identities at two hosts refresh the evidence of one repository on two branches: stock git merges them, and all of it verifies. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { env } from 'node:process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createWorld, type CrashWorld, type Data, type Machine } from '../crash/world.ts';

const LONG = 600_000;

let world: CrashWorld;

beforeAll(async () => {
  world = await createWorld();
}, LONG);

afterAll(() => {
  world.end();
});

/** git as this machine's user has it, signing with the machine's device. */
function git(machine: Machine, folder: string, ...args: readonly string[]): string {
  return execFileSync('git', ['-C', folder, ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: env['PATH'],
      HOME: machine.folder,
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_MERGE_AUTOEDIT: 'no',
      AUTHS_PASSPHRASE: 'correct horse',
      // The signing program opens what the programs of this test have sealed.
      NODE_OPTIONS: `--import ${world.preload}`,
      CHEAP_SCRYPT: '1',
      GIT_AUTHOR_NAME: 'A',
      GIT_AUTHOR_EMAIL: 'a@example.org',
      GIT_COMMITTER_NAME: 'A',
      GIT_COMMITTER_EMAIL: 'a@example.org',
    },
  }).trim();
}

/** A machine with an identity of its own; git signs with it everywhere. */
async function owner(name: string): Promise<{ readonly machine: Machine; readonly did: string }> {
  const machine = world.machine(name);
  const { controller_did } = await machine.data(['init', '--name', name, '--git', 'global']);
  return { machine, did: controller_did };
}

async function pair(host: Machine, name: string): Promise<void> {
  const hosting = host.start(['pair', '--json', '--bind', '127.0.0.1', '--no-mdns']);
  const offer = await hosting.event('offer');
  const joined = await world
    .machine(name)
    .run(['pair', '--join', String(offer?.['uri']), '--json', '--name', name]);
  expect([joined.exit, (await hosting.done).exit], joined.stdout).toEqual([0, 0]);
}

async function update(machine: Machine, folder: string, message: string): Promise<readonly string[]> {
  const { changed } = await machine.data(['repo', 'update'], { cwd: folder });
  git(machine, folder, 'add', '-A');
  git(machine, folder, 'commit', '-q', '-m', message);
  return changed;
}

async function verify(machine: Machine, folder: string, target: string): Promise<Data> {
  const ended = await machine.run(['verify', target, '--json'], { cwd: folder });
  const document = JSON.parse(ended.stdout);
  return {
    exit: ended.exit,
    verdicts: (document.data?.results ?? []).map((each: Data) => each.verdict),
    error: document.error,
  };
}

describe('auths repo update', () => {
  it(
    'on two branches by two hosts merges with stock git, both ways, and everything verifies',
    async () => {
      const [anna, ben] = [await owner('anna'), await owner('ben')];
      const bare = join(world.folder, 'shared.git');
      execFileSync('git', ['init', '-q', '--bare', '-b', 'main', bare]);
      const clone = (machine: Machine): string => {
        const folder = join(machine.folder, 'work');
        git(machine, machine.folder, 'clone', '-q', bare, folder);
        return folder;
      };

      // main trusts both and holds the evidence of both.
      const first = clone(anna.machine);
      git(anna.machine, first, 'symbolic-ref', 'HEAD', 'refs/heads/main');
      await anna.machine.data(['repo', 'init', '--root', anna.did, '--root', ben.did], { cwd: first });
      git(anna.machine, first, 'add', '-A');
      git(anna.machine, first, 'commit', '-q', '-m', 'Trust both');
      git(anna.machine, first, 'push', '-q', 'origin', 'main');
      const second = clone(ben.machine);
      await update(ben.machine, second, 'Evidence of ben');
      git(ben.machine, second, 'push', '-q', 'origin', 'main');
      git(anna.machine, first, 'pull', '-q', '--ff-only', 'origin', 'main');
      const base = git(anna.machine, first, 'rev-parse', 'HEAD');

      // Both logs grow, and each host writes what it knows to its own branch.
      git(anna.machine, first, 'switch', '-q', '-c', 'from-anna');
      git(ben.machine, second, 'switch', '-q', '-c', 'from-ben');
      await pair(anna.machine, 'anna-phone');
      await anna.machine.data(['devices', 'rename', 'anna', 'anna-desk']);
      await ben.machine.data(['devices', 'extend', 'ben', '--expires', '2099-01-01T00:00:00Z']);
      await pair(ben.machine, 'ben-phone');
      await ben.machine.data(['devices', 'revoke', 'ben-phone', '--reason', 'lost']);
      expect((await update(anna.machine, first, 'Evidence of anna')).length).toBeGreaterThan(2);
      expect((await update(ben.machine, second, 'More evidence of ben')).length).toBeGreaterThan(2);
      git(anna.machine, first, 'push', '-q', 'origin', 'from-anna');
      git(ben.machine, second, 'push', '-q', 'origin', 'from-ben');

      for (const [machine, folder, ours, theirs] of [
        [anna.machine, first, 'from-anna', 'from-ben'],
        [ben.machine, second, 'from-ben', 'from-anna'],
      ] as const) {
        git(machine, folder, 'fetch', '-q', 'origin');
        git(machine, folder, 'switch', '-q', '-c', `merged-by-${ours}`, base);
        git(machine, folder, 'merge', '-q', '--no-ff', '-m', 'ours', ours);
        // A conflict is an exit code of git, which throws here.
        git(machine, folder, 'merge', '-q', '--no-ff', '-m', 'theirs', `origin/${theirs}`);
        expect(git(machine, folder, 'status', '--porcelain')).toBe('');
        expect(git(machine, folder, 'diff', '--name-only', '--diff-filter=U')).toBe('');
      }
      expect(git(anna.machine, first, 'rev-parse', 'HEAD^{tree}')).toBe(
        git(ben.machine, second, 'rev-parse', 'HEAD^{tree}'),
      );

      for (const [machine, folder] of [
        [anna.machine, first],
        [ben.machine, second],
      ] as const) {
        const check = await machine.run(['repo', 'check', '--json'], { cwd: folder });
        expect([check.exit, JSON.parse(check.stdout).data.ok], check.stdout).toEqual([0, true]);
        const range = await verify(machine, folder, `${base}..HEAD`);
        expect(range.exit, JSON.stringify(range)).toBe(0);
        expect(range.verdicts).toHaveLength(4);
        expect(new Set(range.verdicts)).toEqual(new Set(['valid']));
      }

      // A stranger with nothing but a clone sees the same.
      git(anna.machine, first, 'push', '-q', 'origin', 'HEAD:main');
      const stranger = world.machine('stranger');
      mkdirSync(stranger.folder, { recursive: true });
      const folder = clone(stranger);
      const range = await verify(stranger, folder, `${base}..HEAD`);
      expect([range.exit, new Set(range.verdicts)], JSON.stringify(range)).toEqual([0, new Set(['valid'])]);
      expect(readdirSync(join(folder, '.auths/evidence'))).toHaveLength(2);
      writeFileSync(join(folder, 'unsigned'), 'x');
      git(stranger, folder, 'add', '-A');
      git(stranger, folder, 'commit', '-q', '-m', 'unsigned');
      expect((await verify(stranger, folder, 'HEAD')).exit).toBe(1);
    },
    LONG,
  );
});
