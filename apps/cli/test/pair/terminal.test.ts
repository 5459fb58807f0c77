/** The pairing screen on a real pseudo-terminal, made by script(1). */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { endTerminals, hasScript, onTerminal, type Terminal } from './on-terminal.ts';
import { buildPrograms, createWorld, removePrograms, type Machine, type World } from './programs.ts';
import { qrLines, readQr } from './read-qr.ts';

beforeAll(buildPrograms, 120_000);
afterAll(removePrograms);

let world: World;
afterEach(async () => {
  endTerminals();
  await world.end();
});

async function laptopAndDesktop(): Promise<{ laptop: Machine; desktop: Machine }> {
  world = createWorld();
  const laptop = world.machine('laptop');
  await laptop.data('init', '--name', 'laptop', '--git', 'none');
  return { laptop, desktop: world.machine('desktop') };
}
async function offered(host: Terminal): Promise<{ readonly code: string; readonly url: string }> {
  await host.shown(/Waiting for the other device/);
  const [, code = ''] = await host.shown(/--join ([^\s\u001b]+)/);
  const [, url = ''] = await host.shown(/Server: +([^\s\u001b]+)/);
  return { code, url };
}
const lan = ['pair', '--bind', '127.0.0.1', '--no-mdns'];

describe.skipIf(!hasScript)('auths pair on a terminal', () => {
  it('takes a link that is pasted with the line breaks of the screen', async () => {
    const { laptop, desktop } = await laptopAndDesktop();
    const host = laptop.start('pair', '--json', '--link', '--bind', '127.0.0.1', '--no-mdns');
    const offer = await host.event('offer');
    const joiner = onTerminal(desktop, 80, 'pair', '--join', '-', '--git', 'none', '--name', 'desktop');
    await joiner.shown(/Code, QR text or link:/);
    const lines = String(offer['link']).match(/.{1,34}/g) ?? [];
    joiner.type(lines.map((line) => `${line}\r`).join(' '.repeat(46)));
    await joiner.shown(/Found a host at/);
    await joiner.shown(/Fingerprint: /);
  });

  it('draws the QR black on white, counts down, asks both people, pairs', async () => {
    const { laptop, desktop } = await laptopAndDesktop();
    const host = onTerminal(laptop, 80, ...lan);
    await host.shown(/Waiting for the other device · 4:5[0-9] left/);
    const { code, url } = await offered(host);
    // All of it at once: the last of the 24 rows is the countdown's.
    expect(host.text().split('\n').length).toBeLessThanOrEqual(24);
    for (const part of [
      'PAIRING (LAN)',
      'DID: did:keri:',
      'Capabilities:',
      'Expires:',
      '/health',
      '(Ctrl+C cancels)',
    ])
      expect(host.text()).toContain(part);
    const rows = qrLines(host.text().replaceAll('\r', ''));
    expect(rows).toHaveLength(23);
    expect(readQr(rows, 'drawn')).toMatch(/^AUTHS:/);
    expect(rows.every((row) => row.startsWith('\u001b[38;5;16;48;5;231m'))).toBe(true);
    const joiner = onTerminal(
      desktop,
      80,
      'pair',
      '--join',
      code,
      '--host',
      url,
      '--git',
      'none',
      '--name',
      'desktop',
    );
    const [, sas = ''] = await joiner.shown(/Fingerprint: .*?([0-9A-Z]{4}-[0-9A-Z]{4})/);
    await joiner.shown(/Does the host show .*\[y\/N\]/);
    joiner.type('y\r');
    await host.shown(new RegExp(`Does desktop show ${sas}\\? \\[y/N\\]`));
    host.type('y\r');
    expect(await Promise.all([host.done, joiner.done])).toEqual([0, 0]);
    expect(joiner.text()).toContain('Paired');
    expect(await desktop.data('whoami')).toMatchObject({ device_status: 'active' });
  });

  it('forgives two mistakes at typing the fingerprint, and asks a joiner for the code again', async () => {
    const { laptop, desktop } = await laptopAndDesktop();
    const registry = await world.registry();
    const host = onTerminal(laptop, 80, 'pair', '--registry', registry.url);
    const { code } = await offered(host);
    const wrong = code.slice(0, -1) + (code.endsWith('2') ? '3' : '2');
    const joiner = onTerminal(
      desktop,
      80,
      'pair',
      '--join',
      wrong,
      '--registry',
      registry.url,
      '--git',
      'none',
    );
    await joiner.shown(/Type the code again/);
    await host.shown(/wrong code.*2 tries are left/);
    joiner.type(`${code}\r`);
    const [, sas = ''] = await joiner.shown(/Does the host show ([0-9A-Z]{4}-[0-9A-Z]{4}).*\[y\/N\]/);
    joiner.type('y\r');
    await host.shown(/Type the fingerprint/);
    expect(host.text()).not.toContain(sas);
    host.type('AAAA-AAAA\r');
    await host.shown(/2 tries are left; if/);
    host.type('BBBB-BBBB\r');
    await host.shown(/This is the last try/);
    host.type(`${sas.toLowerCase().replace('-', ' ')}\r`);
    expect(await Promise.all([host.done, joiner.done])).toEqual([0, 0]);
  });

  it('takes nothing that was typed before the question, whole line or half, for an answer', async () => {
    const { laptop, desktop } = await laptopAndDesktop();
    const host = onTerminal(laptop, 80, ...lan);
    const { code, url } = await offered(host);
    host.type('y\ry');
    const joiner = onTerminal(desktop, 80, 'pair', '--join', code, '--host', url, '--git', 'none');
    joiner.type('y\r');
    await joiner.shown(/Does the host show .*\[y\/N\]/);
    joiner.type('y\r');
    await host.shown(/Does .* show [0-9A-Z-]{9}\? \[y\/N\]/);
    // With the "y" of before this would read "yn", with the line of before it would have been paired already.
    host.type('n\r');
    expect(await Promise.all([host.done, joiner.done])).toEqual([6, 6]);
    expect((await laptop.data('devices')).devices).toHaveLength(1);
  });

  it('ends with 130 at Ctrl+C, and the joiner hears of it', async () => {
    const { laptop, desktop } = await laptopAndDesktop();
    const host = onTerminal(laptop, 80, ...lan);
    const { code, url } = await offered(host);
    const joiner = desktop.run('pair', '--join', code, '--host', url, '--json');
    await host.shown(/\[y\/N\]/);
    host.type('\u0003');
    expect(await host.done).toBe(130);
    expect((await joiner).exit).toBe(6);
  });

  it('shows the code alone, and why, where the QR has no room', async () => {
    const { laptop } = await laptopAndDesktop();
    const host = onTerminal(laptop, 40, ...lan);
    await host.shown(/no QR code: it takes 45 columns and this terminal has 40/);
    await host.shown(/enter this code:\s+(?:\u001b\[[0-9;]*m)*[2-9A-Z]{3}-[2-9A-Z]{3}/);
    host.type('\u0003');
    expect(await host.done).toBe(130);
  });
});
