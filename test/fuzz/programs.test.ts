/** The built programs on content from anybody: logs on stdin, homes that were tampered with, things to join. */
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { concat } from '../../packages/core/src/encoding/bytes.ts';
import { latin1 } from '../../packages/core/src/encoding/text.ts';
import type { PaperIdentity } from '../../packages/testing/src/paper-identity.ts';
import { auths, requireOrderlyEnd, temporary } from './clone.ts';
import { countCases, counted, fuzz } from './laws.ts';
import { mutatedBytes, mutatedText } from './mutate.ts';
import { identities, streams } from './samples.ts';

countCases('programs');

const dir = temporary();
const [lively] = identities as [PaperIdentity];
const first = lively.events[0] ?? expect.fail();

describe('kel verify', () => {
  fuzz('any content is a verdict: exit 0 or 1', mutatedBytes(streams), 14, async (stream) => {
    const ended = await auths(['kel', 'verify', '-', '--json'], { cwd: dir, input: stream });
    const answer = requireOrderlyEnd(ended, 'kel verify');
    expect([0, 1]).toContain(ended.status);
    expect(answer.ok).toBe(true);
    expect(ended.status === 0).toBe(answer.data?.verdict === 'accepted');
  });

  const repeats = concat(
    ...Array.from({ length: 60_000 }, () => concat(first.event, latin1(first.attachments))),
  );
  const large: readonly (readonly [string, Uint8Array, number])[] = [
    ['more than the bound', new Uint8Array((64 << 20) + 9).fill(0x7b), 1],
    ['64 MiB of zeros', new Uint8Array(64 << 20), 1],
    ['sixty thousand repeats of one event', repeats, 0],
    [
      'sixty thousand unsigned repeats',
      concat(lively.stream, ...Array.from({ length: 60_000 }, () => first.event)),
      0,
    ],
    ['an event of unsigned repeats only', concat(...Array.from({ length: 60_000 }, () => first.event)), 1],
    ['binary', new Uint8Array(8 << 20).map((_, i) => (i * 131) & 255), 1],
  ];
  it.each(large)('%s', { timeout: 60_000 }, async (name, stream, status) => {
    counted(1);
    const ended = await auths(['kel', 'verify', '-', '--json'], { cwd: dir, input: stream });
    requireOrderlyEnd(ended, name, 640 << 20);
    expect(ended.status, name).toBe(status);
  });

  it('rubbish as delegator and as receipts changes nothing', { timeout: 60_000 }, async () => {
    counted(1);
    writeFileSync(join(dir, 'log'), lively.stream);
    writeFileSync(
      join(dir, 'junk'),
      new Uint8Array(1 << 20).map((_, i) => (i * 31) & 255),
    );
    const ended = await auths(
      ['kel', 'verify', 'log', '--delegator', 'junk', '--receipts', 'junk', '--json'],
      { cwd: dir },
    );
    expect(requireOrderlyEnd(ended, 'junk beside a log').data?.verdict).toBe('accepted');
  });
});

describe('things to join', () => {
  const inputs = mutatedText(
    [
      'Z43-8JR',
      'ABCD-EFGH-0123',
      'auths://pair?v=1&e=aHR0cA&sid=00',
      'AUTHS:6BF',
      'https://auths.example/pair#v=1',
    ],
    3,
  );
  fuzz('a text that is no code, link or QR payload ends before anything is sent', inputs, 5, async (text) => {
    // A mutated code that is still one would wait for its host: that is what --timeout is for.
    const ended = await auths(
      ['pair', '--join', '-', '--host', 'http://127.0.0.1:9', '--json', '--no-input', '--timeout', '2'],
      {
        cwd: dir,
        input: Buffer.from(`${text.replaceAll('\n', ' ')}\n`),
      },
    );
    const lines = ended.stdout.trim().split('\n');
    requireOrderlyEnd({ ...ended, stdout: lines.at(-1) ?? '' }, 'pair --join');
    expect(ended.status).not.toBe(0);
  });
});

describe('a home that somebody changed', () => {
  const home = join(dir, 'home');
  const files: string[] = [];
  beforeAll(async () => {
    const env = { AUTHS_HOME: home };
    const made = await auths(['init', '--name', 'laptop', '--git', 'none', '--json', '--no-input'], {
      cwd: dir,
      env,
    });
    expect(made.status, made.stdout + made.stderr).toBe(0);
    const walk = (folder: string): void => {
      for (const name of readdirSync(join(home, folder))) {
        const path = join(folder, name);
        if (statSync(join(home, path)).isDirectory()) walk(path);
        else files.push(path);
      }
    };
    walk('.');
    files.sort();
  }, 60_000);

  const damage = fc.record({
    at: fc.nat(999),
    bytes: mutatedBytes([new TextEncoder().encode('{"v":1}\n'), new Uint8Array(64)], 3),
    way: fc.constantFrom('replace', 'cut', 'flip', 'remove', 'grow'),
  });
  const commands = [
    ['status'],
    ['whoami'],
    ['devices', 'list'],
    ['kel', 'show'],
    ['id', 'show'],
    ['doctor'],
    ['signers', 'export'],
  ];
  fuzz(
    'every command says so in order',
    fc.tuple(damage, fc.constantFrom(...commands)),
    24,
    async ([{ at, bytes, way }, command]) => {
      const copy = join(dir, 'copy');
      rmSync(copy, { recursive: true, force: true });
      cpSync(home, copy, { recursive: true });
      const file = join(copy, files[at % files.length] ?? expect.fail());
      const before = readFileSync(file);
      rmSync(file);
      if (way === 'replace') writeFileSync(file, bytes);
      if (way === 'cut') writeFileSync(file, before.subarray(0, before.length >> 1));
      if (way === 'grow') writeFileSync(file, Buffer.concat([before, before]));
      if (way === 'flip')
        writeFileSync(
          file,
          before.map((byte, i) => (i === before.length >> 1 ? byte ^ 1 : byte)),
        );
      expect(existsSync(file)).toBe(way !== 'remove');
      const ended = await auths([...command, '--json', '--no-input'], {
        cwd: dir,
        env: { AUTHS_HOME: copy },
      });
      requireOrderlyEnd(ended, `${command.join(' ')} with ${file} (${way})`);
    },
  );
});
