import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readPassphraseFile } from '../src/passphrase-file.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'auths-passphrase-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('a passphrase file', () => {
  it.each([
    ['one line', 'correct horse', 'correct horse'],
    ['a line end', 'correct horse\n', 'correct horse'],
    ['the line end of Windows', 'correct horse\r\n', 'correct horse'],
    ['more lines', 'correct\nhorse\n', 'correct'],
    ['an empty first line', '\nhorse', ''],
    ['nothing', '', ''],
    ['letters of several bytes', 'naïve café\n', 'naïve café'],
  ])('with %s', async (_what, text, wanted) => {
    const path = join(folder, 'file');
    writeFileSync(path, text);
    expect(await readPassphraseFile(path)).toBe(wanted);
  });

  it('may be a pipe', async () => {
    const path = join(folder, 'pipe');
    execFileSync('mkfifo', [path]);
    const [read] = await Promise.all([
      readPassphraseFile(path),
      import('node:fs/promises').then(({ writeFile }) => writeFile(path, 'from a pipe\n')),
    ]);
    expect(read).toBe('from a pipe');
  });

  it('that never ends is cut', async () => {
    expect(await readPassphraseFile('/dev/zero')).toHaveLength(65_536);
  });

  it.each(['nowhere', '.'])('that cannot be read is named: %s', async (name) => {
    const path = join(folder, name);
    await expect(readPassphraseFile(path)).rejects.toMatchObject({
      code: 'input/unreadable',
      details: { path },
    });
  });
});
