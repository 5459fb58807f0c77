/** The journal entry of the event that waits for receipts, when something else has written it. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { prefixOf, type DidKeri } from '@auths/core/identifiers';
import { witnessedLogPorts } from '../../src/witnesses/own-log.ts';

function never(): never {
  throw new Error('not to be called');
}

it('is storage/corrupt and named, whatever it holds', async () => {
  const home = mkdtempSync(join(tmpdir(), 'auths-own-log-'));
  const path = join(home, 'journal', 'witnessing.json');
  mkdirSync(join(home, 'journal'));
  const clock = { now: never, monotonic: never, sleep: never };
  const log = { read: never, list: never, append: never, supersede: never };
  const { pending } = await witnessedLogPorts({ home, clock }, { log });
  const prefix = prefixOf('did:keri:EKNSrOJRHXfFASvC6xyfJnaX_TcUGRjD7-jT4rGhwmkX' as DidKeri);
  const whole = { v: 1, prefix, sequence: 1, said: prefix, event: '{}', attachments: '' };
  for (const text of ['', '[]', '{"v":1,"prefix":"x"}', JSON.stringify({ ...whole, sequence: '1' })]) {
    writeFileSync(path, text);
    await expect(pending.read(prefix), text).rejects.toMatchObject({
      code: 'storage/corrupt',
      details: { path },
    });
  }
  writeFileSync(path, JSON.stringify(whole));
  expect(await pending.read(prefix)).toMatchObject({ sequence: 1, said: prefix });
  rmSync(home, { recursive: true });
});
