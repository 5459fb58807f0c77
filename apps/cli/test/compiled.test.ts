import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { auths } from './program.ts';

const dist = dirname(auths);
const copy = mkdtempSync(join(tmpdir(), 'auths-compiled-'));
afterAll(() => rmSync(copy, { recursive: true }));

/** In a process of its own, because flags of the test runner would count. */
const IS_TAKEN = `
const { readFileSync } = require('node:fs');
const bytes = readFileSync(process.argv[1]);
const end = 8 + bytes.readUInt32LE(0);
const { Script } = require('node:vm');
const script = new Script(bytes.latin1Slice(8, end), { cachedData: bytes.subarray(end) });
process.stdout.write(String(script.cachedDataRejected));`;
const node = (...args: readonly string[]): string =>
  execFileSync(process.execPath, [...args], { encoding: 'utf8' });

describe('the compiled programs', () => {
  const containers = readdirSync(dist).filter((name) => name.endsWith('.bin'));

  it('hold code that this V8 takes', () => {
    expect(containers.length).toBeGreaterThan(3);
    for (const name of containers) expect(node('-e', IS_TAKEN, join(dist, name)), name).toBe('false');
  });

  it('say the same where their code is not for this V8, or missing', () => {
    cpSync(dist, copy, { recursive: true });
    const file = join(copy, 'auths-main.bin');
    const whole = readFileSync(file);
    const end = 8 + whole.readUInt32LE(0);
    // With a second word, because the version alone is in the file that chooses.
    const words = ['--version', '--json'];
    const expected = node(auths, ...words);
    expect(node('--no-opt', auths, ...words)).toBe(expected);
    const damaged = Buffer.from(whole);
    damaged.fill(0, end, end + 64);
    for (const bytes of [whole.subarray(0, end), whole.subarray(0, end + 100), damaged]) {
      writeFileSync(file, bytes);
      expect(node(join(copy, 'auths.js'), ...words)).toBe(expected);
    }
  });
});
