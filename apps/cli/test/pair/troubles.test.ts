/** What goes wrong between two devices without a network being at fault, each provoked and in the words that people read. */
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
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

let world: World;
let laptop: Machine;
/** Programs of another version: a device signs something else, a host offers something else. */
let signs: string;
let offers: string;
const sockets = new Set<Socket>();
const servers: Server[] = [];
beforeAll(async () => {
  buildPrograms();
  world = createWorld();
  laptop = world.machine('laptop');
  await laptop.data('init', '--name', 'laptop', '--git', 'none');
  signs = anotherVersion('auths-pair/1 device-proof', 'auths-pair/2 device-proof');
  offers = anotherVersion('{v:1,kind:', '{v:2,kind:');
}, 120_000);
afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  for (const server of servers) server.close();
  await world.end();
  for (const folder of [signs, offers]) rmSync(folder, { recursive: true, force: true });
  removePrograms();
});

/** The built programs without V8's code for them, so that a changed source is what runs. */
function anotherVersion(from: string, to: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'auths-version-'));
  cpSync(dirname(programs().auths), folder, { recursive: true });
  let changed = 0;
  for (const name of readdirSync(folder).filter((each) => each.endsWith('.bin'))) {
    const bytes = readFileSync(join(folder, name));
    const source = bytes.toString('latin1', 8, 8 + bytes.readUInt32LE(0));
    const newer = source.replaceAll(from, to);
    if (newer !== source) changed += 1;
    const head = Buffer.alloc(8);
    head.writeUInt32LE(newer.length);
    writeFileSync(join(folder, name), Buffer.concat([head, Buffer.from(newer, 'latin1')]));
  }
  expect(changed).toBeGreaterThan(0);
  return folder;
}

function startOther(programsOf: string, { env, folder }: Machine, ...argv: readonly string[]): Running {
  return watch(
    spawn(process.execPath, [join(programsOf, 'auths.js'), ...argv], { env, cwd: folder, stdio: 'pipe' }),
  );
}

/** A port on which `serve` gets what connects. */
async function port(serve: (socket: Socket) => void): Promise<number> {
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    serve(socket);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

interface Failure {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

function failureOf({ stdout, stderr }: Ended): Failure {
  const last = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? 'null') as Event | null;
  expect(last?.event, `${stdout}${stderr}`).toBe('error');
  return (last as unknown as { readonly error: Failure }).error;
}

const HOST = ['pair', '--json', '--bind', '127.0.0.1', '--no-mdns'];
let joiners = 0;
const joiner = (): Machine => world.machine(`joiner-${(joiners += 1)}`);
const joining = (code: unknown, ...where: readonly string[]): readonly string[] => [
  'pair',
  '--join',
  String(code),
  '--json',
  '--name',
  'desktop',
  ...where,
];
/** Another code of the same kind, with another nameplate. */
const elsewhere = (code: unknown): string =>
  `${String(code).startsWith('2') ? '3' : '2'}${String(code).slice(1)}`;

describe.concurrent('a pairing in vain says why, and what to do:', { timeout: 120_000 }, () => {
  it('a code that the host at this address does not have', async () => {
    const host = laptop.start(...HOST);
    const offer = await host.event('offer');
    const failure = failureOf(
      await joiner().run(...joining(elsewhere(offer['code']), '--host', String(offer['endpoint']))),
    );
    expect(failure.code).toBe('pairing/not-found');
    expect(failure.message).toContain('code not found: no pairing waits there under it, or not any more');
    expect(failure.hint).toContain('is the code younger than five minutes? Enter it as it is shown there');
    host.kill('SIGINT');
    await host.done;
  });

  it('a registry that was restarted under a waiting host', async () => {
    const registry = await world.registry();
    const host = laptop.start('pair', '--json', '--registry', registry.url);
    await host.event('offer');
    registry.kill('SIGKILL');
    await registry.done;
    await world.registry(['--bind', new URL(registry.url).host]);
    const failure = failureOf(await host.done);
    expect(failure.code).toBe('pairing/not-found');
    expect(failure.message).toContain('no longer knows this session: it was restarted, or ended it');
    expect(failure.hint).toContain('nothing was granted; run auths pair again for a fresh code');
  });

  it('another program has the port of the host', async () => {
    const junk = await port((socket) => socket.end('220 mail.example ready\r\n'));
    const failure = failureOf(
      await joiner().run(...joining('Z43-8JR', '--host', `http://127.0.0.1:${junk}`)),
    );
    expect(failure.code).toBe('pairing/no-peer');
    expect(failure.message).toContain('could not connect');
    expect(failure.hint).toContain(
      `Try curl http://127.0.0.1:${junk}/health from here. Are both devices on the same subnet`,
    );
  });

  it('what is there takes the connection and says nothing', async () => {
    const mute = await port(() => {});
    const failure = failureOf(
      await joiner().run(...joining('Z43-8JR', '--host', `http://127.0.0.1:${mute}`, '--timeout', '2')),
    );
    expect(failure.code).toBe('pairing/no-peer');
    expect(failure.message).toContain('no pairing host answers');
    expect(failure.hint).toContain(
      'a firewall on the host, or a router that keeps Wi-Fi clients apart, stays silent',
    );
  });

  it('a device of another version signs something else', async () => {
    const host = laptop.start(...HOST, '--yes');
    const offer = await host.event('offer');
    const one = startOther(signs, joiner(), ...joining(offer['code'], '--host', String(offer['endpoint'])));
    one.hush();
    const failure = failureOf(await host.done);
    expect((await one.done).exit).not.toBe(0);
    expect(failure.code).toBe('pairing/invalid-signature');
    expect(failure.hint).toMatch(
      /the two programs may not speak the same version: this one is auths \d+\.\d+/,
    );
  });

  it('a host of another version offers something else', async () => {
    const host = startOther(offers, laptop, ...HOST);
    const offer = await host.event('offer');
    const failure = failureOf(
      await joiner().run(...joining(offer['code'], '--host', String(offer['endpoint']))),
    );
    host.kill('SIGINT');
    await host.done;
    expect(failure.code).toBe('pairing/unsupported-version');
    expect(failure.message).toContain('the offer is not one of auths-pair/1');
    expect(failure.hint).toMatch(
      /this is auths \d+\.\d+\S* and speaks auths-pair\/1; see auths --version on the other device/,
    );
  });
});
