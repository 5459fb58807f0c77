import { execFileSync, spawn } from 'node:child_process';
import { join } from 'node:path';
import { encryptedFileStore } from '@auths/key-store/encrypted-file';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  buildPrograms,
  createWorld,
  programs,
  removePrograms,
  watch,
  type Ended,
  type Event,
  type Machine,
  type Running,
  type World,
} from './programs.ts';
import { qrLines, readQr } from './read-qr.ts';

beforeAll(buildPrograms, 120_000);
afterAll(removePrograms);

let world: World;
const open = (): World => (world = createWorld());
afterEach(() => world.end());

/** A laptop with an identity and a desktop with nothing. */
async function twoMachines(): Promise<{ laptop: Machine; desktop: Machine; did: string }> {
  const { machine } = open();
  const laptop = machine('laptop');
  const { controller_did } = await laptop.data('init', '--name', 'laptop', '--git', 'none');
  return { laptop, desktop: machine('desktop'), did: String(controller_did) };
}
const hostArgs = ['pair', '--json', '--bind', '127.0.0.1', '--no-mdns'];
const startHost = (laptop: Machine, ...more: readonly string[]): Running =>
  laptop.start(...hostArgs, ...more);
const joinArgs = (offer: Event, input: unknown = offer['code']): readonly string[] => [
  'pair',
  '--join',
  String(input),
  '--host',
  String(offer['endpoint']),
  '--json',
  '--name',
  'desktop',
];
const lastEvent = ({ stdout }: Ended): Event =>
  JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as Event;
const errorCode = (ended: Ended): unknown =>
  (lastEvent(ended)['error'] as { code: string } | undefined)?.code;
const sequence = async (laptop: Machine): Promise<unknown> => (await laptop.data('id', 'show'))['sequence'];
const devices = async (laptop: Machine): Promise<readonly Record<string, unknown>[]> =>
  (await laptop.data('devices', 'list'))['devices'] as readonly Record<string, unknown>[];
/** A code that the relay takes to the same session and that is not the right one. */
const mistyped = (code: unknown): string => {
  const text = String(code);
  return text.slice(0, -1) + (text.endsWith('2') ? '3' : '2');
};
/** Nothing granted: the log did not grow, the desktop is nobody's device. */
async function nothingGranted({ laptop, desktop }: { laptop: Machine; desktop: Machine }): Promise<void> {
  expect(await sequence(laptop)).toBe(1);
  expect(await devices(laptop)).toHaveLength(1);
  expect((await desktop.run('whoami', '--json')).exit).toBe(3);
}

describe('auths pair between two processes in two homes', () => {
  it('pairs by code and address, once a person has said yes', async () => {
    const { laptop, desktop, did } = await twoMachines();
    const host = startHost(laptop, '--capabilities', 'sign_tag,sign_commit');
    const offer = await host.event('offer');
    expect(offer).toMatchObject({
      kind: 'short6',
      mode: 'lan',
      link: null,
      capabilities: ['sign_commit', 'sign_tag'],
    });
    expect(offer['code']).toMatch(/^[2-9A-HJKMNP-Z]{3}-[2-9A-HJKMNP-Z]{3}$/);
    expect(offer['expires_at']).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    const joiner = desktop.start(...joinArgs(offer));
    const joined = await host.event('joined');
    expect(joined).toMatchObject({ kind: 'short6', device_name: 'desktop', confirm: 'yes' });
    const sas = await joiner.event('sas');
    expect(sas).toMatchObject({
      sas: joined['sas'],
      controller_did: did,
      capabilities: ['sign_commit', 'sign_tag'],
    });
    expect(sas['sas']).toMatch(/^[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}$/);
    expect(await sequence(laptop)).toBe(1);
    host.say('y');
    // Stdin of the host stays open: it ends by itself all the same.
    const [hostEnd, joinEnd] = await Promise.all([host.done, joiner.done]);
    expect([hostEnd.exit, joinEnd.exit]).toEqual([0, 0]);
    expect(host.events().map(({ event }) => event)).toEqual(['offer', 'joined', 'paired']);
    expect(joiner.events().map(({ event }) => event)).toEqual(['offer', 'sas', 'paired']);
    const paired = lastEvent(joinEnd);
    expect(paired).toMatchObject({
      controller_did: did,
      device_did: joined['device_did'],
      device_name: 'desktop',
    });
    expect(paired['attestation']).toEqual(lastEvent(hostEnd)['attestation']);
    expect(paired['attestation']).toMatchObject({ type: 'link', issuer: did, subject: joined['device_did'] });
    expect(await desktop.data('whoami')).toMatchObject({
      controller_did: did,
      device_did: joined['device_did'],
      device_status: 'active',
    });
    for (const home of [laptop, desktop]) {
      const listed = await devices(home);
      expect(listed.map(({ name, status }) => [name, status])).toEqual([
        ['laptop', 'active'],
        ['desktop', 'active'],
      ]);
    }
    expect(await sequence(laptop)).toBe(2);
  });

  it('leaves a device that signs: git commits, and stock git says that the signature is good', async () => {
    const { laptop, desktop } = await twoMachines();
    const host = startHost(laptop, '--yes');
    const joined = await desktop.run(...joinArgs(await host.event('offer')), '--git', 'global');
    expect([joined.exit, (await host.done).exit]).toEqual([0, 0]);
    const git = (...args: readonly string[]): string =>
      execFileSync('git', [...args], { cwd: desktop.folder, env: desktop.env, encoding: 'utf8' });
    git('init', '--quiet', 'work');
    const author = ['-c', 'user.name=Ada', '-c', 'user.email=ada@example.org'];
    git('-C', 'work', ...author, 'commit', '--quiet', '--allow-empty', '-m', 'signed by the desktop');
    expect(git('-C', 'work', 'log', '-1', '--format=%G?').trim()).toBe('G');
    expect(git('-C', 'work', 'cat-file', 'commit', 'HEAD')).toContain('-----BEGIN SSH SIGNATURE-----');
  });

  it('A07 takes the code as it is typed: lower case, spaces, from stdin', async () => {
    const { laptop, desktop } = await twoMachines();
    const host = startHost(laptop, '--yes');
    const offer = await host.event('offer');
    const joiner = desktop.start(...joinArgs(offer, '-'));
    joiner.say(`  ${String(offer['code']).toLowerCase().replace('-', ' ')} `);
    expect(await Promise.all([host.done, joiner.done]).then((ends) => ends.map(({ exit }) => exit))).toEqual([
      0, 0,
    ]);
    expect(host.events().find(({ event }) => event === 'joined')).toMatchObject({ confirm: 'none' });
  });

  it('pairs without a question by the QR code that the screen shows', async () => {
    const { laptop, desktop } = await twoMachines();
    const host = laptop.start('pair', '--bind', '127.0.0.1', '--no-mdns');
    host.hush();
    await host.shown(/Ctrl\+C cancels/);
    const screen = host.stderr();
    expect(screen).toMatch(/PAIRING \(LAN\)/);
    expect(screen).toMatch(/Server: +http:\/\/127\.0\.0\.1:\d+/);
    expect(screen).toMatch(/DID: +did:keri:E/);
    expect(screen).toMatch(/or enter this code:\s+[2-9A-Z]{3}-[2-9A-Z]{3}\s/);
    expect(screen).toMatch(/Capabilities: sign commits/);
    expect(screen).toMatch(/Expires: +\d\d:\d\d:\d\d \((?:299|300)s remaining\)/);
    const [, health = ''] = /curl (http:\S+\/health)/.exec(screen) ?? [];
    expect(await (await fetch(health)).text()).toBe('ok');
    const rows = qrLines(screen);
    expect(rows.length).toBeLessThanOrEqual(24);
    const payload = readQr(rows, 'blank');
    expect(payload).toMatch(/^AUTHS:/);
    const joiner = await desktop.run('pair', '--join', payload, '--json', '--name', 'phone');
    expect(joiner.exit).toBe(0);
    const ended = await host.done;
    expect(ended.exit).toBe(0);
    expect(ended.stdout).toContain('phone');
    expect(ended.stderr).toContain(String((JSON.parse(joiner.stdout.split('\n')[1] ?? '') as Event)['sas']));
  });

  it('asks for a scanned QR too with --confirm', async () => {
    const { laptop, desktop } = await twoMachines();
    const host = startHost(laptop, '--confirm');
    const offer = await host.event('offer');
    const joiner = desktop.start('pair', '--join', String(offer['uri']), '--json');
    expect(await host.event('joined')).toMatchObject({ kind: 'qr', confirm: 'yes' });
    host.say('n');
    expect((await host.done).exit).toBe(6);
    expect((await joiner.done).exit).toBe(6);
    await nothingGranted({ laptop, desktop });
  });
});

describe('auths pair that does not pair', () => {
  it('A17 A04 with a wrong code: exit 1, one attempt less, and the right code still pairs', async () => {
    const { laptop, desktop } = await twoMachines();
    const host = startHost(laptop, '--yes');
    const offer = await host.event('offer');
    const wrong = await desktop.run(...joinArgs(offer, mistyped(offer['code'])));
    expect([wrong.exit, errorCode(wrong)]).toEqual([1, 'pairing/pake-failed']);
    expect(wrong.stdout).toContain('check the code and type it again; if it is right, someone is in between');
    expect(await host.event('attempt')).toMatchObject({ result: 'pake-failed', attempts_left: 2 });
    await nothingGranted({ laptop, desktop });
    const right = await desktop.run(...joinArgs(offer));
    expect(right.exit).toBe(0);
    expect((await host.done).exit).toBe(0);
  });

  it('A03 with three wrong codes: used up, exit 6', async () => {
    const { laptop, desktop } = await twoMachines();
    const host = startHost(laptop, '--yes', '--no-qr');
    const offer = await host.event('offer');
    expect(offer['uri']).toBeNull();
    for (const left of [2, 1, 0]) {
      const wrong = await desktop.run(...joinArgs(offer, mistyped(offer['code'])));
      expect([wrong.exit, errorCode(wrong)]).toEqual([1, 'pairing/pake-failed']);
      expect(await host.event('attempt')).toMatchObject({ attempts_left: left });
    }
    const ended = await host.done;
    expect([ended.exit, errorCode(ended)]).toEqual([6, 'pairing/attempts-exhausted']);
    await nothingGranted({ laptop, desktop });
  });

  it('F01 when the person says no: both end with 6', async () => {
    const { laptop, desktop } = await twoMachines();
    const host = startHost(laptop);
    const joiner = desktop.start(...joinArgs(await host.event('offer')));
    await host.event('joined');
    host.say('n');
    const [hostEnd, joinEnd] = await Promise.all([host.done, joiner.done]);
    expect([hostEnd.exit, errorCode(hostEnd)]).toEqual([6, 'pairing/declined']);
    expect([joinEnd.exit, errorCode(joinEnd)]).toEqual([6, 'pairing/declined']);
    await nothingGranted({ laptop, desktop });
  });

  it('F02 when nobody is there to say anything: confirmation-required, 6', async () => {
    const { laptop, desktop } = await twoMachines();
    const host = startHost(laptop);
    const joiner = desktop.start(...joinArgs(await host.event('offer')));
    await host.event('joined');
    host.hush();
    const [hostEnd, joinEnd] = await Promise.all([host.done, joiner.done]);
    expect([hostEnd.exit, errorCode(hostEnd)]).toEqual([6, 'pairing/confirmation-required']);
    expect(joinEnd.exit).toBe(6);
    await nothingGranted({ laptop, desktop });
  });

  it('F02 when nobody could ever be asked: refused before a code is shown', async () => {
    const { laptop } = await twoMachines();
    const host = laptop.start('pair', '--bind', '127.0.0.1', '--no-mdns', '--no-qr');
    host.hush();
    const ended = await host.done;
    expect(ended.exit).toBe(6);
    expect(ended.stderr).toContain('--yes');
    expect(ended.stderr).not.toContain('enter this code');
  });

  it.each(['SIGINT', 'SIGTERM'] as const)(
    'E04 F01 when the host gets %s: 130, the joiner is told, and nobody listens any more',
    async (signal) => {
      const { laptop, desktop } = await twoMachines();
      const host = startHost(laptop);
      const offer = await host.event('offer');
      const joiner = desktop.start(...joinArgs(offer));
      await Promise.all([host.event('joined'), joiner.event('sas')]);
      host.kill(signal);
      const [hostEnd, joinEnd] = await Promise.all([host.done, joiner.done]);
      expect(hostEnd.exit).toBe(130);
      expect([joinEnd.exit, errorCode(joinEnd)]).toEqual([6, 'pairing/cancelled']);
      await expect(fetch(`${String(offer['endpoint'])}/health`)).rejects.toThrow();
      await nothingGranted({ laptop, desktop });
    },
  );

  it('when the joiner gets SIGINT: the host ends, nothing granted', async () => {
    const { laptop, desktop } = await twoMachines();
    const host = startHost(laptop);
    const joiner = desktop.start(...joinArgs(await host.event('offer')));
    await Promise.all([host.event('joined'), joiner.event('sas')]);
    joiner.kill('SIGINT');
    const [hostEnd, joinEnd] = await Promise.all([host.done, joiner.done]);
    expect(joinEnd.exit).toBe(130);
    expect([hostEnd.exit, errorCode(hostEnd)]).toEqual([6, 'pairing/cancelled']);
    await nothingGranted({ laptop, desktop });
  });

  it(
    'when a host is killed while it waits: the joiner ends, nothing granted',
    { timeout: 120_000 },
    async () => {
      const { laptop, desktop } = await twoMachines();
      const host = startHost(laptop);
      const joiner = desktop.start(...joinArgs(await host.event('offer')));
      await Promise.all([host.event('joined'), joiner.event('sas')]);
      host.kill('SIGKILL');
      await host.done;
      expect((await joiner.done).exit).toBe(4);
      await nothingGranted({ laptop, desktop });
    },
  );

  it('E05 a second joiner gets nothing from a code that another one used', async () => {
    const { laptop, desktop } = await twoMachines();
    const tablet = world.machine('tablet');
    const host = startHost(laptop, '--yes');
    const offer = await host.event('offer');
    const racers = [desktop, tablet].map((machine) => machine.start(...joinArgs(offer)));
    const ends = await Promise.all(racers.map(({ done }) => done));
    expect((await host.done).exit).toBe(0);
    expect(ends.filter(({ exit }) => exit === 0)).toHaveLength(1);
    expect(ends.filter(({ exit }) => exit === 4 || exit === 6)).toHaveLength(1);
    expect(await devices(laptop)).toHaveLength(2);
    expect(await sequence(laptop)).toBe(2);
  });

  it('A10 after it has paired the server is gone within the linger, and the code with it', async () => {
    const { laptop, desktop } = await twoMachines();
    const host = startHost(laptop, '--yes');
    const offer = await host.event('offer');
    expect((await desktop.run(...joinArgs(offer))).exit).toBe(0);
    await host.done;
    const late = await world.machine('late').run(...joinArgs(offer), '--timeout', '5');
    expect([late.exit, errorCode(late)]).toEqual([4, 'pairing/no-peer']);
  });

  it('expires: 5 on the host after the thirty seconds that it was given', { timeout: 60_000 }, async () => {
    const { laptop } = await twoMachines();
    const host = startHost(laptop, '--expiry', '30');
    await host.event('offer');
    const startedAt = performance.now();
    const ended = await host.done;
    expect([ended.exit, errorCode(ended)]).toEqual([5, 'pairing/session-expired']);
    expect(ended.stdout).toContain('run auths pair on the host again for a fresh code');
    expect(performance.now() - startedAt).toBeGreaterThan(28_000);
    expect(await sequence(laptop)).toBe(1);
  });

  it('shows its offer before the keys are open, and ends at once when they do not open', async () => {
    const { laptop, desktop } = await twoMachines();
    const env = { ...laptop.env, AUTHS_PASSPHRASE: 'not it' };
    const host = watch(spawn(process.execPath, [programs().auths, ...hostArgs], { env, stdio: 'pipe' }));
    const joined = desktop.run(...joinArgs(await host.event('offer')));
    const ended = await host.done;
    expect([ended.exit, errorCode(ended)]).toEqual([7, 'key/wrong-passphrase']);
    expect(['pairing/cancelled', 'pairing/not-found', 'pairing/no-peer']).toContain(errorCode(await joined));
    await nothingGranted({ laptop, desktop });
  });

  it('a home from before public halves were kept pairs too, and keeps them from then on', async () => {
    const { laptop, desktop } = await twoMachines();
    const channel = async (): Promise<unknown> =>
      ((await laptop.data('key', 'list'))['keys'] as { alias: string; did: unknown }[]).find(
        ({ alias }) => alias === 'channel',
      )?.did;
    const before = await channel();
    expect(before).toMatch(/^did:key:z6LS/);
    const keys = encryptedFileStore(join(laptop.env['AUTHS_HOME'] ?? '', 'keys.enc'), async () =>
      String(laptop.env['AUTHS_PASSPHRASE']),
    );
    const secret = await keys.get('channel');
    await keys.put('channel', secret?.bytes ?? new Uint8Array(), { replace: true });
    expect(await channel()).toBe(null);
    const host = startHost(laptop, '--yes');
    expect((await desktop.run(...joinArgs(await host.event('offer')))).exit).toBe(0);
    expect((await host.done).exit).toBe(0);
    expect(await channel()).toBe(before);
  });

  it('ends with the exit codes of the contract before anything is sent', async () => {
    const { laptop, desktop } = await twoMachines();
    const joining = (...argv: readonly string[]): Promise<Ended> => desktop.run('pair', '--json', ...argv);
    const cases: readonly (readonly [Promise<Ended>, number, string])[] = [
      [joining('--join', 'Z43-8J'), 2, 'pairing/invalid-code'],
      [joining('--join', 'O0O-000'), 2, 'pairing/invalid-code'],
      [joining('--join', 'AUTHS:AAAA'), 2, 'pairing/malformed'],
      [joining('--join', 'Z43-8JR', '--host', 'http://127.0.0.1:1', '--timeout', '3'), 4, 'pairing/no-peer'],
      [
        joining('--join', 'Z43-8JR', '--registry', 'http://127.0.0.1:1', '--timeout', '3'),
        4,
        'pairing/no-peer',
      ],
      [joining('--join', 'Z43-8JR', '--host', 'ftp://x'), 2, 'usage/invalid'],
      [joining('--join', 'Z43-8JR', '--pin'), 2, 'usage/invalid'],
      [laptop.run('pair', '--json', '--expiry', '301'), 2, 'pairing/ttl-out-of-range'],
      [laptop.run('pair', '--json', '--bind', '0.0.0.0'), 2, 'usage/invalid'],
      [laptop.run('pair', '--json', '--join', 'Z43-8JR'), 6, 'identity/exists'],
      [desktop.run('pair', '--json'), 3, 'identity/none'],
    ];
    for (const [pending, exit, code] of cases) {
      const ended = await pending;
      expect([ended.exit, errorCode(ended)]).toEqual([exit, code]);
      expect((lastEvent(ended)['error'] as { hint: unknown }).hint).not.toBe('');
    }
    await nothingGranted({ laptop, desktop });
  });

  it('tells a device that is paired already so, and the host that it is', async () => {
    const { laptop, desktop, did } = await twoMachines();
    const first = startHost(laptop, '--yes');
    expect((await desktop.run(...joinArgs(await first.event('offer')))).exit).toBe(0);
    await first.done;
    const again = startHost(laptop, '--yes');
    const offer = await again.event('offer');
    const joiner = await desktop.run(...joinArgs(offer));
    expect(joiner.exit).toBe(0);
    expect(lastEvent(joiner)).toMatchObject({ event: 'paired', controller_did: did });
    const ended = await again.done;
    expect([ended.exit, errorCode(ended)]).toEqual([6, 'pairing/conflict']);
    expect(await devices(laptop)).toHaveLength(2);
    const device = await desktop.run('pair', '--json');
    expect([device.exit, errorCode(device)]).toEqual([3, 'identity/not-authority']);
  });

  it('F03 holds to --expect-device and --expect-host', async () => {
    const { laptop, desktop, did } = await twoMachines();
    const other = world.machine('other');
    const created = await other.data('key', 'create');
    const expected = String(created['device_did'] ?? created['did']);
    const picky = startHost(laptop, '--expect-device', expected);
    const offer = await picky.event('offer');
    const refused = await desktop.run(...joinArgs(offer));
    expect(refused.exit).not.toBe(0);
    const ended = await picky.done;
    expect([ended.exit, errorCode(ended)]).toEqual([6, 'pairing/device-not-expected']);
    await nothingGranted({ laptop, desktop });
    const right = startHost(laptop, '--expect-device', expected);
    const second = await right.event('offer');
    const wrongHost = await other.run(...joinArgs(second), '--expect-host', `did:keri:E${'A'.repeat(43)}`);
    expect([wrongHost.exit, errorCode(wrongHost)]).toEqual([6, 'pairing/host-not-expected']);
    expect((await right.done).exit).toBe(6);
    const third = startHost(laptop, '--expect-device', expected);
    const joined = await other.run(...joinArgs(await third.event('offer')), '--expect-host', did);
    expect(joined.exit).toBe(0);
    expect((await third.done).exit).toBe(0);
  });
});

const registryJoin = (url: string, offer: Event): readonly string[] => [
  'pair',
  '--join',
  String(offer['code']),
  '--registry',
  url,
  '--json',
  '--name',
  'desktop',
];

describe('auths pair through a registry', () => {
  it('pairs once the fingerprint was typed, which --yes does not spare', async () => {
    const { laptop, desktop, did } = await twoMachines();
    const registry = await world.registry();
    const host = laptop.start('pair', '--registry', registry.url, '--json', '--yes');
    const offer = await host.event('offer');
    expect(offer).toMatchObject({ mode: 'registry', endpoint: registry.url });
    const joiner = desktop.start(...registryJoin(registry.url, offer));
    expect(await host.event('joined')).toMatchObject({ confirm: 'type' });
    host.say(String((await joiner.event('sas'))['sas']).toLowerCase());
    const ends = await Promise.all([host.done, joiner.done]);
    expect(ends.map(({ exit }) => exit)).toEqual([0, 0]);
    expect(await desktop.data('whoami')).toMatchObject({ controller_did: did, device_status: 'active' });
    expect(await devices(laptop)).toHaveLength(2);
    registry.kill('SIGTERM');
    const { exit, stdout, stderr } = await registry.done;
    expect(exit).toBe(0);
    // The relay has seen neither who pairs nor the code.
    for (const secret of [did, String(offer['code']), String(offer['code']).replace('-', ''), 'desktop']) {
      expect(stdout + stderr).not.toContain(secret);
    }
  });

  it('ends with sas-mismatch when something else was typed', async () => {
    const { laptop, desktop } = await twoMachines();
    const registry = await world.registry();
    const host = laptop.start('pair', '--registry', registry.url, '--json');
    const joiner = desktop.start(...registryJoin(registry.url, await host.event('offer')));
    await host.event('joined');
    host.say('AAAA-AAAA');
    const [hostEnd, joinEnd] = await Promise.all([host.done, joiner.done]);
    expect([hostEnd.exit, errorCode(hostEnd)]).toEqual([1, 'pairing/sas-mismatch']);
    expect(joinEnd.exit).toBe(1);
    await nothingGranted({ laptop, desktop });
  });

  it('is told by the host that was interrupted', async () => {
    const { laptop, desktop } = await twoMachines();
    const registry = await world.registry();
    const host = laptop.start('pair', '--registry', registry.url, '--json');
    const offer = await host.event('offer');
    host.kill('SIGINT');
    expect((await host.done).exit).toBe(130);
    const late = await desktop.run(...registryJoin(registry.url, offer));
    expect([late.exit, errorCode(late)]).toSatisfy(([exit, code]: [number, string]) =>
      exit === 4 ? code === 'pairing/not-found' : exit === 6 && code === 'pairing/cancelled',
    );
    await nothingGranted({ laptop, desktop });
  });

  it('says what to check when the registry is not there, or does not know the code', async () => {
    const { laptop, desktop } = await twoMachines();
    const registry = await world.registry();
    const gone = await laptop.run('pair', '--registry', 'http://127.0.0.1:1', '--json');
    expect(gone.exit).toBe(4);
    expect(gone.stdout).toContain('localhost means this machine only');
    const unknown = await desktop.run('pair', '--join', 'Z43-8JR', '--registry', registry.url, '--json');
    expect([unknown.exit, errorCode(unknown)]).toEqual([4, 'pairing/not-found']);
    expect(unknown.stdout).toContain('code not found: no pairing waits there under it, or not any more');
    expect(unknown.stdout).toContain('with the same --registry ');
  });
});
