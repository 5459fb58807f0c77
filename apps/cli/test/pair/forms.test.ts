/** Every form in which a session can be joined: typed codes of three lengths, a link, and what is no form at all. */
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  buildPrograms,
  createWorld,
  removePrograms,
  type Event,
  type Machine,
  type Running,
} from './programs.ts';

const world = createWorld();
let laptop: Machine;
let did = '';
let machines = 0;
const another = (): Machine => world.machine(`device${machines++}`);

beforeAll(async () => {
  buildPrograms();
  laptop = world.machine('laptop');
  did = String((await laptop.data('init', '--name', 'laptop', '--git', 'none'))['controller_did']);
}, 120_000);
afterAll(async () => {
  await world.end();
  removePrograms();
});

const host = (...argv: readonly string[]): Running =>
  laptop.start('pair', '--json', '--no-mdns', '--bind', '127.0.0.1', ...argv);
const joinArgs = (given: unknown, name: string, ...more: readonly string[]): readonly string[] => [
  'pair',
  '--json',
  '--join',
  String(given),
  '--name',
  name,
  '--git',
  'none',
  ...more,
];
const shown = async (name: string): Promise<Record<string, unknown>> =>
  (await laptop.data('devices', 'show', name))['device'] as Record<string, unknown>;
/** As it stands beside the QR code on 80 columns. */
const asShown = (link: unknown): string => (String(link).match(/.{1,34}/g) ?? []).join(`\n${' '.repeat(46)}`);
const lastOf = (running: Running): Event => running.events().at(-1) as Event;

describe('a session is joined', () => {
  it.each([
    ['--pin', 'pin8', /^[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}$/, 'pin'],
    ['--long', 'code12', /^[0-9A-HJKMNP-TV-Z]{4}(?:-[0-9A-HJKMNP-TV-Z]{4}){2}$/, 'long'],
  ])('by the code of %s, as people type it', async (flag, kind, form, name) => {
    const running = host(flag, '--device-expires', '90d');
    const offer = await running.event('offer');
    expect(offer).toMatchObject({ kind, link: null });
    expect(offer['code']).toMatch(form);
    // Crockford: what was read out as O or I was 0 or 1.
    const typed = String(offer['code'])
      .toLowerCase()
      .replaceAll('-', ' ')
      .replaceAll('0', 'o')
      .replaceAll('1', 'l');
    const joiner = another().start(...joinArgs(typed, name, '--host', String(offer['endpoint'])));
    expect(await joiner.event('offer')).toMatchObject({ kind });
    const joined = await running.event('joined');
    expect(joined).toMatchObject({ kind, confirm: 'yes', sas: (await joiner.event('sas'))['sas'] });
    running.say('y');
    expect((await Promise.all([running.done, joiner.done])).map(({ exit }) => exit)).toEqual([0, 0]);
    const { expires_at } = lastOf(joiner)['attestation'] as { readonly expires_at?: string };
    const days = (Date.parse(expires_at ?? '') - Date.now()) / 86_400_000;
    expect(days).toBeGreaterThan(89.9);
    expect(days).toBeLessThanOrEqual(90);
    expect(await shown(name)).toMatchObject({ status: 'active', expires_at });
  });

  it('F02 by a link, once what the other screen shows was typed, which --yes does not spare', async () => {
    const running = host('--link', '--yes');
    const offer = await running.event('offer');
    expect(offer['link']).toMatch(/^auths:\/\/pair\?v=1&/);
    expect(offer['link']).not.toContain(String(offer['code']).replace('-', ''));
    // From a mail: blanks around it, and on stdin rather than among the arguments.
    const joiner = another().start(...joinArgs('-', 'by link'));
    joiner.say(`  ${asShown(offer['link'])}\t`);
    expect(await running.event('joined')).toMatchObject({ kind: 'link', confirm: 'type' });
    running.say(String((await joiner.event('sas'))['sas']));
    expect((await Promise.all([running.done, joiner.done])).map(({ exit }) => exit)).toEqual([0, 0]);
    expect(lastOf(joiner)).toMatchObject({ event: 'paired', controller_did: did });
  });

  it('B05 not by a link whose fingerprint is another one', async () => {
    const running = host('--link');
    const offer = await running.event('offer');
    const joiner = another().start(...joinArgs(asShown(offer['link']), 'thief'));
    await running.event('joined');
    running.say('AAAA-AAAA');
    const [end] = await Promise.all([running.done, joiner.done]);
    expect([end.exit, (lastOf(running)['error'] as { code: string }).code]).toEqual([
      1,
      'pairing/sas-mismatch',
    ]);
    const { devices } = (await laptop.data('devices', 'list', '--all')) as {
      devices: readonly { name: string }[];
    };
    expect(devices.map(({ name }) => name)).not.toContain('thief');
  });

  it('A03 by QR text after the typed code was used up: each way has tries of its own', async () => {
    const running = host('--pin', '--link');
    const offer = await running.event('offer');
    const at = ['--host', String(offer['endpoint'])];
    const right = String(offer['code']);
    for (let left = 2; left >= 0; left--) {
      const last = right.endsWith('7') ? '8' : '7';
      const wrong = await another().run(...joinArgs(right.slice(0, -1) + last, 'guesser', ...at));
      expect(wrong.exit).toBe(1);
      expect(await running.event('attempt')).toMatchObject({ result: 'pake-failed', attempts_left: left });
    }
    expect((await another().run(...joinArgs(right, 'late', ...at))).exit).not.toBe(0);
    const joiner = another().start(...joinArgs(offer['uri'], 'by qr'));
    expect(await running.event('joined')).toMatchObject({ kind: 'qr', confirm: 'none' });
    expect((await Promise.all([running.done, joiner.done])).map(({ exit }) => exit)).toEqual([0, 0]);
  });

  it('through a registry by a link', async () => {
    const registry = await world.registry();
    const running = laptop.start('pair', '--json', '--link', '--registry', registry.url);
    const offer = await running.event('offer');
    const joiner = another().start(...joinArgs(offer['link'], 'far away'));
    expect(await joiner.event('offer')).toMatchObject({ kind: 'link', endpoint: registry.url });
    running.say(String((await joiner.event('sas'))['sas']));
    expect((await Promise.all([running.done, joiner.done])).map(({ exit }) => exit)).toEqual([0, 0]);
  });
});

const hasOpenssl = spawnSync('openssl', ['version']).status === 0;

describe.skipIf(!hasOpenssl)('a registry behind TLS', () => {
  it('E09 is joined by an https link, whose secret stands after the # and whose page runs nothing', async () => {
    const registry = await world.registry();
    const folder = another().folder;
    const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
    const made = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', ...subject];
    execFileSync('openssl', [...made, '-keyout', key, '-out', certificate], { stdio: 'pipe' });
    const paths: string[] = [];
    const front = createServer(
      { key: readFileSync(key), cert: readFileSync(certificate) },
      (request, response) => {
        const { method, headers } = request;
        paths.push(request.url ?? '', JSON.stringify(headers));
        const behind = httpRequest(`${registry.url}${request.url}`, { method, headers }, (answer) => {
          response.writeHead(answer.statusCode ?? 502, answer.headers);
          answer.pipe(response);
        });
        request.pipe(behind);
      },
    );
    await new Promise<void>((resolve) => front.listen(0, 'localhost', resolve));
    const origin = `https://localhost:${(front.address() as AddressInfo).port}`;
    const device = another();
    for (const machine of [laptop, device]) Object.assign(machine.env, { NODE_EXTRA_CA_CERTS: certificate });
    try {
      const running = laptop.start('pair', '--json', '--link', '--registry', origin);
      const offer = await running.event('offer');
      const link = String(offer['link']);
      expect(link.startsWith(`${origin}/pair#v=1&`)).toBe(true);
      expect(String(offer['uri'])).toMatch(/^AUTHS:/);
      const joiner = device.start(...joinArgs('-', 'by https'));
      joiner.say(link);
      running.say(String((await joiner.event('sas'))['sas']));
      expect((await Promise.all([running.done, joiner.done])).map(({ exit }) => exit)).toEqual([0, 0]);
      const secret = /[#&]s=([^&]+)/.exec(link)?.[1] ?? '';
      expect(secret).toHaveLength(22);
      expect(paths.join('\n')).not.toContain(secret);
    } finally {
      Reflect.deleteProperty(laptop.env, 'NODE_EXTRA_CA_CERTS');
      front.closeAllConnections();
      front.close();
    }
    const page = await fetch(`${registry.url}/pair`);
    expect([page.status, page.headers.get('content-security-policy')]).toEqual([200, "default-src 'none'"]);
    // Whoever opens it as a page pairs nobody by that: there is nothing in it that could.
    expect(await page.text()).not.toMatch(/<script|<form|<a /);
  });
});

describe('what is no form says what it is instead', () => {
  it.each([
    ['ABCDE', 'pairing/invalid-code', /6, 8 or 12/],
    ['ABCD-EFGU', 'pairing/invalid-code', /U/],
    ['http://192.168.1.20:8400/health', 'pairing/malformed', /after # is missing/],
    ['https://auths.example.org/pair', 'pairing/malformed', /after # is missing/],
    ['auths://pair?v=1&e=aHR0', 'pairing/malformed', /./],
    ['did:keri:EAagLjKry2X_uY-kIAWSfEJVE6OkD_0iXIijY7AL9eTt', 'pairing/malformed', /DID/],
  ])('%s', async (given, code, words) => {
    const { exit, stdout } = await another().run(...joinArgs(given, 'nobody'));
    const { error } = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as {
      error: { code: string; message: string; hint: string };
    };
    expect([exit, error.code]).toEqual([2, code]);
    expect(`${error.message} ${error.hint}`).toMatch(words);
  });
});
