/** A relay that refuses for ever, one that forgets, and what no relay and no log may hold. */
import { readdirSync, readFileSync } from 'node:fs';
import type { Change, Json, Made } from '@auths/testing/adversary';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listening } from './changes.ts';
import { endTerminals, hasScript, onTerminal } from './on-terminal.ts';
import { buildPrograms, removePrograms } from './programs.ts';
import {
  compare,
  endOf,
  endsOf,
  errorOf,
  joinArgv,
  nothingGranted,
  openStage,
  rightOnePairs,
  type Stage,
  WIDE,
} from './stage.ts';

let stage: Stage;
beforeAll(async () => {
  buildPrograms();
  stage = await openStage({ desk: true, registry: ['--log-level', 'trace'] });
}, 120_000);
afterAll(async () => {
  endTerminals();
  await stage.end();
  removePrograms();
});

/** Shows the true offer once and the same one for ever, takes every answer, and says of each that its code was wrong. */
function rejectsForEver(): { readonly change: Change; readonly answers: () => number } {
  let offer: Json | null = null;
  let answers = 0;
  const change: Change = ({ side, way, label, body }): Made | null => {
    if (side !== 'joiner') return null;
    if (label.startsWith('joiner look up')) {
      if (way === 'answer') offer ??= body;
      return way === 'request' && offer !== null ? { status: 200, body: offer } : null;
    }
    if (way !== 'request') return null;
    if (label.startsWith('joiner response')) {
      answers += 1;
      const { session_id, ttl_seconds } = offer ?? {};
      return { status: 200, body: { session_id, status: 'responded', ttl_seconds } };
    }
    // Whatever he says of tries that are left.
    if (label.startsWith('joiner confirmation'))
      return { status: 200, body: { attempt: 0, result: 'reject' } };
    return null;
  };
  return { change, answers: () => answers };
}

describe.concurrent('a relay that refuses for ever', { timeout: 120_000 }, () => {
  it.skipIf(!hasScript)(
    'A06 asks a person for the code again and again: the joiner stops after three',
    async () => {
      const { change, answers } = rejectsForEver();
      const on = await stage.open({ change });
      const device = stage.machine();
      try {
        const argv = [
          'pair',
          '--join',
          String(on.offer['code']),
          '--registry',
          on.adversary.origin('joiner'),
        ];
        const terminal = onTerminal(device, 80, ...argv, '--git', 'none', '--name', device.name);
        for (const asked of [1, 2]) {
          await terminal.shown(new RegExp(`(?:Type the code again[^]*){${asked}}`));
          terminal.type(`${String(on.offer['code'])}\r`);
        }
        expect(await terminal.done).toBe(1);
        expect(answers()).toBe(3);
        expect(terminal.text().split('Type the code again')).toHaveLength(3);
        expect(on.host.events().map(({ event }) => event)).toEqual(['offer']);
        await nothingGranted(stage, stage.desk, [{ device, name: device.name }]);
        await rightOnePairs(on);
      } finally {
        await on.end();
      }
    },
  );

  it('A06 a program is asked for nothing again: one answer, then pake-failed', async () => {
    const { change, answers } = rejectsForEver();
    const on = await stage.open({ change });
    try {
      const one = on.join();
      expect(await endOf(one.joiner)).toBe('1 pairing/pake-failed');
      expect(answers()).toBe(1);
      await nothingGranted(stage, stage.desk, [one]);
    } finally {
      await on.end();
    }
  });

  it('A18 offer-consumed to every answer: three are sent, and the session goes on', async () => {
    const on = await stage.open();
    const sent: (Json | null)[] = [];
    on.meddle(({ way, label, body }) => {
      if (way !== 'request' || !label.startsWith('joiner response')) return null;
      sent.push(body);
      return { status: 409, body: { error: 'offer-consumed' } };
    });
    try {
      const one = on.join();
      expect(await endOf(one.joiner)).toBe('6 pairing/offer-consumed');
      expect(sent).toHaveLength(3);
      // Each with a share and a key of its own.
      for (const member of ['pake_msg', 'device_x25519_pubkey', 'device_nonce', 'pake_confirm'])
        expect(new Set(sent.map((body) => body?.[member])).size).toBe(3);
      await nothingGranted(stage, stage.desk, [one]);
      await rightOnePairs(on);
    } finally {
      await on.end();
    }
  });
});

describe.concurrent('a relay that forgets', { timeout: 120_000 }, () => {
  it('D11 while both wait for a person: not-found at both, said as it is, and nothing is granted', async () => {
    const registry = await stage.world.registry(WIDE);
    const place = ['--registry', registry.url];
    const host = stage.desk.start('pair', '--json', ...place);
    const device = stage.machine();
    const offer = await host.event('offer');
    const argv = ['pair', '--json', '--join', String(offer['code']), '--name', device.name, '--git', 'none'];
    const joiner = device.start(...argv, ...place);
    try {
      await Promise.all([host.event('joined'), joiner.event('sas')]);
      registry.kill('SIGKILL');
      await registry.done;
      await stage.world.registry([...WIDE, '--bind', new URL(registry.url).host]);
      expect(await endsOf(host, joiner)).toEqual(['4 pairing/not-found', '4 pairing/not-found']);
      expect(await errorOf(host)).toContain('nothing was granted; run auths pair again for a fresh code');
      await nothingGranted(stage, stage.desk, [{ device, name: device.name }]);
    } finally {
      for (const one of [host, joiner]) if (one.child.exitCode === null) one.kill('SIGKILL');
      await Promise.all([host.done, joiner.done]);
    }
  });
});

/** The command lines of every process of this machine. */
function commandLines(): string {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      } catch {
        return '';
      }
    })
    .join('\n');
}

describe.concurrent('what must stay a secret', { timeout: 120_000 }, () => {
  it('A14 code, QR text and link are in no log, path, header, body, error or command line', async () => {
    const on = await stage.open({ argv: ['--link'] });
    const heard = listening(on);
    const device = stage.machine();
    try {
      const code = String(on.offer['code']).replace('-', '');
      const link = String(on.offer['link']);
      const secrets = [
        code,
        String(on.offer['code']),
        String(on.offer['uri']).slice('AUTHS:'.length),
        link,
        /[?&]s=([^&]+)/.exec(link)?.[1] ?? '',
      ];
      for (const secret of secrets) expect(secret.length).toBeGreaterThan(5);
      const without = (text: string): void => {
        for (const secret of secrets) expect(text.includes(secret)).toBe(false);
      };
      // A wrong one first: what it says of it.
      const wrong = code.slice(0, -1) + (code.endsWith('2') ? '3' : '2');
      const mistaken = on.join({ device, given: { text: wrong } });
      expect(await endOf(mistaken.joiner)).toBe('1 pairing/pake-failed');
      const { stdout, stderr } = await mistaken.joiner.done;
      without(stdout + stderr);
      expect(stdout + stderr).not.toContain(wrong);
      const joiner = device.start(...joinArgv('-', device.name), '--registry', on.adversary.origin('joiner'));
      joiner.say(link);
      await joiner.event('offer');
      const running = commandLines();
      compare(on.host, joiner);
      without(running);
      expect(running).toContain(device.name);
      expect(await endsOf(on.host, joiner)).toEqual(['0 paired', '0 paired']);
      without((await joiner.done).stdout + (await joiner.done).stderr);
      expect(heard.length).toBeGreaterThan(8);
      without(JSON.stringify([heard, on.adversary.seen]));
      without(stage.registry.stdout() + stage.registry.stderr());
    } finally {
      await on.end();
    }
  });
});
