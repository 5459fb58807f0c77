/** Values that stand in git's configuration before auths sets itself up: kept and given back whatever they are. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, expect } from 'vitest';
import { applySettings, removeSettings, wantedSettings } from '../../apps/cli/src/git-setup.ts';
import { countCases, fuzz, outcomeOfAsync } from './laws.ts';

countCases('git settings');

const dir = mkdtempSync(join(tmpdir(), 'auths-fuzz-git-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
spawnSync('git', ['init', '-q', dir]);
const file = join(dir, '.git', 'config');
const fresh = readFileSync(file);

const values = fc
  .oneof(
    fc.constantFrom(
      '',
      ' ',
      'true',
      '-',
      '--unset',
      '--unset-all',
      '--add',
      '-h',
      '!sh -c true',
      '~/key',
      'a=b',
      '"',
      '\\',
      '#x',
      ';x',
      'a\nb',
      '\n',
      '\t',
      'a\\nb',
      ' lead',
      'trail ',
      "it's",
      'ssh',
      'openpgp',
      '[core]',
      'x'.repeat(3_000),
    ),
    fc.string({ unit: 'grapheme', maxLength: 20 }),
  )
  .map((value) => value.replaceAll('\0', '').replaceAll('\r', ''));
const keys = fc.constantFrom(
  'gpg.format',
  'user.signingkey',
  'gpg.ssh.program',
  'gpg.ssh.allowedSignersFile',
  'commit.gpgsign',
);

/** As git's own file syntax quotes it, so that no program of ours has had a hand in it. */
function quoted(value: string): string {
  return `"${value.replace(/[\\"]/g, '\\$&').replaceAll('\n', '\\n').replaceAll('\t', '\\t')}"`;
}

function inForce(key: string): string {
  return spawnSync('git', ['-C', dir, 'config', '--local', '--null', '--get-all', key], {
    encoding: 'latin1',
  }).stdout;
}

fuzz(
  'set up and unset leaves every value as it was',
  fc.array(fc.tuple(keys, values), { minLength: 1, maxLength: 4 }),
  14,
  async (settings) => {
    const sections = settings.map(([key, value]) => {
      const parts = key.split('.');
      const name = parts.pop() ?? '';
      const [section, sub] = parts;
      return `[${section}${sub === undefined ? '' : ` "${sub}"`}]\n\t${name} = ${quoted(value)}\n`;
    });
    writeFileSync(file, `${fresh.toString('latin1')}${sections.join('')}`);
    const before = settings.map(([key]) => inForce(key));
    const at = { scope: 'local', dir } as const;
    const wanted = wantedSettings('/home/a/.auths', ['sign_tag']);
    const asked = await outcomeOfAsync(() =>
      applySettings(at, '/home/a/.auths', wanted, { replaceForeign: false }),
    );
    if (asked.kind === 'refused') expect(asked.error.code).toBe('usage/missing-answer');
    await applySettings(at, '/home/a/.auths', wanted, { replaceForeign: true });
    for (const [key, value] of Object.entries(wanted)) expect(inForce(key)).toBe(`${value}\0`);
    await removeSettings(at);
    expect(settings.map(([key]) => inForce(key))).toEqual(before);
  },
);
